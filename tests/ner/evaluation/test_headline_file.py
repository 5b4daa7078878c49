"""The headline is read by its type: a file of another version ends in one line."""

import math

import pytest

from ner.core.errors import PipelineError
from ner.evaluation.headline import Headline
from ner.evaluation.headline_file import parse_headlines, read_headlines

SCORES = {
    "precision": 0.5,
    "recall": 0.25,
    "f1": 1 / 3,
    "f1_low": 0.3,
    "f1_high": 0.4,
    "loss": 1.5,
    "subtoken_f1": 0.4,
    "words": 10,
    "sentences": 2,
    "repaired_tags": 0,
}


def test_what_was_written_is_read():
    headlines = parse_headlines({"test": SCORES}, "metrics/evaluate.json")
    assert headlines == {"test": Headline(**SCORES)}
    assert headlines["test"].to_dict() == SCORES


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param([], "no scores by split", id="no-mapping"),
        pytest.param({}, "no scores by split", id="empty"),
        pytest.param({"test": 0.5}, "test holds no scores", id="no-scores"),
        pytest.param(
            {"test": {k: v for k, v in SCORES.items() if k != "loss"}},
            "test is of another version .*'loss'",
            id="older",
        ),
        pytest.param(
            {"test": SCORES | {"accuracy": 1}}, "test is of another version .*'accuracy'", id="unknown"
        ),
        pytest.param({"test": SCORES | {"f1": math.nan}}, "test.f1 is nan, not a number", id="nan"),
        pytest.param({"test": SCORES | {"f1": "0.5"}}, "test.f1 is 0.5, not a number", id="text"),
        pytest.param({"test": SCORES | {"f1": True}}, "test.f1 is True, not a number", id="truth-value"),
        pytest.param({"test": SCORES | {"f1": {}}}, "test.f1 is {}, not a number", id="mapping"),
    ],
)
def test_a_file_of_another_version_is_one_line(content, message):
    with pytest.raises(PipelineError, match=rf"^metrics/evaluate.json: {message}.* Remedy: run dvc repro"):
        parse_headlines(content, "metrics/evaluate.json")


def test_a_file_that_is_no_json_is_named(tmp_path):
    (tmp_path / "evaluate.json").write_text("<<<<<<< main\n", encoding="utf-8")
    with pytest.raises(PipelineError, match=r"evaluate\.json:1: not valid JSON"):
        read_headlines(tmp_path / "evaluate.json")
