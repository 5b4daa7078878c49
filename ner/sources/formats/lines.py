"""The lines of a text file, whatever wrote it: UTF-8 or UTF-16, with the line ends of any system."""

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ner.core.errors import PipelineError

Line = tuple[int, str]  # its number from 1, and its text without the line end
HEAD_BYTES = 2**16
UTF8 = "utf-8"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
UTF8_MARK = b"\xef\xbb\xbf"
SPACES = " \t\u00a0\ufeff"  # a line of these alone is an empty line
CONVERT = "save the file as UTF-8, for example with iconv -f cp1252 -t utf-8."
SAY_ENCODING = f"say its encoding in params.yaml, for example data.encoding: cp1252, or {CONVERT}"
TABS_AND_BLANKS = re.compile(r"[ \t]+")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a word stands, for the messages of errors."""

    path: Path | str
    line: int

    def error(self, problem: str, remedy: str) -> PipelineError:
        """Return the error that names this place."""
        return PipelineError(f"{self.path}:{self.line}: {problem}", remedy=remedy)


def check_encoding(encoding: str) -> None:
    """Check what `data.encoding` says.

    Raises:
        PipelineError: If Python has no encoding of this name.
    """
    try:
        "".encode(codecs.lookup(encoding).name)
    except (LookupError, ValueError) as error:
        raise PipelineError(
            f"params.yaml: data.encoding is {encoding!r}, which is no encoding.",
            remedy="write utf-8, cp1252 (Windows), latin-1, or another that Python has.",
        ) from error


def read_lines(path: Path, encoding: str = UTF8) -> Iterator[Line]:
    r"""Read a file line by line.

    LF and CRLF end a line; CR alone where the file has no LF, as on old Macs. U+0085 and the like end none,
    since words hold them. A byte order mark is no text.

    Args:
        path: The file.
        encoding: That of files without a mark of UTF-8 or UTF-16.

    Raises:
        PipelineError: Names file and line of what is not in the file's encoding.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        file.seek(0)
        kind = TextKind.find(head, encoding)
        if kind.is_common:
            for number, raw in enumerate(file, start=1):
                yield number, decode_line(raw, path, number, SAY_ENCODING)
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
    def find(cls, head: bytes, encoding: str = UTF8) -> "TextKind":
        """Tell from the first bytes of a file; a mark says more than `encoding`."""
        if head.startswith(UTF16_MARKS):
            encoding = "utf-16"
        elif head.startswith(UTF8_MARK) or codecs.lookup(encoding).name == UTF8:
            encoding = "utf-8-sig"
        text = head.decode(encoding, errors="ignore")
        is_old_mac = "\n" not in text and "\r" in text.rstrip("\r")
        return cls(encoding, "\r" if is_old_mac else "\n")

    @property
    def is_common(self) -> bool:
        """Whether it is UTF-8 whose lines LF ends, which is read and decoded line by line."""
        return self == TextKind()


def read_text(path: Path, encoding: str = UTF8) -> str:
    """Read a whole file, its line ends as they are; a mark of UTF-8 stays, since characters are counted.

    Raises:
        PipelineError: If it is not in its encoding.
    """
    content = path.read_bytes()
    kind = TextKind.find(content[:HEAD_BYTES], encoding)
    name = kind.encoding.removesuffix("-sig")
    try:
        return content.decode(name)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Place(path, line).error(
            f"byte {error.start + 1} of the file (0x{content[error.start]:02x}) is not {name.upper()}.",
            SAY_ENCODING,
        ) from error


def decode_line(raw: bytes, path: Path | str, number: int, remedy: str = CONVERT) -> str:
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
            remedy,
        ) from error


def _read_text(file: io.BufferedReader, path: Path, kind: TextKind) -> Iterator[Line]:
    number = 0
    stream = io.TextIOWrapper(file, encoding=kind.encoding, newline=kind.newline)
    try:
        for number, text in enumerate(stream, start=1):
            yield number, text.removesuffix(kind.newline).removesuffix("\r")
    except UnicodeError as error:
        raise undecodable(path, number + 1, kind, SAY_ENCODING) from error


def undecodable(
    path: Path | str, number: int, kind: TextKind, remedy: str = "save it as UTF-8."
) -> PipelineError:
    """Return the error of a line that is not in the encoding that the file began with."""
    return Place(path, number).error(
        f"from here on the file is not {kind.encoding.removesuffix('-sig').upper()}.", remedy
    )
