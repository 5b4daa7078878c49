"""The tokenised corpus on disk."""

from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ner.core.errors import PipelineError
from ner.windows import tokenized
from ner.windows.alignment import IGNORE_ID, NO_WORD, Window
from ner.windows.tokenized import TokenizedWindow, read_settings, read_windows, write_windows

SETTINGS = {"stride": 64, "max_length": 256, "label_all_tokens": True}
ROWS = [
    TokenizedWindow(0, Window(0, [101, 7, 8, 102], [NO_WORD, 0, 0, NO_WORD]), [IGNORE_ID, 3, 3, IGNORE_ID]),
    TokenizedWindow(1, Window(0, [101, 102], [NO_WORD, NO_WORD]), [IGNORE_ID, IGNORE_ID]),
    TokenizedWindow(1, Window(40, [], []), []),
]


def test_windows_and_settings_survive_the_way_through_parquet(tmp_path):
    path = tmp_path / "folder" / "train.parquet"
    write_windows(path, iter(ROWS), SETTINGS)
    assert read_windows(path) == ROWS
    assert read_settings(path) == SETTINGS


def test_targets_of_the_inner_level_are_a_column_where_there_are_any(tmp_path):
    rows = [replace(row, inner_targets=[IGNORE_ID] * len(row.targets)) for row in ROWS]
    write_windows(tmp_path / "both.parquet", rows, SETTINGS, has_inner=True)
    write_windows(tmp_path / "outer.parquet", ROWS, SETTINGS)
    assert read_windows(tmp_path / "both.parquet") == rows
    names = [set(pq.read_schema(tmp_path / f"{name}.parquet").names) for name in ("both", "outer")]
    assert names[0] - names[1] == {"inner_targets"}


def test_windows_are_written_in_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(tokenized, "WINDOWS_PER_ROW_GROUP", 2)
    path = tmp_path / "train.parquet"
    write_windows(path, ROWS, SETTINGS)
    metadata = pq.read_metadata(path)
    assert [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)] == [2, 1]
    assert read_windows(path) == ROWS


def test_the_same_windows_make_the_same_bytes(tmp_path):
    write_windows(tmp_path / "one", ROWS, SETTINGS)
    write_windows(tmp_path / "other", ROWS, dict(reversed(SETTINGS.items())))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_a_stage_that_fails_half_way_leaves_no_file(tmp_path):
    def rows():
        yield ROWS[0]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_windows(tmp_path / "train.parquet", rows(), SETTINGS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "other-columns"])
@pytest.mark.parametrize("read", [read_windows, read_settings])
def test_a_file_of_another_kind_is_refused(tmp_path, read, kind):
    path = tmp_path / "train.parquet"
    if kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("no Parquet")
    elif kind == "other-columns":
        pq.write_table(pa.table({"tokens": [["a"]]}), path)
    with pytest.raises(PipelineError, match="dvc repro -f -s tokenize_align") as refusal:
        read(path)
    assert str(refusal.value).startswith(f"{path}: cannot be read as a tokenised split")
    assert "\n" not in str(refusal.value)
