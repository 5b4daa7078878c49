"""Find entities in texts: `ner predict "Die EU-Kommission tagt."`, or `--file`, or standard input.

A line of a text file, or of standard input, is one text; a text given as an argument, or in JSON Lines, may
hold line ends. One row of output for each row of input, in the same order.
"""

import errno
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Annotated, BinaryIO

import pyarrow.parquet as pq
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from ner.core.errors import PipelineError
from ner.core.files import whole_file
from ner.core.number_types import TaggingPrecision
from ner.text.text_tagger import Levels, TaggedText, TextTagger
from tools.predict.input_rows import STDIN, InputFormat, Meter, Row, read_arguments, read_rows
from tools.predict.output_formats import (
    LINE_FORMATS,
    OutputFormat,
    TerminalText,
    make_schema,
    make_table,
    picture_controls,
    read_records,
)
from tools.predict.places import (
    Inputs,
    check_output,
    check_output_is_no_input,
    choose_format,
    count_bytes,
    find_input_format,
    list_inputs,
)

# Rows that are tagged together, sorted by length: less padding if more, and more to do again after a kill.
ROWS_PER_CHUNK = 4_000
CHARACTERS_PER_CHUNK = 2**20  # bounds memory where rows are long
SHOWN_BAD_LINES = 10
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
PIPE_CLOSED = 128 + 13  # the status that a shell gives a filter whose reader has gone
INTERRUPTED = 130

Rows = Iterator[Row | PipelineError]
Chunk = list[tuple[Row, TaggedText]]
Write = Callable[[Chunk], None]


class Engine(StrEnum):
    """What computes."""

    LOCAL = "local"
    RAY = "ray"


class RowFilter:
    """Lets good rows through; a bad one ends the run, or is counted.

    Args:
        is_skipping: Whether bad rows are passed over.
    """

    def __init__(self, *, is_skipping: bool) -> None:
        self.is_skipping = is_skipping
        self.n_bad = 0

    def pass_good(self, rows: Rows) -> Iterator[Row]:
        """Yield the good rows.

        Raises:
            PipelineError: At the first bad row, unless they are skipped.
        """
        for row in rows:
            if isinstance(row, Row):
                yield row
            elif self.is_skipping:
                self.n_bad += 1
                if self.n_bad <= SHOWN_BAD_LINES:
                    say(f"skipped: {str(row).partition(' Remedy: ')[0]}")
            else:
                raise row


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def predict(
    text: Annotated[
        list[str] | None, typer.Argument(help="Texts; without any, and without --file: standard input.")
    ] = None,
    file: Annotated[
        list[Path] | None,
        typer.Option(help="A .txt, .jsonl, .conll, .tsv (each also .gz) or .parquet file; - is stdin."),
    ] = None,
    form: Annotated[
        OutputFormat | None,
        typer.Option("--format", help="By the end of --output's name; else text on a terminal, or jsonl."),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="File to write instead of standard output.")] = None,
    model: Annotated[Path, typer.Option(help="The tagger: models/ner, or an ONNX export.")] = Path(
        "models/ner"
    ),
    level: Annotated[
        Levels, typer.Option(help="outer: no entities inside others, also where the tagger finds them.")
    ] = Levels.BOTH,
    min_score: Annotated[
        float, typer.Option(min=0, max=1, help="Leave out entities below this score.")
    ] = 0.0,
    input_format: Annotated[
        InputFormat | None,
        typer.Option(help="Format of the input, instead of the one that the files' names tell."),
    ] = None,
    skip_bad_lines: Annotated[
        bool, typer.Option("--skip-bad-lines", help="Skip lines that cannot be read, and count them.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue after the last whole row of --output.")
    ] = False,
    subtokens_per_batch: Annotated[
        int | None,
        typer.Option(min=1, help="Most subtokens in a batch, instead of the default for the CPU or GPU."),
    ] = None,
    precision: Annotated[
        TaggingPrecision, typer.Option(help="Number type to compute in; auto: the tagger's own.")
    ] = "auto",
    engine: Annotated[Engine, typer.Option(help="ray: on several processes or machines.")] = Engine.LOCAL,
    workers: Annotated[int, typer.Option(min=1, help="With ray: how many taggers.")] = 2,
    ray_address: Annotated[
        str | None,
        typer.Option(envvar="RAY_ADDRESS", help="With ray: a cluster's address; else this machine."),
    ] = None,
) -> None:
    """Find entities in texts: whole words, with the decoder that evaluation uses."""
    try:
        inputs = list_inputs_aloud(file or ([] if text else [STDIN]))
        for path in inputs.files:
            find_input_format(path, input_format)  # before the tagger is loaded, and before hours of work
        if engine is Engine.RAY:
            output = check_ray_options(
                text, inputs, output, form, resume=resume, skip_bad_lines=skip_bad_lines
            )
            from tools.predict.ray_engine import tag_with_ray  # seconds, and Ray is optional

            tag_with_ray(
                inputs.files,
                input_format,
                output,
                tagger_dir=model,
                levels=level,
                min_score=min_score,
                subtokens_per_batch=subtokens_per_batch,
                precision=precision,
                workers=workers,
                address=ray_address,
            )
            return
        form = form or choose_format(output)
        check_output(output, form, inputs, resume=resume)
        predict_locally(
            text or [],
            inputs.files,
            input_format,
            form,
            output,
            load=lambda: load(model, subtokens_per_batch, precision, level),
            min_score=min_score,
            row_filter=RowFilter(is_skipping=skip_bad_lines),
            resume=resume,
        )
    except BrokenPipeError as error:
        # Python would try to write the rest at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(PIPE_CLOSED) from error
    except KeyboardInterrupt as error:
        raise typer.Exit(INTERRUPTED) from error


