"""A sentence cut into runs of text inside and outside of entities, ready to be marked up."""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ner.annotation.labels import coarse_label
from ner.annotation.spans import Span

N_HUES = 8  # of the style sheet; the ninth label shares the first's
NO_BLANK_BEFORE = frozenset(",.;:!?)]…“")
NO_BLANK_AFTER = frozenset("([„")


@dataclass(frozen=True, slots=True)
class Mark:
    """An entity in a text: the characters `start` to `end` (`end` not included).

    Args:
        is_focus: Whether it is the entity that the reader should look at.
        is_inner: Whether it is of the inner level.
        score: Of the tagger, from 0 to 1; None where it is not to be shown.
    """

    start: int
    end: int
    label: str
    is_focus: bool = False
    is_inner: bool = False
    score: float | None = None

    def holds(self, other: "Mark") -> bool:
        """Return whether the other one lies inside."""
        return self.start <= other.start and other.end <= self.end


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of text: an entity with its label, or the text between entities (`label` is None).

    Args:
        is_focus: Whether it is the entity that the reader should look at.
        is_inner: Whether it is an entity of the inner level.
        is_apart: Whether it crosses an entity's border: it is shown behind the text and is no part of it.
        score: Of the tagger; None where it is not to be shown.
        inside: Its text cut at the inner entities in it; empty without any.
    """

    text: str
    label: str | None = None
    is_focus: bool = False
    is_inner: bool = False
    is_apart: bool = False
    score: float | None = None
    inside: tuple["Segment", ...] = ()


def highlight_spans(
    words: Sequence[str],
    spans: Sequence[Span],
    focus: Span | None = None,
    *,
    inner: Sequence[Span] = (),
    inner_focus: Span | None = None,
) -> list[Segment]:
    """Cut a sentence of the corpus at its spans, set as running text: punctuation follows its word.

    Args:
        words: Shape: (n_words,).
        spans: Of the outer level, from left to right. Shape: (n_spans,).
        focus: The one among `spans` to look at.
        inner: Of the inner level, from left to right. Shape: (n_inner_spans,).
        inner_focus: The one among `inner` to look at.
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
    marks = [
        Mark(starts[span.start], ends[span.end - 1], span.label, span == wanted, is_inner)
        for level, wanted, is_inner in ((spans, focus, False), (inner, inner_focus, True))
        for span in level
    ]
    return highlight_text(text, marks)


def highlight_text(text: str, marks: Iterable[Mark]) -> list[Segment]:
    """Cut a text at its entities, and each outer one at the inner ones in it.

    An inner entity that crosses an outer one's border cannot be shown at its place: it comes last, apart.

    Args:
        text: The text; the segments that are not apart add up to it.
        marks: Those of a level share no character.
    """
    ordered = sorted(marks, key=lambda mark: mark.start)
    outer = [mark for mark in ordered if not mark.is_inner]
    inside: dict[Mark, list[Mark]] = {mark: [] for mark in outer}
    shown, apart = list(outer), []
    ends = [mark.end for mark in outer]
    for mark in (mark for mark in ordered if mark.is_inner):
        number = bisect_right(ends, mark.start)  # the first outer one that does not end before it
        if number == len(outer) or mark.end <= outer[number].start:
            shown.append(mark)
        elif outer[number].holds(mark):
            inside[outer[number]].append(mark)
        else:
            apart.append(mark)
    return [
        *_cut(text, 0, len(text), sorted(shown, key=lambda mark: mark.start), inside),
        *(_make_segment(text, mark, {}, is_apart=True) for mark in apart),
    ]


def _cut(
    text: str, start: int, end: int, marks: Iterable[Mark], inside: Mapping[Mark, Sequence[Mark]]
) -> list[Segment]:
    segments = []
    for mark in marks:
        segments += [Segment(text[start : mark.start]), _make_segment(text, mark, inside)]
        start = mark.end
    return [segment for segment in [*segments, Segment(text[start:end])] if segment.text]


def _make_segment(
    text: str, mark: Mark, inside: Mapping[Mark, Sequence[Mark]], *, is_apart: bool = False
) -> Segment:
    within = inside.get(mark)
    return Segment(
        text[mark.start : mark.end],
        mark.label,
        mark.is_focus,
        mark.is_inner,
        is_apart,
        mark.score,
        tuple(_cut(text, mark.start, mark.end, within, {})) if within else (),
    )


def find_focus(segments: Iterable[Segment]) -> Segment | None:
    """Find the entity to look at, also inside another; None if there is none."""
    every = (part for segment in segments for part in (segment, *segment.inside))
    return next((part for part in every if part.is_focus), None)


def style_labels(labels: Collection[str]) -> dict[str, str]:
    """Assign style-sheet classes to each label: a hue for its stem, a border for `deriv` and `part`.

    Args:
        labels: All labels of the corpus. Shape: (n_labels,).
    """
    stems = {label: coarse_label(label, labels) for label in sorted(labels)}
    hues = {stem: f"hue{number % N_HUES}" for number, stem in enumerate(sorted(set(stems.values())))}
    return {label: f"{hues[stem]} {label.removeprefix(stem)}".rstrip() for label, stem in stems.items()}
