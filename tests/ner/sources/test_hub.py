"""The Hub is asked once, within bounds, and what it sends is checked."""

import hashlib
import importlib.util
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from huggingface_hub import close_session, constants

from ner.core.errors import PipelineError
from ner.sources import hub
from tests.support.paths import ROOT

ENCODER = {"config.json": b'{"model_type": "bert"}', "model.safetensors": bytes(range(256)) * 4000}


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch, tmp_path):
    """Give each test a cache of its own, a Hub that is not the real one, and no pauses."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "PAUSES_SECONDS", (0.0,) * 6)
    monkeypatch.setattr("huggingface_hub.utils._http.time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setenv("no_proxy", "*")
    use_endpoint(monkeypatch, "http://127.0.0.1:9")
    yield
    close_session()


def use_endpoint(monkeypatch, url):
    """Do in this process what HF_ENDPOINT does at the start of one."""
    monkeypatch.setattr(constants, "ENDPOINT", url)
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


@contextmanager
def answering(*answers):
    """Run a server that gives the answers in turn, and the last one from then on."""
    left = list(answers)

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            status, headers, body = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            """Keep standard error for the tests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@contextmanager
def dripping(head=b""):
    """Run a server that sends `head` and then one byte every 20 ms."""
    server = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def drip():
        connection, _ = server.accept()
        with connection, suppress(ConnectionError):  # the client leaves
            connection.sendall(head)
            while not stop.wait(0.02):
                connection.sendall(b"x")

    threading.Thread(target=drip, daemon=True).start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}"
    stop.set()
    server.close()


@pytest.fixture
def stub_hub(shared, monkeypatch, tmp_path):
    """Start the stand-in for the Hub with the faults that a test names."""
    spec = importlib.util.spec_from_file_location("stub_hub", shared / "stub_hub.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    root = tmp_path / "hub"
    for name, content in ENCODER.items():
        path = root / "models" / "org" / "encoder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (root / "redirects.json").write_text('{"models/old": "org/encoder"}')
    running = []

    def start(**faults):
        running.append(module.StubHub(root, **faults).__enter__())
        use_endpoint(monkeypatch, running[0].url)
        return running[0]

    yield start
    for server in running:
        server.close()


def count_answers(server):
    """Count what was asked so far; this counts as one. The server's list of requests may lack the last."""
    return server.next_id() - 1


def ask(repo_id="org/encoder", revision="main", repo_type="model"):
    """Ask about an encoder."""
    return hub.ask_hub(repo_id, repo_type=repo_type, revision=revision, parameter="model.checkpoint")


def explain_question(**question):
    """Ask in vain and return the one line that says why."""
    with pytest.raises(PipelineError) as caught:
        ask(**question)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("model.checkpoint is ")
    return message


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        pytest.param(404, {"X-Error-Code": "RepoNotFound"}, b"{}", "no such repository", id="wrong-id"),
        pytest.param(
            401, {"X-Error-Code": "RepoNotFound"}, b"{}", "or hides it (401)", id="wrong-id-no-login"
        ),
        pytest.param(401, {}, b"{}", "or hides it (401)", id="wrong-token"),
        pytest.param(404, {"X-Error-Code": "RevisionNotFound"}, b"{}", "no such revision", id="revision"),
        pytest.param(403, {"X-Error-Code": "GatedRepo"}, b"{}", "accept the terms", id="gated"),
        pytest.param(403, {}, b"{}", "or hides it (403)", id="forbidden"),
        pytest.param(500, {}, b"oops", "answers 500", id="server-error"),
        pytest.param(429, {"Retry-After": "9"}, b"", "answers 429", id="too-many-requests"),
        pytest.param(200, {}, b"<html>Please log in", "does not answer as a Hub", id="not-json"),
        pytest.param(200, JSON, b"[1]", "does not answer as a Hub", id="other-json"),
        pytest.param(200, JSON, b"{}", "does not answer as a Hub", id="empty-json"),
        pytest.param(200, JSON, b'{"id": "a/b"}', "does not answer as a Hub", id="no-commit"),
        pytest.param(
            200,
            JSON,
            b'{"id": "a/b", "sha": "1", "siblings": [{"rfilename": "c"}]}',
            "as a Hub",
            id="no-hashes",
        ),
        pytest.param(302, {"Location": "/"}, b"", "cannot be reached", id="redirect-loop"),
    ],
)
def test_what_the_hub_refuses_is_one_line(monkeypatch, status, headers, body, expected):
    with answering((status, headers, body)) as url:
        use_endpoint(monkeypatch, url)
        assert expected in explain_question()


