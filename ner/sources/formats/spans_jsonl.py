"""Texts with spans as JSON: Prodigy and spaCy (`spans`, with or without `tokens`), and spaCy's `entities`."""

from collections.abc import Mapping
from typing import Any

from ner.sources.formats.offsets import AnnotatedText
from ner.sources.formats.record_values import read_span, read_text

NAME = "JSONL with spans"
KEYS = ("spans", "entities", "ents")
ANSWER = "answer"  # of Prodigy's records


def matches(record: Mapping[str, Any]) -> bool:
    """Return whether a record has a text with a list of spans, or Prodigy's answer that it has none."""
    if not isinstance(record.get("text"), str):
        return False
    has_no_spans = ANSWER in record and isinstance(record.get("tokens"), list)
    return has_no_spans or any(isinstance(record.get(key), list) for key in KEYS)


def parse(record: Mapping[str, Any]) -> AnnotatedText:
    """Read a record.

    Raises:
        ValueError: If a span or token is none, or the annotator rejected the text.
    """
    if record.get(ANSWER, "accept") != "accept":
        raise ValueError(f"its answer is {record[ANSWER]!r}; export what was accepted alone")
    text = read_text(record, "text")
    given = next((record[key] for key in KEYS if isinstance(record.get(key), list)), ())
    spans = [_parse_span(one) for one in given]
    tokens = record.get("tokens")
    if not isinstance(tokens, list) or not all(isinstance(token, dict) for token in tokens):
        return AnnotatedText(text, spans)
    words = [read_span(token.get("start"), token.get("end"), "token")[:2] for token in tokens]
    if any(not 0 <= start < end <= len(text) for start, end in words):
        raise ValueError("a token is not in the text")
    return AnnotatedText(text, spans, words)


def format_record(annotated: AnnotatedText) -> dict[str, Any]:
    """Write a record."""
    spans = [{"start": start, "end": end, "label": label} for start, end, label in annotated.spans]
    record: dict[str, Any] = {"text": annotated.text, "spans": spans}
    if annotated.words is not None:
        record["tokens"] = [
            {"text": annotated.text[start:end], "start": start, "end": end, "id": number}
            for number, (start, end) in enumerate(annotated.words)
        ]
    return record


def _parse_span(one: object) -> tuple[int, int, str]:
    if isinstance(one, Mapping):
        return read_span(one.get("start"), one.get("end"), one.get("label"))
    if isinstance(one, list) and len(one) > 2:
        return read_span(*one)
    raise ValueError(f"{one!r} is no span")
