"""Load the tagger, read the rows of all inputs and tag them a chunk at a time, in bounded memory."""

import tempfile
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from ner.core.errors import PipelineError
from ner.core.number_types import TaggingPrecision
from ner.sources.stores import Place, RemoteFile, name_errors, read_folder, write_folder
from ner.text.text_tagger import Levels, TaggedText, TextTagger
from tools.predict.console import say, show_progress
from tools.predict.input_rows import InputFormat, Meter, Row, read_arguments, read_rows
from tools.predict.places import count_bytes, find_input_format

# Rows that are tagged together, sorted by length: less padding if more, and more to do again after a kill.
ROWS_PER_CHUNK = 4_000
CHARACTERS_PER_CHUNK = 2**20  # bounds memory where rows are long
SHOWN_BAD_LINES = 10

Rows = Iterator[Row | PipelineError]
Chunk = list[tuple[Row, TaggedText]]


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


def load(
    model: Place,
    subtokens_per_batch: int | None = None,
    precision: TaggingPrecision = "auto",
    levels: Levels = Levels.BOTH,
) -> TextTagger:
    """Load the tagger, in whichever form `model` holds it."""
    if isinstance(model, RemoteFile):
        with tempfile.TemporaryDirectory() as folder, name_errors(copy := Path(folder), str(model)):
            write_folder(copy, read_folder(model))
            return load(copy, subtokens_per_batch, precision, levels)
    from ner.onnx.tagger import load_text_tagger

    return load_text_tagger(
        model, subtokens_per_batch=subtokens_per_batch, precision=precision, levels=levels
    )


def read_inputs(
    texts: Sequence[str], files: Sequence[Place], input_format: InputFormat | None, row_filter: RowFilter
) -> tuple[Iterator[Row], Meter]:
    """Chain the texts of the command line and the rows of the files.

    Returns:
        The good rows, and the meter that tells how many bytes of the files have been read.
    """
    meter = Meter(count_bytes(files))
    rows = (read_rows(path, find_input_format(path, input_format), meter) for path in files)
    return row_filter.pass_good(chain(read_arguments(texts), *rows)), meter


def tag_rows(
    tagger: TextTagger,
    rows: Iterator[Row],
    meter: Meter,
    *,
    n_finished: int = 0,
    rows_per_chunk: int | None = None,
    is_shown: bool = True,
) -> Iterator[Chunk]:
    """Tag the rows a chunk at a time.

    Args:
        tagger: Tags them.
        rows: The rows.
        meter: Tells how far reading is.
        n_finished: Rows that an earlier run has tagged.
        rows_per_chunk: Most rows in a chunk; None: ROWS_PER_CHUNK.
        is_shown: Whether to show a progress bar on a terminal.
    """
    with show_progress(meter, is_shown=is_shown) as advance:
        for chunk in chunk_rows(rows, rows_per_chunk or ROWS_PER_CHUNK):
            tagged = tagger.tag_split([(row.text, row.split()) for row in chunk])
            yield list(zip(chunk, tagged, strict=True))
            n_finished += len(chunk)
            advance(n_finished)


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
