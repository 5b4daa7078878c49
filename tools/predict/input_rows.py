"""What to tag: running texts or sentences of words, read from a stream one at a time.

A row that cannot be read comes out as an error in its place, so that the reader goes on and the caller
decides whether it ends the run.
"""

import gzip
import io
import json
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from io import BufferedReader, RawIOBase
from itertools import chain, islice
from pathlib import Path
from typing import Any, Protocol, cast

import pyarrow as pa

from ner.core.errors import PipelineError
from ner.sources.formats.column_layouts import find_layout
from ner.sources.formats.columns import parse_columns
from ner.sources.formats.germeval import HEADER, N_COLUMNS, parse_germeval
from ner.sources.formats.label_studio import read_task_text
from ner.sources.formats.lines import HEAD_BYTES, SPACES, TextKind, decode_line, undecodable
from ner.sources.formats.raw import RawSentence
from ner.sources.formats.records import unwrap
from ner.sources.formats.tokens_jsonl import WORD_KEYS
from ner.sources.formats.webanno import is_webanno, parse_webanno
from ner.sources.formats.wikiner import is_wikiner, parse_wikiner
from ner.sources.stores import Place, measure, open_parquet, open_place
from ner.text.splitting import Word, check_unicode, split_text
from tools.predict.parquet_rows import UnreadableRow, iterate_rows

STDIN = Path("-")
MAX_ARRAY_BYTES = 256 * 2**20
MAX_LINE_BYTES = 4 * 2**20  # what a row may unfold to: JSON of short lists takes 30 times the memory
SAMPLE_LINES = 200  # of columns, from which is found which of them has the words
SKIP = "fix it, or pass --skip-bad-lines."


class InputFormat(StrEnum):
    """What a row of the input is."""

    TEXT = "text"
    JSONL = "jsonl"
    JSON = "json"
    CONLL = "conll"
    TSV = "tsv"
    PARQUET = "parquet"


