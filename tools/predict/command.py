"""Find entities in texts: `ner predict "Die EU-Kommission tagt."`, or `--file`, or standard input.

A line of a text file, or of standard input, is one text; a text given as an argument, or in JSON Lines, may
hold line ends. One row of output for each row of input, in the same order.
"""

import errno
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, BinaryIO

import pyarrow.parquet as pq
import typer
from rich.console import Console

from ner.core.errors import PipelineError
from ner.core.files import whole_file
from ner.sources.formats.columns import keep_mark
from ner.sources.stores import Place, RemoteFile, parse_place, whole_place
from ner.text.text_tagger import Levels, TaggedText, TextTagger
from tools.predict.begun_options import BegunOptions
from tools.predict.console import quiet_end, say
from tools.predict.input_rows import STDIN, InputFormat, Row
from tools.predict.options import (
    TAGGER_DIR,
    Files,
    Format,
    Precision,
    SubtokensPerBatch,
    Texts,
)
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
    find_inputs,
)
from tools.predict.tagging import Chunk, RowFilter, load, read_inputs, tag_rows

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

Write = Callable[[Chunk], None]


class Engine(StrEnum):
    """What computes."""

    LOCAL = "local"
    RAY = "ray"


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
@quiet_end()
def predict(
    text: Texts = None,
    file: Files = None,
    form: Annotated[
        OutputFormat | None,
        typer.Option("--format", help="By the end of --output's name; else text on a terminal, or jsonl."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="File to write instead of standard output, also at s3://; with ray: a folder.",
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(metavar="PATH", help="The tagger: models/ner, an ONNX export, or a folder at s3://."),
    ] = str(TAGGER_DIR),
    level: Annotated[
        Levels, typer.Option(help="outer: no entities inside others, also where the tagger finds them.")
    ] = Levels.BOTH,
    min_score: Annotated[
        float, typer.Option(min=0, max=1, help="Leave out entities below this score.")
    ] = 0.0,
    input_format: Format = None,
    skip_bad_lines: Annotated[
        bool, typer.Option("--skip-bad-lines", help="Skip lines that cannot be read, and count them.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Continue after the last whole row of --output, or the parts in it."),
    ] = False,
    subtokens_per_batch: SubtokensPerBatch = None,
    precision: Precision = "auto",
    engine: Annotated[Engine, typer.Option(help="ray: on several processes or machines.")] = Engine.LOCAL,
    workers: Annotated[
        int | None, typer.Option(min=1, help="With ray: how many taggers; else as many as there is room for.")
    ] = None,
    cpus_per_worker: Annotated[
        int, typer.Option(min=1, help="With ray: CPU cores of each; where there are GPUs, it has one too.")
    ] = 1,
    ray_address: Annotated[
        str | None,
        typer.Option(envvar="RAY_ADDRESS", help="With ray: a cluster's address; else this machine."),
    ] = None,
) -> None:
    """Find entities in texts: whole words, with the decoder that evaluation uses."""
    inputs = find_inputs(file or ([] if text else [STDIN]), input_format)
    place, tagger_dir = parse_place(output) if output else None, parse_place(model)
    if engine is Engine.RAY:
        folder = check_ray_options(text, inputs, place, form)
        from tools.predict.ray_engine import tag_with_ray  # seconds, and Ray is optional
        from tools.predict.ray_worker import WorkerSettings

        settings = WorkerSettings(
            folder,
            input_format,
            level.value,
            min_score,
            precision,
            subtokens_per_batch,
            is_skipping=skip_bad_lines,
        )
        tag_with_ray(
            [path.resolve() if isinstance(path, Path) else path for path in inputs.files],
            settings,
            model=tagger_dir,
            workers=workers,
            cpus_per_worker=cpus_per_worker,
            address=ray_address,
            resume=resume,
        )
        return
    form = form or choose_format(place)
    check_output(place, form, inputs, resume=resume)
    options = None
    if isinstance(place, Path) and form in LINE_FORMATS:
        options = BegunOptions.read(tagger_dir, level=level, min_score=min_score, precision=precision)
        if resume:
            options.check(place, tagger_dir)
    predict_locally(
        text or [],
        inputs.files,
        input_format,
        form,
        place,
        load=lambda: load(tagger_dir, subtokens_per_batch, precision, level),
        min_score=min_score,
        row_filter=RowFilter(is_skipping=skip_bad_lines),
        resume=resume,
        options=options,
    )


def check_ray_options(
    text: Sequence[str] | None, inputs: Inputs, output: Place | None, form: OutputFormat | None
) -> Place:
    """Refuse what is not tagged with Ray, and return the folder that it writes.

    Raises:
        PipelineError: Names the option.
    """
    is_pipe = any(isinstance(path, Path) and not path.is_file() for path in inputs.files)
    if text or output is None or is_pipe:
        raise PipelineError(
            "--engine ray tags files into a folder: no TEXT and no pipe.",
            remedy="name --file and --output, or leave --engine ray out.",
        )
    if form not in (None, OutputFormat.PARQUET) or (
        output.suffix and not (isinstance(output, Path) and output.is_dir())
    ):
        raise PipelineError(
            f"--engine ray writes a folder of Parquet, not {output} ({form or 'by its name'}).",
            remedy="name a folder with --output, or leave --engine ray out.",
        )
    check_output_is_no_input(output, inputs)
    return output.resolve() if isinstance(output, Path) else output


def predict_locally(
    texts: Sequence[str],
    files: Sequence[Place],
    input_format: InputFormat | None,
    form: OutputFormat,
    output: Place | None,
    *,
    load: Callable[[], TextTagger],
    min_score: float,
    row_filter: RowFilter,
    resume: bool,
    options: BegunOptions | None,
) -> None:
    """Tag on this machine, one chunk of rows after the other.

    Args:
        texts: Of the command line. Shape: (n_texts,).
        files: Are read after them.
        input_format: Of the files; None: by their names.
        form: Of the output.
        output: Is written; None: standard output.
        load: Loads the tagger.
        min_score: Entities below are left out.
        row_filter: Decides about rows that cannot be read.
        resume: Whether to go on behind the rows of `output`.
        options: Are recorded beside an output that a later run may go on with.
    """
    rows, meter = read_inputs(texts, files, input_format, row_filter)
    is_typed = STDIN in files and sys.stdin.isatty()
    if is_typed:
        say("Type texts, one a line; Ctrl-D ends.")
    tagger = load()
    n_rows = skip_finished(output, form, rows) if isinstance(output, Path) and resume else 0
    chunks = tag_rows(
        tagger,
        rows,
        meter,
        n_finished=n_rows,
        rows_per_chunk=1 if is_typed else None,
        is_shown=output is not None or not sys.stdout.isatty(),
    )
    with open_writer(output, form, tagger, is_appending=n_rows > 0) as write:
        if isinstance(output, Path) and options and not n_rows:
            options.record(output)
        for chunk in chunks:
            write([(row, tagged.without_doubtful(min_score)) for row, tagged in chunk])
            n_rows += len(chunk)
    if row_filter.n_bad:
        say(f"Bad lines that were skipped: {row_filter.n_bad}")
    if output:
        say(f"{n_rows} rows in {output}")


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
    output: Place | None, form: OutputFormat, tagger: TextTagger, *, is_appending: bool
) -> Iterator[Write]:
    """Return a function that writes a chunk, whole rows at a time, so that a killed run can be resumed.

    Parquet, which is read from its end, appears whole or not at all, and so does a file of an object store.
    """
    if isinstance(output, RemoteFile):
        with whole_place(output) as part, open_writer(part, form, tagger, is_appending=False) as write:
            yield write
        return
    try:
        if form is OutputFormat.PARQUET and output:
            with whole_file(output) as part, pq.ParquetWriter(part, make_schema(tagger.n_levels)) as writer:
                yield lambda chunk: writer.write_table(make_table([one for _, one in chunk], tagger.n_levels))
        elif output:
            output.parent.mkdir(parents=True, exist_ok=True)
            with output.open("ab" if is_appending else "wb") as file:
                yield make_line_writer(file, form, tagger, is_terminal=False, is_begun=is_appending)
        else:
            is_terminal = sys.stdout.isatty()
            yield make_line_writer(sys.stdout.buffer, form, tagger, is_terminal=is_terminal, is_begun=False)
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


def make_line_writer(
    stream: BinaryIO, form: OutputFormat, tagger: TextTagger, *, is_terminal: bool, is_begun: bool
) -> Write:
    """Return a function that writes a chunk as text; nothing that a text holds acts on a terminal.

    Args:
        stream: Is written to.
        form: Of the text; no Parquet.
        tagger: Names the labels.
        is_terminal: Whether a person reads it.
        is_begun: Whether rows of an earlier run stand before it.
    """
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

    begins_file = form is OutputFormat.CONLL and not (is_begun or is_terminal)

    def write(chunk: Chunk) -> None:
        nonlocal begins_file
        text = "".join(format_row(row, tagged) for row, tagged in chunk)
        if begins_file and text:
            text, begins_file = keep_mark(text), False
        stream.write(text.encode("utf-8"))
        stream.flush()

    return write
