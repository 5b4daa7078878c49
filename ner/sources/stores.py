"""Files and folders of this machine or of an object store, through pyarrow's file systems.

`s3://bucket/corpus/a.txt`, `gs://`, `hdfs://` and `file:///` name a place, as does a plain path. Credentials
come from the environment or the machine's role, never from an address: command lines are seen and logged.
"""

import errno
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from io import DEFAULT_BUFFER_SIZE, BufferedReader
from pathlib import Path, PurePosixPath
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from ner.core.errors import PipelineError, summarise_error

SCHEMES = ("s3", "gs", "hdfs")
COPY_BYTES = 8 * 2**20  # a part of a multipart upload; S3 takes at least 5 MiB
CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the machine's role",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "hdfs": "HADOOP_HOME, CLASSPATH and a Kerberos ticket",
}
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # of this machine's disk
REFUSALS = (
    "ACCESS_DENIED",
    "INVALID_ACCESS_KEY",
    "SIGNATURE",
    "EXPIRED",
    "TOKEN",
    "403",
    "401",
    "PERMISSION",
)


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file or folder of an object store.

    Args:
        address: With its scheme, without options.
        options: What stands behind `?`: settings of pyarrow's file system.
        size: Unit: bytes; None if it was not asked for.
        modified_ns: Time of the last change, in nanoseconds; None if it was not asked for.
    """

    address: str
    options: str = ""
    size: int | None = field(default=None, compare=False)
    modified_ns: int | None = field(default=None, compare=False)

    def __str__(self) -> str:
        """Return the address."""
        return self.address

    def __truediv__(self, name: str) -> "RemoteFile":
        """Return the address of what lies in this folder."""
        return RemoteFile(f"{self.address.rstrip('/')}/{name}", self.options)

    @property
    def name(self) -> str:
        """Return the last part of the address."""
        return PurePosixPath(self.address).name

    @property
    def suffix(self) -> str:
        """Return the ending of the name."""
        return PurePosixPath(self.address).suffix

    @property
    def scheme(self) -> str:
        """Return what stands before `://`."""
        return self.address.partition("://")[0]


Place = Path | RemoteFile


def parse_place(text: str | Place) -> Place:
    """Read a path or an address.

    Raises:
        PipelineError: If the address has a scheme that is not read, no bucket, or holds credentials.
    """
    if not isinstance(text, str):
        return text
    scheme, is_address, rest = text.partition("://")
    if not is_address or not scheme.isalnum():
        return Path(text)
    if scheme == "file":
        return Path(unquote(urlsplit(text).path))
    if scheme == "gcs":
        scheme = "gs"
    if scheme not in SCHEMES:
        raise PipelineError(
            f"{scheme}://: such addresses are not read.",
            remedy=f"name a path, file:///, {', '.join(f'{one}://' for one in SCHEMES)}.",
        )
    address, _, options = rest.partition("?")
    place = address.partition("/")[0]
    if ":" in place.rpartition("@")[0] or (scheme != "hdfs" and "@" in place) or "secret" in options.lower():
        raise PipelineError(
            f"{scheme}://: the address holds credentials, which any log would show.",
            remedy=f"leave them out, and set {CREDENTIALS[scheme]}.",
        )
    if not place and scheme != "hdfs":
        raise PipelineError(f"{text}: no bucket is named.", remedy=f"write {scheme}://bucket/folder.")
    return RemoteFile(f"{scheme}://{address.rstrip('/')}", options)


@cache
def _connect(scheme: str, host: str, options: str) -> Any:  # noqa: ANN401 - pyarrow ships no types
    import pyarrow.fs

    return pyarrow.fs.FileSystem.from_uri(f"{scheme}://{host}/{'?' * bool(options)}{options}")[0]


def _locate(place: RemoteFile) -> tuple[Any, str]:
    """Return the file system and the path in it."""
    host, _, path = place.address.partition("://")[2].partition("/")
    system = _connect(place.scheme, host, place.options)
    return system, f"/{path}" if place.scheme == "hdfs" else f"{host}/{path}".rstrip("/")


@contextmanager
def store_errors(place: Place) -> Iterator[None]:
    """Turn what a store's client says into one line with a remedy.

    Raises:
        PipelineError: If the store refuses, cannot be reached, or lacks the place.
    """
    try:
        yield
    except (OSError, ValueError, ImportError, NotImplementedError) as error:
        if not isinstance(place, RemoteFile) or getattr(error, "errno", None) in FULL:
            raise
        reason = summarise_error(error).rstrip(".")
        if any(word in reason.upper() for word in REFUSALS):
            remedy = f"set credentials that may use it: {CREDENTIALS[place.scheme]}."
        elif isinstance(error, FileNotFoundError) or "NO_SUCH" in reason or "NoSuch" in reason:
            remedy = "correct the address."
        elif "connect" in reason.lower() or "resolve" in reason.lower():
            remedy = "check the network, and AWS_ENDPOINT_URL where the store is none of Amazon's."
        else:
            remedy = "correct the address, or try again; with --resume where a run had begun."
        raise PipelineError(f"{place}: {reason}.", remedy=remedy) from None


def describe(place: RemoteFile) -> Any:  # noqa: ANN401 - pyarrow ships no types
    """Return what the store says of a place: type and size.

    Raises:
        PipelineError: As `store_errors`.
    """
    with store_errors(place):
        system, path = _locate(place)
        return system.get_file_info(path)


def is_folder(place: Place) -> bool:
    """Return whether it is a folder; in an object store: the beginning of other names."""
    return place.is_dir() if isinstance(place, Path) else describe(place).type.name == "Directory"


def exists(place: Place) -> bool:
    """Return whether there is a file or folder."""
    return place.exists() if isinstance(place, Path) else describe(place).type.name != "NotFound"


def measure(place: Place) -> int:
    """Return a file's size. Unit: bytes."""
    if isinstance(place, Path):
        return place.stat().st_size
    return place.size if place.size is not None else int(describe(place).size or 0)


