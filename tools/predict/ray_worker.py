"""The process that tags parts: it reads, tags and writes what one process would, and records what it did."""

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from ner.core.errors import PipelineError
from ner.core.escaping import escape_controls
from ner.core.number_types import TaggingPrecision
from ner.onnx.tagger import load_text_tagger
from ner.sources.stores import Place, exists, name_errors, store_errors, whole_place, write_folder
from ner.text.text_tagger import TextTagger
from tools.predict.input_rows import InputFormat, Row
from tools.predict.manifest import Record, name_part, read_record, write_record
from tools.predict.output_formats import make_schema, make_table
from tools.predict.ranges import Part, Piece, PieceReader, count_lines_before, hash_piece
from tools.predict.tagging import ROWS_PER_CHUNK, chunk_rows


class TaskError(Exception):
    """Problem and remedy of a `PipelineError`, which Ray cannot send from one process to another."""


@contextmanager
def sendable_errors() -> Iterator[None]:
    """Turn a `PipelineError` into one that Ray can send."""
    try:
        yield
    except PipelineError as error:
        raise TaskError(error.problem, error.remedy) from None
    except OSError as error:
        name = error.filename2 or error.filename or "a worker"
        raise TaskError(
            f"{name}: {error.strerror or error}.",
            "make room, or correct the place, and pass --resume to go on.",
        ) from None


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What every part is tagged with.

    Args:
        output: The folder of the parts.
        form: Format of the input; None: by the names of the files.
        levels: Which levels to give, of those that the tagger knows.
        min_score: Names below are left out.
        precision: Number type to compute in; auto: the tagger's own.
        subtokens_per_batch: Most subtokens in a batch; None: set for the CPU or GPU.
        is_skipping: Whether bad lines are passed over.
    """

    output: Place
    form: InputFormat | None
    levels: str
    min_score: float
    precision: TaggingPrecision
    subtokens_per_batch: int | None
    is_skipping: bool


@dataclass(frozen=True, slots=True)
class Summary:
    """What the driver keeps of a part.

    Args:
        n_rows: Rows that were tagged.
        n_bad: Lines that were skipped.
        n_lines: Lines of each piece that is a range of lines, else 0. Shape: (n_pieces,).
    """

    n_rows: int
    n_bad: int
    n_lines: tuple[int, ...]


class PartTagger:
    """A process that holds a tagger.

    Args:
        settings: What every part is tagged with.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings
        self.tagger: TextTagger | None = None

    def load(self, name: str, model: Mapping[str, bytes]) -> None:
        """Load the tagger.

        Args:
            name: The folder that it comes from, for errors.
            model: The files of the folder.
        """
        with (
            sendable_errors(),
            tempfile.TemporaryDirectory() as folder,
            name_errors(copy := Path(folder), name),
        ):
            write_folder(copy, model)
            self.tagger = load_text_tagger(
                copy,
                subtokens_per_batch=self.settings.subtokens_per_batch,
                precision=self.settings.precision,
                levels=self.settings.levels,
            )

    def tag(self, part: Part) -> Summary:
        """Tag a part into its file and record it."""
        with sendable_errors():
            return tag_part(part, self.settings, self.tagger)

    def check(self, part: Part) -> Summary:
        """See that a finished part was made of the same bytes as are there now."""
        with sendable_errors():
            return check_part(part, self.settings.output)


def tag_part(part: Part, settings: WorkerSettings, tagger: TextTagger | None) -> Summary:
    """Tag a part into its file and record it.

    Raises:
        PipelineError: If a row or a file cannot be read, or the file not be written.
    """
    if tagger is None:
        raise RuntimeError("no tagger is loaded")
    hashes = [hash_piece(piece) for piece in part.pieces]
    rows = PartRows(part, settings)
    n_rows = 0
    place = settings.output / name_part(part.number)
    with (
        whole_place(place) as temporary,
        store_errors(place),
        pq.ParquetWriter(temporary, make_schema(tagger.n_levels)) as writer,
    ):
        for chunk in chunk_rows(rows.read(), ROWS_PER_CHUNK):
            tagged = tagger.tag_split([(row.text, row.split()) for row in chunk])
            good = [one.without_doubtful(settings.min_score) for one in tagged]
            writer.write_table(make_table(good, tagger.n_levels))
            n_rows += len(chunk)
    record = Record(n_rows, hashes, rows.n_lines, rows.bad_lines)
    write_record(settings.output, part.number, record)
    return Summary(n_rows, len(rows.bad_lines), tuple(rows.n_lines))


def check_part(part: Part, output: Place) -> Summary:
    """See that a finished part was made of the same bytes as are there now.

    Raises:
        PipelineError: Names the file that changed.
    """
    record = read_record(output, part.number)
    for piece, expected in zip(part.pieces, record.hashes, strict=True):
        if not exists(piece.place) or hash_piece(piece) != expected:
            raise PipelineError(
                f"--resume: {piece.place} has changed since {name_part(part.number)} was made of it.",
                remedy="restore it, or name a new folder with --output.",
            )
    return Summary(record.n_rows, len(record.bad_lines), tuple(record.n_lines))


class PartRows:
    """The rows of a part, and what is counted on the way.

    Args:
        part: The part.
        settings: Say what becomes of bad lines.
    """

    def __init__(self, part: Part, settings: WorkerSettings) -> None:
        self.part, self.settings = part, settings
        self.n_lines: list[int] = []
        self.bad_lines: list[tuple[int, int, str]] = []

    def read(self) -> Iterator[Row]:
        """Yield the good rows.

        Raises:
            PipelineError: At the first bad row, unless they are skipped.
        """
        for number, piece in enumerate(self.part.pieces):
            reader = PieceReader(piece, self.settings.form)
            for row in reader.read():
                if isinstance(row, Row):
                    yield row
                    continue
                line, reason, remedy = take_apart(row, piece)
                if not self.settings.is_skipping:
                    raise PipelineError(f"{name_line(piece, line)}: {reason}", remedy=remedy)
                self.bad_lines.append((number, line, reason))
            self.n_lines.append(reader.n_lines)


def take_apart(error: PipelineError, piece: Piece) -> tuple[int, str, str]:
    """Return the line of an error (in its piece; of Parquet the row), its reason and its remedy."""
    behind = error.problem.removeprefix(escape_controls(str(piece.place)))
    found = re.match(r":(?: row )? ?(\d+): (.*)", behind, re.DOTALL)
    if found is None:
        raise error
    n_before = int(not piece.is_whole and piece.groups is None and piece.start > 0)
    return int(found[1]) - n_before, found[2], error.remedy


def name_line(piece: Piece, line: int) -> str:
    """Return file and line for a message; behind many bytes the line is counted from a byte on."""
    if piece.groups is not None:
        return f"{piece.place}: row {line}"
    n_before = count_lines_before(piece)
    if n_before is None:
        return f"{piece.place}: line {line} behind byte {piece.start}"
    return f"{piece.place}:{n_before + line}"
