"""The web service: over HTTP with a tagger that waits at a gate, and as the command that a user starts."""

import asyncio
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import httpx2
import pytest
from starlette.testclient import TestClient

from bench.load_test import load_service
from ner.core.errors import PipelineError
from tests.support.running_service import LABELS, SECONDS, GatedTagger, run_service
from tools.serve import connections
from tools.serve import service as service_module
from tools.serve.command import bind
from tools.serve.connections import ConnectionLimits
from tools.serve.limits import Limits
from tools.serve.service import make_service
from tools.serve.tagging_queue import Speed, TaggingQueue

SENTENCE = "Gestern traf Özgür 👋🏽 in 🇩🇪 Köln ein"


@pytest.fixture
def client():
    """Talk to the service without a port; the gate is open."""
    tagger = GatedTagger()
    tagger.gate.set()
    queue = TaggingQueue(tagger, Limits(characters=100, texts=3))
    service = make_service(queue, model="models/fake", labels=LABELS)
    with TestClient(service, base_url="http://localhost") as client:
        yield client


def test_one_text_gives_one_object_with_offsets_in_code_points(client):
    answer = client.post("/predict", json={"text": SENTENCE})
    assert answer.status_code == 200
    assert answer.json().keys() == {"text", "entities"}
    assert answer.json()["text"] == SENTENCE
    entities = answer.json()["entities"]
    assert [one["text"] for one in entities] == ["Gestern", "Özgür", "Köln"]
    assert all(SENTENCE[one["start"] : one["end"]] == one["text"] for one in entities)
    assert entities[1] == {"start": 13, "end": 18, "label": "PER", "text": "Özgür", "score": 0.875}


