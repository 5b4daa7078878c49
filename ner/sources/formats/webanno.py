r"""WebAnno's TSV 3, of which GermEval itself was made: a line a word, annotations in columns by layer.

`LOC` is an entity of one word, `ORG[2]` on several words one entity, `PER[1]|LOC[2]` two that overlap.
`_` is none, `*` one without a value; a backslash escapes a sign.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from ner.annotation.spans import Span
from ner.core.errors import PipelineError
from ner.sources.formats.lines import UTF8, Place, read_lines
from ner.sources.formats.paragraphs import Paragraph, parse_paragraphs
from ner.sources.formats.raw import RawSentence, encode_levels, raise_errors

FIRST_LINE = "#FORMAT=WebAnno TSV 3"
WORD = re.compile(r"(\d+)-(\d+)(\.\d+)?")
VALUE = re.compile(r"(?P<label>.*?)(?:\[(?P<id>\d+)\])?", re.DOTALL)
PARTS = re.compile(r"(?<!\\)\|")
ESCAPED = re.compile(r"\\(.)")
NO_VALUE = frozenset({"_", "", "*"})
WORD_COLUMN = 2  # behind the number and the characters
FEATURES = ("value", "identifier")  # of WebAnno's own layer of named entities


def is_webanno(line: str) -> bool:
    """Return whether a file's first line is one of this format."""
    return line.startswith(FIRST_LINE)


def read_webanno(path: Path, encoding: str = UTF8) -> Iterator[RawSentence]:
    """Read a file of this format: the layer of named entities, or the one with a `value` where there is none.

    Raises:
        PipelineError: Names file and line of what is not of this format, and of a layer that cannot be told.
    """
    yield from raise_errors(parse_webanno(read_lines(path, encoding), path))


def parse_webanno(
    lines: Iterable[tuple[int, str | PipelineError]], path: Path, *, needs_tags: bool = True
) -> Iterator[RawSentence | PipelineError]:
    """Read lines of the format; a sentence that cannot be read comes out as the error that says why.

    Args:
        lines: Number and text of each line.
        path: Their file, for messages.
        needs_tags: Whether there must be a layer of named entities; else words alone are read.
    """
    layers: list[tuple[str, list[str]]] = []
    column: int | None = None
    is_first = True

    def parse(block: Paragraph) -> RawSentence:
        nonlocal column
        if needs_tags and column is None:
            column = _find_column(layers, path)
        return _parse_sentence(block, path, column)

    for sentence in parse_paragraphs(_take_comments(lines, layers), parse):
        if isinstance(sentence, RawSentence):
            sentence.begins_document, is_first = is_first, False
        yield sentence


def _take_comments(
    lines: Iterable[tuple[int, str | PipelineError]], layers: list[tuple[str, list[str]]]
) -> Iterator[tuple[int, str | PipelineError]]:
    """Yield the lines that are no comments; those at the top tell the layers, which are collected."""
    for number, text in lines:
        if isinstance(text, PipelineError) or not text.startswith("#"):
            yield number, text
        elif text.startswith("#T_"):
            name, *features = text.partition("=")[2].split("|")
            layers.append((name, features))


def _find_column(layers: list[tuple[str, list[str]]], path: Path) -> int:
    at = WORD_COLUMN + 1
    found = []
    for name, features in layers:
        for offset, feature in enumerate(features):
            if feature in FEATURES and ("NamedEntity" in name or feature == "value"):
                found.append(("NamedEntity" in name, feature == "value", at + offset))
        at += len(features)
    if not found:
        names = ", ".join(repr(name) for name, _ in layers) or "none"
        raise PipelineError(
            f"{path}:1: no layer of named entities with a value; the layers are {names}.",
            remedy="export the document with its layer of named entities.",
        )
    return max(found, key=lambda one: one[:2])[2]


def _parse_sentence(block: Paragraph, path: Path, column: int | None) -> RawSentence:
    words: list[str] = []
    lines: list[int] = []
    spans: list[Span] = []
    open_spans: dict[tuple[str, str], tuple[int, int]] = {}
    n_widened = n_empty = 0
    for number, text in block:
        cells = text.split("\t")
        found = WORD.fullmatch(cells[0])
        if found is None or len(cells) <= (column or WORD_COLUMN):
            raise Place(path, number).error(
                f"no line of a word in WebAnno TSV 3: {text[:60]!r}.", "export the document again."
            )
        if found[3] is None and not cells[WORD_COLUMN]:
            if column and cells[column] not in NO_VALUE:
                raise Place(path, number).error(
                    "the word is empty, and has an annotation.", "export the document again."
                )
            n_empty += 1
            continue
        if found[3] is None:
            words.append(cells[WORD_COLUMN])
            lines.append(number)
        elif not words:
            raise Place(path, number).error(
                f"{cells[0]} is a part of a word that does not stand before it.",
                "export the document again.",
            )
        for value in PARTS.split(cells[column]) if column else ():
            label, key = _parse_value(value)
            if not label:
                continue
            n_widened += found[3] is not None  # an annotation of a part of the word takes the whole
            here = len(words) - 1
            if key is None:
                spans.append(Span(here, here + 1, label))
            else:
                start, _ = open_spans.get((label, key), (here, here))
                open_spans[label, key] = start, here + 1
    spans += [Span(start, end, label) for (label, _), (start, end) in open_spans.items()]
    outer, inner, too_deep = encode_levels(spans, len(words))
    return RawSentence(
        words=words,
        outer=outer,
        inner=inner,
        path=path,
        lines=lines,
        n_empty_words=n_empty,
        n_widened=n_widened,
        too_deep=tuple(" ".join(words[one.start : one.end]) for one in too_deep),
    )


def _parse_value(value: str) -> tuple[str, str | None]:
    if value in NO_VALUE:
        return "", None
    found = VALUE.fullmatch(value)
    if found is None or found["label"] == "*":
        return "", None
    return ESCAPED.sub(r"\1", found["label"]), found["id"]
