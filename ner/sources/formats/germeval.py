"""GermEval 2014's format: a header line, then number, word, outer and inner tag of each word, by tabs."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ner.annotation.labels import OUTSIDE
from ner.annotation.schemes import OUTSIDE_FORMS
from ner.annotation.sentences import Sentence
from ner.core.errors import PipelineError
from ner.sources.formats.lines import UTF8, Place, read_lines
from ner.sources.formats.paragraphs import Paragraph, parse_paragraphs
from ner.sources.formats.raw import RawSentence, raise_errors

HEADER = "#\t"
BLANK_HEADER = "# "  # as editors leave it that turn tabs into blanks
N_COLUMNS = 4


def read_germeval(path: Path, encoding: str = UTF8) -> Iterator[RawSentence]:
    """Read the GermEval 2014 format.

    A sentence is a header line (`#`, source, date), then a line a word: its number, the word, its outer
    and its inner tag, separated by tabs. Empty lines end a sentence. Trailing empty columns are fine; a
    quotation mark is a word like any other.

    Yields:
        The sentences in order. `source` is what follows `#`, its columns joined by blanks, trailing
        blank included: the same text as in the `GermanEval/germeval_14` dataset.

    Raises:
        PipelineError: Names file and line of whatever else is found.
    """
    return raise_errors(parse_germeval(read_lines(path, encoding), path))


def parse_germeval(
    lines: Iterable[tuple[int, str | PipelineError]], path: Path, *, needs_tags: bool = True
) -> Iterator[RawSentence | PipelineError]:
    """Read lines of the format; a sentence that cannot be read comes out as the error that says why.

    Args:
        lines: Number and text of each line.
        path: Their file, for messages.
        needs_tags: Whether the two columns of tags must be there.
    """
    return parse_paragraphs(lines, lambda block: _parse_sentence(block, path, needs_tags=needs_tags))


def format_germeval(sentences: Iterable[Sentence]) -> str:
    """Write sentences in the format."""
    return "".join(format_sentence(one.words, one.outer, one.inner, one.source) for one in sentences)


def format_sentence(
    words: Sequence[str], outer: Sequence[str], inner: Sequence[str] | None = None, source: str = ""
) -> str:
    """Write a sentence and the empty line behind it; without an inner level it gets one of `O` alone.

    Args:
        words: Shape: (n_words,).
        outer: Tag of each word. Shape: (n_words,).
        inner: Tag of each word on the inner level. Shape: (n_words,).
        source: For the header line; without one there is no header.
    """
    header = HEADER + source.replace(" ", "\t") + "\n" if source else ""
    rows = zip(words, outer, inner or [OUTSIDE] * len(words), strict=True)
    return header + "".join(f"{n}\t{w}\t{o}\t{i}\n" for n, (w, o, i) in enumerate(rows, start=1)) + "\n"


def read_words(block: Sequence[str]) -> list[str]:
    """Return the words of a sentence's lines as `format_sentence` writes them.

    Raises:
        IndexError: If a line has no second column.
    """
    lines = block[1:] if block and block[0].startswith(HEADER) else block
    return [line.split("\t")[1] for line in lines]


def _parse_sentence(block: Paragraph, path: Path, *, needs_tags: bool) -> RawSentence:
    number, first = block[0]
    source = ""
    if first.startswith(HEADER):
        source = " ".join(first.split("\t")[1:])
    elif first.startswith(BLANK_HEADER) and "\t" not in first:
        source = first.removeprefix(BLANK_HEADER)
    else:
        number = 0
    if number:
        block = block[1:]
        if not block:
            raise Place(path, number).error(
                "a header without a sentence.", "remove it, or add the sentence's words."
            )
    words, outer, inner, lines = [], [], [], []
    n_empty = 0
    for position, (line, text) in enumerate(block, start=1):
        columns = text.split("\t")
        if len(columns) != N_COLUMNS or columns[0] != str(position):
            columns = _check_columns(columns, Place(path, line), position, needs_tags=needs_tags)
        _, word, tag, inner_tag = columns
        if not word:
            if not {tag, inner_tag} <= OUTSIDE_FORMS:
                raise Place(path, line).error(
                    "the word is empty, and has a tag.", "write the word in column 2, or remove the line."
                )
            n_empty += 1
            continue
        words.append(word)
        outer.append(tag)
        inner.append(inner_tag)
        lines.append(line)
    return RawSentence(
        words=words, outer=outer, inner=inner, path=path, lines=lines, source=source, n_empty_words=n_empty
    )


def _check_columns(columns: list[str], place: Place, number: int, *, needs_tags: bool) -> list[str]:
    while len(columns) > N_COLUMNS and columns[-1] == "":
        columns.pop()
    if not needs_tags and 1 < len(columns) < N_COLUMNS:
        columns += [OUTSIDE] * (N_COLUMNS - len(columns))
    if len(columns) != N_COLUMNS:
        raise place.error(
            f"{len(columns)} columns, not 4.",
            "write number, word, outer tag and inner tag, separated by tabs.",
        )
    if columns[0] != str(number):  # a word is missing, or the empty line between two sentences
        raise place.error(
            f"{columns[0]!r} stands where the number of word {number} should.",
            "number the words of each sentence from 1, and put an empty line between sentences.",
        )
    return columns
