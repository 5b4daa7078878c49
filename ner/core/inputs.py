"""What a stage reads, by hash: parameters and the deps that dvc.yaml declares for it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ner.core.params import flatten, read_yaml

BYTECODE = "__pycache__"  # what Python writes beside a module; .dvcignore keeps it out of DVC's hashes too


@dataclass(frozen=True, slots=True)
class StageInputs:
    """What a stage's result depends on.

    Args:
        params: Values by `section.key`, as text.
        files: SHA-256 by path, a folder's over its files.
    """

    params: dict[str, str]
    files: dict[str, str]

    @classmethod
    def read(cls, stage: str, params: Mapping[str, Any]) -> "StageInputs":
        """Hash what dvc.yaml declares for a stage.

        Args:
            stage: Name of the stage.
            params: The sections of params.yaml that it reads.
        """
        deps = read_yaml(Path("dvc.yaml"))["stages"][stage]["deps"]
        values = {name: repr(value) for name, value in flatten(params).items()}
        return cls(values, {dep: hash_path(Path(dep)) for dep in deps})

    @property
    def key(self) -> str:
        """Return one hash of all inputs."""
        text = repr((sorted(self.params.items()), sorted(self.files.items())))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def changes(self, later: "StageInputs") -> list[str]:
        """List what differs in `later`, for a person to read."""
        changed = [
            f"{name} ({self.params.get(name)} is now {later.params.get(name)})"
            for name in sorted(self.params.keys() | later.params.keys())
            if self.params.get(name) != later.params.get(name)
        ]
        names = sorted(self.files.keys() | later.files.keys())
        return changed + [name for name in names if self.files.get(name) != later.files.get(name)]


def hash_path(path: Path) -> str:
    """Hash a file, or names and contents of the files in a folder."""
    digest = hashlib.sha256()
    files = (
        sorted(file for file in path.rglob("*") if file.is_file() and BYTECODE not in file.parts)
        if path.is_dir()
        else [path]
    )
    for file in files:
        digest.update(f"{file.relative_to(path)}\0".encode())
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()
