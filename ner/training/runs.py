"""Checkpoints and publishing: publishes a run only if its inputs are still those that DVC will record.

A run knows its inputs by hash and checks them again before it publishes, as every stage does
(`ner.core.inputs`); its result took long and is kept for a run with the old inputs. Its folder is named by
that hash, lies outside any output, since DVC removes outputs before a stage runs, and below `$DVC_ROOT`, so
that queued runs, which work in a temporary copy, share it.
"""

import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from ner.core.errors import PipelineError
from ner.core.files import whole_folder, write_json
from ner.core.inputs import StageInputs, hash_file

logger = logging.getLogger(__name__)

CHECKPOINTS = Path("models/checkpoints")
SEAL = "sealed.json"


class Run:
    """A training run, known by its inputs: its checkpoints, and its result until that is published.

    Args:
        stage: Name of the stage.
        params: The sections of params.yaml that it reads, when it starts.
        parts: Names of the files and folders that make up the result.
    """

    def __init__(self, stage: str, params: Mapping[str, Any], *, parts: Sequence[str]) -> None:
        self.stage, self.parts = stage, parts
        self.inputs = StageInputs.read(stage, params)
        self.folder = Path(os.environ.get("DVC_ROOT", ".")) / CHECKPOINTS / self.inputs.key
        self.result = self.folder / "result"
        self.steps = self.folder / "steps"
        self._dvc = _find_dvc()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep every other process from training in this folder, or for the same inputs elsewhere.

        The kernel frees both locks when the process ends, however it ends.

        Raises:
            PipelineError: If another process holds one; it is named.
        """
        with ExitStack() as stack:
            for folder in (CHECKPOINTS, self.folder):  # the outputs here; the checkpoints, which others share
                stack.enter_context(_hold(folder / ".lock", self.stage))
            yield

    @property
    def is_complete(self) -> bool:
        """Whether a run with the same inputs left its whole result here."""
        return all((self.result / part).exists() for part in self.parts)

    @contextmanager
    def writing(self) -> Iterator[Path]:
        """Yield a folder to write the result to; it is published if the block ends without an error.

        Raises:
            PipelineError: If the folder that the stage works in was removed: the queue does so as soon as an
                experiment's dvc is killed, and the trainer outlives it.
        """
        if not Path("dvc.yaml").is_file():
            raise PipelineError(
                f"{self.stage}: the folder it works in was removed: the dvc that started it has ended; "
                f"the checkpoints are kept in {CHECKPOINTS / self.inputs.key}.",
                remedy="queue the experiment again, which goes on from them.",
            )
        with whole_folder(self.result) as folder:
            yield folder

    def publish(self, params: Mapping[str, Any], targets: Mapping[str, Path]) -> None:
        """Move the result to the stage's outputs, if its inputs are still what they were; drop the rest.

        Args:
            params: The same sections, read again.
            targets: Where each file or folder of the result goes, by its name.

        Raises:
            PipelineError: If an input was edited meanwhile, or the dvc that started the run is gone; the
                result stays for the next run with these inputs.
        """
        kept = f"the finished result is kept in {CHECKPOINTS / self.inputs.key}"
        changes = self.inputs.find_changes(params)
        if changes:
            raise PipelineError(
                f"{self.stage}: edited while it ran: {', '.join(changes)}; {kept}, for the old inputs.",
                remedy="run dvc repro again; with the old inputs back in place it takes what is kept.",
            )
        if self._dvc and not _is_alive(self._dvc):
            raise PipelineError(
                f"{self.stage}: the dvc that started it (process {self._dvc.pid}) has ended; {kept}.",
                remedy="run dvc repro, which takes what is kept.",
            )
        for name, target in targets.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.is_dir():
                shutil.rmtree(target)
            shutil.move(self.result / name, target)
        shutil.rmtree(self.folder)

    def others(self) -> list[Path]:
        """List the folders of other runs that never came to an end: an edit gives a run another folder."""
        folders = self.folder.parent.iterdir() if self.folder.parent.is_dir() else []
        return sorted(path for path in folders if path.is_dir() and path != self.folder)

    def report_others(self) -> None:
        """Log how many other runs could still go on, and where they lie."""
        if unfinished := self.others():
            logger.info(
                "%d unfinished run(s) can go on from %s; remove those that nobody will finish",
                len(unfinished),
                unfinished[0].parent,
            )

    def last_checkpoint(self) -> Path | None:
        """Return the newest whole checkpoint; remove those that a kill or a power cut left in part."""
        whole = None
        for folder in sorted(self.steps.glob("checkpoint-*"), key=lambda path: -_step_of(path)):
            if whole is None and _is_sealed(folder):
                whole = folder
            elif whole is None:
                shutil.rmtree(folder)
        return whole


def seal_checkpoint(folder: Path) -> None:
    """Flush every file of a checkpoint to the disk, then record their hashes: from now on it counts."""
    files = sorted(path for path in folder.iterdir() if path.name != SEAL)
    for path in files:
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
    write_json(folder / SEAL, {path.name: hash_file(path) for path in files})


def _is_sealed(folder: Path) -> bool:
    try:
        hashes = json.loads((folder / SEAL).read_text(encoding="utf-8"))
        return all(hash_file(folder / name) == digest for name, digest in hashes.items())
    except (OSError, ValueError):
        return False


def _step_of(folder: Path) -> int:
    number = folder.name.removeprefix("checkpoint-")
    return int(number) if number.isdigit() else -1


@contextmanager
def _hold(path: Path, stage: str) -> Iterator[None]:
    """Hold a lock file, or say at once who does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    owner = path.with_name(".owner")  # apart: whoever asks for a lock empties its file
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        number = owner.read_text(encoding="utf-8") if owner.is_file() else "of an unknown number"
        raise PipelineError(
            f"{stage}: process {number} is already training here ({path.parent}).",
            remedy=f"wait until it ends, or stop it (kill {number}); what it has done so far is kept.",
        ) from None
    try:
        owner.write_text(str(os.getpid()), encoding="utf-8")
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def _find_dvc() -> psutil.Process | None:
    """Find the dvc among this process's ancestors; None where a person started the stage."""
    for process in psutil.Process().parents():
        try:
            command = process.cmdline()
        except psutil.Error:
            continue
        if any(Path(word).name == "dvc" for word in command[:3]):  # dvc, python dvc, python -m dvc
            return process
    return None


def _is_alive(process: psutil.Process) -> bool:
    """Return whether a process still runs; one that ended and waits to be collected does not."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