def list_folder(folder: RemoteFile) -> list[RemoteFile]:
    """Return the files of a folder and of those in it, sorted by address, with their sizes.

    Raises:
        PipelineError: As `store_errors`.
    """
    import pyarrow.fs

    with store_errors(folder):
        system, path = _locate(folder)
        found = system.get_file_info(pyarrow.fs.FileSelector(path, recursive=True, allow_not_found=True))
    files = [one for one in found if one.type.name == "File"]
    named = [(folder / one.path[len(path) :].lstrip("/"), one) for one in files]
    states = [replace(place, size=one.size, modified_ns=one.mtime_ns) for place, one in named]
    return sorted(states, key=str)


def list_names(folder: Place) -> set[str]:
    """Return the names of the files that lie in a folder itself; an absent one has none."""
    if isinstance(folder, Path):
        return {path.name for path in folder.iterdir() if path.is_file()} if folder.is_dir() else set()
    import pyarrow.fs

    with store_errors(folder):
        system, path = _locate(folder)
        found = system.get_file_info(pyarrow.fs.FileSelector(path, allow_not_found=True))
    return {one.base_name for one in found if one.type.name == "File"}


@contextmanager
def open_place(place: Place, buffer_bytes: int = DEFAULT_BUFFER_SIZE) -> Iterator[BufferedReader]:
    """Open a file for reading; one of an object store is read a larger block at a time."""
    if isinstance(place, Path):
        with place.open("rb", buffering=buffer_bytes) as stream:
            yield cast(BufferedReader, stream)
        return
    with store_errors(place):
        system, path = _locate(place)
        with system.open_input_file(path) as file, BufferedReader(file, COPY_BYTES) as stream:
            yield stream


@contextmanager
def open_parquet(place: Place, **options: Any) -> Iterator[Any]:  # noqa: ANN401 - pyarrow's own
    """Open a Parquet file."""
    import pyarrow.parquet as pq

    if isinstance(place, Path):
        with pq.ParquetFile(place, **options) as file:
            yield file
        return
    with store_errors(place):
        system, path = _locate(place)
        with system.open_input_file(path) as source, pq.ParquetFile(source, **options) as file:
            yield file


@contextmanager
def whole_place(place: Place) -> Iterator[Path]:
    """Yield a temporary file that becomes the place on success only.

    Several machines may write the same place at once: each writes a file of its own, and the last one counts.
    """
    if isinstance(place, Path):
        temporary = place.with_name(f".{place.name}.{uuid.uuid4().hex}.part")
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            temporary.replace(place)
        finally:
            temporary.unlink(missing_ok=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder) / place.name
        yield temporary
        with store_errors(place), temporary.open("rb") as source:
            system, path = _locate(place)
            with system.open_output_stream(path) as target:
                shutil.copyfileobj(source, target, COPY_BYTES)


@contextmanager
def name_errors(copy: Path, name: str) -> Iterator[None]:
    """Let errors name a place where they name its temporary copy, whose path says nothing to a person.

    Args:
        copy: A file or folder.
        name: What it stands for.
    """
    try:
        yield
    except PipelineError as error:
        problem, remedy = (text.replace(str(copy), name) for text in (error.problem, error.remedy))
        raise PipelineError(problem, remedy=remedy) from error


def copy_file(place: RemoteFile, target: Path) -> None:
    """Copy a file of an object store to this machine, a block at a time.

    Raises:
        PipelineError: As `store_errors`.
    """
    with open_place(place) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file, COPY_BYTES)


def read_bytes(place: Place) -> bytes:
    """Read a whole file."""
    with open_place(place) as stream:
        return stream.read()


def read_folder(folder: Place) -> dict[str, bytes]:
    """Read the files of a folder, and of those in it, by their path in it."""
    if isinstance(folder, RemoteFile):
        return {str(place).removeprefix(f"{folder}/"): read_bytes(place) for place in list_folder(folder)}
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write what `read_folder` read."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def write_bytes(place: Place, content: bytes) -> None:
    """Write a whole file, which appears at once."""
    with whole_place(place) as temporary:
        temporary.write_bytes(content)


def remove_file(place: Place) -> None:
    """Remove a file."""
    if isinstance(place, Path):
        place.unlink()
        return
    with store_errors(place):
        system, path = _locate(place)
        system.delete_file(path)


def remove_leftovers(folder: Place) -> None:
    """Remove what killed processes left in a folder of this machine; an object store keeps no such thing."""
    if isinstance(folder, Path):
        for leftover in folder.glob(".*.part"):
            leftover.unlink(missing_ok=True)
