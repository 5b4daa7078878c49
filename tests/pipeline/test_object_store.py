"""An object store as DVC's remote, and as the place of the corpus: the real dvc."""

import importlib.util
import json
import shutil

import pyarrow.parquet as pq
import pytest
from dvc.repo import Repo

from ner.core.errors import PipelineError
from ner.sources import stores
from ner.sources.corpus import open_corpus
from ner.sources.settings import DataParams
from ner.sources.stores import RemoteFile, parse_place, read_bytes, write_bytes
from ner.text.splitting import split_text
from tests.support.object_store import BUCKET, SECRET
from tests.support.pipeline_clone import stages_run
from tests.tools.checks.test_check_cache import CHECK, DAMAGE, find_object
from tools.experiments.queue import read_inputs

REMOTE = f"s3://{BUCKET}/dvc"
FOLDER = RemoteFile(f"s3://{BUCKET}/corpus")
FILE = RemoteFile(f"s3://{BUCKET}/train.parquet")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (importlib.util.find_spec("moto") and importlib.util.find_spec("dvc_s3")),
        reason="moto or dvc-s3 is absent: pip install -r requirements-s3-dev.txt",
    ),
]


def test_results_are_pushed_checked_damaged_healed_and_pulled(clone, store):
    clone.run("dvc", "remote", "add", "--default", "team", REMOTE)
    said = clone.run("dvc", "push")
    shutil.rmtree(clone.root / ".dvc/cache")
    scores = clone.root / "metrics/scores.json"
    good = scores.read_bytes()
    scores.unlink()
    clone.run("dvc", "pull")
    assert scores.read_bytes() == good

    assert "all whole" in clone.run(*CHECK, "--remote", REMOTE)
    damaged = find_object(clone, "metrics/scores.json", parse_place(f"{REMOTE}/files/md5"))
    write_bytes(damaged, DAMAGE)
    said += clone.run(*CHECK, "--remote", REMOTE, status=1)
    assert f"damaged: {damaged} (metrics/scores.json)" in said
    said += clone.run(*CHECK, "--remote", REMOTE, "--heal")
    said += clone.run("dvc", "push")
    assert read_bytes(damaged) == good

    store.refuse_all()
    said += clone.run(*CHECK, "--remote", REMOTE, status=1)
    assert said.rstrip().splitlines()[-1].startswith(f"error: {REMOTE}/files/md5")
    assert SECRET not in said
    for path in clone.root.glob(".dvc/**/*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()


def read_source(clone):
    return json.loads((clone.root / "metrics/data.json").read_text(encoding="utf-8"))["source"]


def test_a_corpus_in_a_bucket_is_read_again_where_it_changed_and_only_then(clone, store, tmp_path):
    for path in (clone.root / "tests/corpus").glob("*.tsv"):
        write_bytes(FOLDER / path.name, path.read_bytes())
    before = clone.outputs()["data/raw"]
    clone.set_param("data", "source", f"{FOLDER}/")
    said = clone.run("dvc", "repro", "--verbose")
    assert stages_run(said) == {"download_corpus", "evaluate", "report"}  # these name the source
    assert clone.outputs()["data/raw"] == before
    assert read_source(clone) == str(FOLDER)
    store.requests.clear()
    assert clone.repro() == set()
    assert not [path for method, path, _ in store.requests if method == "GET" and path.endswith(".tsv")]

    train = FOLDER / "NER-de-train.tsv"
    write_bytes(train, read_bytes(train) + b"\n1\tUlm\tB-LOC\tO\n")
    assert clone.repro("download_corpus") == {"download_corpus"}
    assert clone.outputs()["data/raw"] != before
    assert clone.repro("download_corpus") == set()

    table = pq.read_table(clone.root / "data/raw/train.parquet")
    for options, n_dropped in (("", 0), ("?region=us-east-1", 1)):
        pq.write_table(table.slice(n_dropped), tmp_path / FILE.name)
        write_bytes(FILE, (tmp_path / FILE.name).read_bytes())
        clone.set_param("data", "source", f"{FILE}{options}")
        said += clone.run("dvc", "repro", "download_corpus", "--verbose")
        assert clone.repro("download_corpus") == set()
        assert read_source(clone) == str(FILE)
    pq.write_table(table, tmp_path / FILE.name)
    write_bytes(FILE, (tmp_path / FILE.name).read_bytes())
    assert clone.repro("download_corpus") == {"download_corpus"}

    clone.run("git", "add", "--all")
    clone.run("git", "commit", "--quiet", "--message", "Read a bucket")
    said += clone.run("dvc", "exp", "run", "--temp", "-S", f"data.source={FOLDER}", "download_corpus")
    assert "download_corpus" in stages_run(said)

    store.refuse_all()
    said += clone.run("dvc", "repro", "download_corpus", "--verbose", status=255)
    assert "Forbidden" in said
    assert SECRET not in said
    written = [one for folder in (".dvc", "data", "metrics") for one in (clone.root / folder).rglob("*")]
    for path in [*written, clone.root / "dvc.lock"]:
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


def test_a_bucket_that_no_one_lets_in_or_answers_for_is_told_in_one_line(store, tmp_path, monkeypatch):
    (tmp_path / "params.yaml").write_text(f"source: {FOLDER}\n", encoding="utf-8")
    (tmp_path / "dvc.yaml").write_text(
        "stages: {read: {cmd: 'true', deps: ['${source}'], outs: [out]}}\n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    Repo.init(no_scm=True).close()

    def refuse(told):
        with pytest.raises(PipelineError, match=f"{FOLDER}: .*{told}"):
            list_corpus()
        with pytest.raises(
            PipelineError, match=f"{FOLDER}: .*Remedy: correct the address or the cred"
        ) as error:
            read_inputs()
        assert SECRET not in str(error.value)

    refuse("no such file or folder")
    write_bytes(FOLDER / "train.conll", b"Ulm B-LOC\n")
    assert list_corpus() == {"train"}
    assert read_inputs().keys() == {"stage read", str(FOLDER)}
    store.refuse_all()
    refuse("set credentials that may use it: AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    stores._connect.cache_clear()
    refuse("onnect.*check the network")


def list_corpus():
    """List the splits of the corpus in the bucket."""
    with open_corpus(DataParams.found(str(FOLDER)), split_text) as corpus:
        return set(corpus.readers)
