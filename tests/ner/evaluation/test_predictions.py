"""Predictions on disk."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ner.core.errors import PipelineError
from ner.evaluation.predictions import Prediction, read_predictions, write_predictions

PREDICTIONS = [
    Prediction("0", ["Änne", '"', "\x96"], ["B-PER", "O", "O"], ["B-PER", "O", "O"], [0.75, 1.0, 0.0]),
    Prediction("1", ["a\u2028b"], ["O"], ["B-LOCderiv"], [0.5]),
]


def test_predictions_survive_the_way_through_parquet(tmp_path):
    path = tmp_path / "folder" / "test.parquet"
    write_predictions(path, PREDICTIONS)
    assert read_predictions(path) == PREDICTIONS
    assert pq.read_schema(path).names == ["id", "tokens", "gold", "predicted", "score", "label_quality"]


def test_no_predictions_are_still_a_table(tmp_path):
    write_predictions(tmp_path / "test.parquet", [])
    assert read_predictions(tmp_path / "test.parquet") == []


def test_scores_have_the_precision_that_the_tagger_computes(tmp_path):
    score = float(np.float32(0.1))
    write_predictions(tmp_path / "test.parquet", [Prediction("0", ["a"], ["O"], ["O"], [score])])
    assert read_predictions(tmp_path / "test.parquet")[0].scores == [score]


def test_the_same_predictions_make_the_same_bytes(tmp_path):
    for name in ("one", "other"):
        write_predictions(tmp_path / name, PREDICTIONS)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_predictions_that_are_no_utf8_are_refused(tmp_path):
    path = tmp_path / "test.parquet"
    write_predictions(path, PREDICTIONS[:1])
    table = pq.read_table(path)
    table = table.set_column(0, "id", pa.array([b"\xff"]).cast(pa.string(), safe=False))
    pq.write_table(table, path)
    with pytest.raises(PipelineError, match=r"test\.parquet: cannot be read .* Remedy: make it again"):
        read_predictions(path)


def test_damaged_predictions_are_refused(tmp_path):
    path = tmp_path / "test.parquet"
    path.write_bytes(b"PAR1 and no more PAR1")
    with pytest.raises(PipelineError, match=r"test\.parquet: cannot be read .* Remedy: make it again"):
        read_predictions(path)
