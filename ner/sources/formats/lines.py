"""The lines of a text file, whatever wrote it: UTF-8 or UTF-16, with the line ends of any system."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ner.core.errors import PipelineError

Line = tuple[int, str]  # its number from 1, and its text without the line end
HEAD_BYTES = 2**16
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
UTF8_MARK = b"\xef\xbb\xbf"
SPACES = " \t\u00a0\ufeff"  # a line of these alone is an empty line


@dataclass(frozen=True, slots=True)
class Place:
    """Where a word stands, for the messages of errors."""

    path: Path | str
    line: int

    def error(self, problem: str, remedy: str) -> PipelineError:
        """Return the error that names this place."""
        return PipelineError(f"{self.path}:{self.line}: {problem}", remedy=remedy)


def read_lines(path: Path) -> Iterator[Line]:
    r"""Read a file line by line.

    LF and CRLF end a line; CR alone where the file has no LF, as on old Macs. U+0085 and the like end none,
    since words hold them. A byte order mark is no text.

    Raises:
        PipelineError: Names file and line of what is no UTF-8, or no UTF-16 where the mark says so.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        file.seek(0)
        kind = TextKind.find(head)
        if kind.is_common:
            for number, raw in enumerate(file, start=1):
                yield number, decode_line(raw, path, number)
        else:
            yield from _read_text(file, path, kind)


@dataclass(frozen=True, slots=True)
class TextKind:
    r"""How a file writes its text.

    Args:
        encoding: Its name in Python.
        newline: What ends a line: LF, CRLF included, or the CR of old Macs.
    """

    encoding: str = "utf-8-sig"
    newline: str = "\n"

    @classmethod
    def find(cls, head: bytes) -> "TextKind":
        """Tell from the first bytes of a file."""
        is_utf16 = head.startswith(UTF16_MARKS)
        text = head.decode("utf-16" if is_utf16 else "utf-8", errors="ignore")
        is_old_mac = "\n" not in text and "\r" in text.rstrip("\r")
        return cls("utf-16" if is_utf16 else "utf-8-sig", "\r" if is_old_mac else "\n")

    @property
    def is_common(self) -> bool:
        """Whether it is UTF-8 whose lines LF ends, which is read and decoded line by line."""
        return self == TextKind()


def decode_line(raw: bytes, path: Path | str, number: int) -> str:
    """Decode a line of UTF-8 and take its end off.

    Raises:
        PipelineError: If it is not UTF-8.
    """
    if number == 1:
        raw = raw.removeprefix(UTF8_MARK)  # as Windows editors write it
    try:
        return raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise Place(path, number).error(
            f"byte {error.start + 1} of the line (0x{raw[error.start]:02x}) is not UTF-8.",
            "save the file as UTF-8, for example with iconv -f latin1 -t utf-8.",
        ) from error


def _read_text(file: io.BufferedReader, path: Path, kind: TextKind) -> Iterator[Line]:
    number = 0
    stream = io.TextIOWrapper(file, encoding=kind.encoding, newline=kind.newline)
    try:
        for number, text in enumerate(stream, start=1):
            yield number, text.removesuffix(kind.newline).removesuffix("\r")
    except UnicodeError as error:
        raise undecodable(path, number + 1, kind) from error


def undecodable(path: Path | str, number: int, kind: TextKind) -> PipelineError:
    """Return the error of a line that is not in the encoding that the file began with."""
    return Place(path, number).error(
        f"from here on the file is not {kind.encoding.removesuffix('-sig').upper()}.", "save it as UTF-8."
    )
