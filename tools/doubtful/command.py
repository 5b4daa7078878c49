"""Choose what to annotate next: `ner doubtful --file texts.txt --top 200 --format doccano`."""

from itertools import chain
from typing import Annotated

import typer

from ner.core.errors import PipelineError
from ner.text.text_tagger import Levels
from tools.doubtful.annotation_formats import FORMATS, AnnotationFormat
from tools.doubtful.selection import Measure, cut_sentences, pick_doubtful
from tools.predict.console import quiet_end, say, write_result
from tools.predict.input_rows import STDIN
from tools.predict.options import TAGGER_DIR, Files, Format, Output, Tagger
from tools.predict.places import check_places, find_inputs
from tools.predict.tagging import RowFilter, load, read_inputs, tag_rows

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
@quiet_end()
def find_doubtful(
    file: Files = None,
    top: Annotated[int, typer.Option(min=1, help="How many sentences at most.")] = 200,
    form: Annotated[
        AnnotationFormat, typer.Option("--format", help="The tool that imports them.")
    ] = AnnotationFormat.DOCCANO,
    output: Output = None,
    by: Annotated[
        Measure,
        typer.Option(
            help="Mean over the words of -log of the tag's probability, or of its margin to the others."
        ),
    ] = Measure.PROBABILITY,
    level: Annotated[
        Levels, typer.Option(help="outer: no entities inside others; conll has none in any case.")
    ] = Levels.BOTH,
    min_words: Annotated[int, typer.Option(min=1, help="Leave out shorter sentences.")] = 4,
    max_overlap: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Of sentences that share more of their word pairs than this, keep one."
        ),
    ] = 0.5,
    input_format: Format = None,
    model: Tagger = TAGGER_DIR,
) -> None:
    """Find the sentences of which the tagger is least sure, pre-annotated and without near-duplicates.

    Correct their entities in doccano, Label Studio (template Named Entity Recognition) or Prodigy
    (ner.manual), export them, and add them to the training split of data.source. A tagger of both levels
    gives entities inside others too: allow overlapping spans in doccano's project, and use Prodigy's
    spans.manual.
    """
    inputs = find_inputs(file or [STDIN], input_format)
    check_places(output, inputs)
    rows, meter = read_inputs([], inputs.files, input_format, RowFilter(is_skipping=False))
    tagged = chain.from_iterable(tag_rows(load(model, levels=level), rows, meter))
    sentences = chain.from_iterable(cut_sentences(one, by, min_words) for _, one in tagged)
    picked, n_sentences, n_alike = pick_doubtful(sentences, top, max_overlap)
    if not picked:
        raise PipelineError(
            f"no sentence of at least {min_words} words in {', '.join(map(str, inputs.files))}.",
            remedy="name other files, or lower --min-words.",
        )
    write_result(output, FORMATS[form](picked))
    say(
        f"{len(picked)} of {n_sentences} sentences, doubt {picked[0].doubt:.3f} to {picked[-1].doubt:.3f}; "
        f"near-duplicates left out: {n_alike}"
    )
