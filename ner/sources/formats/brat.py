"""BRAT's standoff: a text (`.txt`) and beside it its entities by characters (`.ann`)."""

import re
from collections.abc import Iterator
from pathlib import Path

from ner.sources.formats.lines import UTF8, Place, read_lines, read_text
from ner.sources.formats.offsets import AnnotatedText, SplitText, cut_text
from ner.sources.formats.raw import RawSentence

ENTITY = re.compile(r"T\d+\t(?P<label>\S+) (?P<ranges>\d+ \d+(?:;\d+ \d+)*)(?:\t(?P<text>.*))?")


def is_brat(path: Path) -> bool:
    """Return whether a text has its annotation beside it."""
    return path.suffix == ".txt" and path.with_suffix(".ann").is_file()


def read_brat(path: Path, split_text: SplitText, encoding: str = UTF8) -> Iterator[RawSentence]:
    """Read a text with its annotation: `T` lines; relations, events and notes are left out.

    An entity in several parts takes all from its first to its last character.

    Raises:
        PipelineError: Names file and line of an entity that is none, or whose text is another.
    """
    text = read_text(path, encoding)
    spans = []
    annotation = path.with_suffix(".ann")
    n_joined = 0
    for number, line in read_lines(annotation, encoding):
        if not line.startswith("T"):
            continue
        found = ENTITY.fullmatch(line)
        if found is None:
            raise Place(annotation, number).error(
                f"no entity: {line[:60]!r}.", "write T1, a tab, label, start and end, a tab, and the text."
            )
        ends = [int(one) for one in re.findall(r"\d+", found["ranges"])]
        start, end = ends[0], ends[-1]
        if not 0 <= start < end <= len(text):
            raise Place(annotation, number).error(
                f"characters {start} to {end} are not in the text, which has {len(text)}.",
                "annotate it anew.",
            )
        if len(ends) == 2 and found["text"] and _squeeze(text[start:end]) != _squeeze(found["text"]):
            raise Place(annotation, number).error(
                f"characters {start} to {end} are {text[start:end]!r}, not {found['text']!r}.",
                f"annotate it anew: {path.name} has been changed since.",
            )
        n_joined += len(ends) > 2
        spans.append((start, end, found["label"]))
    for number, sentence in enumerate(cut_text(AnnotatedText(text, spans), Place(path, 1), split_text)):
        if not number:
            sentence.n_widened += n_joined
        yield sentence


def format_brat(annotated: AnnotatedText) -> str:
    """Write the entities of a text."""
    return "".join(
        f"T{number}\t{label} {start} {end}\t{annotated.text[start:end]}\n"
        for number, (start, end, label) in enumerate(annotated.spans, start=1)
    )


def _squeeze(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
