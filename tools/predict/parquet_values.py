"""The values of a Parquet column, one at a time, in memory that is bounded whatever a small file unfolds to.

A file of some kilobytes may hold a text of a megabyte once and name it two thousand times. Read as a
dictionary, it stays one text.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROWS_PER_BATCH = 1_000
BYTES_PER_BATCH = 64 * 2**20
BYTES_PER_GROUP = 256 * 2**20  # are read to judge each row by itself, whatever their mean


class UnreadableValue:
    """Stands for a value that cannot be read.

    Args:
        reason: Why.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason


def iterate_values(path: Any, column: str, max_bytes: int) -> Iterator[Any]:  # noqa: ANN401 - as pyarrow takes it
    """Yield the values of a column, or an `UnreadableValue` in the place of one.

    Args:
        path: A Parquet file.
        column: A column of texts or of lists of words.
        max_bytes: Most bytes that a value may have.

    Raises:
        pyarrow.ArrowException: If the file cannot be read.
    """
    with pq.ParquetFile(path) as file:
        leaves = [
            file.schema.column(number).path
            for number in range(len(file.schema))
            if file.schema.column(number).path.split(".")[0] == column
        ]
    with pq.ParquetFile(path, read_dictionary=leaves) as file:
        for group in range(file.num_row_groups):
            n_rows = max(1, file.metadata.row_group(group).num_rows)
            n_bytes = _unpacked_bytes(file, group, column)
            if n_bytes > max(BYTES_PER_GROUP, n_rows * max_bytes):
                reason = (
                    f"its rows unfold to {n_bytes // n_rows:,} bytes each; at most {max_bytes:,} are read"
                )
                yield from (UnreadableValue(reason) for _ in range(n_rows))
                continue
            batch_size = max(1, min(ROWS_PER_BATCH, BYTES_PER_BATCH * n_rows // max(1, n_bytes)))
            for batch in file.iter_batches(batch_size, row_groups=[group], columns=[column]):
                yield from (_read_value(value, max_bytes) for value in batch.column(0))


def _unpacked_bytes(file: pq.ParquetFile, group: int, column: str) -> int:
    """Return what the column's pages hold; a text that is named twice counts once."""
    described = file.metadata.row_group(group)
    columns = (described.column(number) for number in range(described.num_columns))
    return sum(one.total_uncompressed_size for one in columns if one.path_in_schema.split(".")[0] == column)


def _read_value(value: pa.Scalar, max_bytes: int) -> Any:  # noqa: ANN401 - as Parquet has it
    try:
        n_bytes = _count_bytes(value)
        if n_bytes > max_bytes:
            return UnreadableValue(f"it unfolds to {n_bytes:,} bytes; at most {max_bytes:,} are read")
        return value.as_py()
    except UnicodeDecodeError as error:
        return UnreadableValue(f"byte {error.start + 1} (0x{error.object[error.start]:02x}) is not UTF-8")


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
