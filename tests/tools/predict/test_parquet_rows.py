"""Rows of Parquet, in bounded memory."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tools.predict import parquet_rows
from tools.predict.parquet_rows import UnreadableRow, iterate_rows


def read(path, column, max_bytes=100):
    return [
        row.reason if isinstance(row, UnreadableRow) else row[column]
        for row in iterate_rows(path, [column], max_bytes)
    ]


@pytest.mark.parametrize("use_dictionary", [True, False])
@pytest.mark.parametrize(
    ("kind", "values"),
    [
        pytest.param(pa.string(), ["Ems", None, "", "Köln"], id="text"),
        pytest.param(pa.large_string(), ["Ems", None, "", "Köln"], id="large-text"),
        pytest.param(pa.list_(pa.string()), [["Ems", "ä"], None, [], ["Köln", "ä"]], id="words"),
        pytest.param(pa.list_(pa.string()), [["Ems", None]], id="no-word"),
        pytest.param(pa.int64(), [1, None], id="numbers"),
    ],
)
def test_values_are_those_that_were_written(tmp_path, kind, values, use_dictionary):
    """Beside another column, in groups of three rows."""
    table = pa.table({"a": pa.array(values, kind), "ab": range(len(values))})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=3, use_dictionary=use_dictionary)
    assert read(tmp_path / "t.parquet", "a") == values


@pytest.mark.parametrize("use_dictionary", [True, False])
@pytest.mark.parametrize(
    ("large", "small"),
    [pytest.param("a" * 101, "a" * 100, id="text"), pytest.param(["aaaa"] * 26, ["a"] * 5, id="words")],
)
def test_a_row_that_unfolds_to_too_much_is_told_in_its_place(tmp_path, large, small, use_dictionary):
    pq.write_table(
        pa.table({"a": [small, large, small]}), tmp_path / "t.parquet", use_dictionary=use_dictionary
    )
    first, reason, last = read(tmp_path / "t.parquet", "a")
    assert first == last == small
    assert "it unfolds to" in reason
    assert "at most 100 are read" in reason


def test_a_group_of_rows_that_would_fill_the_memory_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_rows, "BYTES_PER_GROUP", 1000)
    table = pa.table({"a": ["a" * 5000, "b", "c", "d"]})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=2)
    reason, same, *rest = read(tmp_path / "t.parquet", "a")
    assert reason == same
    assert reason.startswith("its rows unfold to 2,")
    assert rest == ["c", "d"]


def test_a_text_that_is_named_often_is_held_once(tmp_path):
    """A file of some kilobytes would take two gigabytes."""
    text = "a" * 1_000_000
    column = pa.DictionaryArray.from_arrays([0] * 2000, [text])
    pq.write_table(
        pa.table({"a": column.cast(pa.dictionary(pa.int32(), pa.string()))}), tmp_path / "t.parquet"
    )
    before = pa.total_allocated_bytes()
    rows = iterate_rows(tmp_path / "t.parquet", ["a"], 2_000_000)
    assert len(next(rows)["a"]) == 1_000_000
    assert pa.total_allocated_bytes() - before < 20_000_000
    assert sum(1 for _ in rows) == 1999


def test_one_invalid_byte_is_one_unreadable_value(tmp_path):
    texts = pa.array([b"Ems", b"ab\xff"]).view(pa.string())
    pq.write_table(pa.table({"a": texts}), tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet", "a") == ["Ems", "byte 3 (0xff) is not UTF-8"]
