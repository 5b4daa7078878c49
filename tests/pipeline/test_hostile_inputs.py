"""A corpus, a checkpoint or a Hub that means harm: what it sends is data, never code, paths or secrets."""

import ast
import json
import logging
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from ner.annotation.labels import TagSet, is_printable_label
from ner.core.command import InertFormatter, run_command
from ner.core.errors import PipelineError
from ner.core.escaping import escape_controls
from ner.evaluation.mistakes import NO_LABEL
from ner.sources.hub import HubFile, HubRepo, download_files
from ner.sources.pretrained import fetch_checkpoint
from tests.support.import_graph import OURS
from tests.support.pipeline_clone import ROOT
from tests.support.tiny_encoder import build_tiny_encoder

SOURCES = [path for package in OURS for path in (ROOT / package).rglob("*.py")]


class Payload:
    """What runs when a pickle is read."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):  # noqa: D105 - pickle asks for it
        return Path.touch, (self.marker,)


def test_the_payload_would_run(tmp_path):
    """Else the tests below could not fail."""
    pickle.loads(pickle.dumps(Payload(tmp_path / "ran")))  # noqa: S301 - that is the point
    assert (tmp_path / "ran").exists()


def write_malicious_checkpoint(folder):
    """Write a checkpoint whose weights are a pickle and whose code is its own."""
    folder.mkdir(parents=True, exist_ok=True)
    marker = folder.parent / "ran"
    pickled = pickle.dumps(Payload(marker))
    for name in ("pytorch_model.bin", "training_args.bin", "optimizer.pt"):
        (folder / name).write_bytes(pickled)
    (folder / "evil.py").write_text(f"from pathlib import Path\nPath({str(marker)!r}).touch()\n")
    settings = {
        "model_type": "evil",
        "architectures": ["EvilModel"],
        "auto_map": {
            "AutoConfig": "evil.EvilConfig",
            "AutoModel": "evil.EvilModel",
            "AutoModelForTokenClassification": "evil.EvilModel",
            "AutoTokenizer": ["evil.EvilTokenizer", None],
        },
    }
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "vocab.txt").write_text("[UNK]\na\n")
    return marker


def test_a_pickle_alone_is_refused_unread(tmp_path):
    marker = write_malicious_checkpoint(tmp_path / "encoder")
    with pytest.raises(PipelineError, match=r"pytorch_model\.bin, which can run code when it is read"):
        fetch_checkpoint(str(tmp_path / "encoder"), revision="main", target=tmp_path / "pretrained")
    assert not marker.exists()


def test_code_beside_the_weights_is_neither_run_nor_copied(tmp_path):
    """The old tokenizer goes through transformers, which would offer to run `auto_map`'s class."""
    marker = write_malicious_checkpoint(tmp_path / "encoder")
    (tmp_path / "encoder/model.safetensors").write_bytes(save({"a": np.zeros(2, np.float32)}))
    with pytest.raises(PipelineError, match="tokenizer"):
        fetch_checkpoint(str(tmp_path / "encoder"), revision="main", target=tmp_path / "pretrained")
    assert not marker.exists()

    (tmp_path / "encoder/tokenizer.json").write_text("{}")
    fetch_checkpoint(str(tmp_path / "encoder"), revision="main", target=tmp_path / "pretrained")
    copied = {path.suffix for path in (tmp_path / "pretrained").iterdir()}
    assert copied == {".json", ".safetensors", ".txt"}
    assert not marker.exists()


