"""Where a training run keeps what it finished until it is known to belong to the recorded inputs.

DVC records parameters and deps when a stage ends, not when it starts: an edit while a run trains would be
recorded beside a model that never saw it. A run therefore knows its inputs by hash, and checks them again
before it publishes. The folder lies outside any output, since DVC removes outputs before a stage runs, and
below `$DVC_ROOT`, so that queued runs, which work in a temporary copy, share it.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.ner.errors import PipelineError
from stages.ner.params import read_yaml

CHECKPOINTS = Path("models/checkpoints")


@dataclass(frozen=True, slots=True)
class RunInputs:
    """What a stage's result depends on.

    Args:
        params: Values by `section.key`, as text.
        files: SHA-256 by path, a folder's over its files.
    """

    params: dict[str, str]
    files: dict[str, str]

    @classmethod
    def read(cls, stage: str, params: Mapping[str, Any]) -> "RunInputs":
        """Hash what dvc.yaml declares for a stage.

        Args:
            stage: Name of the stage.
            params: The sections of params.yaml that it reads.
        """
        deps = read_yaml(Path("dvc.yaml"))["stages"][stage]["deps"]
        return cls(dict(_flatten(params)), {dep: _hash_path(Path(dep)) for dep in deps})

    @property
    def key(self) -> str:
        """Name the inputs by one hash."""
        text = repr((sorted(self.params.items()), sorted(self.files.items())))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def changes(self, later: "RunInputs") -> list[str]:
        """Say what differs in `later`, for a person to read."""
        changed = [
            f"{name} ({self.params.get(name)} is now {later.params.get(name)})"
            for name in sorted(self.params.keys() | later.params.keys())
            if self.params.get(name) != later.params.get(name)
        ]
        names = sorted(self.files.keys() | later.files.keys())
        return changed + [name for name in names if self.files.get(name) != later.files.get(name)]


class FinishedRun:
    """The complete result of a run, kept until it is published.

    Args:
        stage: Name of the stage.
        params: The sections of params.yaml that it reads, when it starts.
        parts: Names of the files and folders that make up the result.
    """

    def __init__(self, stage: str, params: Mapping[str, Any], *, parts: Sequence[str]) -> None:
        self.stage, self.parts = stage, parts
        self.inputs = RunInputs.read(stage, params)
        self.folder = Path(os.environ.get("DVC_ROOT", ".")) / CHECKPOINTS / self.inputs.key

    @property
    def is_complete(self) -> bool:
        """Whether a run with the same inputs left its result here."""
        return all((self.folder / part).exists() for part in self.parts)

    @contextmanager
    def writing(self) -> Iterator[Path]:
        """Give a folder to write the result to; it gets its name when the block ends without an error."""
        unfinished = self.folder.with_name(f".{self.folder.name}.{os.getpid()}")
        unfinished.mkdir(parents=True)
        try:
            yield unfinished
            shutil.rmtree(self.folder, ignore_errors=True)  # what a kill while publishing may have left
            unfinished.rename(self.folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def publish(self, params: Mapping[str, Any], targets: Mapping[str, Path]) -> None:
        """Move the result to the stage's outputs, if its inputs are still what they were.

        Args:
            params: The same sections, read again.
            targets: Where each file or folder of the result goes, by its name.

        Raises:
            PipelineError: If an input was edited meanwhile; the result stays for a run with the old ones.
        """
        changes = self.inputs.changes(RunInputs.read(self.stage, params))
        if changes:
            raise PipelineError(
                f"{self.stage}: edited while it ran: {', '.join(changes)}. Its result belongs to the old "
                f"inputs and is kept in {CHECKPOINTS / self.inputs.key}.",
                remedy="run dvc repro again; with the old inputs back in place it takes what is kept.",
            )
        for name, target in targets.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.is_dir():
                shutil.rmtree(target)
            shutil.move(self.folder / name, target)
        shutil.rmtree(self.folder)


def _flatten(section: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, repr(value)


def _hash_path(path: Path) -> str:
    """Hash a file, or names and contents of the files in a folder."""
    digest = hashlib.sha256()
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    for file in files:
        digest.update(f"{file.relative_to(path)}\0".encode())
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()
