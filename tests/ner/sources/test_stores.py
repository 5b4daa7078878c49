"""Files of this machine and of an object store."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from ner.core.errors import PipelineError
from ner.sources.stores import (
    RemoteFile,
    list_names,
    name_errors,
    parse_place,
    read_bytes,
    read_folder,
    write_bytes,
)
from tests.support.capital_tagger import CapitalTagger
from tests.support.object_store import BUCKET, SECRET
from tests.support.pipeline_clone import ROOT
from tools.predict import command as predict
from tools.predict import tagging
from tools.predict.input_rows import InputFormat
from tools.predict.manifest import Job, Record, begin, name_part, write_record
from tools.predict.places import check_output_is_no_input, list_inputs
from tools.predict.ranges import PieceReader, hash_piece, split_file

FOLDER = RemoteFile(f"s3://{BUCKET}/a")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("in.txt", Path("in.txt"), id="path"),
        pytest.param("-", Path("-"), id="stdin"),
        pytest.param("C:/x", Path("C:/x"), id="colon"),
        pytest.param("file:///tmp/K%C3%B6ln.txt", Path("/tmp/Köln.txt"), id="file"),  # noqa: S108 - not read
        pytest.param("s3://b/corpus/", RemoteFile("s3://b/corpus"), id="s3-folder"),
        pytest.param(
            "s3://b/x.txt?region=eu-central-1",
            RemoteFile("s3://b/x.txt", "region=eu-central-1"),
            id="options",
        ),
        pytest.param("gcs://b/x", RemoteFile("gs://b/x"), id="gcs"),
        pytest.param("hdfs://user@host:8020/x", RemoteFile("hdfs://user@host:8020/x"), id="hdfs"),
    ],
)
def test_a_place_is_a_path_or_an_address(text, expected):
    assert parse_place(text) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(f"s3://AKIA:{SECRET}@b/x", "holds credentials", id="credentials"),
        pytest.param(f"s3://b/x?secret_key={SECRET}", "holds credentials", id="option"),
        pytest.param("http://b/x", "http://: such addresses are not read", id="scheme"),
        pytest.param("s3:///x", "no bucket is named", id="no-bucket"),
    ],
)
def test_an_address_that_is_not_read_is_refused_and_shows_no_secret(text, told):
    with pytest.raises(PipelineError, match=told) as error:
        parse_place(text)
    assert SECRET not in str(error.value)


def test_the_name_of_a_remote_file_tells_what_is_in_it():
    place = RemoteFile("s3://b/x") / "Köln.txt.gz"
    assert (str(place), place.name, place.suffix) == ("s3://b/x/Köln.txt.gz", "Köln.txt.gz", ".gz")


def test_an_output_in_a_remote_folder_that_is_read_is_refused():
    inputs = list_inputs([])
    inputs.folders.append(RemoteFile("s3://b/in"))
    check_output_is_no_input(RemoteFile("s3://b/in2/x.jsonl"), inputs)
    with pytest.raises(PipelineError, match="lies in s3://b/in, which is read"):
        check_output_is_no_input(RemoteFile("s3://b/in/x.jsonl"), inputs)


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run the command where capitalised words are names."""
    monkeypatch.setattr(predict, "load", lambda *_: CapitalTagger())
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        result = CliRunner().invoke(predict.app, [str(one) for one in arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.stdout

    return run


@pytest.mark.slow
@pytest.mark.usefixtures("store")
def test_a_folder_of_a_store_is_tagged_into_a_file_of_it(run):
    for name, text in (("b.txt", "Bonn\n"), ("c/d.jsonl", '{"text": "Ems"}\n'), (".hidden.txt", "Jena\n")):
        write_bytes(FOLDER / name, text.encode())
    pq.write_table(pa.table({"text": ["Köln"]}), "e.parquet")
    write_bytes(FOLDER / "e.parquet", Path("e.parquet").read_bytes())
    for output in (f"s3://{BUCKET}/out.jsonl", f"s3://{BUCKET}/out.parquet"):
        run("--file", f"s3://{BUCKET}/a/", "--output", output)
    lines = read_bytes(RemoteFile(f"s3://{BUCKET}/out.jsonl")).decode().splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["Bonn", "Ems", "Köln"]
    Path("out.parquet").write_bytes(read_bytes(RemoteFile(f"s3://{BUCKET}/out.parquet")))
    assert pq.read_table("out.parquet")["text"].to_pylist() == ["Bonn", "Ems", "Köln"]
    with pytest.raises(PipelineError, match=f"s3://{BUCKET}/none: no such file"):
        run("--file", f"s3://{BUCKET}/none")


@pytest.mark.slow
@pytest.mark.usefixtures("store")
def test_a_run_that_fails_leaves_no_file_in_the_store(run):
    write_bytes(FOLDER / "in.jsonl", b'{"text": "Bonn"}\nkaputt\n')
    with pytest.raises(PipelineError, match=r"a/in\.jsonl:2: not JSON"):
        run("--file", f"{FOLDER}/in.jsonl", "--output", f"s3://{BUCKET}/out.jsonl")
    assert list_names(RemoteFile(f"s3://{BUCKET}")) == set()


@pytest.mark.slow
def test_a_large_file_is_sent_in_several_parts_and_a_busy_store_is_asked_again(store):
    content = os.urandom(25 * 2**20)
    store.n_failures = 2
    write_bytes(FOLDER / "large.bin", content)
    assert read_bytes(FOLDER / "large.bin") == content
    sent = [query for method, _, query in store.requests if method == "PUT" and "partNumber" in query]
    assert len({query.split("partNumber=")[1].split("&")[0] for query in sent}) > 1
    assert store.n_failures == 0


@pytest.mark.slow
def test_a_store_that_stays_busy_ends_in_one_line_and_leaves_nothing(store):
    store.n_failures = 1000
    with pytest.raises(PipelineError, match=rf"s3://{BUCKET}/a/x: .*reduce your request rate"):
        write_bytes(FOLDER / "x", b"x")
    store.n_failures = 0
    assert list_names(FOLDER) == set()


@pytest.mark.slow
@pytest.mark.usefixtures("store")
def test_ranges_and_folders_are_read_from_a_store():
    content = "Köln\nÄmter\nEms\n".encode() * 50
    write_bytes(FOLDER / "in.txt", content)
    pieces = list(split_file(FOLDER / "in.txt", len(content), InputFormat.TEXT, 100))
    rows = [row.text for piece in pieces for row in PieceReader(piece, None).read()]
    assert rows == content.decode().splitlines()
    assert len({hash_piece(piece) for piece in pieces}) > 1
    write_bytes(FOLDER / "b/c.txt", b"x")
    assert read_folder(FOLDER) == {"in.txt": content, "b/c.txt": b"x"}


@pytest.mark.slow
@pytest.mark.usefixtures("store")
def test_a_run_is_resumed_from_a_store():
    job = Job([["a.txt", 3]], "abc", {}, 100)
    assert begin(FOLDER, job, resume=False) == (job, set())
    write_bytes(FOLDER / name_part(4), b"x")
    write_record(FOLDER, 4, Record(1, ["x"], [1], []))
    write_record(FOLDER, 5, Record(1, ["x"], [1], []))
    assert begin(FOLDER, job, resume=True) == (job, {4})
    with pytest.raises(PipelineError, match="is there already"):
        begin(FOLDER, job, resume=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [["--file", f"s3://{BUCKET}/a.txt"], ["--file", "in.txt", "--output", f"s3://{BUCKET}/x.jsonl"]],
)
def test_a_refused_credential_is_one_line_and_shown_nowhere(store, command, tmp_path, finished_clone):
    store.refuse_all()
    (tmp_path / "in.txt").write_text("Bonn\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "tools", "predict", "--model", finished_clone.root / "models/ner", *command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()
    assert line.startswith(f"error: s3://{BUCKET}/")
    assert "Remedy: set credentials that may use it: AWS_ACCESS_KEY_ID" in line
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("store")
def test_a_store_that_cannot_be_reached_is_one_line(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(PipelineError, match=r"s3://korpus/a/x: .*onnect.*check the network"):
        read_bytes(FOLDER / "x")


def test_an_error_names_a_place_and_not_its_copy(tmp_path):
    with pytest.raises(PipelineError) as error, name_errors(tmp_path, "s3://b/m"):
        raise PipelineError(f"{tmp_path}/a: no.", remedy=f"look at {tmp_path}.")
    assert str(error.value) == "s3://b/m/a: no. Remedy: look at s3://b/m."


def test_a_tagger_of_a_store_that_cannot_be_loaded_is_named_by_its_address(monkeypatch):
    monkeypatch.setattr(tagging, "read_folder", lambda _: {"config.json": b"{}"})
    with pytest.raises(PipelineError, match=r"^s3://b/m: no tagger of this pipeline is there"):
        tagging.load(RemoteFile("s3://b/m"))
