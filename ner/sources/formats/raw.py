"""A sentence as a corpus file has it, before anything is known of the corpus as a whole."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ner.annotation.spans import Span, encode_tags
from ner.core.errors import PipelineError
from ner.sources.formats.lines import Place


@dataclass(slots=True)
class RawSentence:
    """A sentence with the tags that the file has, in whatever scheme.

    Args:
        words: Shape: (n_words,).
        outer: Tags of the outer level. Shape: (n_words,).
        path: The file.
        lines: Line or record of each word. Shape: (n_words,).
        inner: Tags of the inner level; None where the sentence has none.
        source: Where it was published, as the corpus says.
        id: The corpus's own name of the sentence; None: its number.
        begins_document: Whether a document begins with it.
        n_empty_words: Words that were left out since they are empty.
        n_widened: Spans that cut a word and took the whole of it.
        too_deep: Spans below the inner level, which were left out.
    """

    words: list[str]
    outer: list[str]
    path: Path
    lines: Sequence[int]
    inner: list[str] | None = None
    source: str = ""
    id: str | None = None
    begins_document: bool = False
    n_empty_words: int = 0
    n_widened: int = 0
    too_deep: tuple[str, ...] = ()

    def place(self, position: int) -> Place:
        """Return the place of a word."""
        return Place(self.path, self.lines[position])


RawReader = Callable[[], Iterator[RawSentence]]  # reads from the beginning each time it is called


def raise_errors(items: Iterator[RawSentence | PipelineError]) -> Iterator[RawSentence]:
    """Raise the first error that stands in the place of a sentence."""
    for item in items:
        if isinstance(item, PipelineError):
            raise item
        yield item


def encode_levels(
    spans: Sequence[Span], n_words: int
) -> tuple[list[str], list[str] | None, tuple[Span, ...]]:
    """Put spans that may overlap on two levels: the longest is outer, the next inner.

    Args:
        spans: In any order; the same one twice counts once.
        n_words: Words of the sentence.

    Returns:
        IOB2 tags of the outer level and of the inner one (None where nothing is there), and the spans
        that fit neither.
    """
    levels: list[list[Span]] = [[], []]
    taken = [[False] * n_words, [False] * n_words]
    too_deep = []
    for span in sorted(dict.fromkeys(spans), key=lambda one: (one.start - one.end, one)):
        for level, used in zip(levels, taken, strict=True):
            if not any(used[span.start : span.end]):
                level.append(span)
                used[span.start : span.end] = [True] * (span.end - span.start)
                break
        else:
            too_deep.append(span)
    inner = encode_tags(levels[1], n_words) if levels[1] else None
    return encode_tags(levels[0], n_words), inner, tuple(too_deep)
