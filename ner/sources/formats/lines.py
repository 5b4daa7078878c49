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
        if head.startswith(UTF16_MARKS):
            encoding = "utf-16"
        elif head.startswith(UTF8_MARK) or encoding.lower() in {"utf8", UTF8}:
            encoding = UTF8
        text = head.decode(encoding, errors="ignore")
        is_old_mac = "\n" not in text and "\r" in text.rstrip("\r")
        if encoding != UTF8 or is_old_mac:
            newline = "\r" if is_old_mac else "\n"
            yield from _read_text(file, path, "utf-8-sig" if encoding == UTF8 else encoding, newline)
            return
        for number, raw in enumerate(file, start=1):
            yield number, decode_line(raw, path, number, SAY_ENCODING)


def read_text(path: Path, encoding: str = UTF8) -> str:
    """Read a whole file, its line ends as they are.

    Raises:
        PipelineError: If it is not in its encoding.
    """
    content = path.read_bytes()
    if content.startswith(UTF16_MARKS):
        encoding = "utf-16"
    elif content.startswith(UTF8_MARK):
        encoding = UTF8
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Place(path, line).error(
            f"byte {error.start + 1} (0x{content[error.start]:02x}) is not {encoding.upper()}.", SAY_ENCODING
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


def _read_text(file: io.BufferedReader, path: Path, encoding: str, newline: str) -> Iterator[Line]:
    number = 0
    try:
        for number, text in enumerate(io.TextIOWrapper(file, encoding=encoding, newline=newline), start=1):
            yield number, text.removesuffix(newline).removesuffix("\r")
    except UnicodeError as error:
        raise Place(path, number + 1).error(
            f"from here on the file is not {encoding.removesuffix('-sig').upper()}.", SAY_ENCODING
        ) from error
