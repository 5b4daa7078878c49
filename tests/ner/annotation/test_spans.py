"""Tags to spans and back, against hand-made tables and seqeval's strict IOB2."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.scheme import IOB2, Entities

from ner.annotation.spans import Span, decode_spans, encode_tags, repair_tags

# Orphan and mismatched I- tags come out of these by themselves; one label holds hyphens.
SENTENCES = st.lists(
    st.sampled_from(["O", "B-LOC", "I-LOC", "B-LOCderiv", "I-LOCderiv", "B-some-label", "I-some-label"]),
    max_size=12,
)
quickly = settings(derandomize=True, max_examples=300, deadline=None)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        pytest.param([], [], id="empty-sentence"),
        pytest.param(["O"], [], id="one-word-outside"),
        pytest.param(["B-PER"], [Span(0, 1, "PER")], id="one-word-name"),
        pytest.param(["O", "B-PER", "I-PER"], [Span(1, 3, "PER")], id="name-ends-the-sentence"),
        pytest.param(
            ["B-PER", "B-PER"], [Span(0, 1, "PER"), Span(1, 2, "PER")], id="neighbours-of-one-label"
        ),
        pytest.param(["I-PER", "O"], [], id="orphan-at-the-start"),
        pytest.param(["O", "I-PER", "I-PER"], [], id="orphans-after-outside"),
        pytest.param(["B-PER", "I-LOC", "I-PER"], [Span(0, 1, "PER")], id="other-label-ends-the-span"),
        pytest.param(["B-LOC", "I-LOCderiv"], [Span(0, 1, "LOC")], id="prefix-of-a-label-is-another-label"),
        pytest.param(["B-some-label", "I-some-label"], [Span(0, 2, "some-label")], id="hyphen-in-the-label"),
    ],
)
def test_spans_follow_strict_iob2(tags, expected):
    assert decode_spans(tags) == expected


@pytest.mark.parametrize("tag", ["LOC", "", "B-", "B", "E-LOC", "o"])
def test_a_word_without_an_iob2_tag_is_refused(tag):
    with pytest.raises(ValueError, match="is none of O"):
        decode_spans(["O", tag])


@quickly
@given(SENTENCES)
def test_spans_equal_those_of_seqeval(tags):
    (expected,) = Entities([tags], IOB2).entities
    assert decode_spans(tags) == [Span(entity.start, entity.end, entity.tag) for entity in expected]


@pytest.mark.parametrize(
    ("tags", "expected", "n_repaired"),
    [
        pytest.param([], [], 0, id="empty-sentence"),
        pytest.param(["B-PER", "I-PER", "O"], ["B-PER", "I-PER", "O"], 0, id="nothing-to-repair"),
        pytest.param(["I-PER", "I-PER"], ["B-PER", "I-PER"], 1, id="only-the-first-orphan"),
        pytest.param(["O", "I-PER"], ["O", "B-PER"], 1, id="after-outside"),
        pytest.param(["B-PER", "I-LOC", "I-PER"], ["B-PER", "B-LOC", "B-PER"], 2, id="after-other-labels"),
        pytest.param(["I-some-label"], ["B-some-label"], 1, id="hyphen-in-the-label"),
    ],
)
def test_an_orphan_starts_a_span_after_repair(tags, expected, n_repaired):
    assert repair_tags(tags) == (expected, n_repaired)


@quickly
@given(SENTENCES)
def test_repaired_tags_are_valid_and_lose_no_span(tags):
    repaired, n_repaired = repair_tags(tags)
    assert encode_tags(decode_spans(repaired), len(tags)) == repaired
    assert repair_tags(repaired) == (repaired, 0)
    assert n_repaired == sum(tag != other for tag, other in zip(tags, repaired, strict=True))
    assert set(decode_spans(tags)) <= set(decode_spans(repaired))


@quickly
@given(SENTENCES)
def test_spans_survive_the_way_through_tags(tags):
    spans = decode_spans(tags)
    assert decode_spans(encode_tags(reversed(spans), len(tags))) == spans


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        pytest.param([Span(1, 3, "LOC")], "does not fit", id="leaves-the-sentence"),
        pytest.param([Span(-1, 1, "LOC")], "does not fit", id="starts-before-it"),
        pytest.param([Span(1, 1, "LOC")], "does not fit", id="empty-span"),
        pytest.param([Span(0, 2, "LOC"), Span(1, 2, "PER")], "shares a word", id="overlap"),
    ],
)
def test_spans_that_no_tags_can_show_are_refused(spans, message):
    with pytest.raises(ValueError, match=message):
        encode_tags(spans, 2)
