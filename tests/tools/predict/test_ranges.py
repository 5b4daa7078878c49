"""Input cut into parts: nothing is lost, nothing is read twice."""

import gzip
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ner.core.errors import PipelineError
from tools.predict.input_rows import InputFormat, Row, read_rows
from tools.predict.ranges import PieceReader, count_lines_before, hash_piece, plan_parts, split_file

LINES = {
    "umlauts": "Köln\nÄmter in Łódź\n\nEms\n".encode() * 5,
    "windows": b"Bonn\r\n\r\nEms tagt\r\n" * 5,
    "no-end": b"Bonn\nEms\nJena",
    "one-long-line": b"Bonn " * 60 + b"\nEms\n",
    "byte-order-marks": "\ufeffBonn\n\ufeffEms\n\ufeffJena\n".encode() * 3,
    "bad-lines": b"Bonn\n\xff\xfe\nEms\n\xff\n" * 4,
    "empty": b"",
}


def tell(rows, *, with_line=True):
    """Say what rows hold; of an error its line, if that counts from the beginning of the file."""
    return [row.text if isinstance(row, Row) else (str(row) if with_line else "bad") for row in rows]


@pytest.mark.parametrize("part_bytes", [1, 2, 3, 5, 7, 16, 64, 1000])
@pytest.mark.parametrize("content", LINES.values(), ids=LINES)
def test_the_parts_of_a_file_give_its_rows_in_order(tmp_path, content, part_bytes):
    path = tmp_path / "in.txt"
    path.write_bytes(content)
    parts = list(plan_parts([(path, len(content))], None, part_bytes))
    pieces = [piece for part in parts for piece in part.pieces]
    found = chain.from_iterable(PieceReader(piece, None).read() for piece in pieces)
    assert tell(found, with_line=False) == tell(read_rows(path), with_line=False)
    assert [part.number for part in parts] == list(range(len(parts)))
    assert sum(part.n_bytes for part in parts) == len(content)


@pytest.mark.parametrize("content", LINES.values(), ids=LINES)
def test_the_lines_of_earlier_ranges_are_those_before_a_range(tmp_path, content):
    path = tmp_path / "in.txt"
    path.write_bytes(content)
    n_lines = 0
    for piece in split_file(path, len(content), InputFormat.TEXT, 7):
        assert count_lines_before(piece) == n_lines
        reader = PieceReader(piece, None)
        list(reader.read())
        n_lines += reader.n_lines
    if len(content) > 7:
        assert n_lines == len(content.splitlines())


def write_parquet(path, n_rows, n_groups):
    table = pa.table({"text": [f"Zeile {number}" for number in range(n_rows)]})
    pq.write_table(table, path, row_group_size=max(1, n_rows // n_groups))


@pytest.mark.parametrize(("n_rows", "n_groups"), [(100, 10), (100, 1), (7, 7), (0, 1)])
@pytest.mark.parametrize("part_bytes", [1, 200, 500, 10**6])
def test_parquet_is_split_between_its_row_groups(tmp_path, n_rows, n_groups, part_bytes):
    path = tmp_path / "in.parquet"
    write_parquet(path, n_rows, n_groups)
    size = path.stat().st_size
    pieces = list(split_file(path, size, InputFormat.PARQUET, part_bytes))
    found = chain.from_iterable(PieceReader(piece, None).read() for piece in pieces)
    assert tell(found) == [f"Zeile {number}" for number in range(n_rows)]
    assert [piece.start for piece in pieces[1:]] == [piece.end for piece in pieces[:-1]]
    assert (pieces[0].start, pieces[-1].end) == (0, size)
    if part_bytes == 1 and n_rows:
        assert len(pieces) == n_groups


@pytest.mark.parametrize("name", ["in.txt.gz", "in.conll", "in.tsv"])
def test_what_cannot_be_split_stays_whole(tmp_path, name):
    path = tmp_path / name
    content = b"Ems O\n\n" * 100
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    size = path.stat().st_size
    [part] = plan_parts([(path, size)], None, 10)
    [piece] = part.pieces
    assert (piece.start, piece.end, piece.is_whole) == (0, size, True)
    assert tell(PieceReader(piece, None).read()) == tell(read_rows(path))


def test_many_small_files_make_few_parts(tmp_path):
    files = []
    for number in range(100):
        path = tmp_path / f"{number:03}.txt"
        path.write_text(f"Text {number}\n", encoding="utf-8")
        files.append((path, path.stat().st_size))
    parts = list(plan_parts(files, None, 90))
    assert len(parts) == 9
    assert [piece.place for part in parts for piece in part.pieces] == [path for path, _ in files]


def test_a_change_of_any_byte_changes_the_hash_of_one_piece(tmp_path):
    path = tmp_path / "in.parquet"
    write_parquet(path, 40, 4)
    content = path.read_bytes()
    pieces = list(split_file(path, len(content), InputFormat.PARQUET, 1))
    before = [hash_piece(piece) for piece in pieces]
    for place in range(0, len(content), 13):
        changed = bytearray(content)
        changed[place] ^= 1
        path.write_bytes(changed)
        assert sum(a != b for a, b in zip(before, map(hash_piece, pieces), strict=True)) == 1


def test_a_range_of_a_file_that_is_gone_is_an_error_of_one_line(tmp_path):
    [first, *_] = split_file(tmp_path / "none.txt", 100, InputFormat.TEXT, 10)
    with pytest.raises(PipelineError, match=r"none\.txt: No such file"):
        list(PieceReader(first, InputFormat.TEXT).read())


def test_a_plan_is_made_one_part_at_a_time():
    """Of 10^12 bytes too: the driver's memory does not grow with the input."""
    parts = plan_parts([(Path("huge.txt"), 10**12)], None, 10**9)
    assert next(parts).number == 0
    assert next(parts).pieces[0].start == 10**9
