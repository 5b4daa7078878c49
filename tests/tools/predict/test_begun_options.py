"""A run that goes on with an output has the options of the run that began it."""

import json
import os

import pytest

from ner.core.errors import PipelineError
from tests.support.capital_tagger import CapitalTagger
from tests.tools.predict.test_command import run
from tools.predict import command as predict

INPUT = "".join(json.dumps({"text": text}) + "\n" for text in ("Bad Ems", "X", "Ja"))
COMMAND = ("--file", "in.jsonl", "--output", "out.jsonl", "--model", "ner")


@pytest.fixture(autouse=True)
def begun(monkeypatch, tmp_path):
    """Stand in a folder where a run was killed in its second row, and give the output that it should have."""
    monkeypatch.setattr(predict, "load", lambda *_: CapitalTagger())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ner").mkdir()
    (tmp_path / "ner/model.safetensors").write_bytes(b"weights")
    (tmp_path / "in.jsonl").write_text(INPUT, encoding="utf-8")
    run(*COMMAND, "--min-score", "0.5")
    whole = (tmp_path / "out.jsonl").read_bytes()
    (tmp_path / "out.jsonl").write_bytes(whole[: whole.index(b"\n") + 9])
    return whole


@pytest.mark.parametrize(
    ("options", "reason", "remedy"),
    [
        pytest.param(
            ["--min-score", "0.25"],
            "out.jsonl was begun with --min-score 0.5, and --min-score is 0.25.",
            ["--min-score", "0.5"],
            id="min-score",
        ),
        pytest.param(
            [], "begun with --min-score 0.5, and --min-score is 0.0.", ["--min-score", "0.5"], id="left-out"
        ),
        pytest.param(
            ["--min-score", "0.5", "--level", "outer"],
            "begun with --level both",
            ["--level", "both"],
            id="level",
        ),
        pytest.param(
            ["--min-score", "0.5", "--precision", "bf16"],
            "begun with --precision auto",
            ["--precision", "auto"],
            id="precision",
        ),
        pytest.param(
            ["--min-score", "0.5", "--model", "other"],
            "begun with another tagger than other is. Remedy: name the first one with --model",
            ["--model", "ner"],
            id="another-tagger",
        ),
    ],
)
def test_other_options_are_refused_and_the_remedy_goes_on(options, reason, remedy, begun, tmp_path):
    torn = (tmp_path / "out.jsonl").read_bytes()
    with pytest.raises(PipelineError) as refusal:
        run(*COMMAND, *options, "--resume")
    assert reason in str(refusal.value)
    assert (tmp_path / "out.jsonl").read_bytes() == torn
    run(*COMMAND, *options, *remedy, "--resume")  # what comes later counts
    assert (tmp_path / "out.jsonl").read_bytes() == begun


def test_a_tagger_that_was_trained_anew_in_its_place_is_another(begun, tmp_path):
    (tmp_path / "ner/model.safetensors").write_bytes(b"others!")
    with pytest.raises(PipelineError, match="begun with another tagger than ner is"):
        run(*COMMAND, "--min-score", "0.5", "--resume")
    run(*COMMAND, "--min-score", "0.5")  # the other remedy: anew
    assert (tmp_path / "out.jsonl").read_bytes() == begun


@pytest.mark.parametrize("damage", ["", "{}", None], ids=["empty", "no-keys", "gone"])
def test_an_output_whose_options_are_not_known_is_refused(damage, begun, tmp_path):
    record = tmp_path / ".out.jsonl.options.json"
    kept = record.read_bytes()
    record.unlink() if damage is None else record.write_text(damage, encoding="utf-8")
    with pytest.raises(PipelineError, match=r"not known: \.out\.jsonl\.options\.json is gone or") as error:
        run(*COMMAND, "--min-score", "0.5", "--resume")
    assert "put that file back, or leave --resume out" in str(error.value)
    record.write_bytes(kept)
    run(*COMMAND, "--min-score", "0.5", "--resume")
    assert (tmp_path / "out.jsonl").read_bytes() == begun


def test_a_run_that_was_killed_before_it_wrote_begins_anew(tmp_path):
    (tmp_path / "out.jsonl").write_bytes(b"")
    (tmp_path / ".out.jsonl.options.json").unlink()
    run(*COMMAND, "--resume")
    assert len((tmp_path / "out.jsonl").read_bytes().splitlines()) == 3
    assert json.loads((tmp_path / ".out.jsonl.options.json").read_text(encoding="utf-8"))["min_score"] == 0


def test_a_pipe_has_no_options_beside_it(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    run("Ems", "--output", "pipe", "--format", "jsonl")
    assert os.read(reader, 1_000).startswith(b'{"text": "Ems"')
    os.close(reader)
    assert not list(tmp_path.glob(".pipe*"))