def test_several_texts_give_a_list_in_their_order(client):
    answer = client.post("/predict", json={"texts": ["Anna", "", "nobody"]})
    assert [(one["text"], len(one["entities"])) for one in answer.json()] == [
        ("Anna", 1),
        ("", 0),
        ("nobody", 0),
    ]


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        pytest.param("{}", 422, "text: Field required", id="empty"),
        pytest.param('{"text": 1}', 422, "text: Input should be a valid string", id="number"),
        pytest.param('{"texts": ["a", null]}', 422, "texts.1: Input should be a valid string", id="null"),
        pytest.param('{"texts": []}', 422, "texts: List should have at least 1 item", id="no-texts"),
        pytest.param('{"text": "a", "texts": ["b"]}', 422, "text: Extra inputs are not", id="both"),
        pytest.param('{"text": "a', 422, "body: Unterminated string", id="cut"),
        pytest.param('{"text": "a\\ud83d"}', 422, "text: character 2 cannot be written", id="surrogate"),
        pytest.param('{"text": "a", "\\ud83d": 1}', 422, "body: Input should be a", id="surrogate-key"),
        pytest.param('{"texts": [1, 2, 3, 4, 5]}', 422, "and 2 more", id="many-reasons"),
        pytest.param("[" * 1500, 422, "body: ", id="deep"),  # Python 3.11 stops before it misses the end
        pytest.param("[" * 1100 + "]" * 1100, 422, "body: ", id="deep-and-whole"),
        pytest.param(json.dumps({"text": "ä" * 101}), 422, "holds 101 characters; at most 100", id="long"),
        pytest.param(json.dumps({"texts": ["ä" * 51] * 2}), 422, "holds 102 characters", id="long-together"),
        pytest.param(json.dumps({"texts": ["a"] * 4}), 422, "holds 4 texts; at most 3", id="many"),
        pytest.param(json.dumps({"text": "a", "k" * 900: 1}), 422, f"{'k' * 200}…: Extra inputs", id="key"),
        pytest.param(json.dumps({"text": "a" * 3000}), 413, "larger than 2,272 bytes", id="large"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_reason(client, body, status, reason):
    """Never with the request itself, which may be large or private."""
    answer = client.post("/predict", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, list(answer.json())) == (status, ["detail"])
    assert reason in answer.json()["detail"]
    assert client.post("/predict", json={"text": "Anna"}).status_code == 200


def test_the_header_that_curl_users_forget_is_named(client):
    """Nor does a form on another site, which cannot send the header, reach the tagger."""
    answer = client.post("/predict", content='{"text": "Anna"}', headers={"Content-Type": "text/plain"})
    assert answer.status_code == 422
    assert "Content-Type: application/json is missing" in answer.json()["detail"]


def test_health_tells_model_and_labels_and_when_the_queue_has_ended(client):
    answer = client.get("/health")
    assert answer.json() == {"ready": True, "model": "models/fake", "labels": LABELS}
    with TaggingQueue(GatedTagger(), Limits()) as queue:
        pass
    service = make_service(queue, model="m", labels=LABELS)
    ended = TestClient(service, base_url="http://localhost").get("/health")  # outside its lifespan
    assert (ended.status_code, ended.json()["ready"]) == (503, False)


@pytest.mark.parametrize("path", ["/", "/health"])
def test_a_load_balancer_may_ask_for_the_head_alone(client, path):
    answer = client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert client.get("/openapi.json").json()["paths"].keys() == {"/health", "/predict"}


@pytest.mark.parametrize(
    ("host", "status"),
    [
        pytest.param("localhost", 200, id="localhost"),
        pytest.param("LOCALHOST.:8000", 200, id="localhost-in-capitals"),
        pytest.param("192.0.2.7:8000", 200, id="address"),
        pytest.param("[2001:db8::1]:8000", 200, id="ipv6"),
        pytest.param("ner.example:443", 200, id="allowed"),
        pytest.param("evil.example", 421, id="another"),
        pytest.param("localhost.evil.example", 421, id="another-that-begins-alike"),
        pytest.param("192.0.2.7.evil.example", 421, id="another-that-looks-like-an-address"),
    ],
)
def test_a_name_of_another_site_is_not_answered(host, status):
    """Such a name may have been pointed at this machine (DNS rebinding)."""
    service = make_service(
        TaggingQueue(GatedTagger(), Limits()), model="m", labels=LABELS, allow_hosts=["ner.example"]
    )
    answer = TestClient(service, base_url="http://localhost").get("/openapi.json", headers={"Host": host})
    assert answer.status_code == status
    assert status == 200 or "--allow-host" in answer.json()["detail"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_openapi_examples_are_true(client):
    """Each request example is answered, the entities of the answer are where they say."""
    operation = client.get("/openapi.json").json()["paths"]["/predict"]["post"]
    assert {"200", "408", "413", "422", "500", "503"} <= operation["responses"].keys()
    content = operation["requestBody"]["content"]["application/json"]
    assert len(content["examples"]) == 2
    for example in content["examples"].values():
        assert client.post("/predict", json=example["value"]).status_code == 200
    [tagged] = service_module.TextAnswer.model_json_schema()["examples"]
    for one in tagged["entities"]:
        assert tagged["text"][one["start"] : one["end"]] == one["text"]


@pytest.mark.parametrize("path", ["/", "/page/page.js", "/health", "/no-such-page"])
def test_every_answer_forbids_what_is_not_of_this_server(client, path):
    headers = client.get(path).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; ")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/page/index.html.j2", "/page/..%2fservice.py"])
def test_nothing_else_is_served(client, path):
    """FastAPI's own pages load their scripts from a CDN."""
    assert client.get(path).status_code == 404


def call_service(queue, receive, headers=()):
    """Send one POST /predict as a server would, and return the messages that came back."""
    sent = []

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/predict",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), *headers],
    }
    service = make_service(queue, model="m", labels=LABELS)
    asyncio.run(asyncio.wait_for(service(scope, receive, send), SECONDS))
    return sent


def test_a_client_that_goes_costs_no_work():
    tagger = GatedTagger()
    messages = [
        {"type": "http.request", "body": b'{"text": "gone"}', "more_body": False},
        {"type": "http.disconnect"},
    ]

    async def receive():
        return messages.pop(0)

    with TaggingQueue(tagger, Limits()) as queue:
        queue.submit(["first"])
        assert tagger.entered.wait(SECONDS)
        call_service(queue, receive)
        tagger.gate.set()
    assert tagger.calls == [["first"]]


def test_a_body_without_an_end_is_read_as_far_as_allowed():
    """One that says its size is not read at all."""
    n_read = []

    async def receive():
        n_read.append(1)
        return {"type": "http.request", "body": b" " * 500, "more_body": True}

    queue = TaggingQueue(GatedTagger(), Limits(characters=100, texts=3))
    start, *_ = call_service(queue, receive)
    assert (start["status"], len(n_read)) == (413, 5)
    assert (b"connection", b"close") in start["headers"]
    start, *_ = call_service(queue, receive, [(b"content-length", b"10000000000")])
    assert (start["status"], len(n_read)) == (413, 5)


