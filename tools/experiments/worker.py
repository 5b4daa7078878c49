"""DVC's worker: run the queue, and never wait for a worker that is dead.

`dvc exp run --run-all` waits for ever for a run whose worker was killed, and for one that failed before it
began. What the queue itself records is asked beside it.
"""

import logging
import subprocess
import time
from collections.abc import Collection
from pathlib import Path

from dvc.repo import Repo

from ner.core.errors import PipelineError

LOG = Path(".dvc/tmp/experiments.log")
POLL_SECONDS = 5.0
SILENCE_SECONDS = 180.0  # without a worker, while runs are under way; one needs seconds to start
UNDER_WAY = ("Queued", "Running")

logger = logging.getLogger(__name__)
# It warns of a host name that the queue has no use for.
logging.getLogger("kombu.connection").setLevel(logging.ERROR)


def list_under_way() -> set[str]:
    """Name the experiments that are queued or running, such as after Ctrl-C."""
    with Repo() as repo:
        tasks = repo.experiments.celery_queue.status()
    return {task["name"] for task in tasks if task["status"] in UNDER_WAY}


def has_worker() -> bool:
    """Return whether a worker answers, which takes a second where none does."""
    with Repo() as repo:
        return bool(repo.experiments.celery_queue.worker_status())


def end_abandoned_runs() -> list[str]:
    """Mark as failed what is recorded as running though no worker lives, as after kill -9 of everything.

    Returns:
        Names of these experiments. They can be queued again.
    """
    with Repo() as repo:
        queue = repo.experiments.celery_queue
        running = [entry.name or entry.stash_rev for entry in queue.iter_active()]
        if not running or queue.worker_status():
            return []
        for _ in range(2):  # the first ends a process that outlived its worker, the second marks its run
            if left := [entry.name or entry.stash_rev for entry in queue.iter_active()]:
                queue.kill(left, force=True)
    for name in running:
        logger.warning("%s: its worker was killed; it begins anew (from its last checkpoint)", name)
    return running


def run_queue(names: Collection[str]) -> None:
    """Run all that is queued, one at a time, and wait for the experiments called `names`.

    The output goes to a file: DVC's worker outlives the command by some seconds and would hold a pipe open.

    Raises:
        PipelineError: If no worker lives though runs are under way.
    """
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("w", encoding="utf-8") as log:
        command = ["dvc", "exp", "run", "--run-all"]
        follower = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)  # noqa: S603
        try:
            _wait_for(names, follower)
        finally:
            follower.terminate()
            follower.wait()


def _wait_for(names: Collection[str], follower: subprocess.Popen[bytes]) -> None:
    """Wait until the queue holds none of `names`, or its follower ends."""
    last_sign = time.monotonic()
    while True:
        try:
            follower.wait(POLL_SECONDS)
            return
        except subprocess.TimeoutExpired:
            pass
        if not list_under_way() & set(names):
            return
        if has_worker():
            last_sign = time.monotonic()
        elif time.monotonic() - last_sign > SILENCE_SECONDS:
            raise PipelineError(
                f"DVC's worker ended, or did not start, for {SILENCE_SECONDS:.0f} s; {LOG} may say why.",
                remedy="run the same command again: it begins what was under way anew.",
            )
