"""Words and their tags as lists in a record: JSON Lines, or the rows of a Parquet file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ner.sources.formats.raw import RawSentence
from ner.sources.formats.record_values import check_text

NAME = "JSONL with tokens and tags"
WORD_KEYS = ("tokens", "words")
TAG_KEYS = ("ner_tags", "tags", "ner", "labels", "label", "ner_labels")
INNER_KEYS = ("nested_ner_tags", "inner")


def matches(record: Mapping[str, Any]) -> bool:
    """Return whether a record has a list of words and a list of tags."""
    words = next((record[key] for key in WORD_KEYS if isinstance(record.get(key), list)), None)
    tags = next((record[key] for key in TAG_KEYS if isinstance(record.get(key), list)), None)
    return words is not None and tags is not None and all(isinstance(word, str) for word in words)


def parse(record: Mapping[str, Any], path: Path, line: int) -> RawSentence | None:
    """Read a record; None where it has no words.

    Raises:
        ValueError: If the tags do not fit the words, are numbers, or a text cannot be written in UTF-8.
    """
    words = next(record[key] for key in WORD_KEYS if isinstance(record.get(key), list))
    levels = []
    for keys in (TAG_KEYS, INNER_KEYS):
        key = next((key for key in keys if isinstance(record.get(key), list)), None)
        if key is not None:
            levels.append(_check_tags(record[key], key, len(words)))
    kept = [n for n, word in enumerate(words) if word]
    if len(kept) < len(words) and any(
        level[n] not in ("O", "") for n in range(len(words)) if n not in kept for level in levels
    ):
        raise ValueError("a word is empty and has a tag")
    if not kept:
        return None
    return RawSentence(
        words=[check_text(words[n]) for n in kept],
        outer=[levels[0][n] for n in kept],
        inner=[levels[1][n] for n in kept] if len(levels) > 1 else None,
        path=path,
        lines=[line] * len(kept),
        source=check_text(str(record.get("source") or "")),
        id=check_text(str(record["id"])) if "id" in record else None,
        n_empty_words=len(words) - len(kept),
    )


def format_record(sentence: RawSentence) -> dict[str, Any]:
    """Write a record."""
    record: dict[str, Any] = {"tokens": sentence.words, "ner_tags": sentence.outer}
    return record if sentence.inner is None else {**record, "nested_ner_tags": sentence.inner}


def _check_tags(tags: list[object], key: str, n_words: int) -> list[str]:
    if len(tags) != n_words:
        raise ValueError(f"{n_words} words but {len(tags)} tags under {key!r}")
    for tag in tags:
        if isinstance(tag, int):
            raise ValueError(f"{tag} under {key!r} is the number of a tag; write its name")
        if not isinstance(tag, str):
            raise ValueError(f"{tag!r} under {key!r} is no tag")
    return [check_text(str(tag)) for tag in tags]
