"""How much is read at a time: many small files together, a huge one in ranges that end with a line.

Lines of text and of JSON are split anywhere, Parquet between its row groups. A gzip file is read from its
beginning, as are UTF-16 and the lines of old Macs; CoNLL and TSV tell at their beginning what their columns
hold: these stay whole.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ner.core.errors import PipelineError
from ner.sources.formats.lines import HEAD_BYTES, TextKind
from ner.sources.stores import Place, open_parquet, open_place
from tools.predict.input_rows import InputFormat, Row, find_format, parse_stream, read_parquet, read_rows

SPLIT_BY_LINE = (InputFormat.TEXT, InputFormat.JSONL)
BLOCK_BYTES = 2**20
MOST_COUNTED = 8 * 2**30  # bytes that are read again to tell the number of one bad line


@dataclass(frozen=True, slots=True)
class Piece:
    """What is read of a file: the lines that begin in a range of bytes, or some row groups.

    Args:
        place: The file.
        start: First byte.
        end: Byte behind the last one.
        is_whole: Whether that is all of the file.
        groups: Row groups of Parquet; None: all, or none are there.
    """

    place: Place
    start: int
    end: int
    is_whole: bool = True
    groups: range | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What is tagged into one file of the output.

    Args:
        number: From 0, in the order of the rows.
        pieces: Shape: (n_pieces,).
    """

    number: int
    pieces: tuple[Piece, ...]

    @property
    def n_bytes(self) -> int:
        """How many bytes are read."""
        return sum(piece.end - piece.start for piece in self.pieces)


def plan_parts(
    files: Iterable[tuple[Place, int]], form: InputFormat | None, part_bytes: int
) -> Iterator[Part]:
    """Cut the input into parts of about the same size, in its order; the same input gives the same parts.

    Args:
        files: Each with its bytes. Shape: (n_files,).
        form: Their format; None: by their names.
        part_bytes: Most bytes of a part, unless one piece has more.
    """
    number, n_bytes = 0, 0
    pieces: list[Piece] = []
    for place, size in files:
        for piece in split_file(place, size, form or find_format(place), part_bytes):
            if pieces and n_bytes + piece.end - piece.start > part_bytes:
                yield Part(number, tuple(pieces))
                number, n_bytes, pieces = number + 1, 0, []
            pieces.append(piece)
            n_bytes += piece.end - piece.start
    if pieces:
        yield Part(number, tuple(pieces))


def split_file(place: Place, size: int, form: InputFormat, part_bytes: int) -> Iterator[Piece]:
    """Split a file that is larger than a part, if its format can be split."""
    if size <= part_bytes or not is_splittable(place, form):
        yield Piece(place, 0, size)
    elif form is InputFormat.PARQUET:
        yield from _split_parquet(place, size, part_bytes)
    else:
        n_pieces = -(-size // part_bytes)
        for number in range(n_pieces):
            start, end = (size * one // n_pieces for one in (number, number + 1))
            yield Piece(place, start, end, is_whole=False)


def is_splittable(place: Place, form: InputFormat) -> bool:
    """Return whether several processes can read parts of a file."""
    if form is InputFormat.PARQUET:
        return True
    if form not in SPLIT_BY_LINE or place.name.endswith(".gz"):
        return False
    try:
        with open_place(place, HEAD_BYTES) as stream:
            return TextKind.find(stream.peek(HEAD_BYTES)).is_common
    except OSError:
        return True  # whoever reads it says why


def _split_parquet(place: Place, size: int, part_bytes: int) -> Iterator[Piece]:
    with open_parquet(place) as file:
        described = file.metadata
        sizes = [
            sum(
                described.row_group(group).column(column).total_compressed_size
                for column in range(described.num_columns)
            )
            for group in range(described.num_row_groups)
        ]
    start, first, end = 0, 0, 0
    for group, n_bytes in enumerate(sizes):
        end += n_bytes
        is_last = group + 1 == len(sizes)
        if is_last or end - start + sizes[group + 1] > part_bytes:
            # The footer stands behind the last group. A range may be off by the magic bytes, and no byte is
            # left out or read twice: what counts is that a change anywhere changes a hash.
            yield Piece(
                place, start, size if is_last else end, is_whole=False, groups=range(first, group + 1)
            )
            start, first = end, group + 1
    if not sizes:
        yield Piece(place, 0, size)


class PieceReader:
    """Reads the rows of a piece.

    Args:
        piece: The piece.
        form: Its format; None: by the name of its file.

    Attributes:
        n_lines: How many lines have been read, if the piece is a range of lines.
    """

    def __init__(self, piece: Piece, form: InputFormat | None) -> None:
        self.piece, self.form = piece, form or find_format(piece.place)
        self.n_lines = 0

    def read(self) -> Iterator[Row | PipelineError]:
        """Yield its rows; a line in an error is counted from the beginning of the piece."""
        piece = self.piece
        if piece.groups is not None:
            yield from read_parquet(piece.place, groups=piece.groups)
        elif piece.is_whole:
            yield from read_rows(piece.place, self.form)
        else:
            try:
                with open_place(piece.place) as stream:
                    lines = LinesOfRange(stream, piece.start, piece.end)
                    # Numbered from 2 on behind the beginning: only a file's first line has a byte order mark.
                    n_before = int(piece.start > 0)
                    yield from parse_stream(lines, self.form, str(piece.place), n_before)
                    self.n_lines = lines.n_lines
            except OSError as error:
                reason = error.strerror or error
                raise PipelineError(
                    f"{piece.place}: {reason}.", remedy="name files that can be read."
                ) from error


class LinesOfRange:
    """The lines of a stream that begin in a range of bytes; the last one may end behind it.

    Args:
        stream: Can be searched.
        start: First byte.
        end: Byte behind the last one.
    """

    def __init__(self, stream: BinaryIO, start: int, end: int) -> None:
        self.stream, self.position, self.end = stream, start, end
        self.n_lines = 0
        self._is_at_beginning = True
        if start:
            stream.seek(start - 1)  # a line that begins at `start` is this range's
            raw = b"."
            while raw and not raw.endswith(b"\n"):
                raw = stream.readline(BLOCK_BYTES)
            self.position = stream.tell()

    def readline(self, size: int = -1, /) -> bytes:
        """Return the next line with its end, or its next bytes if it has more than `size`."""
        if self._is_at_beginning and self.position >= self.end:
            return b""
        raw = self.stream.readline(size)
        self.n_lines += self._is_at_beginning and bool(raw)
        self.position += len(raw)
        self._is_at_beginning = raw.endswith(b"\n")
        return raw


def count_lines_before(piece: Piece) -> int | None:
    """Return how many lines of the file stand before a range; None if that takes too long to tell."""
    if not piece.start or piece.is_whole or piece.groups is not None:
        return 0
    if piece.start > MOST_COUNTED:
        return None
    # A line that begins before the range ends in it, and is not the range's.
    n_lines, last = 0, b""
    for block in _read_blocks(piece.place, 0, piece.start):
        n_lines += block.count(b"\n")
        last = block[-1:]
    return n_lines + (last != b"\n")


def hash_piece(piece: Piece) -> str:
    """Hash the bytes of a piece: SHA-256."""
    digest = hashlib.sha256()
    for block in _read_blocks(piece.place, piece.start, piece.end):
        digest.update(block)
    return digest.hexdigest()


def _read_blocks(place: Place, start: int, end: int) -> Iterator[bytes]:
    with open_place(place) as stream:
        stream.seek(start)
        while start < end and (block := stream.read(min(BLOCK_BYTES, end - start))):
            start += len(block)
            yield block
