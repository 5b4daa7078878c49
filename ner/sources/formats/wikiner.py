"""WikiNER's lines: a sentence each, its words `word|POS|TAG` and blanks between them."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from ner.core.errors import PipelineError
from ner.sources.formats.lines import SPACES, TABS_AND_BLANKS, UTF8, Place, read_lines
from ner.sources.formats.raw import RawSentence, raise_errors

WORD = r"[^ ]+\|[^ |]*\|[^ |]+"
SENTENCE = re.compile(rf"{WORD}( {WORD})* *")


def is_wikiner(line: str) -> bool:
    """Return whether a line is a sentence of this format."""
    return SENTENCE.fullmatch(line) is not None


def read_wikiner(path: Path, encoding: str = UTF8) -> Iterator[RawSentence]:
    """Read a file of this format.

    Raises:
        PipelineError: Names file and line of what is no sentence.
    """
    yield from raise_errors(parse_wikiner(read_lines(path, encoding), path))


def parse_wikiner(
    lines: Iterable[tuple[int, str | PipelineError]], path: Path
) -> Iterator[RawSentence | PipelineError]:
    """Read lines of the format; one that is no sentence comes out as the error that says why.

    Args:
        lines: Number and text of each line.
        path: Their file, for messages.
    """
    for number, text in lines:
        if isinstance(text, PipelineError):
            yield text
            continue
        if not text.strip(SPACES):
            continue
        cells = [cell.rsplit("|", 2) for cell in TABS_AND_BLANKS.split(text) if cell]
        odd = next((cell for cell in cells if len(cell) != 3 or not cell[0] or not cell[2]), None)
        if odd is not None:
            yield Place(path, number).error(
                f"{'|'.join(odd)!r} is no word|POS|TAG.",
                "write each word as word|POS|TAG, with blanks between.",
            )
            continue
        yield RawSentence(
            [word for word, _, _ in cells], [tag for _, _, tag in cells], path, [number] * len(cells)
        )
