"""What a folder of parts holds beside them: the job, and a record of each finished part.

`_run/job.json` says what was tagged with what, `_run/finished/` holds a record a part, and
`_run/bad_lines.jsonl` the lines that were skipped. A record is written whole, behind its part: what is
recorded is there. Readers of folders of Parquet leave out names that begin with `_`.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ner.core.errors import PipelineError
from ner.sources.stores import (
    Place,
    exists,
    list_names,
    read_bytes,
    remove_leftovers,
    whole_place,
    write_bytes,
)

RUN, JOB, FINISHED, BAD_LINES = "_run", "job.json", "finished", "bad_lines.jsonl"
NEW_FOLDER = "name a new folder with --output."


@dataclass(frozen=True, slots=True)
class Job:
    """What is tagged with what.

    Args:
        files: Each with its bytes, in order. Shape: (n_files,).
        model: SHA-256 of the tagger.
        settings: Options that change the rows.
        part_bytes: Most bytes of a part.
    """

    files: list[list[Any]]
    model: str
    settings: dict[str, Any]
    part_bytes: int

    def find_change(self, other: "Job") -> str | None:
        """Say what differs between this job and another one; the size of parts may."""
        if self.model != other.model:
            return "the tagger is another one"
        for key in sorted(self.settings.keys() | other.settings.keys()):
            ours, theirs = self.settings.get(key), other.settings.get(key)
            if ours != theirs:
                return f"--{key.replace('_', '-')} was {ours}, and is {theirs}"
        if self.files != other.files:
            ours, theirs = dict(self.files), dict(other.files)
            changed = next((name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)), None)
            return f"the input changed: {changed}" if changed else "the order of the input changed"
        return None


@dataclass(frozen=True, slots=True)
class Record:
    """What a finished part holds.

    Args:
        n_rows: Rows that were tagged.
        hashes: SHA-256 of each piece that was read. Shape: (n_pieces,).
        n_lines: Lines of each piece that is a range of lines, else 0. Shape: (n_pieces,).
        bad_lines: Piece, line in it, and reason of each bad line.
    """

    n_rows: int
    hashes: list[str]
    n_lines: list[int]
    bad_lines: list[tuple[int, int, str]]


def name_part(number: int) -> str:
    """Return the name of a part's file; names sort as the parts do."""
    return f"part-{number:08}.parquet"


def _name_record(number: int) -> str:
    return f"{number:08}.json"


def begin(output: Place, job: Job, *, resume: bool) -> tuple[Job, set[int]]:
    """Begin a folder, or go on with one.

    Args:
        output: The folder.
        job: What this run would do.
        resume: Whether to go on with a folder that is there.

    Returns:
        The job of the first run, and the numbers of the parts that are finished.

    Raises:
        PipelineError: If the folder is there and not to be resumed, or holds another job's parts.
    """
    if isinstance(output, Path):
        is_there = output.exists() and (not output.is_dir() or any(output.iterdir()))
    else:
        is_there = exists(output) and bool(list_names(output) or exists(output / RUN / JOB))
    path = output / RUN / JOB
    if not is_there:
        write_bytes(path, _format(asdict(job)))
        return job, set()
    if not exists(path):
        raise PipelineError(f"--output {output} is there already, and is no run's.", remedy=NEW_FOLDER)
    if not resume:
        raise PipelineError(
            f"--output {output} is there already.", remedy="pass --resume to go on, or name a new folder."
        )
    first = Job(**json.loads(read_bytes(path)))
    if change := first.find_change(job):
        raise PipelineError(
            f"--resume: {output} was begun with something else: {change}.",
            remedy=f"repeat the options and files of the first run, or {NEW_FOLDER}",
        )
    for folder in (output, output / RUN, output / RUN / FINISHED):
        remove_leftovers(folder)
    parts = list_names(output)
    finished = (int(name.partition(".")[0]) for name in list_names(output / RUN / FINISHED))
    return first, {number for number in finished if name_part(number) in parts}


def write_record(output: Place, number: int, record: Record) -> None:
    """Write the record of a part, behind the part."""
    write_bytes(output / RUN / FINISHED / _name_record(number), _format(asdict(record)))


def read_record(output: Place, number: int) -> Record:
    """Read the record of a finished part."""
    return Record(**json.loads(read_bytes(output / RUN / FINISHED / _name_record(number))))


def write_bad_lines(output: Place, lines: Iterable[Mapping[str, Any]]) -> Place:
    """Write the lines that were skipped, one a line of JSON, and return the file."""
    path = output / RUN / BAD_LINES
    with whole_place(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    return path


def hash_model(files: Mapping[str, bytes]) -> str:
    """Hash a tagger's files with their names."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode())
        digest.update(files[name])
    return digest.hexdigest()


def _format(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8")
