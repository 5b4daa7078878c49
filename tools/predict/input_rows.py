"""What to tag: running texts or sentences of words, read from a stream one at a time.

A row that cannot be read comes out as an error in its place, so that the reader goes on and the caller
decides whether it ends the run.
"""

import gzip
import json
import re
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from io import BufferedReader
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from ner.core.errors import PipelineError
from ner.text.splitting import Word, check_unicode, split_text
from tools.predict.parquet_values import UnreadableValue, iterate_values

STDIN = Path("-")
MAX_LINE_BYTES = 4 * 2**20  # what a row may unfold to: JSON of short lists takes 30 times the memory
HEADER = "#\t"
BREAKS_A_LINE = re.compile(r"[\t\r\n]")
SKIP = "mend it, or pass --skip-bad-lines."


class InputFormat(StrEnum):
    """What a row of the input is."""

    TEXT = "text"
    JSONL = "jsonl"
    CONLL = "conll"
    TSV = "tsv"
    PARQUET = "parquet"


SUFFIXES = {
    ".txt": InputFormat.TEXT,
    ".jsonl": InputFormat.JSONL,
    ".conll": InputFormat.CONLL,
    ".tsv": InputFormat.TSV,
    ".parquet": InputFormat.PARQUET,
}


@dataclass(frozen=True, slots=True)
class Row:
    """One text to tag.

    Args:
        text: The text; of words, what they give joined by blanks.
        words: Its words with their places where the input is tokenised, None for running text.
        source: What the header of a GermEval sentence says.
    """

    text: str
    words: list[Word] | None = None
    source: str = ""

    @classmethod
    def of_words(cls, words: Sequence[str], source: str = "") -> "Row":
        """Join words by blanks and note where each stands."""
        placed = []
        start = 0
        for word in words:
            placed.append(Word(word, start, start + len(word)))
            start += len(word) + 1
        return cls(" ".join(words), placed, source)

    def split(self) -> list[list[Word]]:
        """Give the words of each sentence; tokenised input is one sentence."""
        return split_text(self.text) if self.words is None else [self.words]


class Meter:
    """How many bytes of the input have been read, for a progress bar.

    Args:
        total: Bytes of all input, None if not known.
    """

    def __init__(self, total: int | None = None) -> None:
        self.total = total
        self._finished = 0
        self._position: Callable[[], float] = lambda: 0

    @property
    def done(self) -> float:
        """Bytes read so far."""
        return self._finished + self._position()

    @contextmanager
    def watch(self, size: int, position: Callable[[], float]) -> Iterator[None]:
        """Ask `position` while a file of `size` bytes is read."""
        self._position = position
        yield
        self._finished += size
        self._position = lambda: 0


def find_format(path: Path) -> InputFormat:
    """Tell a file's format by the end of its name, `.gz` behind it or not.

    Raises:
        PipelineError: If the end of the name says nothing.
    """
    suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
    if suffix not in SUFFIXES:
        raise PipelineError(
            f"{path}: what is in it cannot be told from its name.",
            remedy=f"pass --input-format, or name it {', '.join(SUFFIXES)} (.gz behind it is fine).",
        )
    return SUFFIXES[suffix]


def read_arguments(texts: Sequence[str]) -> Iterator[Row | PipelineError]:
    """Give texts of a command line as rows; one that is not UTF-8 is bad."""
    for number, text in enumerate(texts, start=1):
        yield _parse(partial(_row_of_text, text), f"TEXT {number}")


def read_rows(
    path: Path, form: InputFormat | None = None, meter: Meter | None = None
) -> Iterator[Row | PipelineError]:
    """Read the rows of a file, or of standard input (`-`), one at a time.

    Args:
        path: The file; one whose name ends in `.gz` is unpacked on the way.
        form: Its format; None: by its name, and text for standard input.
        meter: Is told how far reading is.

    Yields:
        A row, or in its place the error that says which line cannot be read, and why.

    Raises:
        PipelineError: If the file cannot be read (on).
    """
    form = form or (InputFormat.TEXT if path == STDIN else find_format(path))
    meter = meter or Meter()
    if form is InputFormat.PARQUET:
        yield from _read_parquet(path, meter)
        return
    try:
        with _open(path, meter) as stream:
            lines = _decode_lines(stream, "standard input" if path == STDIN else str(path))
            if form in (InputFormat.CONLL, InputFormat.TSV):
                yield from _parse_sentences(lines, is_germeval=form is InputFormat.TSV)
                return
            parse = _row_of_text if form is InputFormat.TEXT else _row_of_json
            for place, line in lines:
                yield line if isinstance(line, PipelineError) else _parse(partial(parse, line), place)
    except (OSError, EOFError, zlib.error) as error:  # the last two: a torn or broken gzip file
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise PipelineError(f"{path}: {reason}.", remedy="name a file that can be read.") from error


def _parse(parse: Callable[[], Row], place: str) -> Row | PipelineError:
    try:
        return parse()
    except (ValueError, RecursionError) as error:
        return PipelineError(f"{place}: {error}.", remedy=SKIP)


@contextmanager
def _open(path: Path, meter: Meter) -> Iterator[BinaryIO]:
    if path == STDIN:
        yield sys.stdin.buffer
        return
    with path.open("rb") as file, meter.watch(path.stat().st_size, file.tell if file.seekable() else int):
        if path.name.endswith(".gz"):
            with gzip.GzipFile(fileobj=file) as unpacked, BufferedReader(unpacked) as stream:
                yield stream
        else:
            yield file


