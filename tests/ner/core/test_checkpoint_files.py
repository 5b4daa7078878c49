"""Only the files of a checkpoint are copied on, and no link leads out of its folder."""

import pytest

from ner.core.checkpoint_files import copy_files, list_tagger_files
from ner.core.errors import PipelineError

TAGGER = [
    "config.json",
    "merges.txt",
    "model.safetensors",
    "run_config.json",
    "spiece.model",
    "tokenizer.json",
]
BESIDE = [
    ".netrc",
    "chat_template.jinja",
    "evil.py",
    "id_rsa",
    "notes.txt",
    "optimizer.pt",
    "other.safetensors",
    "pytorch_model.bin",
    "training_args.bin",
]


@pytest.fixture
def folder(tmp_path):
    """Give a tagger with other files beside it, and a secret outside."""
    (tmp_path / "secret").write_text("key", encoding="utf-8")
    (tmp_path / "tagger").mkdir()
    (tmp_path / "copy").mkdir()
    for name in TAGGER + BESIDE:
        (tmp_path / "tagger" / name).write_text(name, encoding="utf-8")
    return tmp_path / "tagger"


def copy(folder):
    copy_files(folder, folder.parent / "copy", list_tagger_files(folder, with_weights=True))
    return {path.name: path.read_text(encoding="utf-8") for path in (folder.parent / "copy").iterdir()}


def link(folder, name, target):
    (folder / name).unlink(missing_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        target.write_text("stored", encoding="utf-8")
    (folder / name).symlink_to(target)


def test_what_a_tagger_needs_is_copied_and_nothing_else(folder):
    assert copy(folder) == {name: name for name in TAGGER}
    assert list_tagger_files(folder, with_weights=False) == [
        name for name in TAGGER if not name.endswith(".safetensors")
    ]


@pytest.mark.parametrize("name", ["vocab.txt", "notes.model", "tokenizer.json", "model.safetensors"])
@pytest.mark.parametrize("target", ["secret", "tagger-2/secret", "blobs/secret", "files/md5/ab/secret"])
def test_a_link_that_leaves_the_folder_is_refused_and_nothing_is_copied(folder, name, target):
    link(folder, name, folder.parent / target)
    with pytest.raises(
        PipelineError, match=rf"{name}: it is a link that leaves its folder, to .*secret\. Remedy:"
    ):
        copy(folder)
    assert not list((folder.parent / "copy").iterdir())


def test_a_link_of_a_link_is_followed_to_its_end(folder):
    link(folder, "hop.txt", folder.parent / "secret")
    (folder / "vocab.txt").symlink_to("hop.txt")
    with pytest.raises(PipelineError, match="leaves its folder"):
        copy(folder)


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("tagger/vocab.json", id="in-the-folder"),
        pytest.param(f"cache/files/md5/{'a' * 2}/{'b' * 30}", id="cache-of-dvc"),
        pytest.param(f"models--org--name/blobs/{'a' * 40}", id="file-of-the-hub"),
        pytest.param(f"models--org--name/blobs/{'a' * 64}", id="large-file-of-the-hub"),
    ],
)
def test_a_link_within_the_folder_or_to_contents_under_their_hash_is_taken(folder, target):
    """DVC links to its cache where it is told to, and a snapshot of the Hub consists of links."""
    link(folder, "vocab.txt", folder.parent / target)
    assert copy(folder)["vocab.txt"] == "stored"


def test_a_folder_that_is_itself_a_link_is_taken(folder):
    (folder.parent / "linked").symlink_to(folder)
    assert copy(folder.parent / "linked") == {name: name for name in TAGGER}
