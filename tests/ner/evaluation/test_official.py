"""The shared task's metrics, against its published sample and a count by sets."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner.annotation.counts import Counts
from ner.annotation.spans import Span, decode_spans
from ner.evaluation.official import score_official

LABELS = ["LOC", "LOCderiv", "LOCpart", "ORG", "ORGpart", "OTH", "PER", "PERderiv", "PERpart"]


def names(text, n_words=1):
    """Read `word:label` pairs as spans: `0:PER 4:LOC`."""
    pairs = (item.split(":") for item in text.split())
    return [Span(int(word), int(word) + n_words, label) for word, label in pairs]


def test_the_published_sample_is_reproduced():
    """A case with the counts of the task's eval-sample-d.tsv and the figures printed for it.

    Six outer hits, two more with the wrong suffix, one with the wrong extent, one spurious. Five
    inner spans are predicted: three of them are gold on the outer level, and the one inner gold span
    is predicted on the outer level, which all counts for nothing.
    """
    scores = score_official(
        gold_outer=[
            names("0:PER 2:LOC 4:ORG 6:LOCderiv"),
            names("0:PER 2:LOC 4:OTH 6:PERpart") + names("8:ORG", n_words=3),
            names("0:LOC 2:PER 4:ORG"),
        ],
        predicted_outer=[
            names("0:PER 2:LOC 4:ORG 6:LOC"),
            names("0:PER 2:LOC 4:OTH 6:PERderiv") + names("8:ORG", n_words=2),
            names("6:LOCpart"),
        ],
        gold_inner=[[], [], names("6:LOCpart")],
        predicted_inner=[[], names("9:LOC 10:PER"), names("0:LOC 2:PER 4:ORG")],
        labels=LABELS,
    )
    assert scores.m3_outer == Counts(6, 10, 12)
    assert scores.m3_inner == Counts(0, 5, 1)
    figures = {
        metric: [f"{100 * ratio:.2f}" for ratio in (counts.precision, counts.recall, counts.f1)]
        for metric, counts in (
            ("strict", scores.m1),
            ("loose", scores.m2),
            ("outer", scores.m3_outer),
            ("inner", scores.m3_inner),
        )
    }
    assert figures == {
        "strict": ["40.00", "46.15", "42.86"],
        "loose": ["53.33", "61.54", "57.14"],
        "outer": ["60.00", "50.00", "54.55"],
        "inner": ["0.00", "0.00", "0.00"],
    }


def test_the_right_span_on_the_wrong_level_never_counts():
    span = [names("0:LOC")]
    scores = score_official(
        gold_outer=span, gold_inner=[[]], predicted_outer=[[]], predicted_inner=span, labels=LABELS
    )
    assert scores.m1 == scores.m2 == Counts(0, 1, 1)


def test_an_outer_only_system_reaches_at_most_the_share_of_outer_spans():
    gold_outer, gold_inner = [names("0:LOC 2:PER 4:ORG")], [names("0:LOCpart")]
    scores = score_official(
        gold_outer=gold_outer,
        gold_inner=gold_inner,
        predicted_outer=gold_outer,
        predicted_inner=[[]],
        labels=LABELS,
    )
    assert scores.max_recall == scores.m1.recall == scores.m2.recall == 0.75


def test_levels_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="2 sentences on the outer level, 1 on the inner"):
        score_official(
            gold_outer=[[], []],
            gold_inner=[[]],
            predicted_outer=[[], []],
            predicted_inner=[[]],
            labels=LABELS,
        )


TAGS = st.sampled_from(
    ["O", "O", "B-LOC", "I-LOC", "B-LOCderiv", "I-LOCderiv", "B-LOCpart", "B-PER", "I-PER"]
)
# Sentences of one tag for each of the four columns.
CORPORA = st.lists(st.lists(st.tuples(TAGS, TAGS, TAGS, TAGS), max_size=8), max_size=4)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(CORPORA)
def test_metrics_equal_a_count_by_sets(corpus):
    columns = [[decode_spans([word[i] for word in sentence]) for sentence in corpus] for i in range(4)]
    gold_outer, gold_inner, predicted_outer, predicted_inner = columns
    scores = score_official(
        gold_outer=gold_outer,
        gold_inner=gold_inner,
        predicted_outer=predicted_outer,
        predicted_inner=predicted_inner,
        labels=LABELS,
    )

    def facts(level, sentences, cut):
        return {
            (level, number, span.start, span.end, span.label[:cut])
            for number, spans in enumerate(sentences)
            for span in spans
        }

    def count(gold, predicted):
        return Counts(len(gold & predicted), len(predicted), len(gold))

    for cut, combined in ((None, scores.m1), (3, scores.m2)):  # three letters make the coarse label here
        gold = facts("outer", gold_outer, cut) | facts("inner", gold_inner, cut)
        predicted = facts("outer", predicted_outer, cut) | facts("inner", predicted_inner, cut)
        assert combined == count(gold, predicted)
    assert scores.m3_outer == count(facts(0, gold_outer, None), facts(0, predicted_outer, None))
    assert scores.m3_inner == count(facts(0, gold_inner, None), facts(0, predicted_inner, None))
    n_outer, n_inner = sum(map(len, gold_outer)), sum(map(len, gold_inner))
    assert scores.max_recall == (n_outer / (n_outer + n_inner) if n_outer + n_inner else 0.0)
