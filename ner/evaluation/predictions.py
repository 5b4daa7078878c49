"""What the tagger said, beside the gold tags: one Parquet row a sentence, every word of the corpus."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
    }
)


@dataclass(frozen=True, slots=True)
class Prediction:
    """One sentence as annotated and as tagged.

    Args:
        id: The sentence's id in its split.
        words: Shape: (n_words,).
        gold: Tags of the outer level. Shape: (n_words,).
        predicted: The tagger's tags, valid IOB2. Shape: (n_words,).
        scores: Probability of each predicted tag, from 0 to 1. Shape: (n_words,).
    """

    id: str
    words: list[str]
    gold: list[str]
    predicted: list[str]
    scores: list[float]


def write_predictions(path: Path, predictions: Sequence[Prediction]) -> None:
    """Write the predictions of a split, in corpus order."""
    columns = {
        "id": [one.id for one in predictions],
        "tokens": [one.words for one in predictions],
        "gold": [one.gold for one in predictions],
        "predicted": [one.predicted for one in predictions],
        "score": [one.scores for one in predictions],
    }
    with whole_file(path) as temporary:
        pq.write_table(pa.table(columns, schema=SCHEMA), temporary)


def read_predictions(path: Path) -> list[Prediction]:
    """Read the predictions of a split, in corpus order.

    Raises:
        PipelineError: If the file is damaged, or none that `evaluate` wrote.
    """
    try:
        table = pq.read_table(path, schema=SCHEMA)
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
        Prediction(sentence.id, sentence.words, sentence.outer, words.tags, words.scores)
        for sentence, words in zip(split.sentences, split.tagged.sentences, strict=True)
    ]
