"""A gate that knows noise from change, and never passes what it cannot compare."""

import json
import shutil

import pytest

from stages.ner.predictions import read_predictions, write_predictions
from stages.ner.scores import score_spans
from stages.ner.spans import Span
from tools.compare import IncomparableError, Result, compare_results, differing

GOLD = [[Span(0, 1, "LOC")] for _ in range(400)]


def result_with(n_found: int, gold=GOLD, words: str = "same") -> Result:
    """Make the result of a tagger that finds the first `n_found` names and nothing else."""
    predicted = [spans if index < n_found else [] for index, spans in enumerate(gold)]
    return Result({}, {}, words, score_spans(gold=gold, predicted=predicted))


@pytest.mark.parametrize(
    ("n_before", "n_after", "verdict", "is_pass"),
    [
        pytest.param(300, 300, "no difference that the data can show", True, id="same"),
        pytest.param(300, 299, "no difference that the data can show", True, id="one-name"),
        pytest.param(300, 290, "worse", True, id="worse-but-perhaps-no-more-than-allowed"),
        pytest.param(300, 200, "worse", False, id="worse-beyond-the-drop"),
        pytest.param(300, 0, "worse", False, id="degenerate"),
        pytest.param(200, 300, "better", True, id="better"),
    ],
)
def test_the_verdict_follows_the_interval(n_before, n_after, verdict, is_pass):
    """A drop fails only if the interval leaves no drop that is allowed."""
    comparison = compare_results(result_with(n_before), result_with(n_after), max_drop=0.02)
    assert (comparison.verdict, comparison.is_pass) == (verdict, is_pass)
    assert comparison.f1.interval.low <= comparison.f1.difference <= comparison.f1.interval.high


def test_another_test_set_is_not_comparable():
    with pytest.raises(IncomparableError, match="scored on other words"):
        compare_results(result_with(3), result_with(3, words="other"), max_drop=0.5)


def test_other_gold_tags_are_not_comparable():
    other = [[], *GOLD[1:]]
    with pytest.raises(IncomparableError, match="other gold tags"):
        compare_results(result_with(3), result_with(3, gold=other), max_drop=0.5)


def test_a_key_that_one_side_lacks_is_shown():
    assert differing({"a": 1, "b": 2}, {"b": 2, "c": 3}) == {"a": (1, None), "c": (None, 3)}


def run_compare(clone, *options, status=0):
    return clone.run("python", "-m", "tools.compare", "--baseline", "HEAD", *options, status=status)


def test_equal_results_pass_and_no_row_is_shown(clone):
    """Against `main` unless told otherwise."""
    shown = json.loads(clone.run("python", "-m", "tools.compare", "--format", "json"))
    assert shown["verdict"] == "no difference that the data can show"
    assert (shown["params"], shown["figures"]) == ({}, {})


def test_a_tagger_that_is_clearly_worse_fails(clone):
    """The committed run against a workspace that has every tag right; what differs is listed."""
    file = clone.root / "data/predictions/test.parquet"
    predictions = read_predictions(file)
    file.unlink()  # it may be a link into the cache
    for one in predictions:
        one.predicted[:] = one.gold
    write_predictions(file, predictions)
    scores = json.loads((clone.root / "metrics/evaluate.json").read_text(encoding="utf-8"))
    scores["test"]["f1"] = 1.0
    (clone.root / "metrics/evaluate.json").write_text(json.dumps(scores), encoding="utf-8")
    clone.set_param("train", "lr", 1e-9)

    options = ("--baseline", "workspace", "--candidate", "HEAD", "--format", "markdown")
    output = clone.run("python", "-m", "tools.compare", *options, status=1)
    assert output.startswith("**HEAD against workspace, test**\n\nworse: F1 -0.")
    assert "| train.lr | 1e-09 | 0.0030 |" in output
    assert "not the luck of a seed" in output


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        pytest.param(
            "metrics/data.json", '"sha256": "', '<<<<<<< main "', "cannot be parsed", id="merge-markers"
        ),
        pytest.param("params.yaml", "train:\n", "train: [\n", "cannot be parsed", id="yaml"),
        pytest.param("metrics/evaluate.json", '"loss": ', '"loss": NaN, "x": ', "loss is nan", id="nan"),
        pytest.param(
            "metrics/data.json", '"sha256": "', '"sha256": "0', "scored on other words", id="corpus"
        ),
        pytest.param(
            "metrics/evaluate.json", '"f1": ', '"f1": 0.1, "x": ', "do not belong together", id="stale"
        ),
    ],
)
def test_what_cannot_be_compared_has_a_status_of_its_own(clone, file, old, new, message):
    clone.edit(file, old, new)
    output = run_compare(clone, status=2)
    assert "error: not comparable: " in output
    assert message in output
    assert "Remedy: " in output
    assert "Traceback" not in output


def test_an_unknown_revision_and_an_empty_cache_are_not_comparable(clone):
    output = run_compare(clone, "--candidate", "no-such-thing", status=2)
    assert "unknown Git revision 'no-such-thing'" in output
    shutil.rmtree(clone.root / ".dvc/cache")
    assert "is not in DVC's cache. Remedy: pass --pull" in run_compare(clone, status=2)
