"""Records of JSON and Parquet files: each is told by its keys and read by the module of its format."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ner.sources.formats import doccano, label_studio, spans_jsonl, tokens_jsonl
from ner.sources.formats.lines import UTF8, Place, read_lines
from ner.sources.formats.offsets import SplitText, cut_text
from ner.sources.formats.raw import RawSentence

TEXT_FORMATS = (label_studio, doccano, spans_jsonl)  # in this order: the first two are told by more
REMEDY = (
    "give each record tokens and ner_tags (names, one a word), or text with spans, label, labels or entities "
    "(start, end, label)."
)


def read_json_lines(path: Path, encoding: str = UTF8) -> Iterator[tuple[int, Any]]:
    """Read a value a line; empty lines are left out.

    Raises:
        PipelineError: Names file and line of what is no JSON.
    """
    for number, text in read_lines(path, encoding):
        if text.strip():
            yield number, _load(text, Place(path, number))


def read_json_array(path: Path, encoding: str = UTF8) -> Iterator[tuple[int, Any]]:
    """Read the values of an array, numbered from 1; a file that has a value a line is read as that.

    Raises:
        PipelineError: If the file is no JSON.
    """
    text = "\n".join(line for _, line in read_lines(path, encoding))
    try:
        value = json.loads(text)
    except ValueError:
        yield from read_json_lines(path, encoding)
        return
    except RecursionError as error:
        raise Place(path, 1).error(
            "nested too deeply.", "give each record one text or list of words."
        ) from error
    yield from enumerate(value if isinstance(value, list) else [value], start=1)


def name_format(record: object) -> str | None:
    """Name the format of a record; None where it is none that can be read."""
    record = unwrap(record)
    if not isinstance(record, Mapping):
        return None
    for module in (*TEXT_FORMATS[:2], tokens_jsonl, TEXT_FORMATS[2]):
        if module.matches(record):
            return str(module.NAME)
    return None


def unwrap(record: object) -> object:
    """Turn spaCy's old pair of a text and its entities into a record."""
    if isinstance(record, list) and len(record) == 2 and isinstance(record[1], Mapping):
        return {"text": record[0], **record[1]}
    return record


def parse_record(record: object, place: Place, split_text: SplitText) -> Iterator[RawSentence]:
    """Read the sentences of a record.

    Raises:
        PipelineError: If it is of no format, or not as its format says.
    """
    record = unwrap(record)
    name = name_format(record)
    if name is None or not isinstance(record, Mapping):
        keys = (
            f"has the keys {', '.join(map(str, record))}" if isinstance(record, Mapping) else "is no object"
        )
        raise place.error(f"a record that cannot be read: it {keys}.", REMEDY)
    path = Path(place.path)
    try:
        if name == tokens_jsonl.NAME:
            sentence = tokens_jsonl.parse(record, path, place.line)
            if sentence is not None:
                yield sentence
            return
        annotated = next(module for module in TEXT_FORMATS if name == module.NAME).parse(record)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise place.error(f"{reason}.", "fix the record.") from error
    yield from cut_text(annotated, Place(path, place.line), split_text)


def read_records(path: Path, split_text: SplitText, encoding: str = UTF8) -> Iterator[RawSentence]:
    """Read a JSON or JSON Lines file.

    Raises:
        PipelineError: Names file and line (of an array, the record) of what cannot be read.
    """
    read = read_json_array if path.suffix.lower() == ".json" else read_json_lines
    for number, record in read(path, encoding):
        yield from parse_record(record, Place(path, number), split_text)


def _load(text: str, place: Place) -> Any:  # noqa: ANN401 - whatever JSON can hold
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise place.error(f"not JSON ({error}).", "write one JSON object a line.") from error
