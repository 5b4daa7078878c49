"""Which column holds the words and which the tags: said, named by a header, or found in the values."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from ner.annotation.schemes import OUTSIDE_FORMS, STYLES
from ner.core.errors import PipelineError
from ner.sources.formats.columns import (
    DOCUMENT,
    KEY_VALUE,
    NEW_DOCUMENT,
    SEPARATORS,
    TAG_NAMES,
    WORD_NAMES,
    Layout,
    is_header,
)
from ner.sources.formats.lines import SPACES, TABS_AND_BLANKS

FLAGS_NAMES = ("misc",)  # HIPE-2022's column of flags
SENTENCE_NAMES = ("sentence #", "sentence_id", "sentence id", "sent_id", "sentence")
CHUNK_LABELS = frozenset(
    "NP VP PP ADVP ADJP SBAR PRT CONJP INTJ LST UCP NC VC PC AC NX PX VX".split()  # noqa: SIM905 - a list to read
)  # of CoNLL-2003's third column, which has tags as well
GLOBAL_COLUMNS = re.compile(r"#\s*global\.columns\s*=\s*(.*)")
N_CONLLU_COLUMNS = 10
GERMEVAL_TAGS = (2, 3)
GERMEVAL_HEADER = "#\t"  # has as many columns as a word, in short sentences of a large share of lines
MOSTLY = 0.75  # share of a column's values that decides what it is: a few wrong ones change nothing
FEWEST_OUTSIDE = 0.1  # share of O in a column of labels
SETTING = "say it in params.yaml, for example data.columns: {word: 0, tag: -1}."


def find_layout(
    sample: Sequence[str], path: Path, columns: Mapping[str, int] | None = None, *, needs_tags: bool = True
) -> Layout | None:
    """Find out which column is which.

    Args:
        sample: Lines of the files that look alike, the first line of a file first.
        path: One of the files, for messages.
        columns: Keys `word` and `tag`, where they are known; negative ones count from the end.
        needs_tags: Whether there must be tags; without them the words alone are looked for.

    Returns:
        The layout, None for GermEval's, which has a reader of its own.

    Raises:
        PipelineError: If it cannot be told, or more than one column may hold the tags.
    """
    filled = [line for line in sample if line.strip(SPACES)]
    rows = [line for line in filled if not _is_aside(line)] or filled
    separator = _find_separator(rows)
    table = [_split(row, separator) for row in rows]
    sizes = Counter(len(cells) for cells in table)
    first = len(table[0]) if table else 0
    n_columns = max(sizes, key=lambda size: (sizes[size], size == first), default=0)
    table = [cells for cells in table if len(cells) == n_columns]
    while n_columns > 2 and not any(cells[-1] for cells in table):  # tabs at the end of the lines
        n_columns -= 1
        table = [cells[:-1] for cells in table]
    if columns is not None:
        return _said_layout(columns, table, n_columns, separator, path)
    if n_columns == 1 and not needs_tags:
        return Layout(1, separator, 0, None, is_loose=True)
    if n_columns < 2:
        raise PipelineError(
            f"{path}:1: {n_columns} column{'s' if n_columns != 1 else ''}: no word and tag.",
            remedy="write a word and its tag in each line, separated by a tab or blanks.",
        )
    named = _named_layout(filled, table, n_columns, separator)
    if named is not None:
        return named
    has_numbers = n_columns > 2 and _is_numbered([cells[0] for cells in table])
    number = 0 if has_numbers else None
    tag_columns = [n for n in range(n_columns) if n != number and _holds_tags([row[n] for row in table])]
    has_header = any(line.startswith(GERMEVAL_HEADER) for line in filled)
    if has_numbers and separator == "\t" and n_columns == 4 and (has_header or _is_germeval(table)):
        return None
    if has_numbers and n_columns == N_CONLLU_COLUMNS:
        key = _find_key([cells[-1] for cells in table])
        if key:
            return Layout(n_columns, separator, 1, n_columns - 1, number, key)
    tag = _choose_tag_column(tag_columns, table, path, number, needs_tags=needs_tags)
    word = next(n for n in range(n_columns) if n not in (number, tag))
    return Layout(n_columns, separator, word, tag, number, is_loose=not needs_tags)


def _is_aside(line: str) -> bool:
    """Return whether a line seems to be no word: a comment, a header, or the beginning of a document."""
    if line.startswith(DOCUMENT) or KEY_VALUE.match(line) or NEW_DOCUMENT.match(line):
        return True
    return line.startswith(GERMEVAL_HEADER) or (line.startswith("# ") and "\t" not in line)


def _find_separator(rows: Sequence[str]) -> str:
    for separator in SEPARATORS:
        if sum(separator in row.strip(separator) for row in rows) * 2 > len(rows):
            return separator
    # Where most lines are a word alone, what parts the others says nothing, and a tab is as good.
    return "\t" if any("\t" in row for row in rows) else " "


def _split(row: str, separator: str) -> list[str]:
    if separator == "\t":
        return [cell.strip(" ") for cell in row.split("\t")] if "\t" in row else _split(row, " ")
    if separator == " ":
        return TABS_AND_BLANKS.split(row.strip(" \t"))
    return row.split(separator)


def _said_layout(
    columns: Mapping[str, int], table: Sequence[Sequence[str]], n_columns: int, separator: str, path: Path
) -> Layout:
    found = {}
    for name, index in columns.items():
        if not -n_columns <= index < n_columns:
            raise PipelineError(
                f"params.yaml: data.columns.{name} is {index}, but {path} has {n_columns} columns.",
                remedy=f"write a number from 0 to {n_columns - 1}, or from -{n_columns} to -1.",
            )
        found[name] = index % n_columns
    if found["word"] == found["tag"]:
        raise PipelineError(
            f"params.yaml: data.columns has word and tag in column {found['word']} of {n_columns}.",
            remedy="write two different columns.",
        )
    numbered = n_columns > 2 and 0 not in found.values() and _is_numbered([cells[0] for cells in table])
    header = table[0] if table and is_header(table[0]) else ()
    return Layout(
        n_columns,
        separator,
        found["word"],
        found["tag"],
        0 if numbered else None,
        flags=_find_column(header, FLAGS_NAMES),
        sentence=_find_column(header, SENTENCE_NAMES),
        has_header=bool(header),
    )


def _find_column(header: Sequence[str], names: Sequence[str]) -> int | None:
    cells = [cell.strip().lower() for cell in header]
    return next((cells.index(name) for name in names if name in cells), None)


def _named_layout(
    filled: Sequence[str], table: Sequence[Sequence[str]], n_columns: int, separator: str
) -> Layout | None:
    """Read the layout off a header line or CoNLL-U Plus's `# global.columns`."""
    declared = GLOBAL_COLUMNS.match(filled[0]) if filled else None
    names = [name.lower().rpartition(":")[2] for name in declared[1].split()] if declared else []
    if not names and table and is_header(table[0]):
        names = [cell.strip().lower() for cell in table[0]]
    word = next((n for n, name in enumerate(names) if name in WORD_NAMES), None)
    tag = _find_column(names, TAG_NAMES)
    if word is None or tag is None or len(names) != n_columns:
        return None
    number = names.index("id") if declared and "id" in names else None
    return Layout(
        n_columns,
        separator,
        word,
        tag,
        number,
        flags=_find_column(names, FLAGS_NAMES),
        sentence=_find_column(names, SENTENCE_NAMES),
        has_header=declared is None,
    )


