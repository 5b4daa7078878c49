"""Corpora in the shapes that people have: every file of tests/corpus/shapes has the same two sentences."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ner.sources.conversion import read_splits
from ner.sources.corpus import open_corpus
from ner.sources.settings import DataParams
from ner.text.splitting import split_text
from tests.support.paths import CORPUS

SHAPES = CORPUS / "shapes"
WORDS = [["Zoë", "Abt", "lebt", "in", "Suhl", "."], ["Die", "Stadtwerke", "Suhl", "bauen", "."]]
TAGS = [["B-PER", "I-PER", "O", "O", "B-LOC", "O"], ["O", "B-ORG", "I-ORG", "O", "O"]]
FORMS = {
    "two_columns.bio": "2 columns by blanks, {word: 0, tag: 1}",
    "conll2003.txt": "4 columns by blanks, {word: 0, tag: 3}",
    "label_studio.conll": "4 columns by blanks, {word: 0, tag: 3}",
    "hipe2022.tsv": "7 columns by a tab, {word: 0, tag: 1}",
    "uner.iob2": "5 columns by a tab, {word: 1, tag: 2}",
    "ner_in_misc.conllu": "10 columns by a tab, {word: 1, tag: 9} under NER=",
    "germeval.tsv": "GermEval's four columns",
    "header.csv": "3 columns by a comma, {word: 0, tag: 2}",
    "kaggle.csv": "4 columns by a comma, {word: 1, tag: 3}",
    "bioes.conll": "2 columns by a tab, {word: 0, tag: 1}",
    "bilou.conll": "2 columns by a tab, {word: 0, tag: 1}",
    "bmes.conll": "2 columns by a tab, {word: 0, tag: 1}",
    "iob1.conll": "2 columns by a tab, {word: 0, tag: 1}",
    "io.conll": "2 columns by a tab, {word: 0, tag: 1}",
    "letter_behind.conll": "2 columns by a tab, {word: 0, tag: 1}",
    "wikiner.txt": "WikiNER's word|POS|tag",
    "webanno.tsv": "WebAnno TSV 3",
    "doccano_labels.jsonl": "doccano JSONL",
    "doccano_label.jsonl": "doccano JSONL",
    "doccano_entities.jsonl": "doccano JSONL",
    "spacy.jsonl": "JSONL with spans",
    "prodigy.jsonl": "JSONL with spans",
    "label_studio.json": "Label Studio JSON",
    "label_studio_min.json": "Label Studio JSON",
    "spacy_pairs.json": "JSONL with spans",
    "tokens.jsonl": "JSONL with tokens and tags",
    "brat": "BRAT standoff",
}


def read_tags(source):
    sentences = list(read_splits(source, split_text)["train"]())
    return [sentence.words for sentence in sentences], [sentence.outer for sentence in sentences]


def test_every_file_has_a_row_here():
    assert {path.name for path in SHAPES.iterdir()} == FORMS.keys()


@pytest.mark.parametrize("name", FORMS)
def test_a_shape_is_read_to_its_words_and_tags(name):
    assert read_tags(SHAPES / name) == (WORDS, TAGS)


@pytest.mark.parametrize(("name", "form"), FORMS.items())
def test_what_a_shape_is_taken_for(name, form):
    with open_corpus(DataParams.found(str(SHAPES / name)), split_text) as corpus:
        assert corpus.forms == {"train": form}


TEXT = "Zoë Abt lebt in Suhl. Die Stadtwerke Suhl bauen."
SPANS = [(0, 7, "PER"), (16, 20, "LOC"), (26, 41, "ORG")]


@pytest.mark.parametrize(
    "table",
    [
        pytest.param({"tokens": WORDS, "ner_tags": TAGS}, id="tokens"),
        pytest.param(
            {
                "tokens": pa.array(WORDS, pa.large_list(pa.large_string())),
                "tags": pa.array(TAGS, pa.list_(pa.string_view())),
            },
            id="large-and-view",
        ),
        pytest.param(
            {"text": [TEXT], "entities": [[{"start": s, "end": e, "label": n} for s, e, n in SPANS]]},
            id="spans",
        ),
    ],
)
def test_local_parquet_is_read(table, tmp_path):
    pq.write_table(pa.table(table), tmp_path / "train.parquet")
    assert read_tags(tmp_path / "train.parquet") == (WORDS, TAGS)


PLACED = [{"text": "Da", "start": 0, "end": 2, "id": 0}, {"text": ".", "start": 2, "end": 3, "id": 1}]


@pytest.mark.parametrize(
    "record",
    [
        pytest.param({"text": "Da.", "label": []}, id="doccano"),
        pytest.param({"text": "Da.", "entities": [], "relations": []}, id="doccano-with-relations"),
        pytest.param({"text": "Da.", "tokens": PLACED, "answer": "accept"}, id="prodigy"),
        pytest.param({"id": 1, "text": "Da.", "annotator": 1, "annotation_id": 3}, id="label-studio-min"),
        pytest.param({"data": {"text": "Da."}, "annotations": [{"result": []}]}, id="label-studio"),
    ],
)
def test_a_text_without_an_entity_is_read(record, tmp_path):
    """Some exports leave the key of the entities out then."""
    (tmp_path / "train.jsonl").write_text(json.dumps(record), encoding="utf-8")
    assert read_tags(tmp_path / "train.jsonl") == ([["Da", "."]], [["O", "O"]])
