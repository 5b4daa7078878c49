"""A corpus in an object store, copied to this machine for as long as it is read.

DVC watches the address itself: it compares what the store lists, and reads no file for that.
"""

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from ner.core.errors import PipelineError
from ner.sources.formats.brat import is_brat
from ner.sources.split_files import ARCHIVES, find_split_files
from ner.sources.stores import (
    SCHEMES,
    RemoteFile,
    copy_file,
    describe,
    list_folder,
    name_errors,
    parse_place,
)

logger = logging.getLogger(__name__)

DEPTH = 2  # a corpus file lies in the folder or in one of a split's name
TRANSFERS = 8  # at once: many small files wait for the store more than for the network
NO_FILES = {*ARCHIVES, ".yaml", ".yml"}  # a file that names a dataset of the Hub is small: it lies here
LONGEST_NAME = 255  # bytes, of a file on most systems


@dataclass(frozen=True, slots=True)
class CorpusCopy:
    """A corpus that was copied.

    Args:
        address: Where it lies, without options.
        path: The copy: a folder, or one file.
        root: The temporary folder.
        root_address: What the temporary folder stands for.
    """

    address: str
    path: Path
    root: Path
    root_address: str

    def name(self, path: Path) -> str:
        """Return the address of a copied file."""
        return str(path).replace(str(self.root), self.root_address)


def is_address(source: str) -> bool:
    """Return whether `data.source` names a place that is no path."""
    return "://" in source


@contextmanager
def copy_corpus(source: str) -> Iterator[CorpusCopy]:
    """Copy the files of the corpus at an address; errors name the address, also those of who reads the copy.

    Raises:
        PipelineError: If it cannot be read, holds no corpus, or changes while it is read: DVC would record
            the new files beside what was made of the old ones.
    """
    place = _parse_address(source)
    files = _list_files(place)
    is_file = any(file.address == place.address for file in files)
    root_address = place.address.rpartition("/")[0] if is_file else place.address
    named = {file.address.removeprefix(f"{root_address}/"): file for file in files}
    with tempfile.TemporaryDirectory() as folder, name_errors(root := Path(folder), root_address):
        _copy_files(root, named if is_file else _choose_files(root, named))
        yield CorpusCopy(place.address, root / place.name if is_file else root, root, root_address)
        _check_unchanged(files, _list_files(place))


def _parse_address(source: str) -> RemoteFile:
    scheme, _, path = source.partition("://")
    if scheme == "file":  # DVC takes it for a path within the repository
        raise PipelineError(
            f"params.yaml: data.source is {source!r}, which DVC does not watch.",
            remedy=f"write the path alone: {path}",
        )
    if scheme not in {*SCHEMES, "gcs"}:
        raise PipelineError(
            f"params.yaml: data.source is {source.partition('?')[0]!r}, and {scheme}:// is not read.",
            remedy=f"write a path, or an address with {', '.join(f'{one}://' for one in SCHEMES)}.",
        )
    return cast(RemoteFile, parse_place(source))


def _list_files(place: RemoteFile) -> list[RemoteFile]:
    """List the files of a folder and of those in it, or the one file, with its annotation if it is BRAT's."""
    found = describe(place)
    if found.type.name == "Directory":
        files = list_folder(place)
        return [file for file in files if file.address.removeprefix(place.address).count("/") <= DEPTH]
    if found.type.name != "File":
        raise PipelineError(f"{place}: no such file or folder.", remedy="correct data.source in params.yaml.")
    if place.suffix.lower() in NO_FILES:
        raise PipelineError(
            f"{place}: neither a folder nor a corpus file.",
            remedy="name a folder of corpus files, or one such file.",
        )
    states = {place: found}
    if place.suffix == ".txt":
        annotation = replace(place, address=f"{place.address.removesuffix('.txt')}.ann")
        states[annotation] = describe(annotation)
    return [
        replace(file, size=state.size, modified_ns=state.mtime_ns)
        for file, state in states.items()
        if state.type.name == "File"
    ]


def _choose_files(folder: Path, files: Mapping[str, RemoteFile]) -> dict[str, RemoteFile]:
    """Choose the files that a local folder of the same names would be read from: empty ones stand for it.

    The empty ones stay, so that whoever reads the copy chooses the same.
    """
    for name, file in files.items():
        parts = name.split("/")
        if ".." in parts or max(len(part.encode()) for part in parts) > LONGEST_NAME:
            raise PipelineError(
                f"{file}: no file of this machine can have such a name.", remedy="rename or move it."
            )
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    chosen = [path for paths in find_split_files(folder).values() for path in paths]
    chosen += [path.with_suffix(".ann") for path in chosen if is_brat(path)]
    names = dict.fromkeys(path.relative_to(folder).as_posix() for path in chosen)
    return {name: files[name] for name in names}


def _copy_files(folder: Path, files: Mapping[str, RemoteFile]) -> None:
    with ThreadPoolExecutor(TRANSFERS) as pool:
        running = [pool.submit(copy_file, file, folder / name) for name, file in files.items()]
        try:
            for transfer in running:
                transfer.result()
        finally:
            pool.shutdown(cancel_futures=True)  # after an error; the others have ended
    n_bytes = sum(file.size or 0 for file in files.values())
    logger.info("files copied: %d (%.1f MB)", len(files), n_bytes / 1e6)


def _check_unchanged(before: Sequence[RemoteFile], after: Sequence[RemoteFile]) -> None:
    states = [{file.address: (file.size, file.modified_ns) for file in files} for files in (before, after)]
    changed = sorted(address for address, _ in states[0].items() ^ states[1].items())
    if changed:
        raise PipelineError(
            f"{changed[0]}: new, removed or changed while the corpus was read.", remedy="run dvc repro again."
        )
