"""Find damaged objects in DVC's cache or in a remote, a folder or an object store: `ner check-cache`.

DVC trusts an object of its cache that is marked read-only and checks it out unread. Exit status: 0 if every
object that `dvc.lock` names and that is here is whole, or was healed; 1 if one is damaged.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from dvc.repo import Repo
from rich.console import Console

from ner.core.errors import PipelineError
from ner.sources.stores import Place, exists, is_folder, open_place, parse_place, read_bytes, remove_file

BLOCK_BYTES = 2**20
DIRECTORY = ".dir"  # ends the hash of a folder: its object lists the folder's files as JSON


@dataclass(frozen=True, slots=True)
class CachedFile:
    """A file of the workspace and the hash that `dvc.lock` records for it.

    Args:
        path: Where it is checked out; a folder for the object that lists a folder's files.
        md5: Hash of the object; ends in `.dir` for a folder's.
    """

    path: Path
    md5: str

    def object_in(self, store: Place) -> Place:
        """Return the object's path in a cache or in a remote."""
        return store / self.md5[:2] / self.md5[2:]

    def is_whole(self, path: Place) -> bool:
        """Return whether a file has the recorded hash."""
        return hash_file(path) == self.md5.removesuffix(DIRECTORY)


def list_objects(repo: Repo, store: Place) -> Iterator[CachedFile]:
    """List what the cached outputs consist of, as far as `store` knows it."""
    for out in repo.index.outs:
        if not (out.use_cache and out.hash_info):
            continue
        one = CachedFile(Path(out.fs_path), out.hash_info.value)
        yield one
        listing = one.object_in(store)
        if one.md5.endswith(DIRECTORY) and exists(listing) and one.is_whole(listing):
            for entry in json.loads(read_bytes(listing)):
                yield CachedFile(one.path / entry["relpath"], entry["md5"])


def hash_file(path: Place) -> str:
    """Hash a file as DVC names its objects: against accidents, not against attackers."""
    digest = hashlib.md5(usedforsecurity=False)
    with open_place(path) as stream:
        while block := stream.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def remove_damaged(one: CachedFile, store: Place) -> None:
    """Remove a damaged object, and its checked-out copy, which DVC takes for undamaged."""
    damaged = one.object_in(store)
    if one.path.is_file() and hash_file(one.path) == hash_file(damaged):
        one.path.unlink()
    remove_file(damaged)


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def check_cache(
    remote: Annotated[
        str | None,
        typer.Option(
            metavar="PATH", help="Folder of a remote, also at s3://, gs:// or hdfs://, instead of the cache."
        ),
    ] = None,
    heal: Annotated[
        bool, typer.Option("--heal", help="Remove damaged objects; dvc pull or dvc repro restores them.")
    ] = False,
) -> None:
    """Hash every object that dvc.lock names and list the damaged ones."""
    with Repo() as repo:
        store = parse_place(remote) / "files/md5" if remote else Path(repo.cache.local.path)
        present = [one for one in list_objects(repo, store) if exists(one.object_in(store))]
    if remote and not is_folder(store):  # a fresh checkout has no cache yet: nothing in it is damaged
        raise PipelineError(f"{store}: no such folder.", remedy="correct --remote.")
    damaged = [one for one in present if not one.is_whole(one.object_in(store))]
    for one in damaged:
        typer.echo(f"damaged: {one.object_in(store)} ({one.path.relative_to(Path.cwd())})", err=True)
        if heal:
            remove_damaged(one, store)
    restore = "dvc push sends them again" if remote else "dvc pull or dvc repro restores them"
    if damaged and not heal:
        raise PipelineError(
            f"{len(damaged)} of {len(present)} objects in {store} are damaged.",
            remedy=f"add --heal, which removes them: {restore}.",
        )
    done = f", {len(damaged)} damaged ones removed: {restore}" if damaged else ", all whole"
    Console(soft_wrap=True, highlight=False).print(f"{len(present)} objects in {store}{done}")
