"""What the commands that tag files say and write: progress, messages and results that are written at once."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from ner.core.files import write_text
from tools.predict.input_rows import Meter
from tools.predict.output_formats import picture_controls

PIPE_CLOSED = 128 + 13  # the status that a shell gives a filter whose reader has gone
INTERRUPTED = 130


@contextmanager
def quiet_end() -> Iterator[None]:
    """End without a message if the reader of standard output has gone, or at Ctrl-C."""
    try:
        yield
    except BrokenPipeError as error:
        # Python would try to write the rest at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(PIPE_CLOSED) from error
    except KeyboardInterrupt as error:
        raise typer.Exit(INTERRUPTED) from error


def write_result(output: Path | None, text: str) -> None:
    """Write a whole result: a file appears at once, a pipe or device stays one, a terminal obeys nothing."""
    if output is None:
        shown = picture_controls(text) if sys.stdout.isatty() else text
        sys.stdout.buffer.write(shown.encode("utf-8"))
        sys.stdout.flush()
    elif output.exists() and not output.is_file():
        output.write_text(text, encoding="utf-8", newline="\n")
    else:
        write_text(output, text)


@contextmanager
def show_progress(meter: Meter, *, is_shown: bool) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how far it is, rows a second and time left.

    Yields:
        The function that tells how many rows are done.
    """
    console = Console(stderr=True)
    bar = Progress(
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]} rows{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not (is_shown and sys.stderr and console.is_terminal),
    )
    with bar:
        task = bar.add_task("", total=meter.total or None, rows=0, rate="")

        def advance(n_rows: int) -> None:
            seconds = bar.tasks[task].elapsed or 0
            rate = f", {n_rows / seconds:.0f} a second" if seconds > 1 else ""
            bar.update(task, completed=meter.done, rows=n_rows, rate=rate)

        yield advance


def say(message: str) -> None:
    """Print on standard error, which is not part of the output."""
    if sys.stderr:  # it may be closed
        sys.stderr.write(f"{picture_controls(message)}\n")
