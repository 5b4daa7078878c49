"""Sentences of a Hub dataset: named by file and row where they are not what a corpus needs."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Features, List, Value

from ner.core.errors import PipelineError
from ner.sources.corpus import open_corpus
from ner.sources.hub_corpus import HubCorpus, HubCorpusParams, _find_parquet, _read_tags
from ner.sources.settings import DataParams
from ner.sources.storing import write_corpus
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


def read_through(folder, table, features=None, **changes):
    """Read a dataset whose one file is train, as the stage does after the download."""
    path = folder / "0000.parquet"
    schema = features.arrow_schema if features else None
    pq.write_table(pa.table(table, schema=schema), path)
    params = PARAMS.model_copy(update=changes)
    tags = _read_tags(path, params, Path("hub.yaml"))
    corpus = HubCorpus(params, "c" * 40, {"train": [path]}, tags, split_text)
    return [(sentence.words, sentence.outer) for sentence in corpus.iterate("train")]


@pytest.mark.parametrize(
    ("table", "features", "changes"),
    [
        pytest.param(
            {
                "tokens": pa.array([["Bad", "Ems"]], pa.large_list(pa.large_string())),
                "ner_tags": pa.array([["B-LOC", "I-LOC"]], pa.list_(pa.string_view())),
            },
            None,
            {},
            id="large-strings-and-views",
        ),
        pytest.param(
            {"tokens": [["Bad", "Ems"]], "ner_tags": [[1, 2]]}, None, {"names": TAGS}, id="names-in-the-yaml"
        ),
        pytest.param(
            {"text": ["Bad Ems"], "entities": [[{"start": 0, "end": 7, "type": "LOC"}]]},
            None,
            {"words_column": "text", "tags_column": "entities"},
            id="a-column-of-spans",
        ),
    ],
)
def test_types_that_datasets_have(tmp_path, table, features, changes):
    assert read_through(tmp_path, table, features, **changes) == [(["Bad", "Ems"], ["B-LOC", "I-LOC"])]


def test_bare_class_names_are_read_as_they_are(tmp_path):
    """The corpus as a whole says that they are labels without B- and I-."""
    features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=["O", "LOC"]))})
    table = {"tokens": [["Bad", "Ems", "."]], "ner_tags": [[1, 1, 0]]}
    assert read_through(tmp_path, table, features) == [(["Bad", "Ems", "."], ["LOC", "LOC", "O"])]


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_split_that_the_dataset_lacks_is_cut_from_train(tmp_path, monkeypatch, split):
    features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=TAGS))})
    files = {}
    for name in {"train", "validation", "test"} - {split}:
        files[name] = [tmp_path / f"{name}.parquet"]
        table = {"tokens": [["Ems", f"{name}{n}"] for n in range(20)], "ner_tags": [[1, 0]] * 20}
        pq.write_table(pa.table(table, schema=features.arrow_schema), *files[name])
    corpus = HubCorpus(PARAMS, "c" * 40, files, tuple(TAGS), split_text)
    monkeypatch.setattr(HubCorpus, "download", lambda *_: corpus)
    (tmp_path / "hub.yaml").write_text("dataset: org/corpus", encoding="utf-8")
    params = DataParams.found(str(tmp_path / "hub.yaml"))
    with open_corpus(params, split_text) as opened:
        facts = write_corpus(opened, tmp_path / "raw", tmp_path / "findings.csv", params)
    assert (facts["train"]["sentences"], facts[split]["sentences"]) == (18, 2)


def test_numbers_without_names_are_refused_with_the_key_that_names_them(tmp_path):
    with pytest.raises(
        PipelineError, match=r"hub.yaml: tags_column 'ner_tags' holds numbers.* names: \[O, B-PER"
    ):
        read_through(tmp_path, {"tokens": [["a"]], "ner_tags": [[0]]})


@pytest.mark.parametrize(
    ("names", "split", "found"),
    [
        pytest.param(["s/dev/0000.parquet"], "validation", ["s/dev/0000.parquet"], id="dev"),
        pytest.param(["data/valid-0-of-1.parquet"], "validation", ["data/valid-0-of-1.parquet"], id="valid"),
        pytest.param(["s/testa/0.parquet", "s/testb/0.parquet"], "test", ["s/testb/0.parquet"], id="testb"),
        pytest.param(
            ["s/dev/0.parquet", "s/validation/0.parquet"],
            "validation",
            ["s/validation/0.parquet"],
            id="own-name",
        ),
        pytest.param(["s/train/0.parquet"], "validation", [], id="none"),
    ],
)
def test_other_names_of_splits_are_known(names, split, found):
    assert _find_parquet(names, "s", split) == found