def list_inputs_aloud(files: Sequence[Path]) -> Inputs:
    """Put the files of a folder in the folder's place, and tell what is left out.

    Raises:
        PipelineError: If a file is not there, or nothing is left to read.
    """
    inputs = list_inputs(files)
    for line in inputs.describe_left_out():
        say(line)
    return inputs


def expand_folders(files: Sequence[Path]) -> list[Path]:
    """Return the files of `list_inputs_aloud` alone."""
    return list_inputs_aloud(files).files


def load(
    model: Path,
    subtokens_per_batch: int | None = None,
    precision: TaggingPrecision = "auto",
    levels: Levels = Levels.BOTH,
) -> TextTagger:
    """Load the tagger, in whichever form `model` holds it."""
    from ner.onnx.tagger import load_text_tagger

    return load_text_tagger(
        model, subtokens_per_batch=subtokens_per_batch, precision=precision, levels=levels
    )


def check_ray_options(
    text: Sequence[str] | None,
    inputs: Inputs,
    output: Path | None,
    form: OutputFormat | None,
    *,
    resume: bool,
    skip_bad_lines: bool,
) -> Path:
    """Refuse what Ray Data does not do, and return the folder that it writes.

    Raises:
        PipelineError: Names the option.
    """
    if text or resume or skip_bad_lines or output is None or not all(p.is_file() for p in inputs.files):
        raise PipelineError(
            "--engine ray tags files into a folder: no TEXT, pipe, --resume or --skip-bad-lines.",
            remedy="name --file and --output, or leave --engine ray out.",
        )
    if form not in (None, OutputFormat.PARQUET, OutputFormat.JSONL) or (
        output.suffix and not output.is_dir()
    ):
        raise PipelineError(
            f"--engine ray writes a folder of Parquet, not {output} ({form or 'by its name'}).",
            remedy="name a folder with --output.",
        )
    check_output_is_no_input(output, inputs)
    return output


def predict_locally(
    texts: Sequence[str],
    files: Sequence[Path],
    input_format: InputFormat | None,
    form: OutputFormat,
    output: Path | None,
    *,
    load: Callable[[], TextTagger],
    min_score: float,
    row_filter: RowFilter,
    resume: bool,
) -> None:
    """Tag on this machine, one chunk of rows after the other."""
    meter = Meter(count_bytes(files))
    rows = row_filter.pass_good(
        chain(
            read_arguments(texts),
            *(read_rows(path, find_input_format(path, input_format), meter) for path in files),
        )
    )
    is_typed = STDIN in files and sys.stdin.isatty()
    if is_typed:
        say("Type texts, one a line; Ctrl-D ends.")
    tagger = load()
    n_rows = skip_finished(output, form, rows) if output and resume else 0
    with (
        open_writer(output, form, tagger, is_appending=n_rows > 0) as write,
        show_progress(meter, is_shown=output is not None or not sys.stdout.isatty()) as advance,
    ):
        for chunk in chunk_rows(rows, 1 if is_typed else ROWS_PER_CHUNK):
            tagged = tagger.tag_split([(row.text, row.split()) for row in chunk])
            write(list(zip(chunk, (one.without_doubtful(min_score) for one in tagged), strict=True)))
            n_rows += len(chunk)
            advance(n_rows)
    if row_filter.n_bad:
        say(f"Bad lines that were skipped: {row_filter.n_bad}")
    if output:
        say(f"{n_rows} rows in {output}")


def chunk_rows(rows: Iterator[Row], n_rows: int) -> Iterator[list[Row]]:
    """Cut the rows into chunks, bounded in rows and in characters; those before an error come whole."""
    chunk: list[Row] = []
    n_characters = 0
    try:
        for row in rows:
            chunk.append(row)
            n_characters += len(row.text)
            if len(chunk) >= n_rows or n_characters >= CHARACTERS_PER_CHUNK:
                yield chunk
                chunk, n_characters = [], 0
    except PipelineError:
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk


