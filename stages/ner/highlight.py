"""A sentence cut into runs of words inside and outside of names, ready to be marked up."""

from collections.abc import Sequence
from dataclasses import dataclass

from stages.ner.spans import Span


@dataclass(frozen=True, slots=True)
class Segment:
    """Neighbouring words, joined by blanks, and the label of the name that they are; None for none."""

    text: str
    label: str | None


def highlight_spans(words: Sequence[str], spans: Sequence[Span]) -> list[Segment]:
    """Cut a sentence at its spans.

    Args:
        words: Shape: (n_words,).
        spans: From left to right, none overlapping. Shape: (n_spans,).
    """
    segments = []
    done = 0
    for span in spans:
        if span.start > done:
            segments.append(Segment(" ".join(words[done : span.start]), None))
        segments.append(Segment(" ".join(words[span.start : span.end]), span.label))
        done = span.end
    if done < len(words):
        segments.append(Segment(" ".join(words[done:]), None))
    return segments
