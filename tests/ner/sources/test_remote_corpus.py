"""A corpus at an address is read as one in a folder is; a folder stands for the object store here."""

import errno
import os
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq
import pytest

from ner.core.errors import PipelineError
from ner.sources import remote_corpus, stores
from ner.sources.corpus import open_corpus
from ner.sources.settings import DataParams
from ner.text.splitting import split_text
from tests.support.object_store import SECRET

ADDRESS = "s3://korpus/a"
COLUMNS = "Zoë B-PER\nlebt O\n\nUlm B-LOC\n"


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """Let a folder be the bucket, and see to it that no copy stays."""
    bucket = tmp_path / "store/korpus"
    (bucket / "a").mkdir(parents=True)
    (tmp_path / "copies").mkdir()
    system = pyarrow.fs.SubTreeFileSystem(str(bucket.parent), pyarrow.fs.LocalFileSystem())
    monkeypatch.setattr(stores, "_connect", lambda *_: system)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "copies"))
    yield bucket
    assert not list((tmp_path / "copies").iterdir())


def write_files(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")


def read(source, **changes):
    """Give the corpus's origin, and the words and tags of each split."""
    params = DataParams.found(str(source)).model_copy(update=changes)
    with open_corpus(params, split_text) as corpus:
        splits = {
            split: [(raw.words, raw.outer) for raw in reader()] for split, reader in corpus.readers.items()
        }
        return corpus.origin, splits, corpus.forms


FOLDERS = {
    "columns": {"train.conll": COLUMNS, "dev.conll": "Bonn B-LOC\n", "README.md": "Ein Korpus."},
    "folders-of-splits": {"train/1.conll": COLUMNS, "train/2.conll": COLUMNS, "test/1.conll": COLUMNS},
    "one-corpus": {"a.conll": COLUMNS, "b.conll": COLUMNS, "c/d/e.conll": "x B-MISC\n", "a.bin": "\0"},
    "brat": {"train/1.txt": "Zoë lebt.", "train/1.ann": "T1\tPER 0 3\tZoë\n", "train/2.ann": "T1\n"},
    "json-lines": {"Köln train.jsonl": '{"text": "Zoë lebt.", "spans": []}\n'},
}


@pytest.mark.parametrize("files", FOLDERS.values(), ids=FOLDERS)
def test_a_folder_is_read_as_a_local_one(bucket, files):
    write_files(bucket / "a", files)
    local = read(bucket / "a")
    assert read(ADDRESS) == ({"source": ADDRESS}, *local[1:])
    assert read(f"{ADDRESS}/?region=eu-central-1")[0] == {"source": ADDRESS}


def test_a_file_is_the_train_split_with_its_annotation_if_it_has_one(bucket):
    write_files(bucket, {"a/x.txt": "Zoë lebt.", "a/x.ann": "T1\tPER 0 3\tZoë\n"})
    table = pa.table({"tokens": [["Zoë", "lebt"]], "ner_tags": [["B-PER", "O"]]})
    pq.write_table(table, bucket / "x.parquet")
    for name in ("a/x.txt", "x.parquet"):
        origin, splits, forms = read(f"s3://korpus/{name}")
        assert origin == {"source": f"s3://korpus/{name}"}
        assert (splits, forms) == read(bucket / name)[1:]
        assert splits["train"][0][1][0] == "B-PER"


def test_only_what_is_read_is_copied(bucket, monkeypatch):
    write_files(
        bucket / "a", FOLDERS["columns"] | {"notes.txt": "x", "deep/train.conll": "x", "weights.bin": "x"}
    )
    copied = []
    copy_file = stores.copy_file
    monkeypatch.setattr(
        remote_corpus, "copy_file", lambda file, target: copied.append(file.name) or copy_file(file, target)
    )
    read(ADDRESS)
    assert sorted(copied) == ["dev.conll", "train.conll"]


@pytest.mark.parametrize(
    ("files", "changes", "told"),
    [
        pytest.param({}, {}, "s3://korpus/a: the train split is missing. Remedy: add one of", id="empty"),
        pytest.param(
            {"train.conll": COLUMNS},
            {"test_share": 0.0},
            "s3://korpus/a: the test split is missing",
            id="no-test",
        ),
        pytest.param(
            {"train.conll": COLUMNS, "train.jsonl": ""},
            {},
            "s3://korpus/a: train.jsonl and train.conll are both the train split",
            id="twins",
        ),
        pytest.param({"dev/x.txt": "", "train.txt": ""}, {}, "s3://korpus/a/", id="no-sentence"),
        pytest.param(
            {"train.jsonl": '{"text": "Ulm", "spans": []}\n{\n'},
            {},
            "s3://korpus/a/train.jsonl:2: ",
            id="while-it-is-read",
        ),
    ],
)
def test_an_error_names_the_address(bucket, files, changes, told):
    write_files(bucket / "a", files)
    with pytest.raises(PipelineError) as error:
        read(ADDRESS, **changes)
    assert str(error.value).startswith(told)
    assert "copies" not in str(error.value)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        pytest.param("s3://korpus/none", "s3://korpus/none: no such file or folder", id="absent"),
        pytest.param("s3://other/a", "s3://other/a: no such file or folder", id="no-such-bucket"),
        pytest.param("s3:///a", "no bucket is named", id="no-bucket"),
        pytest.param("s3://korpus/a.ZIP", "neither a folder nor a corpus file", id="archive"),
        pytest.param("s3://korpus/hub.yaml", "neither a folder nor a corpus file", id="hub"),
        pytest.param(f"s3://AKIA:{SECRET}@korpus/a", "holds credentials", id="credentials"),
        pytest.param(f"gs://korpus/a?secret_key={SECRET}", "holds credentials", id="option"),
        pytest.param(
            "file:///data/a", "DVC does not watch. Remedy: write the path alone: /data/a", id="file"
        ),
        pytest.param(
            f"https://me:{SECRET}@host/a?key={SECRET}",
            r"'https://\*\*\*@host/a', and https:// is not",
            id="scheme",
        ),
    ],
)
@pytest.mark.usefixtures("bucket")
def test_an_address_that_cannot_be_read_is_refused_and_shows_no_secret(bucket, source, told):
    write_files(bucket, {"a.ZIP": "PK", "hub.yaml": "dataset: x\n"})
    with pytest.raises(PipelineError, match=told) as error:
        read(source)
    assert SECRET not in str(error.value)


