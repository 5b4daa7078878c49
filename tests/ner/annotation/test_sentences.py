"""A corpus on disk: what goes in comes out, here and through the `datasets` library."""

import json
from itertools import islice

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ner.annotation import sentences as corpus
from ner.annotation.labels import TagSet, tags_of_labels
from ner.annotation.sentences import Sentence, iterate_split, read_split, read_tag_set, write_split
from ner.core.errors import PipelineError
from tests.support.corpora import read_sentences
from tests.support.paths import CORPUS

TSV = CORPUS / "NER-de-test.tsv"
# Not the order that tags_of_labels gives: a Hub dataset keeps its own.
TAG_SET = TagSet(("B-PER", "O", "I-PER", "B-some-label", "I-some-label"))
NESTED = Sentence(
    "0", "http://example.org ", ["Änne", "\x96", '"'], ["B-PER", "I-PER", "O"], ["O", "B-PER", "O"]
)
FLAT = Sentence("1", "", ["a\u2028b"], ["B-some-label"], None)


def write(path, sentences, tag_set=TAG_SET):
    write_split(path, sentences, tag_set, has_inner=all(sentence.inner is not None for sentence in sentences))
    return path


@pytest.mark.parametrize(
    "sentence", [pytest.param(NESTED, id="two-levels"), pytest.param(FLAT, id="one-level")]
)
def test_a_sentence_survives_the_way_through_parquet(tmp_path, sentence):
    path = write(tmp_path / "train.parquet", [sentence])
    assert read_split(path) == [sentence]
    assert read_tag_set(path) == TAG_SET


def test_the_way_from_tsv_through_parquet_loses_nothing(tmp_path):
    sentences = list(read_sentences(TSV))
    labels = [tag[2:] for s in sentences for tag in (*s.outer, *s.inner) if tag != "O"]
    path = write(tmp_path / "test.parquet", sentences, TagSet(tags_of_labels(labels)))
    assert read_split(path) == sentences
    assert len(sentences) == 11


def test_the_datasets_library_reads_the_tag_names_back(tmp_path, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    path = write(tmp_path / "train.parquet", [NESTED])
    loaded = datasets.load_dataset(
        "parquet", data_files={"train": str(path)}, cache_dir=str(tmp_path / "cache")
    )["train"]
    tags = datasets.List(datasets.ClassLabel(names=list(TAG_SET.tags)))
    text = datasets.Value("string")
    assert loaded.features == {
        "id": text,
        "source": text,
        "tokens": datasets.List(text),
        "ner_tags": tags,
        "nested_ner_tags": tags,
    }
    (row,) = loaded
    assert row["tokens"] == NESTED.words
    assert loaded.features["ner_tags"].feature.int2str(row["ner_tags"]) == NESTED.outer
    assert loaded.features["nested_ner_tags"].feature.int2str(row["nested_ner_tags"]) == NESTED.inner


def test_a_corpus_of_one_level_has_no_column_for_the_other(tmp_path):
    path = write(tmp_path / "train.parquet", [FLAT])
    assert pq.read_schema(path).names == ["id", "source", "tokens", "ner_tags"]


def test_a_split_is_written_and_read_in_groups(tmp_path, monkeypatch):
    """Memory stays flat: no more than a group is held at once, on either way."""
    read_at_once = []

    class Spy(pq.ParquetFile):
        def iter_batches(self, *arguments, **options):
            for batch in super().iter_batches(*arguments, **options):
                read_at_once.append(batch.num_rows)
                yield batch

    monkeypatch.setattr(corpus, "SENTENCES_PER_ROW_GROUP", 3)
    monkeypatch.setattr(corpus.pq, "ParquetFile", Spy)
    sentences = [Sentence(str(number), "", ["a"] * number, ["O"] * number, None) for number in range(8)]
    path = write(tmp_path / "train.parquet", sentences)

    metadata = pq.read_metadata(path)
    assert [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)] == [3, 3, 2]
    assert read_split(path) == sentences
    assert max(read_at_once) == 3
    assert list(islice(iterate_split(path), 1)) == sentences[:1]


def test_the_same_sentences_make_the_same_bytes(tmp_path):
    """Else every stage behind would run again."""
    one = write(tmp_path / "one.parquet", [NESTED] * 3)
    other = write(tmp_path / "other.parquet", [NESTED] * 3)
    assert one.read_bytes() == other.read_bytes()


def test_a_split_without_sentences_is_still_a_split(tmp_path):
    path = write(tmp_path / "train.parquet", [])
    assert read_split(path) == []
    assert read_tag_set(path) == TAG_SET


@pytest.mark.parametrize("level", ["outer", "inner"])
def test_a_tag_that_the_set_lacks_leaves_no_file(tmp_path, level):
    tags = {"outer": ["O"], "inner": ["O"], level: ["B-LOC"]}
    with pytest.raises(KeyError, match="B-LOC"):
        write(tmp_path / "train.parquet", [Sentence("0", "", ["Köln"], **tags)])
    assert list(tmp_path.iterdir()) == []


def write_strange(path, kind):
    """Write a file that `download_corpus` did not."""
    table = pa.table({"tokens": [["a"]]})
    if kind == "text":
        path.write_text("no Parquet")
    elif kind == "empty":
        path.touch()
    elif kind == "no-tag-names":
        pq.write_table(table, path)
    elif kind == "other-columns":
        features = json.dumps({"info": {"features": {"tokens": {}}}})
        pq.write_table(table.replace_schema_metadata({"huggingface": features}), path)


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "no-tag-names", "other-columns"])
@pytest.mark.parametrize("read", [read_split, read_tag_set])
def test_a_file_of_another_kind_is_refused(tmp_path, read, kind):
    path = tmp_path / "train.parquet"
    write_strange(path, kind)
    with pytest.raises(PipelineError, match="dvc repro -f -s download_corpus") as refusal:
        read(path)
    assert str(refusal.value).startswith(f"{path}: cannot be read as a split of the corpus")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("column", ["tokens", "ner_tags"])
def test_words_that_are_no_utf8_and_tags_without_name_are_refused(tmp_path, column):
    """Arrow reads both without a word; Python does not."""
    path = write(tmp_path / "train.parquet", [FLAT])
    table = pq.read_table(path)
    words = pa.array([b"\xff"]).cast(pa.string(), safe=False)
    values = words if column == "tokens" else pa.array([len(TAG_SET.tags)])
    broken = pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), values)
    index = table.schema.get_field_index(column)
    field = table.schema.field(column)
    table = table.set_column(index, pa.field(column, broken.type, metadata=field.metadata), broken)
    pq.write_table(table.replace_schema_metadata(pq.read_schema(path).metadata), path)
    with pytest.raises(PipelineError, match=r"train\.parquet: cannot be read as a split of the corpus \(\S"):
        read_split(path)


def test_a_split_that_was_damaged_behind_its_schema_is_refused(tmp_path):
    """The footer is whole, the words are not."""
    path = write(tmp_path / "train.parquet", [FLAT] * 500)
    content = bytearray(path.read_bytes())
    content[4:60] = b"\xff" * 56
    path.write_bytes(content)
    with pytest.raises(PipelineError, match="dvc repro -f -s download_corpus"):
        read_split(path)
