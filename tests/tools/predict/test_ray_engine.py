"""Tagging with Ray on this machine."""

import importlib.util
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager

import pyarrow.parquet as pq
import pytest

from ner.sources.stores import RemoteFile, list_names, read_folder, remove_file, write_bytes, write_folder
from tests.support.object_store import BUCKET, SECRET
from tests.support.pipeline_clone import ROOT
from tests.support.ray_cluster import TOKEN, find_workers, kill, start_cluster

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None, reason="ray is absent: pip install -r requirements-ray.txt"
    ),
]


@pytest.fixture
def run(finished_clone):
    """Run the command with the tiny tagger, and give its status and what it said."""

    def run(*arguments):
        done = subprocess.run(command(finished_clone, *arguments), **OPTIONS, check=False, timeout=SECONDS)
        return done.returncode, done.stderr

    return run


# The command, with parts so small that some hundred rows make several.
SMALL_PARTS = """
import tools.predict.ray_engine
from tools.__main__ import run
tools.predict.ray_engine.LEAST_PART_BYTES = 2**15
run()
"""
OPTIONS = {"cwd": ROOT, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
SECONDS = 600  # that a run may take on a machine that has other work


def command(finished_clone, *arguments):
    model = ("--model", finished_clone.root / "models/ner")
    return [sys.executable, "-c", SMALL_PARTS, "predict", *map(str, (*model, *arguments))]


@contextmanager
def start(finished_clone, *arguments, **options):
    """Start the command; in the end it does not run on."""
    with subprocess.Popen(command(finished_clone, *arguments), **OPTIONS, **options) as running:
        try:
            yield running
        finally:
            running.kill()


@pytest.fixture
def texts(finished_clone, tmp_path):
    """Write two files of more rows than a part holds, one of Parquet and one of lines."""
    table = pq.read_table(finished_clone.root / "data/raw/test.parquet")
    lines = [f"{number} {' '.join(words)}" for number, words in enumerate(table["tokens"].to_pylist() * 400)]
    (tmp_path / "in").mkdir()
    pq.write_table(table, tmp_path / "in/a.parquet")
    (tmp_path / "in/b.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path / "in"


def assert_same_rows(folder, file):
    """Compare the parts with what one process wrote; scores differ behind many digits, with the batches."""
    found, expected = pq.read_table(folder).to_pylist(), pq.read_table(file).to_pylist()
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        for key in ("text", "tokens", "predicted"):
            assert ours[key] == theirs[key]
        assert ours["score"] == pytest.approx(theirs["score"], abs=1e-4)


def test_two_workers_give_the_rows_of_one_process_and_a_run_goes_on(run, texts, tmp_path):
    out = tmp_path / "out"
    status, message = run("--file", texts, "--output", tmp_path / "out.parquet")
    assert status == 0, message
    ray = ("--engine", "ray", "--workers", "2", "--file", texts, "--output", out)
    status, message = run(*ray)
    assert status == 0, message
    assert "Workers: 2, each with 1 CPU" in message
    assert_same_rows(out, tmp_path / "out.parquet")

    status, message = run(*ray)
    assert (status, "is there already" in message) == (1, True)
    parts = sorted(out.glob("*.parquet"))
    assert len(parts) > 4
    kept = parts[0].stat().st_mtime_ns
    parts[1].unlink()
    parts[-1].unlink()
    status, message = run(*ray, "--resume")
    assert status == 0, message
    assert f"{len(parts) - 2} parts are there already" in message
    assert parts[0].stat().st_mtime_ns == kept
    assert_same_rows(out, tmp_path / "out.parquet")

    text = (texts / "b.txt").read_text(encoding="utf-8")
    (texts / "b.txt").write_text(text.replace("\n7 ", "\n8 "), encoding="utf-8")
    status, message = run(*ray, "--resume")
    assert status == 1
    assert "b.txt has changed since part-" in message.splitlines()[-1]


@pytest.mark.usefixtures("store")
def test_two_workers_tag_from_a_bucket_into_a_bucket(run, texts, tmp_path):
    status, message = run("--file", texts, "--output", tmp_path / "out.parquet")
    assert status == 0, message
    for path in texts.iterdir():
        write_bytes(RemoteFile(f"s3://{BUCKET}/in/{path.name}"), path.read_bytes())
    out = f"s3://{BUCKET}/out"
    ray = ("--engine", "ray", "--workers", "2", "--file", f"s3://{BUCKET}/in/", "--output", f"{out}/")
    status, message = run(*ray)
    assert status == 0, message
    assert "Workers: 2, each with 1 CPU" in message
    files = read_folder(RemoteFile(out))
    assert SECRET.encode() not in message.encode() + b"".join(files.values())
    write_folder(tmp_path / "out", files)
    assert len(list((tmp_path / "out").glob("*.parquet"))) > 4
    assert_same_rows(tmp_path / "out", tmp_path / "out.parquet")

    remove_file(RemoteFile(f"{out}/part-00000001.parquet"))
    status, message = run(*ray, "--resume")
    assert status == 0, message
    assert f"{len(list_names(RemoteFile(out))) - 1} parts are there already" in message


def test_a_bad_line_ends_it_with_one_line_or_is_listed(run, tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text('{"text": "Bonn"}\n' * 9 + "kaputt\n" + '{"text": "Ems"}\n', encoding="utf-8")
    ray = ("--engine", "ray", "--file", path)
    status, message = run(*ray, "--output", tmp_path / "out")
    assert status == 1
    assert message.splitlines()[-1].startswith(f"error: {path}:10: not JSON")
    assert "Failed to apply" not in message
    assert "Traceback" not in message
    status, message = run(*ray, "--output", tmp_path / "skipped", "--skip-bad-lines")
    assert status == 0, message
    assert "Bad lines that were skipped: 1" in message
    [line] = (tmp_path / "skipped/_run/bad_lines.jsonl").read_text(encoding="utf-8").splitlines()
    assert (json.loads(line)["file"], json.loads(line)["line"]) == (str(path), 10)
    assert pq.read_table(tmp_path / "skipped").num_rows == 10


def test_a_model_that_cannot_be_loaded_is_told_in_one_line(finished_clone, tmp_path):
    (tmp_path / "in.txt").write_text("Bonn\n", encoding="utf-8")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "run_config.json").write_text("{}", encoding="utf-8")
    arguments = ("--engine", "ray", "--file", tmp_path / "in.txt", "--output", tmp_path / "out")
    done = subprocess.run(
        command(finished_clone, *arguments, "--model", broken), **OPTIONS, check=False, timeout=SECONDS
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"error: {broken}")
    assert "Traceback" not in done.stderr


def test_twenty_workers_killed_in_a_row_lose_nothing(run, texts, finished_clone, tmp_path):
    out = tmp_path / "out"
    arguments = ("--engine", "ray", "--workers", "2", "--file", texts, "--output", out)
    status, message = run("--file", texts, "--output", tmp_path / "out.parquet")
    assert status == 0, message
    with start(finished_clone, *arguments) as running:
        n_killed, n_since, n_parts = 0, 0, 0
        deadline = time.monotonic() + SECONDS
        while n_killed < 20 and running.poll() is None and time.monotonic() < deadline:
            # Work that ends no part is given up after some deaths.
            is_stuck = n_since == 3 and n_parts == count_parts(out)
            if not is_stuck and (workers := find_workers(running.pid)):
                n_since, n_parts = (n_since + 1 if n_parts == count_parts(out) else 1), count_parts(out)
                n_killed += kill(workers[0])
            time.sleep(0.1)
        message = running.communicate(timeout=SECONDS)[1]
    assert running.returncode == 0, message
    assert n_killed == 20
    assert_same_rows(out, tmp_path / "out.parquet")


def test_a_node_and_a_worker_of_a_cluster_are_killed_and_no_row_is_lost(run, texts, finished_clone, tmp_path):
    """The job comes from outside; the head and what it started stay."""
    out = tmp_path / "out"
    status, message = run("--file", texts, "--output", tmp_path / "out.parquet")
    assert status == 0, message
    with start_cluster() as (address, (_, first, second)):
        arguments = ("--engine", "ray", "--ray-address", address, "--file", texts, "--output", out)
        with start(finished_clone, *arguments, env={**os.environ, **TOKEN}) as running:
            wait_for_parts(out, 2, running)
            [worker] = find_workers(first.pid)
            assert kill(worker)
            wait_for_parts(out, 3, running)
            second.kill()
            assert running.poll() is None, running.communicate()
            message = running.communicate(timeout=SECONDS)[1]
        assert running.returncode == 0, message
    assert "Workers: 2, each with 1 CPU" in message
    assert "Traceback" not in message
    assert_same_rows(out, tmp_path / "out.parquet")


def count_parts(out):
    """Count the parts that are recorded."""
    return len(list(out.glob("_run/finished/*.json")))


def wait_for_parts(out, n_parts, running):
    """Wait until so many parts are recorded."""
    deadline = time.monotonic() + 240
    while count_parts(out) < n_parts:
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