def test_a_tagger_that_brings_code_is_refused_unrun(tmp_path):
    """Also where somebody put it into models/ by hand, code, pickle and all."""
    from ner.tagging.tagger import Tagger

    marker = write_malicious_checkpoint(tmp_path / "ner")
    with pytest.raises(PipelineError, match="cannot load it as a tagger"):
        Tagger.load(tmp_path / "ner", subtokens_per_batch=64)
    (tmp_path / "ner/config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(PipelineError, match="cannot load it as a tagger"):
        Tagger.load(tmp_path / "ner", subtokens_per_batch=64)
    assert not marker.exists()


def test_an_encoder_with_code_for_a_known_type_is_loaded_by_the_library_alone(tmp_path):
    from ner.tagging.model import load_encoder

    encoder = build_tiny_encoder(tmp_path / "encoder", ["Haus"] * 3)
    config = json.loads((encoder / "config.json").read_text())
    marker = write_malicious_checkpoint(tmp_path / "evil")
    evil = json.loads((tmp_path / "evil/config.json").read_text())
    (encoder / "config.json").write_text(json.dumps(config | {"auto_map": evil["auto_map"]}))
    (encoder / "evil.py").write_text((tmp_path / "evil/evil.py").read_text())
    model = load_encoder(encoder, TagSet(["O", "B-X", "I-X"]))
    assert type(model).__module__.startswith("transformers.")
    assert not marker.exists()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_code_of_ours_can_read_a_pickle_or_run_what_a_checkpoint_brings(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name.split(".")[0] for alias in node.names} | {
                (getattr(node, "module", None) or "").split(".")[0]
            }
            assert not names & {"pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
        if isinstance(node, ast.Call):
            keywords = {one.arg: getattr(one.value, "value", None) for one in node.keywords}
            assert not keywords.get("trust_remote_code", False)
            assert not keywords.get("allow_pickle", False)
            if ast.unparse(node.func) == "torch.load":
                assert keywords.get("weights_only") is True


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        pytest.param("\x1b[31mrot", r"\x1b[31mrot", id="colour"),
        pytest.param("\x1b]0;Titel\x07", r"\x1b]0;Titel\x07", id="title-of-the-window"),
        pytest.param("\x9b2J", r"\x9b2J", id="eight-bit-csi"),
        pytest.param("ab\x08", r"ab\x08", id="overwriting"),
        pytest.param("\u202eLOC", r"\u202eLOC", id="turned-writing"),
        pytest.param("\u2066a\u2069", r"\u2066a\u2069", id="isolated-writing"),
        pytest.param("\ud800", r"\ud800", id="half-a-pair"),
        pytest.param("Köln „Ä“ 日本 😀", "Köln „Ä“ 日本 😀", id="text"),
        pytest.param("https://me:geheim@host/x", "https://***@host/x", id="password"),
        pytest.param("https://token@host", "https://***@host", id="token-in-an-address"),
        pytest.param("hf_" + "aB3" * 11, "***", id="token-of-the-hub"),
        pytest.param("hf_hub_download", "hf_hub_download", id="no-token"),
        pytest.param("me@host: a@b", "me@host: a@b", id="address-of-a-person"),
    ],
)
def test_what_was_sent_is_shown_as_text_in_errors_and_in_the_log(sent, shown):
    assert escape_controls(sent) == shown
    assert str(PipelineError(f"{sent}.", remedy="no.")) == f"{shown}. Remedy: no."
    record = logging.LogRecord("x", logging.INFO, "x", 1, "%s", (sent,), None)
    assert InertFormatter("%(message)s").format(record) == shown


def test_the_token_of_the_environment_is_never_shown(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "my-own-token")
    assert escape_controls("Bearer my-own-token") == "Bearer ***"


def test_a_command_logs_through_the_same_filter(tmp_path):
    code = (
        "import logging\nfrom ner.core.command import run_command\n"
        "from ner.core.errors import PipelineError\n"
        "def command():\n"
        "    logging.getLogger('stages.x').warning('%s', '\\x1b[2J https://u:geheim@h')\n"
        "    raise PipelineError('\\x9b.', remedy='no.')\n"
        "run_command(command)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == "\\x1b[2J https://***@h\nerror: \\x9b. Remedy: no.\n"
    assert run_command.__doc__
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "label", ["=1+1", "+1", "-1", "@SUM(A1)", "a b", "a\tb", "\x1b[1m", "\u202ea", "\x00"]
)
def test_a_label_that_a_spreadsheet_or_terminal_would_obey_is_refused(label):
    """Labels stand in CSV files; so one that begins a formula cannot get there."""
    assert not is_printable_label(label)
    with pytest.raises(PipelineError, match="is no name"):
        TagSet(["O", f"B-{label}", f"I-{label}"])


@pytest.mark.parametrize(
    "label", ["LOC", "LOCderiv", "Größe", "1", "some-label", "A&B", "<b>", "none", "日本"]
)
def test_any_other_label_will_do_and_none_is_taken_for_no_entity(label):
    assert is_printable_label(label)
    assert not is_printable_label(NO_LABEL)


@pytest.mark.parametrize("name", ["../../x.json", "/etc/x.json", "a/../../x", "a\\..\\x", "a\0b"])
def test_a_file_that_the_hub_lists_cannot_leave_its_folder(tmp_path, name):
    repo = HubRepo("org/encoder", "model", "c" * 40, (HubFile(name, 1, None, "0" * 40),))
    with pytest.raises(PipelineError, match="a file outside its repository"):
        download_files(repo, [name], tmp_path / "deep/er/folder")
    assert not list(tmp_path.rglob("*"))


def test_nothing_that_was_downloaded_is_unpacked():
    """No archive is read, so that none can hold a path that leads out of its folder."""
    for path in SOURCES:
        modules = re.findall(
            r"^\s*(?:import|from) (tarfile|zipfile)|unpack_archive", path.read_text("utf-8"), re.M
        )
        assert not modules, path


def test_no_secret_is_committed():
    """Neither a token nor a password in an address, in any file that Git knows."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    found = []
    for name in filter(None, listed.stdout.split("\0")):
        if name.startswith("tests/") or not (ROOT / name).is_file():
            continue
        text = (ROOT / name).read_bytes()
        if re.search(rb"\bhf_[A-Za-z0-9]{30,}|://[^/\s:@'\"]+:[^/\s@'\"]+@|BEGIN [A-Z ]*PRIVATE KEY", text):
            found.append(name)
    assert not found
