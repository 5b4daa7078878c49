"""Single values of a JSON record, checked."""

from collections.abc import Mapping
from typing import Any


def read_text(record: Mapping[str, Any], key: str) -> str:
    """Return the text under a key.

    Raises:
        ValueError: If there is none, or it cannot be written in UTF-8.
    """
    text = record.get(key)
    if not isinstance(text, str):
        raise ValueError(f"{key!r} holds {text!r}, no text")
    return check_text(text)


def check_text(text: str) -> str:
    """Return a text of JSON, which can hold halves of characters.

    Raises:
        ValueError: If it cannot be written in UTF-8.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"character {error.start + 1} of {text[:60]!a} cannot be written in UTF-8"
        ) from error
    return text


def read_span(start: object, end: object, label: object, *_: object) -> tuple[int, int, str]:
    """Check a span.

    Raises:
        ValueError: If its ends are no whole numbers, or its label is no text, or cannot be written in UTF-8.
    """
    whole = all(isinstance(one, int) and not isinstance(one, bool) for one in (start, end))
    if not whole or not isinstance(label, str) or not label:
        raise ValueError(f"{[start, end, label]!r} is no start, end and label")
    return int(start), int(end), check_text(label)  # type: ignore[call-overload]
