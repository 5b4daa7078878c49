"""An error that the user can act on, and how a command ends with it."""

import logging
import sys
from collections.abc import Callable


class PipelineError(Exception):
    """A stage cannot go on, and the user can do something about it.

    The message is one line, so that it survives `grep`, a job summary and DVC's own output.

    Args:
        problem: What is wrong, naming the file and line or the parameter, as a sentence.
        remedy: What to do next, as an instruction.
    """

    def __init__(self, problem: str, *, remedy: str) -> None:
        # A library's reason that is quoted in `problem` may have several lines.
        super().__init__(" ".join(f"{problem} Remedy: {remedy}".splitlines()))


def run_command(command: Callable[[], None]) -> None:
    """Run a command's body and turn a `PipelineError` into its message and exit status 1.

    Args:
        command: Reads the command line and does the work.

    Raises:
        SystemExit: With status 1 after a `PipelineError`, 130 after Ctrl-C.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for chatty in ("httpx", "httpcore", "huggingface_hub", "datasets"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        command()
    except PipelineError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        raise SystemExit(130) from None