def test_the_remedies_of_an_address_work(bucket):
    write_files(bucket, {"a/train.conll": COLUMNS, "hub.yaml": "dataset: x\n"})
    wrong = ("s3://korpus/none", "s3://korpus/hub.yaml", f"https://{bucket}", f"file://{bucket}/a")
    right = (ADDRESS, f"{ADDRESS}/train.conll", ADDRESS, f"{bucket}/a")
    remedies = (
        "correct data.source in params.yaml.",
        "name a folder of corpus files, or one such file.",
        "write a path, or an address with s3://, gs://, hdfs://.",
        f"write the path alone: {bucket}/a",
    )
    for before, after, remedy in zip(wrong, right, remedies, strict=True):
        with pytest.raises(PipelineError) as error:
            read(before)
        assert error.value.remedy == remedy
        assert read(after)[1]["train"]


@pytest.mark.parametrize("name", ["x" * 260 + ".conll", "../up.conll"], ids=["too-long", "above"])
def test_a_name_that_no_file_here_can_have_is_refused(bucket, monkeypatch, name):
    write_files(bucket / "a", {"train.conll": COLUMNS})
    files = [stores.RemoteFile(f"{ADDRESS}/{one}", "", 1, 1) for one in ("train.conll", name)]
    monkeypatch.setattr(remote_corpus, "list_folder", lambda _: files)
    with pytest.raises(PipelineError, match=r"no file of this machine .* Remedy: rename or move it\."):
        read(ADDRESS)
    assert not list(bucket.rglob("*up.conll"))
    files.pop()
    assert read(ADDRESS)[1]["train"]


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda folder: (folder / "dev.conll").write_text(COLUMNS), id="changed"),
        pytest.param(lambda folder: os.utime(folder / "dev.conll", (1, 1)), id="same-size"),
        pytest.param(lambda folder: (folder / "test.conll").write_text(COLUMNS), id="new"),
        pytest.param(lambda folder: (folder / "README.md").unlink(), id="removed"),
    ],
)
def test_what_changes_while_it_is_read_is_named(bucket, edit):
    """DVC would record the new files beside what was made of the old ones."""
    write_files(bucket / "a", FOLDERS["columns"])
    params = DataParams.found(ADDRESS)
    message = r"s3://korpus/a/\S+: new, removed or changed .* run dvc repro again"
    with pytest.raises(PipelineError, match=message), open_corpus(params, split_text):
        edit(bucket / "a")
    assert read(ADDRESS)[1]["validation"]


def test_a_full_disk_is_none_of_the_stores_faults(bucket, monkeypatch):
    write_files(bucket / "a", FOLDERS["columns"])

    def fill(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(stores.shutil, "copyfileobj", fill)
    with pytest.raises(OSError, match="No space left"):
        read(ADDRESS)


def test_a_sentence_is_found_again_by_its_files_address(bucket):
    write_files(bucket / "a", {"train/x.conll": COLUMNS})
    with open_corpus(DataParams.found(ADDRESS), split_text) as corpus:
        names = {corpus.name_file(raw.path) for raw in corpus.iterate_all()}
    assert names == {f"{ADDRESS}/train/x.conll"}
    with open_corpus(DataParams.found(str(bucket / "a")), split_text) as corpus:
        assert {corpus.name_file(raw.path) for raw in corpus.iterate_all()} == {
            str(Path(bucket / "a/train/x.conll"))
        }
