"""What the tagger found, written: JSON Lines, CoNLL, GermEval's TSV, Parquet, or text for a terminal."""

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any, BinaryIO

import pyarrow as pa
from rich.text import Text

from ner.annotation.labels import TagSet
from ner.reporting.highlight import Mark, Segment, highlight_text, style_labels
from ner.sources.formats import columns, germeval
from ner.sources.formats.paragraphs import read_written_blocks
from ner.text.text_tagger import Entity, TaggedText
from tools.predict.input_rows import Row

ENTITY = pa.struct(
    {
        "start": pa.int64(),
        "end": pa.int64(),
        "label": pa.string(),
        "text": pa.string(),
        "score": pa.float64(),
    }
)
SCHEMA = pa.schema(
    {
        "text": pa.string(),
        "entities": pa.list_(ENTITY),
        "tokens": pa.list_(pa.string()),
        "predicted": pa.list_(pa.string()),
        "score": pa.list_(pa.float32()),
    }
)
LEVEL = pa.field("level", pa.string())  # of a tagger that knows both, and so are these
INNER_FIELDS = [
    pa.field("predicted_inner", pa.list_(pa.string())),
    pa.field("score_inner", pa.list_(pa.float32())),
]
SCORE_DIGITS = 6  # of JSON: what lies behind them depends on the batch
COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "red", "bright_cyan", "bright_green")
# JSON may hold these as they are, but U+009B begins an ANSI code and U+2028 ends a line for some readers.
NEEDS_ESCAPE = re.compile("[\x7f-\x9f\u2028\u2029]")
BREAKS_A_LINE = re.compile(r"[\t\r\n]")
BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class OutputFormat(StrEnum):
    """How what was found is written."""

    TEXT = "text"
    JSONL = "jsonl"
    CONLL = "conll"
    TSV = "tsv"
    PARQUET = "parquet"


def list_entities(entities: Sequence[Entity]) -> list[dict[str, Any]]:
    """Return the entities of a text under the keys of JSON and Parquet; `level` where both are known."""
    return [
        {key: getattr(entity, key) for key in ENTITY.names}
        | ({"level": entity.level} if entity.level else {})
        for entity in entities
    ]


def format_json(row: Row, tagged: TaggedText) -> str:
    """Write one line of JSON: the text and its entities; of words also the tag of each."""
    entities = [
        {**entity, "score": round(entity["score"], SCORE_DIGITS)} for entity in list_entities(tagged.entities)
    ]
    value: dict[str, Any] = {"text": row.text, "entities": entities}
    if row.words is not None:
        value |= {"tokens": [word.text for word in row.words], "predicted": tagged.tagged[0].tags}
        if inner := tagged.tagged[0].inner:
            value["predicted_inner"] = inner.tags
    line = json.dumps(value, ensure_ascii=False)
    return NEEDS_ESCAPE.sub(lambda found: f"\\u{ord(found[0]):04x}", line) + "\n"


def hold_line(word: str) -> str:
    """Return a word as a column can hold it: a tab or line end in it, or blanks alone, become `_`."""
    word = BREAKS_A_LINE.sub("_", word)
    return word if word.strip() else "_" * len(word)


def format_conll(_: Row, tagged: TaggedText) -> str:
    """Write a word and its outer tag a line, and an empty line behind each sentence."""
    return "".join(
        columns.format_sentence([hold_line(word.text) for word in words], one.tags)
        for words, one in zip(tagged.sentences, tagged.tagged, strict=True)
    )


def format_germeval(row: Row, tagged: TaggedText) -> str:
    """Write GermEval's four columns; the inner level is `O` where the tagger knows nothing of it."""
    return "".join(
        germeval.format_sentence(
            [hold_line(word.text) for word in words],
            one.tags,
            one.inner.tags if one.inner else None,
            row.source,
        )
        for words, one in zip(tagged.sentences, tagged.tagged, strict=True)
    )


LINE_FORMATS = {
    OutputFormat.JSONL: format_json,
    OutputFormat.CONLL: format_conll,
    OutputFormat.TSV: format_germeval,
}


def make_schema(n_levels: int) -> pa.Schema:
    """Return the columns of Parquet: more of a tagger of two levels."""
    if n_levels == 1:
        return SCHEMA
    entities = pa.field("entities", pa.list_(pa.struct([*ENTITY, LEVEL])))
    return pa.schema([*SCHEMA.set(SCHEMA.get_field_index("entities"), entities), *INNER_FIELDS])