SUFFIXES = {
    ".txt": InputFormat.TEXT,
    ".jsonl": InputFormat.JSONL,
    ".json": InputFormat.JSON,
    ".conll": InputFormat.CONLL,
    ".conllu": InputFormat.CONLL,
    ".bio": InputFormat.CONLL,
    ".iob": InputFormat.CONLL,
    ".iob2": InputFormat.CONLL,
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
        """Return the words of each sentence; tokenised input is one sentence."""
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

    def add(self, n_bytes: int) -> None:
        """Note that others have read so many bytes."""
        self._finished += n_bytes

    @contextmanager
    def watch(self, size: int, position: Callable[[], float]) -> Iterator[None]:
        """Ask `position` while a file of `size` bytes is read."""
        self._position = position
        yield
        self._finished += size
        self._position = lambda: 0


class Lines(Protocol):
    """What lines are read from: a file, or a part of one."""

    def readline(self, size: int = -1, /) -> bytes:
        """Return the next line with its end, or its next bytes if it has more than `size`."""


def find_format(path: Place) -> InputFormat:
    """Return a file's format by the end of its name, `.gz` behind it or not.

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
    """Yield texts of a command line as rows; one that is not UTF-8 is bad."""
    for number, text in enumerate(texts, start=1):
        yield _parse(partial(_row_of_text, text), f"TEXT {number}")


def read_rows(
    path: Place, form: InputFormat | None = None, meter: Meter | None = None
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
        yield from read_parquet(path, meter)
        return
    try:
        with _open(path, meter) as stream:
            name = "standard input" if path == STDIN else str(path)
            if form is InputFormat.JSON:
                yield from _parse_array(stream, name)
            else:
                yield from parse_stream(stream, form, name)
    except (OSError, EOFError, zlib.error) as error:  # the last two: a torn or broken gzip file
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise PipelineError(f"{path}: {reason}.", remedy="name a file that can be read.") from error


def parse_stream(
    stream: Lines, form: InputFormat, name: str, n_before: int = 0
) -> Iterator[Row | PipelineError]:
    """Parse the lines of a stream in any format but Parquet.

    Args:
        stream: The lines.
        form: Their format.
        name: Of the file, for errors.
        n_before: How many lines of the file stand before these.
    """
    lines = _decode_lines(stream, name, n_before)
    if form in (InputFormat.CONLL, InputFormat.TSV):
        yield from _parse_sentences(lines, Path(name))
        return
    parse = _row_of_text if form is InputFormat.TEXT else _row_of_json
    for number, line in lines:
        if isinstance(line, PipelineError):
            yield line
        elif form is InputFormat.TEXT or line.strip():  # an empty line is a text, but no record
            yield _parse(partial(parse, line), f"{name}:{number}")


def _parse(parse: Callable[[], Row], place: str) -> Row | PipelineError:
    try:
        return parse()
    except (ValueError, RecursionError) as error:
        return PipelineError(f"{place}: {error}.", remedy=SKIP)


@contextmanager
def _open(path: Place, meter: Meter) -> Iterator[BufferedReader]:
    if path == STDIN:
        found = sys.stdin.buffer
        yield found if isinstance(found, BufferedReader) else BufferedReader(cast(RawIOBase, found))
        return
    with (
        open_place(path, HEAD_BYTES) as file,
        meter.watch(measure(path), file.tell if file.seekable() else int),
    ):
        if path.name.endswith(".gz"):
            with gzip.GzipFile(fileobj=file) as unpacked, BufferedReader(unpacked, HEAD_BYTES) as stream:
                yield cast(BufferedReader, stream)
        else:
            yield file


def _decode_lines(stream: Lines, name: str, n_before: int = 0) -> Iterator[tuple[int, str | PipelineError]]:
    """Yield each line with its number, as the corpus readers read it: `ner.sources.formats.lines`."""
    if isinstance(stream, BufferedReader):  # a whole file, not a part of one
        kind = TextKind.find(stream.peek(HEAD_BYTES))
        is_pipe = not stream.seekable()  # which may hold back a line's LF
        if not kind.is_common and not (is_pipe and kind.encoding == TextKind().encoding):
            yield from _decode_uncommon_lines(stream, name, kind)
            return
    number = n_before
    while raw := stream.readline(MAX_LINE_BYTES):
        number += 1
        if len(raw) == MAX_LINE_BYTES and not raw.endswith(b"\n"):
            while raw and not raw.endswith(b"\n"):
                raw = stream.readline(MAX_LINE_BYTES)
            yield number, _too_long(name, number)
            continue
        try:
            yield number, decode_line(raw, name, number)
        except PipelineError as error:
            yield number, _may_be_skipped(error)


def _decode_uncommon_lines(
    stream: "BufferedReader[Any]", name: str, kind: TextKind
) -> Iterator[tuple[int, str | PipelineError]]:
    """Yield the lines of UTF-16 or of an old Mac; where one cannot be decoded, no later one can."""
    text = io.TextIOWrapper(stream, encoding=kind.encoding, newline=kind.newline)
    number = 1
    try:
        while line := text.readline(MAX_LINE_BYTES):
            if len(line) == MAX_LINE_BYTES and not line.endswith(kind.newline):
                while line and not line.endswith(kind.newline):
                    line = text.readline(MAX_LINE_BYTES)
                yield number, _too_long(name, number)
            else:
                yield number, line.removesuffix(kind.newline).removesuffix("\r")
            number += 1
    except UnicodeError as error:
        raise undecodable(name, number, kind) from error
    finally:
        text.detach()  # else it would close standard input


def _too_long(name: str, number: int) -> PipelineError:
    return PipelineError(f"{name}:{number}: the line has more than {MAX_LINE_BYTES} bytes.", remedy=SKIP)


def _parse_array(stream: "BufferedReader[Any]", name: str) -> Iterator[Row | PipelineError]:
    """Read the records of an array; a file that has one a line, as some call `.json`, is read as that."""
    raw = stream.read(MAX_ARRAY_BYTES + 1)
    if len(raw) > MAX_ARRAY_BYTES:
        raise PipelineError(
            f"{name}: JSON of more than {MAX_ARRAY_BYTES} bytes, which is read at once.",
            remedy="write one record a line (jq -c '.[]') and name the file .jsonl.",
        )
    kind = TextKind.find(raw[:HEAD_BYTES])
    try:
        value = json.loads(raw.decode(kind.encoding))
    except UnicodeError as error:
        raise PipelineError(
            f"{name}: not {kind.encoding.removesuffix('-sig').upper()}.", remedy="save it as UTF-8."
        ) from error
    except (ValueError, RecursionError):
        with BufferedReader(io.BytesIO(raw), HEAD_BYTES) as again:
            for number, line in _decode_lines(again, name):
                if isinstance(line, PipelineError):
                    yield line
                elif line.strip():
                    yield _parse(partial(_row_of_json, line), f"{name}:{number}")
        return
    for number, record in enumerate(value if isinstance(value, list) else [value], start=1):
        yield _parse(partial(_row_of_record, record), f"{name}: record {number}")


def _may_be_skipped(error: PipelineError) -> PipelineError:
    """Add to a reader's remedy that the line may also be left out."""
    return PipelineError(error.problem, remedy=f"{error.remedy.removesuffix('.')}; or pass --skip-bad-lines.")


def _row_of_json(line: str) -> Row:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise ValueError(f"not JSON ({error})") from error
    return _row_of_record(value)


def _row_of_record(value: object) -> Row:
    value = unwrap(value)
    if isinstance(value, dict):
        if "text" not in value and "data" in value:  # a task of Label Studio's, or doccano's older text
            data = value["data"]
            value = {"text": read_task_text(data) if isinstance(data, dict) else data}
        text = value.get("text")
        words: Any = next((value[key] for key in WORD_KEYS if isinstance(value.get(key), list)), None)
        if words and all(isinstance(word, dict) for word in words) and isinstance(text, str):
            words = [word.get("text") for word in words]  # as Prodigy has them, who keeps their places too
        if words is not None and (words or not isinstance(text, str)):
            return _row_of_words(words)
        if isinstance(text, str):
            return _row_of_text(text)
    raise ValueError("it has neither a text under 'text' nor a list of words under 'tokens'")


def _row_of_text(text: str) -> Row:
    return Row(check_unicode(text))


def _row_of_words(words: Sequence[Any], source: str = "") -> Row:
    if not words:
        raise ValueError("a sentence without words")
    for word in words:
        if not isinstance(word, str) or not word:
            raise ValueError(f"{word!r} is no word")
    check_unicode(" ".join(words))
    return Row.of_words(words, source)


def _parse_sentences(
    lines: Iterator[tuple[int, str | PipelineError]], path: Path
) -> Iterator[Row | PipelineError]:
    """Read sentences as the corpus readers do; one bad line makes its sentence bad."""
    sample = list(islice(lines, SAMPLE_LINES))
    filled = [line for _, line in sample if isinstance(line, str) and line.strip(SPACES)]
    everything = chain(sample, lines)
    sentences: Iterator[RawSentence | PipelineError]
    if filled and is_webanno(filled[0]):
        sentences = parse_webanno(everything, path, needs_tags=False)
    elif filled and is_wikiner(filled[0]) and " " in filled[0]:  # one word alone may be a line of columns
        sentences = parse_wikiner(everything, path)
    elif filled and not _is_germeval(filled) and (layout := find_layout(filled, path, needs_tags=False)):
        sentences = parse_columns(everything, path, layout)
    else:
        sentences = parse_germeval(everything, path, needs_tags=False)
    for sentence in sentences:
        if isinstance(sentence, RawSentence):
            yield _parse(
                partial(_row_of_words, sentence.words, sentence.source), f"{path}:{sentence.lines[0]}"
            )
        else:
            yield sentence if "--skip-bad-lines" in str(sentence) else _may_be_skipped(sentence)


def _is_germeval(filled: Sequence[str]) -> bool:
    """Return whether lines are GermEval's, with tags or without: a header, or numbers from 1 before words."""
    rows = [line for line in filled if not line.startswith(HEADER)] or filled
    return rows[0].startswith("1\t") and all(
        row[:1].isdecimal() and row.rstrip("\t").count("\t") < N_COLUMNS for row in rows
    )


def read_parquet(
    path: Place, meter: Meter | None = None, groups: range | None = None
) -> Iterator[Row | PipelineError]:
    """Read the column `tokens` or `words` (lists of words), or else `text`.

    Args:
        path: The file.
        meter: Is told how far reading is.
        groups: Which row groups; None: all.

    Raises:
        PipelineError: If the file cannot be read, or has neither column.
    """
    meter = meter or Meter()
    try:
        if path == STDIN:
            raise OSError("Parquet cannot be read from standard input")
        with open_parquet(path) as file:
            names = file.schema_arrow.names
            column = next((name for name in (*WORD_KEYS, "text") if name in names), None)
            if column is None:
                raise PipelineError(
                    f"{path}: it has neither a column 'tokens' nor 'text', but {', '.join(names)}.",
                    remedy="rename the column that holds lists of words to tokens, that of texts to text.",
                )
            columns = [column, *({"text"} & set(names) - {column})]
            size, n_rows = measure(path), file.metadata.num_rows
            before = range(groups.start if groups else 0)
            number = sum(file.metadata.row_group(group).num_rows for group in before)
        with meter.watch(size, lambda: size * number / max(1, n_rows)):
            for row in iterate_rows(path, columns, MAX_LINE_BYTES, groups):
                number += 1
                yield _parse_value(row, f"{path}: row {number}", column)
    except (pa.ArrowException, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PipelineError(f"{path}: {reason}.", remedy="name a Parquet file that can be read.") from error


def _parse_value(row: dict[str, Any] | UnreadableRow, place: str, column: str) -> Row | PipelineError:
    """Read a row: its words, or its text where there are none."""
    if isinstance(row, UnreadableRow):
        return PipelineError(f"{place}: {row.reason}.", remedy=SKIP)
    value, text = row[column], row.get("text")
    if isinstance(text, str) and (column == "text" or value == []):
        return _parse(partial(_row_of_text, text), place)
    if column != "text" and isinstance(value, list):
        return _parse(partial(_row_of_words, value), place)
    wanted = "text" if column == "text" else "list of words"
    return PipelineError(f"{place}: {value!r} is no {wanted}.", remedy=SKIP)
