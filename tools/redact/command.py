"""Replace the names in texts: `ner redact --file letter.txt --numbered --mapping names.json`."""

import json
import os
from collections import Counter
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from ner.core.errors import PipelineError
from ner.core.files import whole_file
from ner.sources.stores import Place
from ner.text.text_tagger import Levels
from tools.predict.console import quiet_end, say, write_result
from tools.predict.input_rows import STDIN, InputFormat
from tools.predict.options import TAGGER_DIR, Files, Format, Output, Tagger, Texts
from tools.predict.output_formats import NEEDS_ESCAPE
from tools.predict.places import check_places, find_inputs
from tools.predict.tagging import RowFilter, load, read_inputs, tag_rows
from tools.redact.redaction import (
    UNSURE,
    KnownNames,
    Mention,
    Placed,
    Placeholders,
    list_mentions,
    merge_mentions,
    replace_mentions,
)

OWNER_ALONE = 0o600


class RedactedFormat(StrEnum):
    """How the redacted texts are written."""

    TEXT = "text"
    JSONL = "jsonl"


@dataclass(frozen=True, slots=True)
class Found:
    """A text and what must not be read in it; the words are not kept, so that long inputs fit the memory."""

    text: str
    mentions: list[Mention]


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
@quiet_end()
def redact(
    text: Texts = None,
    file: Files = None,
    output: Output = None,
    form: Annotated[
        RedactedFormat | None,
        typer.Option(
            "--format", help="jsonl tells also where each placeholder stands; else text, a row a line."
        ),
    ] = None,
    numbered: Annotated[
        bool, typer.Option("--numbered", help="[PER_1], the same for the same text, instead of [PER].")
    ] = False,
    mapping: Annotated[
        Path | None,
        typer.Option(help="New file that tells the text behind each number. Only its owner may read it."),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(help="Replace only this label, and those that begin with it. May be given again."),
    ] = None,
    min_outside_score: Annotated[
        float,
        typer.Option(min=0, max=1, help="A word with a lower probability of being no name becomes [UNSURE]."),
    ] = 0.5,
    found_only: Annotated[
        bool,
        typer.Option("--found-only", help="Leave other mentions of a name that was found once."),
    ] = False,
    input_format: Format = None,
    model: Tagger = TAGGER_DIR,
) -> None:
    """Replace names in texts by placeholders, such as [PER].

    A name that the tagger misses stays readable. The tagger's recall says how often: with a test recall of
    0.85, 15 of 100 names are missed, and more in texts of another kind. So nothing is left out for a low
    score, every other mention of a name that was found once is replaced, words of persons' names also alone,
    and a doubtful word becomes [UNSURE]; raise --min-outside-score to 0.9 or more to miss fewer. Telephone
    numbers, dates, e-mail and street numbers are no names and stay. Read the result before you pass it on.
    """
    inputs = find_inputs(file or ([] if text else [STDIN]), input_format)
    check_places(output, inputs)
    check_mapping(mapping, output, is_numbered=numbered)
    form = form or (RedactedFormat.JSONL if output and output.suffix == ".jsonl" else RedactedFormat.TEXT)
    found, names = find_names(
        text or [], inputs.files, input_format, model, labels=label or [], min_outside=min_outside_score
    )
    placeholders = Placeholders(is_numbered=numbered, texts=(one.text for one in found))
    lines = []
    counts: Counter[str] = Counter()
    for one in found:
        mentions = merge_mentions(one.mentions + ([] if found_only else names.find(one.text)))
        redacted, placed = replace_mentions(one.text, mentions, placeholders)
        counts += Counter(each.label for each in placed)
        lines.append(format_row(redacted, placed, form))
    if mapping:
        write_mapping(mapping, placeholders.originals)  # first: without it, numbers lead nowhere
    write_result(output, "".join(lines))
    say(summarise(len(lines), counts))


def find_names(
    texts: list[str],
    files: list[Place],
    input_format: InputFormat | None,
    model: Path,
    *,
    labels: list[str],
    min_outside: float,
) -> tuple[list[Found], KnownNames]:
    """Tag the whole input, so that a name found in its last line is known in the first one.

    Raises:
        PipelineError: At the first line that cannot be read, or for a label that the tagger does not know.
    """
    tagger = load(model, None, "auto", Levels.BOTH)
    known = tagger.tagger.tag_set.labels
    for label in labels:
        if not any(one.startswith(label) for one in known):
            raise PipelineError(
                f"--label {label}: the tagger knows no such label.", remedy=f"choose of {', '.join(known)}."
            )
    rows, meter = read_inputs(texts, files, input_format, RowFilter(is_skipping=False))
    found: list[Found] = []
    names = KnownNames()
    for _, tagged in chain.from_iterable(tag_rows(tagger, rows, meter)):
        mentions = list_mentions(tagged, labels=labels, min_outside=min_outside)
        found.append(Found(tagged.text, mentions))
        for one in mentions:
            if one.label != UNSURE:
                names.add(tagged.text[one.start : one.end], one.label)
    return found, names


def check_mapping(mapping: Path | None, output: Path | None, *, is_numbered: bool) -> None:
    """Refuse what would lose a file or lead nowhere, before the tagger is loaded.

    Raises:
        PipelineError: Names the option.
    """
    if mapping and not is_numbered:
        raise PipelineError(
            "--mapping needs placeholders that differ from name to name.", remedy="add --numbered."
        )
    if mapping and mapping.exists():
        raise PipelineError(
            f"--mapping {mapping} is there: it alone leads back from an earlier result.",
            remedy="name a new file, or remove it.",
        )
    if mapping and output and mapping.resolve() == output.resolve():
        raise PipelineError("--mapping and --output are the same file.", remedy="name two files.")


def format_row(redacted: str, placed: list[Placed], form: RedactedFormat) -> str:
    """Write a text; nothing of the original but what stays readable."""
    if form is RedactedFormat.TEXT:
        return redacted + "\n"
    line = json.dumps({"text": redacted, "placeholders": [asdict(one) for one in placed]}, ensure_ascii=False)
    return NEEDS_ESCAPE.sub(lambda found: f"\\u{ord(found[0]):04x}", line) + "\n"


def write_mapping(path: Path, originals: dict[str, str]) -> None:
    """Write the text behind each placeholder into a file that nobody but its owner may ever read."""
    with whole_file(path) as temporary:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ALONE)
        with open(descriptor, "w", encoding="utf-8", newline="\n") as stream:  # noqa: PTH123 - made with rights
            stream.write(json.dumps(originals, indent=2, ensure_ascii=False) + "\n")


def summarise(n_rows: int, counts: Counter[str]) -> str:
    """Say what was replaced, and what that does not promise."""
    replaced = ", ".join(f"{number} {label}" for label, number in sorted(counts.items())) or "nothing"
    return f"{n_rows} rows, replaced: {replaced}. A missed name stays readable: read the result."