def make_table(tagged: Sequence[TaggedText], n_levels: int) -> pa.Table:
    """Return the rows of Parquet; the words of a text's sentences stand one behind the other.

    Args:
        tagged: Shape: (n_texts,).
        n_levels: Of the tagger: a table may hold no sentence that tells.
    """
    columns = {
        "text": [one.text for one in tagged],
        "entities": [list_entities(one.entities) for one in tagged],
        "tokens": [[word.text for words in one.sentences for word in words] for one in tagged],
        "predicted": [[tag for words in one.tagged for tag in words.tags] for one in tagged],
        "score": [[score for words in one.tagged for score in words.scores] for one in tagged],
    }
    if n_levels > 1:
        inner = [[words.inner for words in one.tagged if words.inner] for one in tagged]
        columns |= {
            "predicted_inner": [[tag for words in one for tag in words.tags] for one in inner],
            "score_inner": [[score for words in one for score in words.scores] for one in inner],
        }
    return pa.table(columns, schema=make_schema(n_levels))


def mark_entities(tagged: TaggedText) -> list[Segment]:
    """Cut a text at its entities, with their scores."""
    marks = [
        Mark(one.start, one.end, one.label, is_inner=one.level == "inner", score=one.score)
        for one in tagged.entities
    ]
    return highlight_text(tagged.text, marks)


class TerminalText:
    """Marks entities up for a reader: `[Universität [Hamburg LOC 0.98] ORG 0.97]`, a colour for each label.

    Args:
        tag_set: All tags that the tagger gives, so that a label keeps its colour.
    """

    def __init__(self, tag_set: TagSet) -> None:
        self.styles = {
            label: f"bold {COLOURS[int(classes.split()[0].removeprefix('hue'))]}"
            for label, classes in style_labels(tag_set.labels).items()
        }

    def format(self, tagged: TaggedText) -> Text:
        """Return the marked-up text. What it holds cannot act on the terminal, nor as rich's markup."""
        return Text.assemble(*map(self._format_segment, mark_entities(tagged)))

    def _format_segment(self, segment: Segment) -> Text:
        if segment.label is None:
            return Text(picture_controls(segment.text))
        inside = segment.inside or (Segment(segment.text),)
        marked = Text.assemble(
            "[", *map(self._format_segment, inside), f" {segment.label} {segment.score:.2f}]"
        )
        marked.stylize_before(f"{'underline ' if segment.is_inner else ''}{self.styles[segment.label]}")
        return Text.assemble(" (also ", marked, ")") if segment.is_apart else marked


def picture_controls(text: str) -> str:
    """Show control characters as pictures instead of sending them to a terminal; line ends and tabs stay.

    Those that turn the direction of writing are left out: they could show another text than the one there.
    """
    return "".join(map(_inert_character, text))


def _inert_character(character: str) -> str:
    if character in "\n\t" or (character not in BIDI_CONTROLS and unicodedata.category(character) != "Cc"):
        return character
    if character in BIDI_CONTROLS:
        return ""
    code = ord(character)
    return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else "\ufffd"


def read_records(stream: BinaryIO, form: OutputFormat) -> Iterator[tuple[int, str | list[str]]]:
    """Read back what a run wrote, for going on where it ended; a torn record at the end is left out.

    Args:
        stream: The output, in one of `LINE_FORMATS`.
        form: Its format.

    Yields:
        Where each record ends, in bytes, and its text (JSON Lines) or its words.

    Raises:
        ValueError: If a whole record is none that this module writes.
    """
    if form is not OutputFormat.JSONL:
        for number, (end, block) in enumerate(read_written_blocks(stream)):
            if number == 0 and block:
                block[0] = block[0].removeprefix("\ufeff")  # what `keep_mark` put there
            is_germeval = form is OutputFormat.TSV
            yield end, germeval.read_words(block) if is_germeval else [line.split("\t")[0] for line in block]
        return
    end = 0
    for raw in stream:
        if not raw.endswith(b"\n"):
            return
        end += len(raw)
        value = json.loads(raw.decode("utf-8"))
        if not isinstance(value, dict) or not isinstance(value.get("text"), str):
            raise ValueError("a line has no text")
        yield end, value["text"]