def _decode_lines(stream: BinaryIO, name: str) -> Iterator[tuple[str, str | PipelineError]]:
    """Give each line with its place; LF and CRLF alone end a line, since words hold U+0085 and the like."""
    number = 0
    while raw := stream.readline(MAX_LINE_BYTES):
        number += 1
        place = f"{name}:{number}"
        if len(raw) == MAX_LINE_BYTES and not raw.endswith(b"\n"):
            while raw and not raw.endswith(b"\n"):
                raw = stream.readline(MAX_LINE_BYTES)
            yield (
                place,
                PipelineError(f"{place}: the line has more than {MAX_LINE_BYTES} bytes.", remedy=SKIP),
            )
            continue
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")  # a byte order mark, as Windows editors write it
        try:
            yield place, raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError as error:
            problem = f"byte {error.start + 1} of the line (0x{raw[error.start]:02x}) is not UTF-8."
            yield place, PipelineError(f"{place}: {problem}", remedy=SKIP)


def _row_of_json(line: str) -> Row:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise ValueError(f"not JSON ({error})") from error
    if isinstance(value, dict) and isinstance(value.get("tokens"), list):
        return _row_of_words(value["tokens"])
    if isinstance(value, dict) and isinstance(value.get("text"), str):
        return _row_of_text(value["text"])
    raise ValueError("it has neither a text under 'text' nor a list of words under 'tokens'")


def _row_of_text(text: str) -> Row:
    return Row(check_unicode(text))


def _row_of_words(words: Sequence[Any], source: str = "") -> Row:
    if not words:
        raise ValueError("a sentence without words")
    for word in words:
        # CoNLL could not hold the others, and a tokeniser gives none of them.
        if not isinstance(word, str) or not word or BREAKS_A_LINE.search(word):
            raise ValueError(f"{word!r} is no word: it is empty, or holds a tab or a line's end")
    check_unicode(" ".join(words))
    return Row.of_words(words, source)


def _parse_sentences(
    lines: Iterator[tuple[str, str | PipelineError]], *, is_germeval: bool
) -> Iterator[Row | PipelineError]:
    """Join the lines between two empty ones to a sentence; one bad line makes its sentence bad."""
    words: list[str] = []
    source, error = "", None
    begun = ""  # place of the sentence's first line
    for place, line in chain(lines, [("", "")]):  # the last sentence may lack its empty line
        if isinstance(line, PipelineError):
            begun, error = begun or place, error or line
        elif line:
            begun = begun or place
            if is_germeval and line.startswith(HEADER) and begun == place:
                source = line.removeprefix(HEADER).rstrip("\t")
                continue
            try:
                words.append(_germeval_word(line, len(words) + 1) if is_germeval else _conll_word(line))
            except ValueError as problem:
                error = error or PipelineError(f"{place}: {problem}.", remedy=SKIP)
        elif begun:
            yield error or _parse(partial(_row_of_words, words, source), begun)
            words, source, error, begun = [], "", None, ""


def _germeval_word(line: str, number: int) -> str:
    columns = line.split("\t")
    if len(columns) < 2 or columns[0] != str(number):
        raise ValueError(f"not the number {number} and a word, separated by a tab")
    return columns[1]


def _conll_word(line: str) -> str:
    line = line.rstrip("\t ")
    columns = re.split(r"\t" if "\t" in line else r" +", line)
    if len(columns) > 2:
        raise ValueError(f"{len(columns)} columns, where a word and its tag, or a word alone, should be")
    return columns[0]


def _read_parquet(path: Path, meter: Meter) -> Iterator[Row | PipelineError]:
    """Read the column `tokens` (lists of words) or else `text`."""
    try:
        if path == STDIN:
            raise OSError("Parquet cannot be read from standard input")
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            column = next((name for name in ("tokens", "text") if name in names), None)
            if column is None:
                raise PipelineError(
                    f"{path}: it has neither a column 'tokens' nor 'text', but {', '.join(names)}.",
                    remedy="rename the column that holds lists of words to tokens, that of texts to text.",
                )
            size, n_rows, number = path.stat().st_size, file.metadata.num_rows, 0
        with meter.watch(size, lambda: size * number / max(1, n_rows)):
            for value in iterate_values(path, column, MAX_LINE_BYTES):
                number += 1
                yield _parse_value(value, f"{path}: row {number}", column)
    except (pa.ArrowException, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PipelineError(f"{path}: {reason}.", remedy="name a Parquet file that can be read.") from error


def _parse_value(value: Any, place: str, column: str) -> Row | PipelineError:  # noqa: ANN401 - as Parquet has it
    if isinstance(value, UnreadableValue):
        return PipelineError(f"{place}: {value.reason}.", remedy=SKIP)
    if column == "tokens" and isinstance(value, list):
        return _parse(partial(_row_of_words, value), place)
    if column == "text" and isinstance(value, str):
        return _parse(partial(_row_of_text, value), place)
    wanted = "list of words" if column == "tokens" else "text"
    return PipelineError(f"{place}: {value!r} is no {wanted}.", remedy=SKIP)
