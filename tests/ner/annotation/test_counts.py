"""Counts and ratios, against seqeval's strict IOB2 and by hand."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from seqeval.metrics.v1 import precision_recall_fscore_support
from seqeval.scheme import IOB2

from ner.annotation.counts import Counts, score_groups, score_spans
from ner.annotation.spans import Span, decode_spans, repair_tags
from ner.evaluation.coarse import collapse_labels, score_coarse

TAGS = st.sampled_from(["O", "B-LOC", "I-LOC", "B-LOCderiv", "I-LOCderiv", "B-some-label", "I-some-label"])
# Sentences of (gold tag, predicted tag), orphan I- tags on both sides.
CORPORA = st.lists(st.lists(st.tuples(TAGS, TAGS), max_size=10), min_size=1, max_size=6)
quickly = settings(derandomize=True, max_examples=200, deadline=None)


def split_sides(corpus):
    """Turn sentences of tag pairs into gold and predicted sentences of tags."""
    return [[[pair[side] for pair in sentence] for sentence in corpus] for side in (0, 1)]


def decode(sentences):
    return [decode_spans(tags) for tags in sentences]


def score_with_seqeval(gold, predicted, average):
    return precision_recall_fscore_support(gold, predicted, average=average, scheme=IOB2, zero_division=0)


@pytest.mark.parametrize(
    ("counts", "precision", "recall", "f1"),
    [
        pytest.param(Counts(1, 2, 4), 0.5, 0.25, 1 / 3, id="some-right"),
        pytest.param(Counts(3, 3, 3), 1.0, 1.0, 1.0, id="all-right"),
        pytest.param(Counts(0, 2, 4), 0.0, 0.0, 0.0, id="none-right"),
        pytest.param(Counts(0, 0, 4), 0.0, 0.0, 0.0, id="none-predicted"),
        pytest.param(Counts(0, 2, 0), 0.0, 0.0, 0.0, id="no-gold"),
        pytest.param(Counts(0, 0, 0), 0.0, 0.0, 0.0, id="nothing"),
    ],
)
def test_ratios_of_counts(counts, precision, recall, f1):
    assert counts.to_dict() == pytest.approx({"precision": precision, "recall": recall, "f1": f1}, abs=1e-15)
    assert all(type(ratio) is float and math.isfinite(ratio) for ratio in counts.to_dict().values())


def test_counts_of_two_parts_add_up():
    """The same document twice scores as the document once: counts are added, ratios are not averaged."""
    once = Counts(1, 2, 4)
    assert once + once == Counts(2, 4, 8)
    assert (once + once).f1 == once.f1


@quickly
@given(CORPORA, st.booleans())
@example([[]], False)
@example([[], [("O", "O")]], False)
@example([[("B-LOC", "B-LOC")]], False)
@example([[("B-LOC", "O"), ("I-LOC", "O")]], False)
@example([[("O", "I-LOC")]], False)
@example([[("O", "I-LOC")]], True)
def test_scores_equal_seqevals_to_the_last_digit(corpus, is_repaired):
    gold, predicted = split_sides(corpus)
    if is_repaired:
        predicted = [repair_tags(tags)[0] for tags in predicted]

    scores = score_spans(gold=decode(gold), predicted=decode(predicted))

    precision, recall, f1, support = score_with_seqeval(gold, predicted, "micro")
    assert (scores.overall.precision, scores.overall.recall, scores.overall.f1) == (precision, recall, f1)
    assert scores.overall.gold == support

    precisions, recalls, f1s, supports = score_with_seqeval(gold, predicted, None)
    by_label = scores.by_label.values()
    assert [counts.precision for counts in by_label] == list(precisions)
    assert [counts.recall for counts in by_label] == list(recalls)
    assert [counts.f1 for counts in by_label] == list(f1s)
    assert [counts.gold for counts in by_label] == list(supports)


@quickly
@given(CORPORA)
def test_counts_by_label_and_by_sentence_add_up_to_the_whole(corpus):
    gold, predicted = map(decode, split_sides(corpus))
    scores = score_spans(gold=gold, predicted=predicted)
    assert sum(scores.by_label.values(), start=Counts(0, 0, 0)) == scores.overall
    assert Counts(*scores.by_sentence.sum(axis=0).tolist()) == scores.overall
    assert scores.by_sentence.shape == (len(corpus), 3)
    assert list(scores.by_label) == sorted(
        {span.label for side in (gold, predicted) for s in side for span in s}
    )


def test_counts_of_each_sentence():
    gold = [[Span(0, 2, "PER")], [], [Span(1, 2, "LOC"), Span(3, 4, "ORG")]]
    predicted = [[Span(0, 2, "PER"), Span(4, 5, "LOC")], [], [Span(1, 2, "LOC"), Span(3, 5, "ORG")]]
    scores = score_spans(gold=gold, predicted=predicted)
    assert scores.by_sentence.tolist() == [[1, 2, 1], [0, 0, 0], [1, 2, 2]]
    assert scores.by_sentence.dtype == np.int64
    assert scores.by_label == {"LOC": Counts(1, 2, 1), "ORG": Counts(0, 1, 1), "PER": Counts(1, 1, 1)}


def test_no_sentences_at_all_score_zero():
    scores = score_spans(gold=[], predicted=[])
    assert scores.overall == Counts(0, 0, 0)
    assert scores.by_sentence.shape == (0, 3)


def test_a_lost_sentence_is_not_overlooked():
    with pytest.raises(ValueError, match="shorter"):
        score_spans(gold=[[], []], predicted=[[]])


def test_each_side_counts_in_its_own_group():
    """By length: a hit counts for its length, a boundary mistake for the length that each side gives."""
    gold = [[Span(0, 2, "PER"), Span(4, 5, "LOC")]]
    predicted = [[Span(0, 3, "PER"), Span(4, 5, "LOC")]]
    by_length = score_groups(gold=gold, predicted=predicted, group_of=lambda _, span: span.end - span.start)
    assert by_length == {2: Counts(0, 0, 1), 1: Counts(1, 1, 1), 3: Counts(0, 1, 0)}


def test_the_group_may_depend_on_the_sentence():
    words = [["Köln"], ["Bonn"]]
    spans = [[Span(0, 1, "LOC")], [Span(0, 1, "LOC")]]
    by_novelty = score_groups(
        gold=spans,
        predicted=[[], *spans[1:]],
        group_of=lambda sentence, span: "seen" if words[sentence][span.start] == "Köln" else "unseen",
    )
    assert by_novelty == {"seen": Counts(0, 0, 1), "unseen": Counts(1, 1, 1)}


LABELS = ["LOC", "LOCderiv", "LOCpart", "counterpart"]


def test_coarse_scores_forgive_a_wrong_suffix_only():
    gold = [[Span(0, 1, "LOCderiv"), Span(2, 4, "LOCpart"), Span(5, 6, "counterpart")]]
    predicted = [[Span(0, 1, "LOC"), Span(2, 3, "LOCpart"), Span(5, 6, "counterpart")]]
    coarse = score_coarse(gold=gold, predicted=predicted, labels=LABELS)
    assert coarse is not None
    assert coarse.by_label == {"LOC": Counts(1, 2, 2), "counterpart": Counts(1, 1, 1)}


def test_neighbours_stay_two_spans_when_their_labels_collapse():
    spans = [[Span(0, 1, "LOC"), Span(1, 2, "LOCpart")]]
    assert collapse_labels(spans, LABELS) == [[Span(0, 1, "LOC"), Span(1, 2, "LOC")]]


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param(["LOC", "PER"], id="no-suffix"),
        pytest.param(["PER", "counterpart"], id="stem-is-no-label"),
        pytest.param([], id="no-labels"),
    ],
)
def test_a_corpus_without_finer_labels_has_no_coarse_view(labels):
    assert score_coarse(gold=[[]], predicted=[[]], labels=labels) is None


@pytest.mark.parametrize(
    ("label", "coarse_label"),
    [
        pytest.param("LOCderiv", "LOC", id="stem-does-not-occur"),
        pytest.param("counterpart", "counterpart", id="nothing-that-collapses-occurs"),
    ],
)
def test_the_coarse_view_depends_on_the_corpus_and_not_on_the_split(label, coarse_label):
    """Every split of a corpus has the view or none has it, and by the same rule."""
    spans = [[Span(0, 1, label)]]
    coarse = score_coarse(gold=spans, predicted=spans, labels=LABELS)
    assert coarse is not None
    assert coarse.by_label == {coarse_label: Counts(1, 1, 1)}
