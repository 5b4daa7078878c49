"""The rows of a Parquet file, one at a time, in memory that is bounded whatever a small file unfolds to.

A file of some kilobytes may hold a text of a megabyte once and name it two thousand times. Read as a
dictionary, it stays one text.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from ner.sources.stores import Place, open_parquet

ROWS_PER_BATCH = 1_000
BYTES_PER_BATCH = 64 * 2**20
BYTES_PER_GROUP = 256 * 2**20  # are read to judge each row by itself, whatever their mean


class UnreadableRow:
    """Stands for a row that cannot be read.

    Args:
        reason: Why.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason


def iterate_rows(
    path: Place, columns: Sequence[str], max_bytes: int, groups: range | None = None
) -> Iterator[dict[str, Any] | UnreadableRow]:
    """Yield the rows of a file, or an `UnreadableRow` in the place of one.

    Args:
        path: A Parquet file.
        columns: Columns of texts or of lists of words.
        max_bytes: Most bytes that a value may have.
        groups: Which row groups; None: all.

    Raises:
        pyarrow.ArrowException: If the file cannot be read.
    """
    with open_parquet(path) as file:
        leaves = [file.schema.column(number).path for number in range(len(file.schema))]
    with open_parquet(
        path, read_dictionary=[leaf for leaf in leaves if leaf.split(".")[0] in columns]
    ) as file:
        for group in groups if groups is not None else range(file.num_row_groups):
            n_rows = max(1, file.metadata.row_group(group).num_rows)
            n_bytes = _unpacked_bytes(file, group, columns)
            if n_bytes > max(BYTES_PER_GROUP, n_rows * max_bytes):
                reason = (
                    f"its rows unfold to {n_bytes // n_rows:,} bytes each; at most {max_bytes:,} are read"
                )
                yield from (UnreadableRow(reason) for _ in range(n_rows))
                continue
            batch_size = max(1, min(ROWS_PER_BATCH, BYTES_PER_BATCH * n_rows // max(1, n_bytes)))
            for batch in file.iter_batches(batch_size, row_groups=[group], columns=list(columns)):
                for values in zip(*batch.columns, strict=True):
                    yield _read_row(dict(zip(batch.schema.names, values, strict=True)), max_bytes)


def _unpacked_bytes(file: pq.ParquetFile, group: int, names: Sequence[str]) -> int:
    """Return what the columns' pages hold; a text that is named twice counts once."""
    described = file.metadata.row_group(group)
    columns = (described.column(number) for number in range(described.num_columns))
    return sum(one.total_uncompressed_size for one in columns if one.path_in_schema.split(".")[0] in names)


def _read_row(row: dict[str, pa.Scalar], max_bytes: int) -> dict[str, Any] | UnreadableRow:
    n_bytes = max(map(_count_bytes, row.values()), default=0)
    if n_bytes > max_bytes:
        return UnreadableRow(f"it unfolds to {n_bytes:,} bytes; at most {max_bytes:,} are read")
    try:
        return {name: value.as_py() for name, value in row.items()}
    except UnicodeDecodeError as error:
        return UnreadableRow(f"byte {error.start + 1} (0x{error.object[error.start]:02x}) is not UTF-8")


def _count_bytes(value: pa.Scalar) -> int:
    """Count the bytes of a text or of a list's texts, before they are unfolded."""
    if not value.is_valid:
        return 0
    if isinstance(value, pa.ListScalar | pa.LargeListScalar):
        items = value.values
        if isinstance(items, pa.DictionaryArray):
            lengths = pa.compute.binary_length(items.dictionary)
            return len(items) * 8 + (pa.compute.sum(lengths.take(items.indices)).as_py() or 0)
        return int(items.nbytes)
    if isinstance(value, pa.DictionaryScalar):
        value = value.value
    return len(value.as_buffer()) if hasattr(value, "as_buffer") and value.is_valid else 0
