"""Sentences of a Hub dataset: named by file and row where they are not what a corpus needs."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Features, List, Value

from ner.core.errors import PipelineError
from ner.sources.hub_corpus import HubCorpus, HubCorpusParams
from ner.text.splitting import split_text

TAGS = ["O", "B-LOC", "I-LOC"]
PARAMS = HubCorpusParams(
    dataset="org/corpus",
    revision="main",
    subset="default",
    words_column="tokens",
    tags_column="ner_tags",
    nested_column=None,
)


def make_corpus(folder, words, tags):
    """Write one sentence as the Hub would send it."""
    features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=TAGS))})
    path = folder / "0000.parquet"
    pq.write_table(pa.table({"tokens": [words], "ner_tags": [tags]}, schema=features.arrow_schema), path)
    return HubCorpus(PARAMS, "c" * 40, {"train": [path]}, tuple(TAGS), split_text)


def test_a_sentence_is_read_with_the_datasets_own_names(tmp_path):
    (sentence,) = make_corpus(tmp_path, ["Bad", "Köstritz", "."], [1, 2, 0]).iterate("train")
    assert sentence.outer == ["B-LOC", "I-LOC", "O"]
    assert sentence.inner is None


@pytest.mark.parametrize(
    ("words", "tags", "problem"),
    [
        pytest.param(["a"], [-1], "-1 is no tag", id="a-tag-that-is-not-known"),
        pytest.param(["a"], [3], "3 is no tag", id="a-tag-beyond-the-list"),
        pytest.param(["a"], [None], "None is no tag", id="an-empty-tag"),
        pytest.param(["a"], None, "no tags in 'ner_tags'", id="no-tags"),
        pytest.param(["a", "b"], [0], "2 words but 1 tags", id="a-tag-too-few"),
        pytest.param(["a"], [-100], "-100 is no tag", id="a-target-that-counts-for-nothing"),
        pytest.param([], [], "no words", id="no-words"),
        pytest.param([""], [0], "with an empty one", id="an-empty-word"),
        pytest.param([None], [0], "with an empty one", id="no-word"),
    ],
)
def test_a_sentence_that_is_none_is_refused_with_file_and_row(tmp_path, words, tags, problem):
    with pytest.raises(PipelineError, match=r"0000\.parquet:1: .*Remedy: ") as refusal:
        list(make_corpus(tmp_path, words, tags).iterate("train"))
    assert problem in str(refusal.value)


def test_a_file_that_is_no_parquet_is_refused(tmp_path):
    corpus = make_corpus(tmp_path, ["a"], [0])
    corpus.files["train"][0].write_bytes(b"<html>")
    with pytest.raises(PipelineError, match=r"0000\.parquet: cannot be read as Parquet"):
        list(corpus.iterate("train"))
