"""Label Studio's JSON export, with annotations (`JSON`) or without (`JSON-MIN`)."""

from collections.abc import Mapping
from typing import Any

from ner.sources.formats.offsets import AnnotatedText
from ner.sources.formats.record_values import read_span, read_text

NAME = "Label Studio JSON"
MIN_KEY = "annotation_id"  # of every record of JSON-MIN; one without an entity has no other key of its own


def matches(record: Mapping[str, Any]) -> bool:
    """Return whether a record is a task of Label Studio."""
    if isinstance(record.get("data"), Mapping) and isinstance(record.get("annotations"), list):
        return True
    if not isinstance(record.get("text"), str):
        return False
    return MIN_KEY in record or any(_is_region_list(one) for one in record.values())


def parse(record: Mapping[str, Any]) -> AnnotatedText:
    """Read a task: its first annotation that was not cancelled.

    Raises:
        ValueError: If a region is none, or the task holds no text or no such annotation.
    """
    data = record.get("data")
    if not isinstance(data, Mapping):
        regions: Any = next((one for one in record.values() if _is_region_list(one)), ())
        return AnnotatedText(read_text(record, "text"), [_parse_region(one) for one in regions])
    kept = [one for one in record["annotations"] if not one.get("was_cancelled")]
    if not kept:
        raise ValueError("it has no annotation, or a cancelled one alone; export what was annotated alone")
    results = kept[0].get("result", [])
    regions = [one["value"] for one in results if isinstance(one.get("value"), dict)]
    return AnnotatedText(read_task_text(data), [_parse_region(one) for one in regions if "labels" in one])


def read_task_text(data: Mapping[str, Any]) -> str:
    """Return the text of a task: under `text`, or the only one that there is.

    Raises:
        ValueError: If there is none.
    """
    texts = [key for key, value in data.items() if isinstance(value, str)]
    return read_text(data, texts[0] if "text" not in texts and len(texts) == 1 else "text")


def format_record(annotated: AnnotatedText) -> dict[str, Any]:
    """Write a task."""
    result = [
        {
            "type": "labels",
            "from_name": "label",
            "to_name": "text",
            "value": {"start": start, "end": end, "text": annotated.text[start:end], "labels": [label]},
        }
        for start, end, label in annotated.spans
    ]
    return {"data": {"text": annotated.text}, "annotations": [{"result": result}]}


def _is_region_list(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(one, dict) and {"start", "end", "labels"} <= one.keys() for one in value)
    )


def _parse_region(region: Mapping[str, Any]) -> tuple[int, int, str]:
    labels = region["labels"]
    if not isinstance(labels, list) or len(labels) != 1:
        raise ValueError(f"{labels!r} stands where one label should")
    return read_span(region.get("start"), region.get("end"), labels[0])