def test_a_body_that_does_not_arrive_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(service_module, "BODY_SECONDS", 0.0)

    async def receive():
        await asyncio.Event().wait()

    start, *_ = call_service(TaggingQueue(GatedTagger(), Limits()), receive)
    assert start["status"] == 408


def post(url, text):
    return httpx2.post(f"{url}/predict", json={"text": text}, timeout=SECONDS)


def test_requests_of_several_connections_share_a_call():
    with run_service() as running, ThreadPoolExecutor() as pool:
        first = pool.submit(post, running.url, "Anna")
        assert running.tagger.entered.wait(SECONDS)
        others = [pool.submit(post, running.url, text) for text in ("Bert", "Carl", "Dora")]
        running.queue.wait_until_queued(4)
        running.tagger.gate.set()
        texts = [one.result().json()["entities"][0]["text"] for one in (first, *others)]
    assert texts == ["Anna", "Bert", "Carl", "Dora"]
    assert [sorted(call) for call in running.tagger.calls] == [["Anna"], ["Bert", "Carl", "Dora"]]


def test_beyond_the_queue_a_request_is_told_when_to_come_again():
    with run_service(waiting=1) as running, ThreadPoolExecutor() as pool:
        taken = [pool.submit(post, running.url, "Anna")]
        assert running.tagger.entered.wait(SECONDS)
        taken.append(pool.submit(post, running.url, "Bert"))
        running.queue.wait_until_queued(2)
        refused = post(running.url, "Carl")
        running.tagger.gate.set()
        assert [one.result().status_code for one in taken] == [200, 200]
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    assert "try again after 1 s" in refused.json()["detail"]


def test_retry_after_follows_the_measured_speed():
    with run_service(wait_seconds=3) as running, ThreadPoolExecutor() as pool:
        running.queue.speed = Speed(words_per_second=10)
        taken = pool.submit(post, running.url, "a " * 120)
        assert running.tagger.entered.wait(SECONDS)
        refused = post(running.url, "b " * 120)
        short = pool.submit(post, running.url, "Carl")  # shares the tagger with the long one
        running.queue.wait_until_queued(2)
        running.tagger.gate.set()
        assert [one.result().status_code for one in (taken, short)] == [200, 200]
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "9")


def test_a_client_that_obeys_retry_after_gets_all_its_answers():
    """One request at a time is worked on and one waits; the other clients are refused and come again."""
    with run_service(waiting=1) as running:
        waits = []

        def wait(seconds):
            """Let everything be answered that is there before the time has passed."""
            waits.append(seconds)
            running.tagger.gate.set()

        load = load_service(running.url, ["Anna"], n_requests=24, n_clients=8, most_tries=99, wait=wait)
    assert load.outcomes == {"200": 24}
    assert len(waits) == sum(load.n_tries) - 24 > 0
    assert min(waits) >= 1


def test_a_request_of_too_much_work_is_refused():
    with run_service(is_open=True, words=9) as running:
        answer = post(running.url, "." * 10)
    assert answer.status_code == 422
    assert answer.json() == {"detail": "The request holds 10 words; at most 9 are taken at once."}


def send_raw(url, data=b""):
    """Open a connection and send what no HTTP client would."""
    connection = socket.create_connection(("127.0.0.1", int(url.rsplit(":")[-1])), timeout=SECONDS)
    connection.sendall(data)
    return connection


def read_all(connection):
    """Read until the server closes, in whatever way."""
    read = b""
    with suppress(ConnectionError):
        while part := connection.recv(65536):
            read += part
    return read


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET /health HTTP/1.1\r\nHost: loc", id="half-a-header"),
        pytest.param(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nG", id="half-behind-an-answer"),
        pytest.param(
            b"POST /no HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n", id="body-for-nobody"
        ),
    ],
)
def test_a_connection_that_waits_too_long_is_closed(data):
    limits = ConnectionLimits(unread_bytes=100, connections=10, header_seconds=0.05)
    with run_service(is_open=True, connections=limits) as running, send_raw(running.url, data) as connection:
        assert read_all(connection).count(b"HTTP/1.1") == data.count(b"\r\n\r\n")
        assert post(running.url, "Anna").status_code == 200


