"""Parquet files, local or of the Hub: rows as records, class labels by their names."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ner.core.errors import PipelineError

NAME = "Parquet"
ROWS_PER_BATCH = 1_000  # bounds memory


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read the rows of a file, numbered from 1; tags that the schema names come by their names.

    Raises:
        PipelineError: If it is no Parquet file, or a row has a number that stands for no tag.
    """
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            named = {
                column: names
                for column in file.schema_arrow.names
                if (names := find_class_names(file.schema_arrow, column)) is not None
            }
            for batch in file.iter_batches(ROWS_PER_BATCH):
                for row in batch.to_pylist():
                    number += 1
                    for column, names in named.items():
                        row[column] = [name_class(one, names, path, number) for one in row[column] or ()]
                    yield number, row
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise PipelineError(
            f"{path}: cannot be read as Parquet ({error}).", remedy="name a Parquet file that can be read."
        ) from error


def name_class(value: object, names: tuple[str, ...], path: Path, row: int) -> str:
    """Return the name of a class; -1 and -100, which stand for a tag that is not known, have none.

    Raises:
        PipelineError: If the number has no name.
    """
    if isinstance(value, int) and 0 <= value < len(names):
        return names[value]
    raise PipelineError(
        f"{path}:{row}: {value!r} is no tag.",
        remedy="write the number of a tag; move a file without tags elsewhere, and data.validation_share or "
        "data.test_share cuts its split from train.",
    )


def find_class_names(schema: pa.Schema, column: str) -> tuple[str, ...] | None:
    """Find the names of a column's classes in the schema, as `datasets` of any version stores them."""
    metadata = schema.metadata or {}
    if b"huggingface" not in metadata:
        return None
    try:
        feature = json.loads(metadata[b"huggingface"])["info"]["features"][column]
    except (ValueError, KeyError, TypeError):
        return None
    while True:
        if isinstance(feature, list) and feature:
            feature = feature[0]
        elif isinstance(feature, dict) and "feature" in feature:
            feature = feature["feature"]
        else:
            break
    names = feature.get("names") if isinstance(feature, dict) else None
    if isinstance(names, dict):
        names = [names[key] for key in sorted(names, key=int)]
    return tuple(names) if isinstance(names, list) and names else None


def is_text_list(kind: pa.DataType) -> bool:
    """Return whether a column has a list of texts a row."""
    return _is_list(kind) and is_text(kind.value_type)


def is_number_list(kind: pa.DataType) -> bool:
    """Return whether a column has a list of whole numbers a row."""
    return _is_list(kind) and pa.types.is_integer(kind.value_type)


def is_span_list(kind: pa.DataType) -> bool:
    """Return whether a column has a list of records a row."""
    return _is_list(kind) and pa.types.is_struct(kind.value_type)


def is_text(kind: pa.DataType) -> bool:
    """Return whether a column is text, however it is stored."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_list(kind: pa.DataType) -> bool:
    views = [getattr(pa.types, name, None) for name in ("is_list_view", "is_large_list_view")]
    return bool(
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
        or any(view is not None and view(kind) for view in views)
    )
