"""Spans of words that carry a label, and the way from a tag sequence to spans and back."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ner.annotation.labels import OUTSIDE, label_of


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Words `start` to `end` of one sentence (`end` not included)."""

    start: int
    end: int
    label: str


# Strict IOB2, as seqeval's strict mode: an I- tag that continues nothing is no span.
# No tagger of ours gives one: ner.tagging.decoding.
def decode_spans(tags: Sequence[str]) -> list[Span]:
    """Read the spans off a sentence's tags by strict IOB2.

    Args:
        tags: One tag per word. Shape: (n_words,).

    Returns:
        The spans from left to right; no two share a word. Shape: (n_spans,).

    Raises:
        ValueError: If a tag is none of `O`, `B-<label>` and `I-<label>`.
    """
    spans = []
    start, label = 0, None  # of the span that is open, None while there is none
    for position, tag in enumerate([*tags, OUTSIDE]):
        tag_label = label_of(tag)
        if label is not None and not (tag.startswith("I-") and tag_label == label):
            spans.append(Span(start, position, label))
            label = None
        if tag.startswith("B-"):
            start, label = position, tag_label
    return spans


def encode_tags(spans: Iterable[Span], n_words: int) -> list[str]:
    """Write a sentence's spans as IOB2 tags.

    Args:
        spans: Spans in any order. Shape: (n_spans,).
        n_words: Number of words of the sentence.

    Returns:
        One tag per word. Shape: (n_words,).

    Raises:
        ValueError: If a span is empty, leaves the sentence or shares a word with another.
    """
    tags = [OUTSIDE] * n_words
    for span in spans:
        if not 0 <= span.start < span.end <= n_words:
            raise ValueError(f"{span} does not fit a sentence of {n_words} words")
        if any(tag != OUTSIDE for tag in tags[span.start : span.end]):
            raise ValueError(f"{span} shares a word with another span")
        tags[span.start] = f"B-{span.label}"
        tags[span.start + 1 : span.end] = [f"I-{span.label}"] * (span.end - span.start - 1)
    return tags


def repair_tags(tags: Sequence[str]) -> tuple[list[str], int]:
    """Turn each `I-` that continues no span of its own label into `B-`.

    Args:
        tags: One tag per word, as a tagger gives them. Shape: (n_words,).

    Returns:
        Valid IOB2 tags, and how many of them were changed. Shape: (n_words,).

    Raises:
        ValueError: If a tag is none of `O`, `B-<label>` and `I-<label>`.
    """
    repaired = []
    n_repaired = 0
    previous_label = None
    for tag in tags:
        label = label_of(tag)
        if tag.startswith("I-") and label != previous_label:
            repaired.append(f"B-{label}")
            n_repaired += 1
        else:
            repaired.append(tag)
        previous_label = label
    return repaired, n_repaired
