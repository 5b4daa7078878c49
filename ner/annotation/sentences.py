"""A sentence, and a corpus on disk: one Parquet file a split that the `datasets` library reads back."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ner.annotation.labels import OUTSIDE, TagSet
from ner.core.errors import PipelineError
from ner.core.files import whole_file

SPLITS = ("train", "validation", "test")
NESTED_TAGS = "nested_ner_tags"  # the column of the inner level
SENTENCES_PER_ROW_GROUP = 5_000  # bounds memory, whatever the size of the corpus
# What a damaged file, one of another kind or bytes that are no UTF-8 raise; Arrow's own errors among them.
DAMAGES = (pa.ArrowException, ValueError, KeyError, IndexError, TypeError, OSError)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One annotated sentence.

    Args:
        id: Number of the sentence in its split, counted from 0, as text.
        source: Where it was published, as the corpus says; may be empty.
        words: Shape: (n_words,).
        outer: Tag of each word on the outer level. Shape: (n_words,).
        inner: Tag of each word on the inner (nested) level, None where the corpus has no such level.
    """

    id: str
    source: str
    words: list[str]
    outer: list[str]
    inner: list[str] | None


def write_split(path: Path, sentences: Iterable[Sentence], tag_set: TagSet, *, has_inner: bool) -> None:
    """Write one split as Parquet, in row groups, so that memory stays flat.

    The tag names go into the schema as the `datasets` library stores them, so that
    `load_dataset("parquet", data_files=...)` gives `ClassLabel` columns back.

    Raises:
        KeyError: If a sentence holds a tag that `tag_set` lacks.
    """
    from datasets import ClassLabel, Features, List, Value  # 0.9 s that readers of a corpus need not pay

    text, tags = Value("string"), List(ClassLabel(names=list(tag_set.tags)))
    features = {"id": text, "source": text, "tokens": List(text), "ner_tags": tags}
    if has_inner:
        features[NESTED_TAGS] = tags
    schema = Features(features).arrow_schema
    rows = iter(sentences)
    with whole_file(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        while group := list(islice(rows, SENTENCES_PER_ROW_GROUP)):
            columns = {
                "id": [sentence.id for sentence in group],
                "source": [sentence.source for sentence in group],
                "tokens": [sentence.words for sentence in group],
                "ner_tags": [[tag_set.id_of(tag) for tag in sentence.outer] for sentence in group],
            }
            if has_inner:
                columns[NESTED_TAGS] = [[tag_set.id_of(tag) for tag in s.inner or ()] for s in group]
            writer.write_table(pa.table(columns, schema=schema))


def read_tag_set(path: Path) -> TagSet:
    """Read the tag names that `write_split` put into the schema of a split.

    Raises:
        PipelineError: If the file is no Parquet file that `download_corpus` wrote.
    """
    try:
        features = json.loads(pq.read_schema(path).metadata[b"huggingface"])["info"]["features"]
        return TagSet(tuple(features["ner_tags"]["feature"]["names"]))
    except DAMAGES as error:
        raise _unreadable(path, error) from error


def iterate_split(path: Path) -> Iterator[Sentence]:
    """Read the sentences of a split one row group at a time.

    Raises:
        PipelineError: If the file is no Parquet file that `download_corpus` wrote.
    """
    tags = read_tag_set(path).tags
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(SENTENCES_PER_ROW_GROUP):
                for row in batch.to_pylist():
                    inner = row.get(NESTED_TAGS)
                    yield Sentence(
                        id=row["id"],
                        source=row["source"],
                        words=row["tokens"],
                        outer=[tags[number] for number in row["ner_tags"]],
                        inner=None if inner is None else [tags[number] for number in inner],
                    )
    except DAMAGES as error:
        raise _unreadable(path, error) from error


def has_nested_entities(path: Path) -> bool:
    """Return whether any word of a split is in an entity of the inner level.

    Raises:
        PipelineError: If the file is no Parquet file that `download_corpus` wrote.
    """
    outside = read_tag_set(path).id_of(OUTSIDE)
    try:
        with pq.ParquetFile(path) as file:
            if NESTED_TAGS not in file.schema_arrow.names:
                return False
            return any(
                number != outside
                for batch in file.iter_batches(SENTENCES_PER_ROW_GROUP, columns=[NESTED_TAGS])
                for number in batch.column(0).flatten().to_pylist()
            )
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(path, error) from error


def read_split(path: Path) -> list[Sentence]:
    """Read all sentences of a split."""
    return list(iterate_split(path))


def _unreadable(path: Path, error: Exception) -> PipelineError:
    return PipelineError(
        f"{path}: cannot be read as a split of the corpus ({error}).",
        remedy="make it again: dvc repro -f -s download_corpus",
    )
