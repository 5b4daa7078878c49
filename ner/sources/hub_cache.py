"""What the Hub's own cache holds, for machines that may not ask the Hub."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

COMMIT = re.compile(r"[0-9a-f]{40}")
BLOB = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")  # Git's hash of a small file, SHA-256 of a large one


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A commit of a repository in the cache.

    Args:
        commit: Its hash.
        blobs: The content of each file, by its name in the repository. A blob is called by the hash that the
            Hub listed when it was fetched.
    """

    commit: str
    blobs: Mapping[str, Path]


def find_snapshot(folder: Path, revision: str) -> Snapshot | None:
    """Find a revision in a repository's folder of the cache.

    Args:
        folder: Such as `models--org--name`.
        revision: A commit, or a branch or tag whose commit was noted when it was last fetched.

    Returns:
        None if the cache lacks it. Files that are no links to a blob are left out: nothing tells their hash.
    """
    commit = revision
    if not COMMIT.fullmatch(revision):
        note = folder / "refs" / revision
        if ".." in Path(revision).parts or not note.is_file():
            return None
        commit = note.read_text(encoding="ascii", errors="replace").strip()
    snapshot = folder / "snapshots" / commit
    if not COMMIT.fullmatch(commit) or not snapshot.is_dir():
        return None
    blobs = {}
    for path in sorted(snapshot.rglob("*")):
        blob = path.resolve()
        if path.is_symlink() and blob.is_file() and BLOB.fullmatch(blob.name):
            blobs[path.relative_to(snapshot).as_posix()] = blob
    return Snapshot(commit, blobs) if blobs else None