def skip_finished(output: Path, form: OutputFormat, rows: Iterator[Row]) -> int:
    """Pass over the rows that an earlier run wrote, and cut off what it wrote in part.

    The output itself says how far it was: each of its records is compared with the row that it came from.
    So bad lines, which leave nothing behind, need no bookkeeping.

    Returns:
        How many rows are finished.

    Raises:
        PipelineError: If the output is not the beginning of what these rows give.
    """
    if not output.exists():
        return 0
    n_rows, end = 0, 0
    with output.open("r+b") as stream:
        try:
            for end_of_record, found in read_records(stream, form):
                row = next(rows, None)
                if row is not None and row.words is None and form is not OutputFormat.JSONL:
                    raise PipelineError(
                        f"--resume: {form} does not tell where a running text ends.",
                        remedy="use --format jsonl, or leave --resume out.",
                    )
                if row is None or found != identify(row, form):
                    raise ValueError("another row")
                n_rows, end = n_rows + 1, end_of_record
        except (ValueError, IndexError) as error:
            raise PipelineError(
                f"{output}: row {n_rows + 1} is not that of the input.",
                remedy="resume with the input, format and --skip-bad-lines of the first run, or start anew.",
            ) from error
        stream.truncate(end)
    say(f"{n_rows} rows are there already.")
    return n_rows


def identify(row: Row, form: OutputFormat) -> str | list[str]:
    """Return what `read_records` reads back of a row."""
    return row.text if form is OutputFormat.JSONL else [word.text for word in row.words or []]


@contextmanager
def open_writer(
    output: Path | None, form: OutputFormat, tagger: TextTagger, *, is_appending: bool
) -> Iterator[Write]:
    """Return a function that writes a chunk, whole rows at a time, so that a killed run can be resumed.

    Parquet, which is read from its end, appears whole or not at all.
    """
    try:
        if form is OutputFormat.PARQUET and output:
            with whole_file(output) as part, pq.ParquetWriter(part, make_schema(tagger.n_levels)) as writer:
                yield lambda chunk: writer.write_table(make_table([one for _, one in chunk], tagger.n_levels))
        elif output:
            output.parent.mkdir(parents=True, exist_ok=True)
            with output.open("ab" if is_appending else "wb") as file:
                yield make_line_writer(file, form, tagger, is_terminal=False)
        else:
            yield make_line_writer(sys.stdout.buffer, form, tagger, is_terminal=sys.stdout.isatty())
    except BrokenPipeError:
        raise
    except OSError as error:
        raise PipelineError(
            f"{output or 'standard output'}: {error.strerror or error}.",
            remedy=choose_remedy(error, output, form),
        ) from error


def choose_remedy(error: OSError, output: Path | None, form: OutputFormat) -> str:
    """Say what to do when the output cannot be written: `--resume` where it can go on."""
    if error.errno not in DISK_ERRORS:
        return "name another file with --output."
    if output is None or form not in LINE_FORMATS:
        return "make room on the disk and run it again."
    if form is OutputFormat.JSONL:
        return "make room on the disk and pass --resume to go on."
    return "make room on the disk and run it again, with --resume to go on if the input is split into words."


def make_line_writer(stream: BinaryIO, form: OutputFormat, tagger: TextTagger, *, is_terminal: bool) -> Write:
    """Return a function that writes a chunk as text; nothing that a text holds acts on a terminal."""
    if form is OutputFormat.TEXT:
        marker = TerminalText(tagger.tagger.tag_set)
        console = Console(file=sys.stdout if is_terminal else io.StringIO(), soft_wrap=True)

        def format_row(row: Row, tagged: TaggedText) -> str:  # noqa: ARG001 - as below
            with console.capture() as captured:
                console.print(marker.format(tagged))
            return captured.get()
    else:
        format_line = LINE_FORMATS[form]

        def format_row(row: Row, tagged: TaggedText) -> str:
            line = format_line(row, tagged)
            return picture_controls(line) if is_terminal else line

    def write(chunk: Chunk) -> None:
        stream.write("".join(format_row(row, tagged) for row, tagged in chunk).encode("utf-8"))
        stream.flush()

    return write


@contextmanager
def show_progress(meter: Meter, *, is_shown: bool) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how far it is; give the function that tells how many rows are done."""
    console = Console(stderr=True)
    bar = Progress(
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]} rows"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not (is_shown and sys.stderr and console.is_terminal),
    )
    with bar:
        task = bar.add_task("", total=meter.total or None, rows=0)
        yield lambda n_rows: bar.update(task, completed=meter.done, rows=n_rows)


def say(message: str) -> None:
    """Print on standard error, which is not part of the output."""
    if sys.stderr:  # it may be closed
        sys.stderr.write(f"{picture_controls(message)}\n")