@pytest.mark.parametrize("line", [b"GET /health", b"POST /", b"POST /nowhere", b"PUT /predict"])
def test_a_body_that_nobody_reads_has_an_end_too(line):
    head = line + b" HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"1000\r\n" + b" " * 0x1000 + b"\r\n"
    limits = ConnectionLimits(unread_bytes=10_000, connections=10)
    with (
        run_service(connections=limits) as running,
        send_raw(running.url, head) as connection,
        pytest.raises(ConnectionError),
    ):
        connection.sendall(chunk * 100_000)


def test_a_body_that_nobody_reads_but_ends_leaves_the_connection_open():
    head = b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n"
    with run_service() as running, send_raw(running.url, b"POST /" + head + b"\r\nbody") as connection:
        connection.sendall(b"POST /" + head + b"Connection: close\r\n\r\nbody")
        assert read_all(connection).count(b"HTTP/1.1 405") == 2


def test_beyond_the_limit_a_connection_takes_the_place_of_an_idle_one():
    """Of the one that has been idle longest; without an idle one it is refused."""
    limits = ConnectionLimits(unread_bytes=100, connections=2)
    with run_service(connections=limits) as running, ThreadPoolExecutor() as pool:
        first, second = send_raw(running.url), send_raw(running.url)
        taken = pool.submit(post, running.url, "Anna")
        assert running.tagger.entered.wait(SECONDS)
        assert read_all(first) == b""
        taken_too = pool.submit(post, running.url, "Bert")
        running.queue.wait_until_queued(2)
        assert read_all(second) == b""
        refused = post(running.url, "Carl")
        running.tagger.gate.set()
        assert [one.result().status_code for one in (taken, taken_too)] == [200, 200]
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")


def test_with_few_file_descriptors_there_are_few_connections(monkeypatch):
    monkeypatch.setattr(connections.resource, "getrlimit", lambda _: (256, 256))
    assert 8 <= connections.count_free_connections() <= 256 - 4 * connections.BACKLOG
    monkeypatch.setattr(connections.resource, "getrlimit", lambda _: (10**6, 10**6))
    assert connections.count_free_connections() == connections.MOST_CONNECTIONS


def test_a_failure_of_the_tagger_is_answered_to_its_request_alone(caplog):
    with run_service(is_open=True) as running:
        failed = post(running.url, "Bert: fail")
        assert post(running.url, "Anna").status_code == 200
    assert (failed.status_code, failed.json()) == (500, {"detail": "The tagger failed on this request."})
    assert "Bert" not in caplog.text


def wait_until_closed(port):
    """Knock until nobody listens any more."""
    with suppress(ConnectionError):
        while True:
            socket.create_connection(("127.0.0.1", port)).close()


def test_the_end_answers_what_was_taken_and_takes_no_more():
    """One request is in work and one waits when the server is told to end."""
    with run_service() as running, ThreadPoolExecutor() as pool:
        taken = [pool.submit(post, running.url, "Anna")]
        assert running.tagger.entered.wait(SECONDS)
        taken.append(pool.submit(post, running.url, "Bert"))
        running.queue.wait_until_queued(2)
        running.server.should_exit = True
        wait_until_closed(int(running.url.rsplit(":")[-1]))
        running.tagger.gate.set()
        assert [one.result().status_code for one in taken] == [200, 200]
        running.thread.join(SECONDS)
        assert not running.thread.is_alive()
        assert not running.queue.is_ready


def test_what_cannot_be_answered_within_the_grace_period_is_refused_with_503():
    """At once where the speed tells it, else shortly before the end; the end is in time all the same."""
    with run_service(grace_seconds=3) as running, ThreadPoolExecutor() as pool:
        running.queue.speed = Speed(words_per_second=100)
        soon = pool.submit(post, running.url, "Anna")
        assert running.tagger.entered.wait(SECONDS)
        late = pool.submit(post, running.url, "a " * 1000)
        running.queue.wait_until_queued(2)
        running.server.should_exit = True
        assert late.result().status_code == 503
        assert late.result().headers["Retry-After"] == "5"
        assert not soon.done()
        assert soon.result().status_code == 503
        running.thread.join(SECONDS)
        assert not running.thread.is_alive()
        assert running.queue.is_running  # in its call, which nobody waits for


