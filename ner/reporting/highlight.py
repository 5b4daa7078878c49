"""A sentence cut into runs of text inside and outside of entities, ready to be marked up."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ner.annotation.labels import coarse_label
from ner.annotation.spans import Span

N_HUES = 8  # of the style sheet; the ninth label shares the first's
NO_BLANK_BEFORE = frozenset(",.;:!?)]…“")
NO_BLANK_AFTER = frozenset("([„")


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of text: an entity with its label, or the text between entities (`label` is None).

    Args:
        is_focus: Whether it is the entity that the reader should look at.
    """

    text: str
    label: str | None = None
    is_focus: bool = False


def highlight_spans(words: Sequence[str], spans: Sequence[Span], focus: Span | None = None) -> list[Segment]:
    """Cut a sentence of the corpus at its spans, set as running text: punctuation follows its word.

    Args:
        words: Shape: (n_words,).
        spans: From left to right, none overlapping. Shape: (n_spans,).
        focus: The one among `spans` to look at.
    """
    text = ""
    starts: list[int] = []
    ends: list[int] = []
    for word in words:
        if starts and word not in NO_BLANK_BEFORE and words[len(starts) - 1] not in NO_BLANK_AFTER:
            text += " "
        starts.append(len(text))
        text += word
        ends.append(len(text))
    ranges = [(starts[span.start], ends[span.end - 1], span.label, span == focus) for span in spans]
    return highlight_text(text, ranges)


def highlight_text(text: str, ranges: Iterable[tuple[int, int, str, bool]]) -> list[Segment]:
    """Cut a text at ranges of characters.

    Args:
        text: The text; the segments add up to it.
        ranges: Start, end, label and whether to look at it, from left to right.
    """
    segments = []
    done = 0
    for start, end, label, is_focus in ranges:
        segments += [Segment(text[done:start]), Segment(text[start:end], label, is_focus)]
        done = end
    return [segment for segment in [*segments, Segment(text[done:])] if segment.text]


def style_labels(labels: Collection[str]) -> dict[str, str]:
    """Assign style-sheet classes to each label: a hue for its stem, a border for `deriv` and `part`.

    Args:
        labels: All labels of the corpus. Shape: (n_labels,).
    """
    stems = {label: coarse_label(label, labels) for label in sorted(labels)}
    hues = {stem: f"hue{number % N_HUES}" for number, stem in enumerate(sorted(set(stems.values())))}
    return {label: f"{hues[stem]} {label.removeprefix(stem)}".rstrip() for label, stem in stems.items()}
