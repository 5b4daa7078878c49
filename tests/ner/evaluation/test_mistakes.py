"""The kinds of mistakes and the pairing that they rest on."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner.annotation.counts import score_spans
from ner.annotation.spans import Span, decode_spans
from ner.evaluation.mistakes import NO_LABEL, Pairing, count_mistakes, list_label_pairs, pair_spans


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        pytest.param([], [], [], id="nothing"),
        pytest.param([Span(0, 2, "PER")], [Span(0, 2, "PER")], ["correct"], id="equal"),
        pytest.param([Span(0, 2, "PER")], [Span(0, 1, "PER")], ["boundary"], id="too-short"),
        pytest.param([Span(1, 2, "PER")], [Span(0, 2, "PER")], ["boundary"], id="too-long"),
        pytest.param([Span(0, 2, "PER")], [Span(0, 2, "ORG")], ["label"], id="other-label"),
        pytest.param([Span(0, 2, "PER")], [Span(1, 3, "ORG")], ["label"], id="label-comes-before-boundary"),
        pytest.param([Span(0, 2, "PER")], [], ["missed"], id="missed"),
        pytest.param([], [Span(0, 2, "PER")], ["spurious"], id="spurious"),
        pytest.param([Span(0, 1, "PER")], [Span(1, 2, "PER")], ["missed", "spurious"], id="neighbours"),
        pytest.param(
            [Span(0, 3, "PER")],
            [Span(0, 1, "PER"), Span(1, 3, "PER")],
            ["spurious", "boundary"],
            id="torn-name-pairs-with-the-longer-part",
        ),
        pytest.param(
            [Span(0, 3, "PER")],
            [Span(0, 2, "ORG"), Span(2, 3, "PER")],
            ["spurious", "boundary"],
            id="right-label-before-more-words",
        ),
        pytest.param(
            [Span(0, 2, "PER"), Span(2, 4, "PER")],
            [Span(1, 3, "PER")],
            ["boundary", "missed"],
            id="tie-to-the-left",
        ),
    ],
)
def test_each_kind_of_mistake(gold, predicted, expected):
    """The kinds of all pairings, from left to right."""
    assert [pairing.kind for pairing in pair_spans(gold=[gold], predicted=[predicted])] == expected


def test_a_mistake_names_its_sentence_and_both_spans():
    gold = [[], [Span(0, 2, "PER"), Span(5, 6, "LOC")]]
    predicted = [[Span(0, 1, "ORG")], [Span(0, 1, "PER")]]
    assert pair_spans(gold=gold, predicted=predicted) == [
        Pairing(0, None, Span(0, 1, "ORG")),
        Pairing(1, Span(0, 2, "PER"), Span(0, 1, "PER")),
        Pairing(1, Span(5, 6, "LOC"), None),
    ]


def test_kinds_that_do_not_occur_are_zero():
    assert count_mistakes([]) == {"boundary": 0, "label": 0, "missed": 0, "spurious": 0}


def test_a_lost_sentence_is_not_overlooked():
    with pytest.raises(ValueError, match="shorter"):
        pair_spans(gold=[[], []], predicted=[[]])


TAGS = st.sampled_from(
    ["O", "O", "B-LOC", "I-LOC", "B-LOCderiv", "I-LOCderiv", "B-some-label", "I-some-label"]
)
CORPORA = st.lists(st.lists(st.tuples(TAGS, TAGS), max_size=12), max_size=5)  # (gold tag, predicted tag)
quickly = settings(derandomize=True, max_examples=300, deadline=None)


def decode_sides(corpus):
    """Turn sentences of tag pairs into gold and predicted spans."""
    return [[decode_spans([pair[side] for pair in sentence]) for sentence in corpus] for side in (0, 1)]


@quickly
@given(CORPORA)
def test_every_span_is_in_exactly_one_pairing(corpus):
    gold, predicted = decode_sides(corpus)
    pairings = pair_spans(gold=gold, predicted=predicted)
    paired_gold = Counter((p.sentence, p.gold) for p in pairings if p.gold)
    paired_predicted = Counter((p.sentence, p.predicted) for p in pairings if p.predicted)
    assert paired_gold == Counter((i, span) for i, spans in enumerate(gold) for span in spans)
    assert paired_predicted == Counter((i, span) for i, spans in enumerate(predicted) for span in spans)


@quickly
@given(CORPORA)
def test_hits_and_mistakes_add_up_to_the_counts(corpus):
    gold, predicted = decode_sides(corpus)
    counts = score_spans(gold=gold, predicted=predicted).overall
    pairings = pair_spans(gold=gold, predicted=predicted)
    mistakes = count_mistakes(pairings)
    found = counts.true_positives + mistakes["boundary"] + mistakes["label"]
    assert sum(pairing.kind == "correct" for pairing in pairings) == counts.true_positives
    assert counts.gold == found + mistakes["missed"]
    assert counts.predicted == found + mistakes["spurious"]


def words_of(span):
    return set(range(span.start, span.end))


@quickly
@given(CORPORA)
def test_partners_share_a_word_and_no_pair_is_left_to_make(corpus):
    gold, predicted = decode_sides(corpus)
    pairings = pair_spans(gold=gold, predicted=predicted)
    for pairing in pairings:
        if pairing.gold and pairing.predicted:
            assert words_of(pairing.gold) & words_of(pairing.predicted)
            same_label = pairing.gold.label == pairing.predicted.label
            same_words = words_of(pairing.gold) == words_of(pairing.predicted)
            assert pairing.kind == ("label" if not same_label else "correct" if same_words else "boundary")
    missed = [p for p in pairings if p.kind == "missed"]
    spurious = [p for p in pairings if p.kind == "spurious"]
    for one in missed:
        for other in spurious:
            assert one.sentence != other.sentence or not words_of(one.gold) & words_of(other.predicted)


@quickly
@given(CORPORA)
def test_the_confusion_matrix_keeps_the_margins_and_the_mistakes(corpus):
    """Rows add up to gold, columns to predicted; beside the diagonal stand the label mistakes."""
    gold, predicted = decode_sides(corpus)
    scores = score_spans(gold=gold, predicted=predicted)
    pairings = pair_spans(gold=gold, predicted=predicted)
    rows = list_label_pairs(pairings)
    mistakes = count_mistakes(pairings)
    assert rows == sorted(rows)
    for label, counts in scores.by_label.items():
        assert sum(actual == label for actual, _ in rows) == counts.gold
        assert sum(prediction == label for _, prediction in rows) == counts.predicted
    on_diagonal = sum(actual == prediction for actual, prediction in rows)
    assert on_diagonal == scores.overall.true_positives + mistakes["boundary"]
    assert sum(prediction == NO_LABEL for _, prediction in rows) == mistakes["missed"]
    assert sum(actual == NO_LABEL for actual, _ in rows) == mistakes["spurious"]
    assert (NO_LABEL, NO_LABEL) not in rows
