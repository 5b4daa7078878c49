"""Blocks of lines between empty ones: a sentence each in every tabular format."""

from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from ner.core.errors import PipelineError
from ner.sources.formats.lines import SPACES, Line
from ner.sources.formats.raw import RawSentence

Paragraph = list[Line]


def split_paragraphs(lines: Iterable[tuple[int, str | PipelineError]]) -> Iterator[Paragraph | PipelineError]:
    """Split lines at the empty ones; any number of these, and of blanks in them, is one end.

    Args:
        lines: Number and text of each line, or the error that says why it cannot be read.

    Yields:
        The lines of a block; where one of them cannot be read, its error alone.
    """
    block: Paragraph = []
    error: PipelineError | None = None
    for number, text in lines:
        if isinstance(text, PipelineError):
            error = error or text
        elif text and (text[0] not in SPACES or text.strip(SPACES)):
            block.append((number, text))
        elif block or error:
            yield error or block
            block, error = [], None
    if block or error:
        yield error or block


def parse_paragraphs(
    lines: Iterable[tuple[int, str | PipelineError]], parse: Callable[[Paragraph], RawSentence]
) -> Iterator[RawSentence | PipelineError]:
    """Read a sentence from each block; one that cannot be read comes out as the error that says why.

    Args:
        lines: As of `split_paragraphs`.
        parse: Reads a block; a sentence without words is left out.
    """
    for block in split_paragraphs(lines):
        if isinstance(block, PipelineError):
            yield block
            continue
        try:
            sentence = parse(block)
        except PipelineError as error:
            yield error
            continue
        if sentence.words:
            yield sentence


def read_written_blocks(stream: BinaryIO) -> Iterator[tuple[int, list[str]]]:
    """Read back blocks that we wrote, for going on where a run ended; a torn one at the end is left out.

    Yields:
        Where each block ends with its empty line, in bytes, and its lines.
    """
    end = 0
    block: list[str] = []
    for raw in stream:
        if not raw.endswith(b"\n"):
            return
        end += len(raw)
        line = raw.decode("utf-8").removesuffix("\n")
        if line:
            block.append(line)
        else:
            yield end, block
            block = []