def test_a_tagger_that_ends_is_answered_with_500_and_ends_the_service(monkeypatch):
    """So that a supervisor starts it anew."""
    with run_service() as running, ThreadPoolExecutor() as pool:
        taken = pool.submit(post, running.url, "Anna")
        assert running.tagger.entered.wait(SECONDS)
        monkeypatch.setattr(running.queue, "_finish", lambda: 1 / 0)
        running.tagger.gate.set()
        assert (taken.result().status_code, taken.result().json()) == (
            500,
            {"detail": "The tagger has ended."},
        )
        running.thread.join(SECONDS)
        assert not running.thread.is_alive()
        assert running.queue.has_failed


def test_the_load_test_counts_what_is_no_answer():
    with run_service(is_open=True) as running:
        found = load_service(running.url, ["Anna", "fail"], n_requests=10, n_clients=3)
    assert found.outcomes == {"200": 5, "500": 5}
    assert (found.n_errors, len(found.latencies)) == (5, 10)
    assert load_service(running.url, ["Anna"], n_requests=2, n_clients=1).outcomes == {"ConnectError": 2}


def test_an_occupied_port_is_told_with_its_remedy():
    """Also while the first server loads its tagger: the port is listened on from the start."""
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(PipelineError, match=rf"127.0.0.1, port {port}: Address already in use.*--port"):
            bind("127.0.0.1", port)


@pytest.mark.parametrize("host", ["a..b", "a" * 64, "192.0.2.1", "no\0name"])
def test_an_address_that_cannot_be_had_is_told_with_its_remedy(host):
    with pytest.raises(PipelineError, match=r"port 0: .* Remedy: name another with --host"):
        bind(host, 0)


@contextmanager
def run_command(clone, *options, files=None):
    """Start the service as a user does, on a free port."""
    with subprocess.Popen(
        [sys.executable, "-m", "tools", "serve", "--port", "0", *options],
        cwd=clone.root,
        env=clone.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=files and (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_command_serves_twenty_clients_and_ends_in_peace(finished_clone):
    """With a real tagger: whole words at their place, exit status 0, and no text in the log."""
    with run_command(finished_clone) as one, run_command(finished_clone) as two:
        for process, number in ((one, signal.SIGTERM), (two, signal.SIGINT)):
            line = process.stdout.readline()
            url = re.fullmatch(r"models/ner on (http://127\.0\.0\.1:\d+) \(Ctrl-C ends it\)\n", line)[1]
            answer = post(url, SENTENCE).json()
            assert answer["text"] == SENTENCE
            assert all(
                SENTENCE[found["start"] : found["end"]] == found["text"] for found in answer["entities"]
            )
            load = load_service(url, [SENTENCE, "Der Rhein."], n_requests=100, n_clients=20)
            assert load.outcomes == {"200": 100}
            process.send_signal(number)
            rest = process.communicate(timeout=SECONDS)[0]
            assert (process.returncode, rest) == (0, "")


def test_weights_that_change_on_the_disk_do_not_change_the_answers(finished_clone, tmp_path):
    """Neither overwritten, as `cp` does, nor cut off, which once killed the server."""
    shutil.copytree(finished_clone.root / "models/ner", tmp_path / "live")
    weights = tmp_path / "live/model.safetensors"
    with run_command(finished_clone, "--model", str(tmp_path / "live")) as process:
        url = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())[0]
        answer = post(url, SENTENCE).json()
        with weights.open("r+b") as file:
            file.seek(weights.stat().st_size // 4)
            file.write(bytes(weights.stat().st_size // 2))
        assert post(url, SENTENCE).json() == answer
        os.truncate(weights, 1000)
        assert post(url, SENTENCE).json() == answer


def test_with_few_file_descriptors_and_many_idle_connections_somebody_is_served(finished_clone):
    """And the log stays empty."""
    with run_command(finished_clone, files=192) as process:
        url = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())[0]
        idle = [send_raw(url) for _ in range(300)]
        assert post(url, SENTENCE).status_code == 200
        for connection in idle:
            connection.close()
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=SECONDS)[0] == ""
