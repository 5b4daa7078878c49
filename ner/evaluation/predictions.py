"""Predicted tags beside gold tags: one Parquet row per sentence, every word of the corpus."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ner.annotation.sentences import DAMAGES
from ner.core.errors import PipelineError
from ner.core.files import whole_file
from ner.evaluation.splits import EvaluatedSplit

SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "tokens": pa.list_(pa.string()),
        "gold": pa.list_(pa.string()),
        "predicted": pa.list_(pa.string()),
        "score": pa.list_(pa.float32()),
        "label_quality": pa.list_(pa.float32()),
    }
)
INNER_FIELDS = [
    pa.field("gold_inner", pa.list_(pa.string())),
    pa.field("predicted_inner", pa.list_(pa.string())),
    pa.field("score_inner", pa.list_(pa.float32())),
    pa.field("label_quality_inner", pa.list_(pa.float32())),
]  # of a tagger that knows the inner level


@dataclass(frozen=True, slots=True)
class Prediction:
    """One sentence as annotated and as tagged.

    Args:
        id: The sentence's id in its split.
        words: Shape: (n_words,).
        gold: Tags of the outer level. Shape: (n_words,).
        predicted: The tagger's tags, valid IOB2. Shape: (n_words,).
        scores: Probability of each predicted tag, from 0 to 1. Shape: (n_words,).
        label_quality: How well each word's gold tag goes with the tagger, from 0 to 1; None where it was
            not measured. Shape: (n_words,).
        gold_inner: As `gold`, of the inner level; this and the next three are None where the corpus or the
            tagger knows the outer level alone. Shape: (n_words,).
        predicted_inner: As `predicted`, of the inner level. Shape: (n_words,).
        scores_inner: As `scores`, of the inner level. Shape: (n_words,).
        label_quality_inner: As `label_quality`, of the inner level. Shape: (n_words,).
    """

    id: str
    words: list[str]
    gold: list[str]
    predicted: list[str]
    scores: list[float]
    label_quality: list[float] | None = None
    gold_inner: list[str] | None = None
    predicted_inner: list[str] | None = None
    scores_inner: list[float] | None = None
    label_quality_inner: list[float] | None = None


def write_predictions(path: Path, predictions: Sequence[Prediction]) -> None:
    """Write the predictions of a split, in corpus order."""
    columns: dict[str, list[Any]] = {
        "id": [one.id for one in predictions],
        "tokens": [one.words for one in predictions],
        "gold": [one.gold for one in predictions],
        "predicted": [one.predicted for one in predictions],
        "score": [one.scores for one in predictions],
        "label_quality": [one.label_quality for one in predictions],
    }
    schema = SCHEMA
    if predictions and all(one.predicted_inner is not None for one in predictions):
        schema = pa.schema([*SCHEMA, *INNER_FIELDS])
        columns |= {
            "gold_inner": [one.gold_inner for one in predictions],
            "predicted_inner": [one.predicted_inner for one in predictions],
            "score_inner": [one.scores_inner for one in predictions],
            "label_quality_inner": [one.label_quality_inner for one in predictions],
        }
    with whole_file(path) as temporary:
        pq.write_table(pa.table(columns, schema=schema), temporary)


def read_predictions(path: Path) -> list[Prediction]:
    """Read the predictions of a split, in corpus order.

    Raises:
        PipelineError: If the file is damaged, or none that `evaluate` wrote.
    """
    try:
        has_inner = INNER_FIELDS[0].name in pq.read_schema(path).names
        table = pq.read_table(path, schema=pa.schema([*SCHEMA, *INNER_FIELDS]) if has_inner else SCHEMA)
        columns = [column.to_pylist() for column in table.columns]
    except DAMAGES as error:
        raise PipelineError(
            f"{path}: cannot be read as predictions ({error}).",
            remedy="make it again: dvc repro -f -s evaluate",
        ) from error
    return [Prediction(*row) for row in zip(*columns, strict=True)]


def list_predictions(split: EvaluatedSplit) -> list[Prediction]:
    """Put the tagger's words beside the corpus's."""
    return [
        Prediction(
            sentence.id,
            sentence.words,
            sentence.outer,
            words.tags,
            words.scores,
            words.label_quality,
            *(
                (sentence.inner, words.inner.tags, words.inner.scores, words.inner.label_quality)
                if split.inner and words.inner
                else ()
            ),
        )
        for sentence, words in zip(split.sentences, split.tagged.sentences, strict=True)
    ]
