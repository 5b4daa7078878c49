"""doccano's JSON Lines: `text` with `label` (or, older, `labels`) or `entities`."""

from collections.abc import Mapping
from typing import Any

from ner.sources.formats.offsets import AnnotatedText
from ner.sources.formats.record_values import read_span, read_text

NAME = "doccano JSONL"
LISTS = ("label", "labels")


def matches(record: Mapping[str, Any]) -> bool:
    """Return whether a record is one of doccano's."""
    if not isinstance(record.get("text", record.get("data")), str):
        return False
    if any(_is_list_of(record.get(key), list) for key in LISTS):
        return True
    entities = record.get("entities")
    return isinstance(entities, list) and all(
        isinstance(one, dict) and "start_offset" in one for one in entities
    )


def parse(record: Mapping[str, Any]) -> AnnotatedText:
    """Read a record.

    Raises:
        ValueError: If a span is none.
    """
    text = read_text(record, "text" if "text" in record else "data")
    given = next((record[key] for key in LISTS if key in record), None)
    if given is None:
        given = [(one["start_offset"], one["end_offset"], one["label"]) for one in record["entities"]]
    return AnnotatedText(text, [read_span(*one) for one in given])


def format_record(annotated: AnnotatedText) -> dict[str, Any]:
    """Write a record."""
    return {"text": annotated.text, "label": [list(span) for span in annotated.spans]}


def _is_list_of(value: object, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(one, kind) for one in value)
