"""Tagging with Ray Data on a local cluster."""

import importlib.util
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from ner.core.errors import PipelineError
from tests.support.pipeline_clone import ROOT
from tools.predict.ray_engine import read_blocks


@pytest.fixture
def run():
    """Run the command and give its status and what it said."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("ray is absent: pip install -r requirements-ray.txt")

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "tools", "predict", *map(str, arguments)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stderr

    return run


def test_a_bad_row_is_told_with_a_remedy_that_ray_does_not_refuse(tmp_path):
    """Where `--skip-bad-lines` works is tried beside the other remedies of the command."""
    (tmp_path / "in.jsonl").write_text('{"text": "Bonn"}\nkaputt\n', encoding="utf-8")
    with pytest.raises(
        PipelineError, match=r":2: not JSON.*leave --engine ray out and pass --skip-bad-lines"
    ):
        list(read_blocks(tmp_path / "in.jsonl", None))


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".parquet", ".txt"])
def test_two_workers_give_the_rows_of_one_process(suffix, run, finished_clone, tmp_path):
    """More rows than one block holds, from a folder of two files."""
    table = pq.read_table(finished_clone.root / "data/raw/test.parquet")
    lines = [" ".join(words) for words in table["tokens"].to_pylist()] * 30
    (tmp_path / "in").mkdir()
    for number in range(2):
        path = tmp_path / "in" / f"{number}{suffix}"
        if suffix == ".parquet":
            pq.write_table(table, path)
        else:
            path.write_text("\n".join(lines[number:]) + "\n", encoding="utf-8")
    command = ("--model", finished_clone.root / "models/ner", "--file", tmp_path / "in")
    status, message = run(*command, "--output", tmp_path / "out.parquet")
    assert status == 0, message
    status, message = run(*command, "--engine", "ray", "--workers", "2", "--output", tmp_path / "out")
    assert status == 0, message
    local = pq.read_table(tmp_path / "out.parquet").to_pylist()
    found = [row for path in sorted((tmp_path / "out").iterdir()) for row in pq.read_table(path).to_pylist()]
    assert len(found) == len(local)
    for ours, theirs in zip(found, local, strict=True):
        assert (ours["text"], ours["tokens"], ours["predicted"]) == tuple(
            theirs[key] for key in ("text", "tokens", "predicted")
        )
        assert ours["score"] == pytest.approx(theirs["score"], abs=1e-4)


@pytest.mark.slow
def test_a_bad_line_ends_it_with_one_line(run, finished_clone, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"text": "Bonn"}\nkaputt\n', encoding="utf-8")
    status, message = run(
        "--model",
        finished_clone.root / "models/ner",
        "--file",
        tmp_path / "in.jsonl",
        "--engine",
        "ray",
        "--output",
        tmp_path / "out",
    )
    assert status == 1
    assert message.splitlines()[-1].startswith(f"error: {tmp_path}/in.jsonl:2: not JSON")
    assert "Failed to apply" not in message
    assert "Traceback" not in message
