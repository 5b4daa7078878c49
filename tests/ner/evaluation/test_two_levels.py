"""Scores of a tagger of both levels, against a scorer written from the task's description."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner.annotation.labels import TagSet, tags_of_labels
from ner.annotation.sentences import Sentence
from ner.annotation.spans import Span, encode_tags
from ner.evaluation.details import describe_split
from ner.evaluation.headline import Headline
from ner.evaluation.predictions import list_predictions, read_predictions, write_predictions
from ner.evaluation.score_files import write_tables
from ner.evaluation.splits import score_split
from ner.tagging.decoding import TaggedSplit, TaggedWords
from ner.windows.alignment import Window
from ner.windows.tokenized import TokenizedWindow

LABELS = ("LOC", "LOCderiv", "ORG", "ORGpart")
TAG_SET = TagSet(tags_of_labels(LABELS))
BOOTSTRAP = {"n_samples": 20, "seed": 0}


@st.composite
def levels_of_words(draw, n_words):
    """Give the spans of a level: words from left to right, each in at most one span."""
    spans, start = [], 0
    while start < n_words:
        length = draw(st.integers(1, 3))
        label = draw(st.sampled_from([None, None, *LABELS]))
        if label and start + length <= n_words:
            spans.append(Span(start, start + length, label))
        start += length
    return spans


@st.composite
def nested_sentences(draw):
    """Give number of words, then gold and predicted spans of the outer and of the inner level."""
    n_words = draw(st.integers(1, 8))
    return (n_words, *(draw(levels_of_words(n_words)) for _ in range(4)))


def evaluate(sentences, n_levels=2):
    """Score as stage `evaluate` does what a tagger of `n_levels` says."""
    annotated, tagged = [], []
    for number, (n_words, gold_outer, gold_inner, outer, inner) in enumerate(sentences):
        gold = [encode_tags(spans, n_words) for spans in (gold_outer, gold_inner)]
        annotated.append(Sentence(str(number), "", ["Wort"] * n_words, *gold))
        scores = [0.75] * n_words
        nested = TaggedWords(encode_tags(inner, n_words), scores, 2) if n_levels == 2 else None
        tagged.append(TaggedWords(encode_tags(outer, n_words), scores, 0, nested))
    row = TokenizedWindow(0, Window(0, [7], [0]), [0])  # subtokens are scored elsewhere
    return score_split(annotated, [row], TaggedSplit(tagged, [[0]], 0.0, 0.0, n_levels))


def score_by_description(sentences, *, loose=False):
    """Score as GermEval 2014 describes it: a name is right if extent, label and level are.

    The loose metric counts `LOCderiv` and `LOCpart` as `LOC`.
    """

    def names(gold):
        return {
            (number, level, span.start, span.end, span.label[:3] if loose else span.label)
            for number, (_, *levels) in enumerate(sentences)
            for level, spans in enumerate(levels[:2] if gold else levels[2:])
            for span in spans
        }

    gold, predicted = names(True), names(False)
    n_right = len(gold & predicted)
    precision = n_right / len(predicted) if predicted else 0.0
    recall = n_right / len(gold) if gold else 0.0
    f1 = 2 * precision * recall / (precision + recall) if n_right else 0.0
    return {"precision": precision, "recall": recall, "f1": f1}


@settings(max_examples=60, deadline=None)
@given(st.lists(nested_sentences(), min_size=1, max_size=6))
def test_both_levels_are_scored_as_the_task_describes(sentences):
    split = evaluate(sentences)
    details = describe_split(split, TAG_SET, **BOOTSTRAP)
    for metric, is_loose in (("m1", False), ("m2", True)):
        expected = score_by_description(sentences, loose=is_loose)
        assert {name: details["official"][metric][name] for name in expected} == pytest.approx(expected)
    inner = score_by_description([(n, [], gold, [], found) for n, _, gold, _, found in sentences])
    assert {name: details["official"]["m3_inner"][name] for name in inner} == pytest.approx(inner)
    headline = Headline.of_split(split, subtoken_f1=0.5, **BOOTSTRAP).to_dict()
    assert headline["m1_f1"] == details["official"]["m1"]["f1"]
    assert headline["inner_f1"] == details["official"]["m3_inner"]["f1"]
    assert details["official"]["m1"]["f1_low"] <= details["official"]["m1"]["f1_high"]
    n_gold = sum(len(gold) for _, _, gold, _, _ in sentences)
    assert sum(one["support"] for one in details["inner"]["by_label"].values()) == n_gold
    assert details["inner"]["outside_outer"] == sum(
        not any(set(range(span.start, span.end)) <= set(range(one.start, one.end)) for one in outer)
        for _, _, _, outer, inner in sentences
        for span in inner
    )
    assert Headline.from_dict(headline).to_dict() == headline


# "Die Universität Hamburg": ORG, and LOC inside; the tagger misses the inner name and invents one outside.
UNIVERSITY = (
    4,
    [Span(1, 3, "ORG")],
    [Span(2, 3, "LOC")],
    [Span(1, 3, "ORG")],
    [Span(0, 1, "ORGpart")],
)


def test_a_tagger_of_the_outer_level_is_scored_as_ever():
    """And misses every inner entity: keys, columns and limits are those of one level."""
    split = evaluate([UNIVERSITY], n_levels=1)
    details = describe_split(split, TAG_SET, **BOOTSTRAP)
    assert "inner" not in details
    assert details["official"]["m1"] == pytest.approx(
        {"precision": 1.0, "recall": 0.5, "f1": 2 / 3, "max_recall": 0.5}
    )
    headline = Headline.of_split(split, subtoken_f1=0.5, **BOOTSTRAP).to_dict()
    assert not headline.keys() & {"inner_f1", "m1_f1"}


def test_a_corpus_without_inner_level_is_scored_on_the_outer_one():
    split = evaluate([UNIVERSITY])
    flat = [Sentence(one.id, "", one.words, one.outer, None) for one in split.sentences]
    assert score_split(flat, split.rows, split.tagged).inner is None


@pytest.mark.parametrize(
    ("n_levels", "rows"),
    [
        pytest.param(2, ["missed,LOC,no entity,1", "spurious,no entity,ORGpart,1"], id="both"),
        pytest.param(1, [], id="outer"),
    ],
)
def test_mistakes_of_the_inner_level_have_a_table_of_their_own(tmp_path, n_levels, rows):
    write_tables(tmp_path, evaluate([UNIVERSITY], n_levels), set())
    lines = (tmp_path / "inner_errors.csv").read_text(encoding="utf-8").splitlines()
    assert lines == ["kind,gold,predicted,entities", *rows]


def test_predictions_of_both_levels_survive_the_way_through_parquet(tmp_path):
    predictions = list_predictions(evaluate([UNIVERSITY]))
    write_predictions(tmp_path / "test.parquet", predictions)
    assert read_predictions(tmp_path / "test.parquet") == predictions
    assert predictions[0].gold_inner == ["O", "O", "B-LOC", "O"]
    assert predictions[0].predicted_inner == ["B-ORGpart", "O", "O", "O"]
    assert predictions[0].scores_inner == [0.75] * 4
    flat = list_predictions(evaluate([UNIVERSITY], n_levels=1))
    assert flat[0].gold_inner is None
