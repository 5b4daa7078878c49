"""One training run in one process or in several, started by torchrun or accelerate."""

import logging
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from accelerate import PartialState

from ner.core.errors import PipelineError, summarise_error
from ner.tagging.devices import has_accelerator

LAUNCHED = "NER_LAUNCHED"  # set for the processes that a launcher starts
# On a second machine a person starts the launcher, which sets this for its processes, as all launchers do.
RANK = "LOCAL_RANK"
# What gloo, NCCL and torch's store say when another process has ended.
_LOST = (
    "Connection closed by peer",
    "Connection reset by peer",
    "Broken pipe",
    "NCCL",
    "Gloo",
    "gloo",
    "TCPStore",
)


def start_launcher(launcher: str, module: str) -> None:
    """Replace this process by the launcher, which starts `module` with the same arguments in its processes.

    Returns at once for `python`, or in a process that a launcher started. The launcher is not part of the
    command in dvc.yaml: DVC would train again for it.

    Args:
        launcher: Such as `torchrun --standalone --nproc-per-node 2`.
        module: Dotted name of the module to run.

    Raises:
        PipelineError: If the launcher cannot be parsed, or is no program here.
    """
    try:
        command = shlex.split(launcher)
    except ValueError as error:
        raise PipelineError(
            f"params.yaml: run.launcher is {launcher!r} ({error}).", remedy="correct the quotes."
        ) from error
    if command in ([], ["python"]) or LAUNCHED in os.environ or RANK in os.environ:
        return
    program = shutil.which(command[0])
    if program is None:
        raise PipelineError(
            f"params.yaml: run.launcher is {launcher!r}, and there is no program {command[0]!r}.",
            remedy="set it to python, or to torchrun or accelerate launch with their options.",
        )
    os.environ[LAUNCHED] = "1"
    sys.stderr.flush()
    os.execv(program, [program, *command[1:], "-m", module, *sys.argv[1:]])  # noqa: S606 - the user's own command


def join_processes() -> PartialState:
    """Join the other processes of the run, if a launcher started some."""
    return PartialState(cpu=not has_accelerator())


@contextmanager
def end_together(processes: PartialState) -> Iterator[None]:
    """End this process with one line when another one of the run has ended; torch's teardown may wait for it.

    Args:
        processes: Of the run.
    """
    try:
        yield
    except RuntimeError as error:
        if processes.num_processes == 1 or not is_process_lost(error):
            raise
        lost = PipelineError(
            f"another process of this run ended ({summarise_error(error)}).",
            remedy="start the run again on every machine: it goes on from the last checkpoint.",
        )
        sys.stderr.write(f"error: {lost}\n")
        logging.shutdown()
        os._exit(1)


def is_process_lost(error: BaseException) -> bool:
    """Return whether an error says that another process of the run has ended."""
    return isinstance(error, RuntimeError) and any(word in str(error) for word in _LOST)


def end_process(processes: PartialState) -> None:
    """End a run of several processes without torch's teardown.

    torch's reducer, when it is freed, waits for gloo's thread and holds the lock of the interpreter that this
    thread waits for. Everything is written by then, so that nothing is lost.
    """
    if processes.num_processes > 1:
        logging.shutdown()
        os._exit(0)
