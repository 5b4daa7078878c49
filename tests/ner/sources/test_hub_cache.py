"""Offline, the Hub's own cache answers, and each file is checked."""

import hashlib
from pathlib import Path

import pytest
from huggingface_hub import constants

from ner.core.errors import PipelineError
from ner.sources import hub

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SMALL, LARGE = b'{"model_type": "bert"}', bytes(range(256)) * 1000


@pytest.fixture
def cache(monkeypatch, tmp_path) -> Path:
    """Write a repository into a cache as `hf download` leaves it, and go offline."""
    folder = tmp_path / "cache/models--org--encoder"
    git_hash = hashlib.sha1(b"blob %d\0" % len(SMALL) + SMALL).hexdigest()  # noqa: S324 - how Git hashes
    blobs = {
        "config.json": (git_hash, SMALL),
        "model.safetensors": (hashlib.sha256(LARGE).hexdigest(), LARGE),
    }
    for name, (digest, content) in blobs.items():
        for path in (folder / "blobs" / digest, folder / "snapshots" / COMMIT / name):
            path.parent.mkdir(parents=True, exist_ok=True)
        (folder / "blobs" / digest).write_bytes(content)
        (folder / "snapshots" / COMMIT / name).symlink_to(f"../../blobs/{digest}")
    (folder / "refs").mkdir()
    (folder / "refs/main").write_text(COMMIT)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return folder


def ask(revision: str = COMMIT) -> hub.HubRepo:
    return hub.ask_hub("org/encoder", repo_type="model", revision=revision, parameter="model.checkpoint")


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("revision", [COMMIT, "main"])
def test_what_the_cache_holds_of_a_commit_is_taken_and_said(tmp_path, caplog, revision):
    repo = ask(revision)
    assert repo.commit == COMMIT
    hub.download_files(repo, [file.name for file in repo.files], tmp_path / "encoder")
    assert (tmp_path / "encoder/config.json").read_bytes() == SMALL
    assert (tmp_path / "encoder/model.safetensors").read_bytes() == LARGE
    assert f"offline mode: commit {COMMIT[:12]} is taken from" in caplog.text


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("revision", ["f" * 40, "refs/convert/parquet", "../../x", "v1"])
def test_what_the_cache_lacks_is_one_line_with_the_command(revision):
    with pytest.raises(PipelineError, match=r"offline mode .*does not hold it.* hf download org/encoder"):
        ask(revision)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_damaged_copy_is_refused(cache, tmp_path, name):
    repo = ask()
    (cache / "snapshots" / COMMIT / name).resolve().write_bytes(b"damaged")
    with pytest.raises(PipelineError, match=rf"org/encoder/{name}.* Remedy: "):
        hub.download_files(repo, [name], tmp_path / "encoder")
    assert not list(tmp_path.glob("encoder/*"))


def test_a_file_without_a_hash_is_left_out(cache):
    copy = cache / "snapshots" / COMMIT / "tokenizer.json"
    copy.write_text("{}")
    assert {file.name for file in ask().files} == {"config.json", "model.safetensors"}