@pytest.mark.parametrize("repo_id", ["", "a b", "a/b/c", "..", "org/", "a--b"])
def test_an_id_that_cannot_be_is_not_asked_for(repo_id):
    assert "no such ids" in explain_question(repo_id=repo_id)


def test_offline_mode_is_said(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "unset HF_HUB_OFFLINE" in explain_question()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("http://127.0.0.1:9", "Connection refused", id="refused"),
        pytest.param("127.0.0.1:9", "protocol", id="no-protocol"),
    ],
)
def test_an_unreachable_hub_is_one_line_at_once(monkeypatch, url, expected):
    use_endpoint(monkeypatch, url)
    started = time.monotonic()
    assert expected in explain_question()
    assert time.monotonic() - started < 5


def test_a_name_that_does_not_resolve_is_one_line(monkeypatch):
    def resolve(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    use_endpoint(monkeypatch, "https://hub.example")
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    message = explain_question()
    assert "hub.example cannot be reached" in message
    assert "Name or service not known" in message


@contextmanager
def silent():
    """Run a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    "server",
    [
        pytest.param(silent, id="silent"),
        pytest.param(dripping, id="status-line-drips"),
        pytest.param(lambda: dripping(b"HTTP/1.1 200 OK\r\nA: "), id="header-drips"),
        pytest.param(lambda: dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"), id="body-drips"),
    ],
)
def test_a_server_that_never_finishes_its_answer_is_left(monkeypatch, server):
    monkeypatch.setattr(hub, "QUESTION_SECONDS", 0.5)
    with server() as url:
        use_endpoint(monkeypatch, url)
        started = time.monotonic()
        message = explain_question()
    assert "nothing usable came" in message or "timed out" in message
    assert time.monotonic() - started < 5


def test_the_process_ends_though_the_server_drips(tmp_path):
    """The thread that waits for the answer must not keep the command alive."""
    code = (
        "from ner.core.command import run_command\n"
        "from ner.sources import hub\n"
        "hub.QUESTION_SECONDS = 0.5\n"
        "ask = lambda: hub.ask_hub('a/b', repo_type='model', revision='main', parameter='model.checkpoint')\n"
        "run_command(ask)\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    with dripping() as url:
        environment |= {"HF_ENDPOINT": url, "HF_HOME": str(tmp_path), "HF_TOKEN": "hf_secret"}
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=20,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("error: model.checkpoint is 'a/b' (revision 'main'): nothing usable came")
    assert len(done.stderr.splitlines()) == 1
    assert "hf_secret" not in done.stderr


def test_the_question_is_asked_again_after_a_server_error(monkeypatch):
    good = b'{"id": "org/encoder", "sha": "abc", "siblings": []}'
    with answering((503, {}, b""), (500, {}, b""), (200, JSON, good)) as url:
        use_endpoint(monkeypatch, url)
        assert ask() == hub.HubRepo("org/encoder", "model", "abc", ())


def test_a_password_in_the_address_is_not_printed(monkeypatch):
    use_endpoint(monkeypatch, "http://someone:secret@127.0.0.1:9")
    assert "secret" not in explain_question()


def test_one_question_is_asked(stub_hub, monkeypatch, tmp_path):
    """Left to itself, the library first asks the Hub for a list of AI agents."""
    monkeypatch.setattr(constants, "AGENT_HARNESSES_PATH", str(tmp_path / "agents.json"))
    monkeypatch.setattr("huggingface_hub.utils._detect_agent._registry", None)
    server = stub_hub()
    ask()
    assert count_answers(server) == 1


def test_the_answer_lists_files_with_their_hashes(stub_hub):
    """A large file has a SHA-256, another one the id that Git gives it."""
    stub_hub()
    repo = ask()
    config = ENCODER["config.json"]
    git_oid = hashlib.sha1(b"blob %d\0" % len(config) + config, usedforsecurity=False).hexdigest()
    assert repo.files[0] == hub.HubFile("config.json", len(config), None, git_oid)
    assert repo.files[1].sha256 == hashlib.sha256(ENCODER["model.safetensors"]).hexdigest()


def test_a_renamed_repository_is_found_under_its_new_name(stub_hub, tmp_path):
    stub_hub()
    repo = ask("old")
    assert repo.repo_id == "org/encoder"
    assert ask(revision=repo.commit) == repo
    hub.download_files(repo, ["config.json"], tmp_path / "encoder")


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param({}, id="none"),
        pytest.param({"lfs_redirect": True}, id="large-files-elsewhere"),
        pytest.param({"fail_first": 3, "fail_methods": "GET"}, id="503-on-GET"),
        pytest.param({"fail_first": 1}, id="503-on-HEAD"),
        pytest.param({"fail_first": 8, "fail_methods": "HEAD"}, id="503-for-longer-than-the-library-tries"),
        pytest.param({"fail_first": 1, "fail_methods": "GET", "fail_status": 500}, id="500"),
        pytest.param({"truncate_first": 1, "truncate_match": "safetensors"}, id="cut-transfer"),
    ],
)
def test_transient_faults_leave_whole_files(stub_hub, tmp_path, faults):
    stub_hub(**faults)
    hub.download_files(ask(), sorted(ENCODER), tmp_path / "encoder")
    assert {path.name: path.read_bytes() for path in (tmp_path / "encoder").iterdir()} == ENCODER


def test_a_lasting_fault_ends_in_one_line_and_leaves_nothing(stub_hub, tmp_path):
    stub_hub(fail_first=99, fail_methods="GET")
    with pytest.raises(
        PipelineError, match=r"^org/encoder/config.json \(commit \w{12}\): .* answers 503"
    ) as caught:
        hub.download_files(ask(), ["config.json"], tmp_path / "encoder")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("encoder/*"))


def test_a_download_that_hangs_is_left(stub_hub, tmp_path, monkeypatch, caplog):
    """It is said that nothing comes, and the thread that waits is left behind."""
    monkeypatch.setattr(hub, "STALL_SECONDS", 0.6)
    monkeypatch.setattr(hub, "NOTICE_SECONDS", 0.2)
    stub_hub(delay=3.0, delay_match="resolve")
    repo = ask()
    with pytest.raises(PipelineError, match="nothing usable came from"):
        hub.download_files(repo, ["config.json"], tmp_path / "encoder")
    assert "waiting, for" in caplog.text
    assert not list(tmp_path.glob("encoder/*"))


def test_a_slow_download_that_goes_on_is_not_left(stub_hub, tmp_path, monkeypatch):
    """Sixteen chunks of a tenth of a second each outlast a limit that each of them keeps."""
    monkeypatch.setattr(hub, "STALL_SECONDS", 1.0)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 2**16)
    monkeypatch.setattr(hub.tqdm, "update", lambda *_: threading.Event().wait(0.1))
    stub_hub()
    hub.download_files(ask(), ["model.safetensors"], tmp_path / "encoder")


def test_a_damaged_copy_in_the_cache_is_fetched_again(stub_hub, tmp_path, caplog):
    server = stub_hub()
    repo = ask()
    hub.download_files(repo, ["model.safetensors"], tmp_path / "encoder")
    (blob,) = (path for path in (tmp_path / "cache").glob("**/blobs/*") if path.is_file())
    blob.write_bytes(bytes(blob.stat().st_size))

    hub.download_files(repo, ["model.safetensors"], tmp_path / "encoder")
    assert (tmp_path / "encoder" / "model.safetensors").read_bytes() == ENCODER["model.safetensors"]
    assert "not what the Hub lists" in caplog.text

    n_answers = count_answers(server)
    hub.download_files(repo, ["model.safetensors"], tmp_path / "again")
    assert count_answers(server) == n_answers + 1, "the count before it"


def test_a_file_that_is_not_what_the_hub_lists_is_refused(stub_hub, tmp_path):
    """Two transfers with the same wrong bytes are no accident."""
    stub_hub()
    repo = ask()
    (tmp_path / "hub/models/org/encoder/config.json").write_bytes(b'{"model_type": "tree"}')
    commit = ask().commit
    wrong = hub.HubRepo(repo.repo_id, repo.repo_type, commit, repo.files)
    with pytest.raises(PipelineError, match="differs from the size or hash"):
        hub.download_files(wrong, ["config.json"], tmp_path / "encoder")
    assert not list(tmp_path.glob("encoder/*"))


def test_a_warm_cache_answers_for_no_other_revision(stub_hub, tmp_path):
    """The library's cache does, if it is asked before the Hub is."""
    stub_hub()
    first = ask()
    hub.download_files(first, ["config.json"], tmp_path / "encoder")
    (tmp_path / "hub/models/org/encoder/config.json").write_bytes(b'{"model_type": "electra"}')
    second = ask()
    assert second.commit != first.commit
    hub.download_files(second, ["config.json"], tmp_path / "encoder")
    assert (tmp_path / "encoder/config.json").read_bytes() == b'{"model_type": "electra"}'
    assert "no such revision" in explain_question(revision="v9")
