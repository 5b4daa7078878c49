"""The notebook's figures: seqeval over subtokens."""

import pytest
from seqeval.metrics import accuracy_score, f1_score, precision_score, recall_score

from ner.annotation.labels import TagSet
from ner.evaluation.subtoken_scores import score_subtokens
from ner.windows.alignment import IGNORE_ID, Window
from ner.windows.tokenized import TokenizedWindow

TAG_SET = TagSet(("O", "B-LOC", "I-LOC", "B-PER", "I-PER"))
X = IGNORE_ID


def rows_of(targets):
    return [
        TokenizedWindow(number, Window(0, [7] * len(ids), [-1] * len(ids)), ids)
        for number, ids in enumerate(targets)
    ]


@pytest.mark.parametrize(
    ("targets", "predicted", "expected"),
    [
        pytest.param(
            [[X, 1, 1, 0, X]], [[4, 1, 1, 0, 4]], (1, 1, 1, 1), id="ignored-positions-count-for-nothing"
        ),
        pytest.param(
            [[X, 1, 1, X]], [[0, 1, 0, 0]], (1, 0.5, 2 / 3, 0.5), id="a-name-of-two-subtokens-is-two"
        ),
        pytest.param([[1, 2, 0]], [[1, 0, 0]], (0, 0, 0, 2 / 3), id="too-short"),
        pytest.param([[1, 0]], [[2, 0]], (1, 1, 1, 0.5), id="an-orphan-is-an-entity-in-the-default-mode"),
        pytest.param([[1, 2]], [[1, 4]], (0, 0, 0, 0.5), id="other-label-ends-the-entity"),
        pytest.param([[1], [2]], [[1], [2]], (1, 1, 1, 1), id="windows-are-counted-apart"),
        pytest.param([[0, 0]], [[0, 0]], (0, 0, 0, 1), id="no-entities"),
        pytest.param([[0, 1]], [[0, 0]], (0, 0, 0, 0.5), id="none-predicted"),
        pytest.param([[X, X], [1]], [[1, 1], [1]], (1, 1, 1, 1), id="window-without-targets"),
    ],
)
def test_scores_of_subtokens(targets, predicted, expected):
    scores = score_subtokens(rows_of(targets), predicted, TAG_SET)
    assert tuple(scores) == ("precision", "recall", "f1", "accuracy")
    assert tuple(scores.values()) == pytest.approx(expected)
    assert all(type(value) is float for value in scores.values()), "NumPy's numbers do not go into JSON"


def test_scores_are_those_that_the_notebook_computes():
    """As its `compute_metrics` does it, on tags that disagree in every way."""
    targets = [[X, 1, 2, 0, 3, X, 4, X], [X, 3, 0, 0, 1, X], [X, 0, 1, 1, 2, X]]
    predicted = [[0, 1, 1, 0, 3, 0, 4, 0], [1, 4, 0, 2, 1, 1], [0, 0, 1, 2, 2, 0]]
    true = [[TAG_SET.tags[g] for g in gold if g != X] for gold in targets]
    seen = [
        [TAG_SET.tags[p] for p, g in zip(ids, gold, strict=True) if g != X]
        for ids, gold in zip(predicted, targets, strict=True)
    ]
    assert score_subtokens(rows_of(targets), predicted, TAG_SET) == {
        "precision": precision_score(true, seen),
        "recall": recall_score(true, seen),
        "f1": f1_score(true, seen),
        "accuracy": accuracy_score(true, seen),
    }
    assert 0 < f1_score(true, seen) < 1


def test_a_lost_window_or_subtoken_is_not_overlooked():
    with pytest.raises(ValueError, match="shorter"):
        score_subtokens(rows_of([[1], [1]]), [[1]], TAG_SET)
    with pytest.raises(ValueError, match="shorter"):
        score_subtokens(rows_of([[1, 1]]), [[1]], TAG_SET)