def _is_numbered(values: Sequence[str]) -> bool:
    whole = [value for value in values if re.fullmatch(r"\d+([-.]\d+)?", value)]
    return len(whole) >= MOSTLY * len(values) and bool({"0", "1"} & set(whole))


def _holds_tags(values: Sequence[str]) -> bool:
    """Return whether a column has tags with letters, such as B-PER, and little else."""
    lettered = sum(any(shape.fullmatch(value) for shape in STYLES.values()) for value in values)
    outside = sum(value in OUTSIDE_FORMS for value in values)
    return lettered > 0 and lettered + outside >= MOSTLY * len(values)


def _is_germeval(table: Sequence[Sequence[str]]) -> bool:
    outer, inner = ([cells[column] for cells in table] for column in GERMEVAL_TAGS)
    if not (_holds_tags(inner) or inner.count("O") >= MOSTLY * len(inner)):
        return False
    return _holds_tags(outer) or "O" in outer  # labels without letters, where the inner level has tags


def _find_key(cells: Sequence[str]) -> str | None:
    """Find the key whose values are tags in CoNLL-U's last column, or one that is named like them."""
    values: dict[str, list[str]] = {}
    for cell in cells:
        for part in cell.split("|"):
            key, sign, value = part.partition("=")
            if sign:
                values.setdefault(key, []).append(value)
    found = [key for key, some in values.items() if _holds_tags(some)]
    found = found or [key for key in values if key.lower() in TAG_NAMES]
    return found[0] if len(found) == 1 else None


def _choose_tag_column(
    tag_columns: Sequence[int],
    table: Sequence[Sequence[str]],
    path: Path,
    number: int | None,
    *,
    needs_tags: bool,
) -> int | None:
    n_columns = len(table[0])
    candidates = [n for n in tag_columns if not _holds_chunks([cells[n] for cells in table])]
    if len(candidates) > 1 and not needs_tags:
        candidates = candidates[-1:]
    if len(candidates) > 1:
        first, second = candidates[0], candidates[-1]
        word = next(n for n in range(n_columns) if n != number and n not in candidates)
        row = next((cells for cells in table if cells[first] != cells[second]), table[0])
        raise PipelineError(
            f"{path}: the tags may be in column {first} or in column {second}: "
            f"{row[word]!r} is {row[first]!r} by the one and {row[second]!r} by the other.",
            remedy=f"say which in params.yaml: data.columns: {{word: {word}, tag: {second}}}.",
        )
    if candidates:
        return candidates[0]
    if n_columns == 2 and number is None:
        return 1
    # Labels without letters, or no entity at all: the last column with O, one with labels before others.
    bare = [n for n in range(n_columns) if n != number and _holds_outside([cells[n] for cells in table])]
    labelled = [n for n in bare if any(cells[n] not in OUTSIDE_FORMS for cells in table)]
    if bare:
        return (labelled or bare)[-1]
    if not needs_tags:
        return None
    row = table[0]
    raise PipelineError(
        f"{path}: which of {n_columns} columns has the tags cannot be told: {' | '.join(row)}.",
        remedy=SETTING,
    )


def _holds_outside(values: Sequence[str]) -> bool:
    """Return whether a column has words outside entities, more than a column of words has of the word O."""
    labelled = [f"I-{value}" for value in values if value not in {"O", "o", "0"}]
    return len(values) - len(labelled) > FEWEST_OUTSIDE * len(values) and not _holds_chunks(labelled)


def _holds_chunks(values: Sequence[str]) -> bool:
    labels = [value.partition("-")[2] for value in values if value[1:2] == "-"]
    return bool(labels) and sum(label in CHUNK_LABELS for label in labels) * 2 > len(labels)
