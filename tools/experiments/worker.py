"""DVC's worker: run the queue, and never wait for a worker that is dead.

`dvc queue start` starts it, and what the queue records is asked until the runs are done. `dvc exp run
--run-all` would wait for ever for a run whose worker was killed, and for one that failed before it began; it
holds DVC's lock meanwhile, so that no other command of DVC's works, and where it is ended the worker has the
lock until it ends too.
"""

import logging
import time
from collections.abc import Collection
from pathlib import Path

from dvc.repo import Repo

from ner.core.errors import PipelineError
from tools.experiments.dvc_call import call_dvc

WORKER_LOG = Path(".dvc/tmp/exps/celery/dvc-exp-worker-1.out")
HOW_TO_WATCH = "dvc queue status shows how it goes, dvc queue logs NAME what it prints"
POLL_SECONDS = 2.0
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


def wait_for_idle_worker() -> None:
    """Wait until a worker without work has ended, which it does about ten seconds after its last run.

    In the half second between its decision and its end it takes a run that is queued just then and never
    runs it (DVC 3.67).
    """
    while not list_under_way() and has_worker():
        time.sleep(POLL_SECONDS)


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

    Raises:
        PipelineError: If DVC refuses to start its worker, or none lives though runs are under way.
    """
    call_dvc("queue", "start")  # no worker, if one lives
    last_sign = time.monotonic()
    while list_under_way() & set(names):
        if has_worker():
            last_sign = time.monotonic()
        elif time.monotonic() - last_sign > SILENCE_SECONDS:
            raise PipelineError(
                f"DVC's worker ended or did not start ({SILENCE_SECONDS:.0f} s); {WORKER_LOG} may say why.",
                remedy="run the same command again: it begins what was under way anew.",
            )
        time.sleep(POLL_SECONDS)
