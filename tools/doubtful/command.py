"""Choose what to annotate next: `ner doubtful --file texts.txt --top 200 --format doccano`."""

import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from ner.core.errors import PipelineError
from ner.core.files import write_text
from ner.text.text_tagger import TextTagger
from tools.doubtful.annotation_formats import FORMATS, AnnotationFormat
from tools.doubtful.selection import Measure, RankedSentence, cut_sentences, pick_doubtful
from tools.predict.command import (
    ROWS_PER_CHUNK,
    RowFilter,
    chunk_rows,
    expand_folders,
    load,
    say,
    show_progress,
)
from tools.predict.input_rows import STDIN, InputFormat, Meter, Row, find_format, read_rows
from tools.predict.output_formats import picture_controls

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def find_doubtful(
    file: Annotated[
        list[Path] | None,
        typer.Option(
            help="A .txt, .jsonl, .conll, .tsv (each also .gz) or .parquet file; - or none: standard input."
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many sentences at most.")] = 200,
    form: Annotated[
        AnnotationFormat, typer.Option("--format", help="The tool that imports them.")
    ] = AnnotationFormat.DOCCANO,
    output: Annotated[Path | None, typer.Option(help="File to write instead of standard output.")] = None,
    by: Annotated[
        Measure,
        typer.Option(
            help="Mean over the words of -log of the tag's probability, or of its margin to the others."
        ),
    ] = Measure.PROBABILITY,
    min_words: Annotated[int, typer.Option(min=1, help="Leave out shorter sentences.")] = 4,
    max_overlap: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Of sentences that share more of their word pairs than this, keep one."
        ),
    ] = 0.5,
    input_format: Annotated[
        InputFormat | None, typer.Option(help="Instead of telling it from the files' names.")
    ] = None,
    model: Annotated[Path, typer.Option(help="The tagger: models/ner, or an ONNX export.")] = Path(
        "models/ner"
    ),
) -> None:
    """Find the sentences of which the tagger is least sure, pre-annotated and without near-duplicates.

    Mend their entities in doccano, Label Studio (template Named Entity Recognition) or Prodigy (ner.manual),
    export them, and add them to the training split of data.source.
    """
    files = expand_folders(list(file or [STDIN]))
    for path in files:
        if path != STDIN and not path.is_file():
            raise PipelineError(f"{path}: no such file.", remedy="correct --file.")
        if path != STDIN and input_format is None:
            find_format(path)
        if output and output.exists() and path.exists() and output.samefile(path):
            raise PipelineError(
                f"--output {output} is also read: it would be lost.", remedy="name another file."
            )
    meter = Meter(None if STDIN in files else sum(path.stat().st_size for path in files))
    rows = RowFilter(is_skipping=False).pass_good(
        chain.from_iterable(read_rows(path, input_format, meter) for path in files)
    )
    sentences = tag_sentences(load(model), rows, meter, by, min_words)
    picked, n_sentences, n_alike = pick_doubtful(sentences, top, max_overlap)
    if not picked:
        raise PipelineError(
            f"no sentence of at least {min_words} words in {', '.join(map(str, files))}.",
            remedy="name other files, or lower --min-words.",
        )
    written = FORMATS[form](picked)
    if output:
        write_text(output, written)
    else:
        shown = picture_controls(written) if sys.stdout.isatty() else written
        sys.stdout.buffer.write(shown.encode("utf-8"))
        sys.stdout.flush()
    say(
        f"{len(picked)} of {n_sentences} sentences, doubt {picked[0].doubt:.3f} to {picked[-1].doubt:.3f}; "
        f"near-duplicates left out: {n_alike}"
    )


def tag_sentences(
    tagger: TextTagger, rows: Iterator[Row], meter: Meter, by: Measure, min_words: int
) -> Iterator[RankedSentence]:
    """Tag the rows a chunk at a time and yield their sentences."""
    n_rows = 0
    with show_progress(meter, is_shown=True) as advance:
        for chunk in chunk_rows(rows, ROWS_PER_CHUNK):
            for tagged in tagger.tag_split([(row.text, row.split()) for row in chunk]):
                yield from cut_sentences(tagged, by, min_words)
            n_rows += len(chunk)
            advance(n_rows)
