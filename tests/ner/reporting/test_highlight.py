"""A sentence cut at its names."""

from itertools import combinations, product

import pytest

from ner.annotation.spans import Span
from ner.reporting.highlight import N_HUES, Mark, Segment, highlight_spans, highlight_text, style_labels

WORDS = ["Ruth", "Weiß", "besuchte", "die", "Universität", "Jena"]


@pytest.mark.parametrize(
    ("words", "spans", "expected"),
    [
        pytest.param([], [], [], id="no-words"),
        pytest.param(WORDS[2:4], [], [Segment("besuchte die")], id="no-names"),
        pytest.param(
            WORDS,
            [Span(0, 2, "PER"), Span(4, 6, "ORG")],
            [Segment("Ruth Weiß", "PER"), Segment(" besuchte die "), Segment("Universität Jena", "ORG")],
            id="names-at-both-ends",
        ),
        pytest.param(
            WORDS[:3],
            [Span(1, 2, "PER")],
            [Segment("Ruth "), Segment("Weiß", "PER"), Segment(" besuchte")],
            id="name-in-the-middle",
        ),
        pytest.param(
            WORDS[:2],
            [Span(0, 1, "PER"), Span(1, 2, "PER")],
            [Segment("Ruth", "PER"), Segment(" "), Segment("Weiß", "PER")],
            id="neighbours-stay-two-names",
        ),
        pytest.param(
            ["„", "Jena", "“", "(", "Jena", ")", ",", "so", "."],
            [Span(1, 2, "LOC"), Span(4, 5, "LOC")],
            [Segment("„"), Segment("Jena", "LOC"), Segment("“ ("), Segment("Jena", "LOC"), Segment("), so.")],
            id="punctuation-as-printed",
        ),
    ],
)
def test_segments_are_the_names_and_what_lies_between(words, spans, expected):
    segments = highlight_spans(words, spans)
    assert segments == expected
    assert "".join(segment.text for segment in segments).replace(" ", "") == "".join(words)


def test_the_name_to_look_at_is_marked():
    segments = highlight_spans(WORDS, [Span(0, 2, "PER"), Span(4, 6, "ORG")], Span(4, 6, "ORG"))
    assert [segment.is_focus for segment in segments] == [False, False, True]


def test_a_text_keeps_its_own_white_space():
    text = "Ruth\u00adWeiß \n kommt"
    segments = highlight_text(text, [Mark(0, 9, "PER")])
    assert segments == [Segment("Ruth\u00adWeiß", "PER"), Segment(" \n kommt")]


def test_a_label_shares_its_hue_with_its_stem_alone():
    styles = style_labels(["PER", "LOCpart", "LOC", "LOCderiv", "counterpart"])
    assert styles == {
        "LOC": "hue0",
        "LOCderiv": "hue0 deriv",
        "LOCpart": "hue0 part",
        "PER": "hue1",
        "counterpart": "hue2",
    }
    assert style_labels([f"L{number:02}" for number in range(N_HUES + 1)])["L08"] == "hue0"


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        pytest.param(
            [Span(5, 6, "LOC")],
            [
                Segment("besuchte die "),
                Segment(
                    "Universität Jena",
                    "ORG",
                    inside=(Segment("Universität "), Segment("Jena", "LOC", is_inner=True)),
                ),
            ],
            id="inside",
        ),
        pytest.param(
            [Span(2, 3, "OTH")],
            [
                Segment("besuchte", "OTH", is_inner=True),
                Segment(" die "),
                Segment("Universität Jena", "ORG"),
            ],
            id="outside-any",
        ),
        pytest.param(
            [Span(3, 5, "LOC")],
            [
                Segment("besuchte die "),
                Segment("Universität Jena", "ORG"),
                Segment("die Universität", "LOC", is_inner=True, is_apart=True),
            ],
            id="across-a-border",
        ),
    ],
)
def test_an_inner_name_stands_in_the_outer_one_or_apart(inner, expected):
    spans = [Span(span.start - 2, span.end - 2, span.label) for span in inner]
    assert highlight_spans(WORDS[2:], [Span(2, 4, "ORG")], inner=spans) == expected


def test_no_text_is_lost_whatever_crosses():
    """Of all pairs of ranges: what is not apart adds up to the text, and each mark is there once."""
    text = "abcdef"
    ranges = list(combinations(range(len(text) + 1), 2))
    for (start, end), (first, last) in product(ranges, repeat=2):
        marks = [Mark(start, end, "X"), Mark(first, last, "Y", is_inner=True)]
        segments = highlight_text(text, marks)
        assert "".join(one.text for one in segments if not one.is_apart) == text
        for one in segments:
            assert not one.inside or "".join(part.text for part in one.inside) == one.text
        found = [part for one in segments for part in (one, *one.inside) if part.label]
        assert sorted((part.text, part.label) for part in found) == sorted(
            (text[mark.start : mark.end], mark.label) for mark in marks
        )
