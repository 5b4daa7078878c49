"""The tokenised corpus on disk: one Parquet row a window, with its targets."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ner.annotation.sentences import DAMAGES
from ner.core.errors import PipelineError
from ner.core.files import whole_file
from ner.windows.alignment import Window

WINDOWS_PER_ROW_GROUP = 5_000
SETTINGS_KEY = b"tokenize"
SCHEMA = pa.schema(
    {
        "sentence": pa.int32(),
        "first_word": pa.int32(),
        "input_ids": pa.list_(pa.int32()),
        "word_ids": pa.list_(pa.int32()),
        "targets": pa.list_(pa.int32()),
    }
)
INNER = pa.field("inner_targets", pa.list_(pa.int32()))  # a column of corpora with nested entities alone


@dataclass(frozen=True, slots=True)
class TokenizedWindow:
    """A window, where it belongs and what it should be tagged.

    Args:
        sentence: Index of the sentence in its split.
        window: Subtokens and the words they belong to.
        targets: Target id of each subtoken, outer level. Shape: (n_subtokens,).
        inner_targets: The same of the inner level, ignored where `targets` is; None in a corpus without
            nested entities. Shape: (n_subtokens,).
    """

    sentence: int
    window: Window
    targets: list[int]
    inner_targets: list[int] | None = None


def write_windows(
    path: Path, rows: Iterable[TokenizedWindow], settings: dict[str, Any], *, has_inner: bool = False
) -> None:
    """Write windows in row groups, so that memory stays flat.

    Args:
        path: The Parquet file.
        rows: In corpus order.
        settings: Parameters that made them; kept in the schema for whoever tokenises new text alike.
        has_inner: Whether the rows have targets of the inner level.
    """
    schema = (SCHEMA.append(INNER) if has_inner else SCHEMA).with_metadata(
        {SETTINGS_KEY: json.dumps(settings, sort_keys=True)}
    )
    rows = iter(rows)
    with whole_file(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        while group := list(islice(rows, WINDOWS_PER_ROW_GROUP)):
            columns = {
                "sentence": [row.sentence for row in group],
                "first_word": [row.window.first_word for row in group],
                "input_ids": [row.window.input_ids for row in group],
                "word_ids": [row.window.word_ids for row in group],
                "targets": [row.targets for row in group],
            }
            if has_inner:
                columns[INNER.name] = [row.inner_targets for row in group]
            writer.write_table(pa.table(columns, schema=schema))


def read_settings(path: Path) -> dict[str, Any]:
    """Read the parameters that made a file of windows.

    Raises:
        PipelineError: If the file is no Parquet file that `tokenize_align` wrote.
    """
    try:
        return dict(json.loads(pq.read_schema(path).metadata[SETTINGS_KEY]))
    except DAMAGES as error:
        raise _unreadable(path, error) from error


def read_windows(path: Path) -> list[TokenizedWindow]:
    """Read all windows of a split, in corpus order."""
    return list(_iterate_windows(path))


def _iterate_windows(path: Path) -> Iterator[TokenizedWindow]:
    try:
        with pq.ParquetFile(path) as file:  # pq.read_table would import pandas: 60 MB
            for batch in file.iter_batches(WINDOWS_PER_ROW_GROUP):
                names = [*SCHEMA.names, *(name for name in (INNER.name,) if name in batch.schema.names)]
                columns = (batch[name].to_pylist() for name in names)
                for sentence, first_word, input_ids, word_ids, *targets in zip(*columns, strict=True):
                    yield TokenizedWindow(sentence, Window(first_word, input_ids, word_ids), *targets)
    except DAMAGES as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> PipelineError:
    return PipelineError(
        f"{path}: cannot be read as a tokenised split ({error}).",
        remedy="make it again: dvc repro -f -s tokenize_align",
    )
