"""A sentence cut at its names."""

import pytest

from stages.ner.highlight import Segment, highlight_spans
from stages.ner.spans import Span

WORDS = ["Ruth", "Weiß", "besuchte", "die", "Universität", "Jena"]


@pytest.mark.parametrize(
    ("words", "spans", "expected"),
    [
        pytest.param([], [], [], id="no-words"),
        pytest.param(WORDS[2:4], [], [Segment("besuchte die", None)], id="no-names"),
        pytest.param(
            WORDS,
            [Span(0, 2, "PER"), Span(4, 6, "ORG")],
            [
                Segment("Ruth Weiß", "PER"),
                Segment("besuchte die", None),
                Segment("Universität Jena", "ORG"),
            ],
            id="names-at-both-ends",
        ),
        pytest.param(
            WORDS[:3],
            [Span(1, 2, "PER")],
            [Segment("Ruth", None), Segment("Weiß", "PER"), Segment("besuchte", None)],
            id="name-in-the-middle",
        ),
        pytest.param(
            WORDS[:2],
            [Span(0, 1, "PER"), Span(1, 2, "PER")],
            [Segment("Ruth", "PER"), Segment("Weiß", "PER")],
            id="neighbours-stay-two-names",
        ),
    ],
)
def test_segments_are_the_names_and_what_lies_between(words, spans, expected):
    segments = highlight_spans(words, spans)
    assert segments == expected
    assert " ".join(segment.text for segment in segments) == " ".join(words)
