"""What a stage reads, by hash: parameters and the deps that dvc.yaml declares for it.

DVC records parameters and deps when a stage ends, not when it starts. What is edited while a stage runs would
be recorded beside a result that never saw it, and no later `dvc repro` would notice. A stage therefore reads
its inputs at the start, compares them at the end, and fails where they differ: DVC records nothing then.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import psutil

from ner.core.errors import PipelineError
from ner.core.params import PARAMS, PIPELINE, Params, flatten, load_params, read_yaml

IGNORE_FILE = Path(".dvcignore")
BYTECODE = "__pycache__"  # what Python writes beside a module; .dvcignore keeps it out of DVC's hashes too
TEMPLATE = re.compile(r"\$\{([\w.]+)\}")  # a parameter's value in a dep's path
START_PRECISION_SECONDS = 1  # of the time that the system gives for the start of a process
MOST_NAMED = 5  # changes in one message


@dataclass(frozen=True, slots=True)
class FileState:
    """A file's contents, and what tells without reading it that they are still the same.

    Args:
        sha256: Hash of the contents.
        size: Unit: bytes.
        modified_ns: Time of the last change, in nanoseconds.
        inode: Number of the file in its file system; a file that is replaced gets another.
    """

    sha256: str
    size: int
    modified_ns: int
    inode: int

    @classmethod
    def read(cls, path: Path, known: "FileState | None" = None) -> "FileState":
        """Read a file's state; it is hashed only where size, time or inode are not those of `known`."""
        status = path.stat()  # before the hash: a change in between shows at the next reading
        stamp = (status.st_size, status.st_mtime_ns, status.st_ino)
        if known and stamp == (known.size, known.modified_ns, known.inode):
            return known
        return cls(hash_file(path), *stamp)


@dataclass(frozen=True, slots=True)
class StageInputs:
    """What a stage's result depends on.

    Args:
        stage: Name of the stage.
        params: Values by `section.key`, as text.
        deps: Files and folders; a `${section.key}` is the path that it stood for at the start.
        files: State by path, of each file in `deps`.
    """

    stage: str
    params: dict[str, str]
    deps: tuple[str, ...]
    files: dict[str, FileState]

    @classmethod
    def read(cls, stage: str, params: Mapping[str, Any]) -> "StageInputs":
        """Hash what dvc.yaml declares for a stage.

        Args:
            stage: Name of the stage.
            params: The sections of params.yaml that it reads.

        Raises:
            PipelineError: If its code was edited after this process started: it may have been loaded before.
        """
        values = flatten(params)
        declared = read_yaml(Path(PIPELINE))["stages"][stage]["deps"]
        deps = tuple(TEMPLATE.sub(lambda name: str(values[name[1]]), dep) for dep in declared)
        inputs = cls(stage, {name: repr(value) for name, value in values.items()}, deps, read_files(deps, {}))
        started = psutil.Process().create_time() + START_PRECISION_SECONDS
        edited = [
            name
            for name, state in inputs.files.items()
            if name.endswith(".py") and state.modified_ns > started * 10**9
        ]
        if edited:
            raise PipelineError(
                f"{stage}: edited while it started: {', '.join(edited[:MOST_NAMED])}.",
                remedy="run dvc repro again.",
            )
        return inputs

    @property
    def key(self) -> str:
        """Return one hash of all inputs."""
        hashes = sorted((name, state.sha256) for name, state in self.files.items())
        text = repr((sorted(self.params.items()), hashes))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def find_changes(self, params: Mapping[str, Any]) -> list[str]:
        """Compare with the same inputs as they are now, for a person to read.

        Args:
            params: The same sections, read again.
        """
        values = {name: repr(value) for name, value in flatten(params).items()}
        files = read_files(self.deps, self.files)
        changed = [
            f"{name} ({self.params.get(name)} is now {values.get(name)})"
            for name in sorted(self.params.keys() | values.keys())
            if self.params.get(name) != values.get(name)
        ]
        for name in sorted(self.files.keys() | files.keys()):
            before, after = self.files.get(name), files.get(name)
            if before is None or after is None:
                changed.append(f"{name} ({'new' if before is None else 'removed'})")
            elif before.sha256 != after.sha256:
                changed.append(name)
        n_unnamed = len(changed) - MOST_NAMED
        return [*changed[:MOST_NAMED], f"{n_unnamed} more"] if n_unnamed > 0 else changed


@contextmanager
def guard_inputs(stage: str, model: type[Params]) -> Iterator[None]:
    """Read a stage's inputs before its work and let it fail if they differ after it.

    Where DVC started the stage, what it wrote is removed then; DVC had removed the result before it.

    Args:
        stage: Name of the stage in dvc.yaml.
        model: The sections of params.yaml that it reads.

    Raises:
        PipelineError: If a parameter, a dep or the stage's code was edited meanwhile; each is named.
    """
    inputs = StageInputs.read(stage, load_params(Path(PARAMS), model).model_dump())
    yield
    changes = inputs.find_changes(load_params(Path(PARAMS), model).model_dump())
    if changes:
        if os.environ.get("DVC_STAGE") == stage:
            _remove_outputs(stage)
        raise PipelineError(
            f"{stage}: edited while it ran: {', '.join(changes)}; the result of the old inputs is dropped.",
            remedy="run dvc repro again.",
        )


def read_files(deps: tuple[str, ...], known: Mapping[str, FileState]) -> dict[str, FileState]:
    """Read the state of each file in files and folders, but for what .dvcignore leaves out."""
    ignored = _read_ignored()
    states = {}
    for dep in map(Path, deps):
        for path in [dep, *dep.rglob("*")] if dep.is_dir() else [dep]:
            inside = path.relative_to(dep).parts
            if any(fnmatch(part, pattern) for part in inside for pattern in ignored):
                continue
            if path.is_file():  # an absent one is left to the stage, which says what to do
                states[path.as_posix()] = FileState.read(path, known.get(path.as_posix()))
    return states


def hash_file(path: Path) -> str:
    """Hash a file's contents."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _read_ignored() -> list[str]:
    """Read the names that DVC's own hashes leave out wherever they stand."""
    lines = IGNORE_FILE.read_text(encoding="utf-8").splitlines() if IGNORE_FILE.is_file() else []
    return [BYTECODE, *(line for line in lines if line and "/" not in line and not line.startswith("#"))]


def _remove_outputs(stage: str) -> None:
    declared = read_yaml(Path(PIPELINE))["stages"][stage]
    for kind in ("outs", "metrics", "plots"):
        for output in declared.get(kind, []):
            path = Path(output if isinstance(output, str) else next(iter(output)))
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
