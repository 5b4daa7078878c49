"""Damage to valid files, drawn by a seed: bytes, lines, and values of JSON."""

import copy
import math
from collections.abc import Sequence
from random import Random
from typing import Any

MOST_CHANGES = 4
SIGNS = '\t \n\r|[]{}"\\,:;#-_=*0123O\u00a0\u0085\u2028\ufeff\u200e\u00ad\x00\x1b\x96'
MARKS = (
    "\r\n", "\n\n", "\t\t", "\t\n", " \n", "# ", "#\t", "# newdoc\n", "# a = b\n", "-DOCSTART-", "##", "B-",
    "I-", "E-", "S-", "L-", "U-", "M-", "-B", "_I", "PER", "B-PER", "I-LOC", "B-=1", "1-1", "1-2.1", "3-4",
    "8.1", "|NN|O", "[1]", "[2]", "T1\t", "NER=", "1e999", "NaN", "null", "\\ud800", "\\u0000", "-1",
    "9" * 30, "𝔊", "🇩🇪", "ﬁ", '{"text": "a b", "label": [[0, 1, "X"]]}',
)  # fmt: skip
NO_UTF8 = (b"\xff", b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b"\xf6")
PIECES = (*(text.encode() for text in (*SIGNS, *MARKS)), *NO_UTF8)
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 7, 10**30, 1.5, math.nan, math.inf, "", " ", "\u00a0", "\n", "PER", "O",
    "B-PER", "I-LOC", "\ud800", "\x00", "=1+1", [], {}, [[]], [{}], [None], [0, 1], [0, 1, "X"], [5, 2, "X"],
    [0, 99, "X"], ["a"], ["O"], {"start": 0, "end": 1, "label": "X"}, {"start": 0, "end": 2, "labels": ["X"]},
)  # fmt: skip
KEYS = (
    "text", "data", "label", "labels", "entities", "spans", "ents", "tokens", "words", "ner_tags", "tags",
    "id", "nested_ner_tags", "annotations", "result", "value", "start", "end", "start_offset", "end_offset",
    "answer", "source", "",
)  # fmt: skip


def mutate_bytes(content: bytes, random: Random) -> bytes:
    """Change a file in a few places: bytes, pieces that readers look for, and whole lines."""
    for _ in range(random.randint(1, MOST_CHANGES)):
        start = random.randint(0, len(content))
        end = min(len(content), start + random.choice((1, 1, 2, 5, 20)))
        change = random.randrange(7)
        if change == 0:
            content = content[:start] + content[end:]
        elif change == 1:
            content = content[:start] + random.choice(PIECES) + content[end:]
        elif change == 2:
            content = content[:start] + random.randbytes(1) + content[end:]
        elif change == 3:
            content = content[:start] + random.choice(PIECES) + content[start:]
        elif change == 4:
            content = content[:end] + content[start:]
        else:
            content = _mutate_lines(content, random)
    return content


def mutate_value(value: Any, random: Random) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """Return a value of JSON with one of its parts changed, at whatever depth."""
    if isinstance(value, dict) and value and random.random() < 0.9:
        key = random.choice(list(value))
        change = random.randrange(8)
        kept = {name: one for name, one in value.items() if change > 1 or name != key}
        if change == 1:
            kept[random.choice(KEYS)] = value[key]
        elif change == 2:
            kept[random.choice(KEYS)] = copy.deepcopy(random.choice(VALUES))
        elif change > 2:
            kept[key] = mutate_value(value[key], random)
        return kept
    if isinstance(value, list) and value and random.random() < 0.9:
        at = random.randrange(len(value))
        change = random.randrange(6)
        if change == 0:
            return value[:at] + value[at + 1 :]
        if change == 1:
            return [*value[: at + 1], *value[at:]]
        return [*value[:at], mutate_value(value[at], random), *value[at + 1 :]]
    if isinstance(value, int) and random.random() < 0.7:
        return value + random.choice((-5, -1, 1, 5, 1000))
    if isinstance(value, str) and random.random() < 0.7:
        at = random.randint(0, len(value))
        piece = random.choice(PIECES).decode(errors="replace")
        return value[:at] + piece + value[at + random.randrange(2) :]
    return copy.deepcopy(random.choice(VALUES))


def _mutate_lines(content: bytes, random: Random) -> bytes:
    lines = content.splitlines(keepends=True)
    if not lines:
        return content
    at, other = random.randrange(len(lines)), random.randrange(len(lines))
    change = random.randrange(4)
    if change == 0:
        del lines[at]
    elif change == 1:
        lines.insert(at, lines[other])
    elif change == 2:
        lines[at], lines[other] = lines[other], lines[at]
    else:
        lines[at] = _mutate_cells(lines[at], random)
    return b"".join(lines)


def _mutate_cells(line: bytes, random: Random) -> bytes:
    separator = next((one for one in (b"\t", b"|", b" ", b",") if one in line), b" ")
    cells: Sequence[bytes] = line.split(separator)
    at = random.randrange(len(cells))
    changed = random.choice((b"", random.choice(PIECES), random.choice(cells), cells[at] + separator))
    return separator.join([*cells[:at], changed, *cells[at + 1 :]])
