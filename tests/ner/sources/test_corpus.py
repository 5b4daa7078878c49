"""A corpus as the stage reads it: its scheme and labels over all splits, what is cut, counted and found."""

import csv
import json

import pytest

from ner.annotation.sentences import read_split
from ner.core.errors import PipelineError
from ner.sources.corpus import open_corpus
from ner.sources.settings import ColumnParams, DataParams
from ner.sources.storing import write_corpus
from ner.text.splitting import split_text

SENTENCE = "Zoë B-PER\nlebt O\nin O\nSuhl B-LOC\n. O\n"


def write_files(folder, **files):
    """Write files whose names are keys, `_` for the dot."""
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_text(content, encoding="utf-8")


def read(folder, **changes):
    """Run the stage's work; give the facts, the splits and the findings."""
    out = folder.with_name(f"{folder.name}-out")
    params = DataParams.found(str(folder)).model_copy(update=changes)
    with open_corpus(params, split_text) as corpus:
        facts = write_corpus(corpus, out / "raw", out / "findings.csv", params)
    splits = {name: read_split(out / "raw" / f"{name}.parquet") for name in ("train", "validation", "test")}
    with (out / "findings.csv").open(encoding="utf-8", newline="") as file:
        return facts, splits, list(csv.DictReader(file))


def test_the_scheme_is_that_of_all_splits_together(tmp_path):
    """Test alone could be IOB2."""
    write_files(
        tmp_path, train_conll="a I-PER\nb O\n", dev_conll="a I-PER\n", test_conll="a B-PER\nb I-PER\n"
    )
    with pytest.raises(PipelineError, match=r"neither IOB2 .* nor IOB1|continues nothing"):
        read(tmp_path)
    (tmp_path / "test.conll").write_text("a O\nc I-PER\nb B-PER\n", encoding="utf-8")
    facts, splits, _ = read(tmp_path)
    assert facts["scheme"] == "iob1 (B-PER)"
    assert splits["test"][0].outer == ["O", "B-PER", "B-PER"]


STRAY = {
    "train_conll": f"{SENTENCE}\n{SENTENCE}",
    "dev_conll": f"{SENTENCE}\na O\nUlm I-LOC\n\nb I-PER\n",
    "test_conll": SENTENCE,
}


def test_stray_tags_are_all_counted_where_they_are_refused(tmp_path):
    write_files(tmp_path, **STRAY)
    with pytest.raises(PipelineError) as refusal:
        read(tmp_path)
    message = str(refusal.value).replace(f"{tmp_path}/", "")
    assert message == (
        "dev.conll:8: I-LOC continues nothing: the tag before it is O. There are 2 such tags: 2 in "
        "validation; the next are dev.conll:10 (I-PER). Remedy: write B- where an entity begins (IOB2), or "
        "set data.stray_tags to begin."
    )


def test_stray_tags_may_begin_an_entity(tmp_path):
    write_files(tmp_path, **STRAY)
    facts, splits, findings = read(tmp_path, stray_tags="begin")
    assert [facts[split]["stray_tags"] for split in splits] == [0, 2, 0]
    assert splits["validation"][1].outer == ["O", "B-LOC"]
    assert [
        (row["file"], row["line"], row["expected"]) for row in findings if row["finding"] == "stray tag"
    ] == [
        ("dev.conll", "8", "B-LOC"),
        ("dev.conll", "10", "B-PER"),
    ]


def test_a_stray_tag_with_its_letter_behind_is_found_as_what_it_is_read_as(tmp_path):
    tags = "a LOC-B\nb LOC-I\nc O\nd LOC-B\ne O\nf PER-I\n"
    write_files(tmp_path, train_conll=tags, dev_conll=tags, test_conll=tags)
    _, _, findings = read(tmp_path, stray_tags="begin")
    assert {(row["label"], row["expected"]) for row in findings if row["finding"] == "stray tag"} == {
        ("PER-I", "B-PER")
    }


def test_labels_are_renamed_merged_and_dropped(tmp_path):
    tags = "a B-PERSON\nb I-PERSON\nc B-MISC\nd I-MISC\ne B-my\u00a0loc\nf B-=X\n"
    write_files(tmp_path, train_conll=tags, dev_conll=tags, test_conll=tags)
    facts, splits, _ = read(tmp_path, label_map={"PERSON": "PER", "MISC": "O"})
    assert splits["train"][0].outer == ["B-PER", "I-PER", "O", "O", "B-my_loc", "B-_X"]
    assert facts["label_map"] == {"PERSON": "PER", "MISC": "O", "my\u00a0loc": "my_loc", "=X": "_X"}


@pytest.mark.parametrize(
    ("label_map", "problem"),
    [
        pytest.param(
            {"PERS": "X"}, "names 'PERS', a label .* did you mean PER.* are LOC, PER", id="no-label"
        ),
        pytest.param({"PER": "a b"}, "label_map.PER is 'a b'", id="a-name-with-a-blank"),
        pytest.param({"PER": ""}, "label_map.PER is ''", id="no-name"),
    ],
)
def test_a_label_map_is_checked_against_the_corpus(tmp_path, label_map, problem):
    write_files(tmp_path, train_conll=SENTENCE, dev_conll=SENTENCE, test_conll=SENTENCE)
    with pytest.raises(PipelineError, match=problem):
        read(tmp_path, label_map=label_map)


def test_tags_without_a_label_get_one_that_can_be_renamed(tmp_path):
    tags = "a B\nb I\nc O\n"
    write_files(tmp_path, train_conll=tags, dev_conll=tags, test_conll=tags)
    assert read(tmp_path)[1]["train"][0].outer == ["B-ENTITY", "I-ENTITY", "O"]
    facts, splits, _ = read(tmp_path, label_map={"ENTITY": "GENE"})
    assert splits["train"][0].outer == ["B-GENE", "I-GENE", "O"]
    assert facts["scheme"] == "iob2 (B)"


@pytest.mark.parametrize(
    ("inner", "is_said"),
    [pytest.param("B-LOC", True, id="nested"), pytest.param("O", False, id="an-empty-level")],
)
def test_a_file_without_an_inner_level_takes_it_from_the_corpus_and_that_is_said(
    tmp_path, caplog, inner, is_said
):
    """Its sentences would teach and score that nothing lies inside."""
    nested = f"1\tUni\tB-ORG\tO\n2\tJena\tI-ORG\t{inner}\n"
    write_files(tmp_path, train_tsv=nested, dev_tsv=nested, test_conll=SENTENCE)
    _, splits, _ = read(tmp_path)
    assert [split[0].inner for split in splits.values()] == [None] * 3
    lines = [one for one in caplog.messages if "inside others are left out of the whole corpus" in one]
    assert [f"{tmp_path}/test.conll (1 in all)" in one for one in lines] == [True] * is_said
    (tmp_path / "test.conll").unlink()
    write_files(tmp_path, test_tsv=nested)
    assert read(tmp_path)[1]["test"][0].inner == ["O", inner]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("conll", "Köln B-LOC\nist O\n", id="columns"),
        pytest.param("tsv", "1\tKöln\tB-LOC\tO\n2\tist\tO\tO\n", id="germeval"),
        pytest.param("wiki", "Köln|N|B-LOC ist|V|O\n", id="wikiner"),
        pytest.param("jsonl", '{"tokens": ["Köln", "ist"], "tags": ["B-LOC", "O"]}\n', id="json-lines"),
        pytest.param("json", '[{"text": "Köln ist", "spans": [[0, 4, "LOC"]]}]', id="json"),
    ],
)
def test_one_setting_reads_another_encoding(tmp_path, name, content):
    for split in ("train", "dev", "test"):
        suffix = "txt" if name == "wiki" else name
        (tmp_path / f"{split}.{suffix}").write_bytes(content.encode("cp1252"))
    with pytest.raises(PipelineError, match=r"not UTF-8\. Remedy: .* data\.encoding: cp1252"):
        read(tmp_path)
    assert [(one.words, one.outer) for one in read(tmp_path, encoding="cp1252")[1]["validation"]] == [
        (["Köln", "ist"], ["B-LOC", "O"])
    ]


def test_brat_is_read_in_another_encoding(tmp_path):
    for split in ("train", "dev", "test"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "a.txt").write_bytes("Köln ist".encode("latin-1"))
        (tmp_path / split / "a.ann").write_bytes("T1\tLOC 0 4\tKöln\n".encode("latin-1"))
    with pytest.raises(PipelineError, match=r"a\.txt:1: byte 2 of the file .* data\.encoding"):
        read(tmp_path)
    assert read(tmp_path, encoding="latin-1")[1]["test"][0].words == ["Köln", "ist"]


def test_a_mark_says_the_encoding_of_its_file(tmp_path):
    write_files(tmp_path, train_conll=SENTENCE, dev_conll=SENTENCE)
    (tmp_path / "train.conll").write_text(SENTENCE, encoding="utf-8-sig")
    (tmp_path / "dev.conll").write_text(SENTENCE, encoding="utf-16")
    (tmp_path / "test.conll").write_text(SENTENCE, encoding="cp1252")
    _, splits, _ = read(tmp_path, encoding="cp1252")
    assert {tuple(one.words) for split in splits.values() for one in split} == {
        ("Zoë", "lebt", "in", "Suhl", ".")
    }


def test_an_encoding_that_is_none_is_refused(tmp_path):
    write_files(tmp_path, train_conll=SENTENCE, dev_conll=SENTENCE, test_conll=SENTENCE)
    with pytest.raises(PipelineError, match=r"data\.encoding is 'latin7x', which is no encoding"):
        read(tmp_path, encoding="latin7x")


def test_said_columns_are_used(tmp_path):
    four = "a B-X B-PER\nb O I-PER\n"
    write_files(tmp_path, train_conll=four, dev_conll=four, test_conll=four)
    _, splits, _ = read(tmp_path, columns=ColumnParams(word=0, tag=1))
    assert splits["test"][0].outer == ["B-X", "O"]


def test_the_files_of_a_split_may_have_one_header_between_them(tmp_path):
    """The first line of the others is a word."""
    write_files(tmp_path, dev_tsv=SENTENCE, test_tsv=SENTENCE)
    (tmp_path / "train-1.tsv").write_text(f"token tag\n{SENTENCE}", encoding="utf-8")
    (tmp_path / "train-2.tsv").write_text(f"word ner\n{SENTENCE}", encoding="utf-8")
    _, splits, _ = read(tmp_path)
    assert {len(one.words) for sentences in splits.values() for one in sentences} == {5}


def numbered(n, copies=1):
    return "\n".join(f"Ort{i} B-LOC\nist O\nnun O\ngut O\n. O\n" for i in range(n) for _ in range(copies))


@pytest.mark.parametrize(
    ("files", "sizes"),
    [
        pytest.param({"all_conll": numbered(100)}, (80, 10, 10), id="one-file"),
        pytest.param({"train_conll": numbered(100), "test_conll": SENTENCE}, (90, 10, 1), id="no-validation"),
        pytest.param({"train_conll": numbered(100), "valid_conll": SENTENCE}, (90, 1, 10), id="no-test"),
    ],
)
def test_missing_splits_are_cut_from_train(tmp_path, files, sizes):
    write_files(tmp_path, **files)
    facts, splits, _ = read(tmp_path)
    assert tuple(len(sentences) for sentences in splits.values()) == sizes
    assert facts["cut"].items() <= {"validation": 0.1, "test": 0.1, "seed": 0}.items()
    again = read(tmp_path)[1]
    assert again == splits
    assert read(tmp_path, split_seed=1)[1] != splits


def test_equal_sentences_and_documents_stay_together(tmp_path):
    (tmp_path / "twice.conll").write_text(numbered(40, copies=2), encoding="utf-8")
    facts, _, _ = read(tmp_path)
    assert facts["test"]["duplicates_in_train"] == facts["validation"]["duplicates_in_train"] == 0
    blocks = numbered(60).split("\n\n")
    documents = "\n\n".join("-DOCSTART- O\n\n" + "\n\n".join(blocks[n : n + 3]) for n in range(0, 60, 3))
    (tmp_path / "twice.conll").write_text(documents, encoding="utf-8")
    _, splits, _ = read(tmp_path)
    for sentences in splits.values():
        numbers = {int(sentence.words[0].removeprefix("Ort")) for sentence in sentences}
        assert len(numbers) % 3 == 0
        assert all({n - n % 3, n - n % 3 + 1, n - n % 3 + 2} <= numbers for n in numbers)


@pytest.mark.parametrize(
    ("names", "changes", "problem"),
    [
        pytest.param(["train.conll"], {}, "1 sentences or documents .* too few", id="too-few"),
        pytest.param(
            ["train.conll"], {"test_share": 0.0}, "test split is .*data.test_share", id="not-wanted"
        ),
        pytest.param(["dev.conll"], {}, "train split is missing", id="no-train"),
        pytest.param(["train.conll", "more.conll"], {}, "which split this is", id="unnamed"),
        pytest.param(["train.conll", "dev.conll", "dev.tsv"], {}, "both the validation", id="twice"),
        pytest.param([], {}, "train split is missing", id="empty"),
    ],
)
def test_splits_that_cannot_be_told_or_cut_are_refused(tmp_path, names, changes, problem):
    for name in names:
        (tmp_path / name).write_text(SENTENCE, encoding="utf-8")
    with pytest.raises(PipelineError, match=problem):
        read(tmp_path, **changes)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(("train.bio", "valid.bio", "test.bio"), id="valid"),
        pytest.param(("eng.train", "eng.testa", "eng.testb"), id="conll-2003"),
        pytest.param(("de-ud-train.iob2", "de-ud-dev.iob2", "de-ud-test.iob2"), id="treebank"),
        pytest.param(("train/a.txt", "validation/a.txt", "test/a.txt"), id="folders"),
    ],
)
def test_names_of_splits(tmp_path, names):
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(SENTENCE, encoding="utf-8")
    (tmp_path / "README.txt").write_text("no corpus", encoding="utf-8")
    assert [len(sentences) for sentences in read(tmp_path)[1].values()] == [1, 1, 1]


def test_a_file_of_no_split_is_left_out_with_a_line(tmp_path, caplog):
    write_files(tmp_path, train_conll=SENTENCE, dev_conll=SENTENCE, test_conll=SENTENCE)
    write_files(tmp_path, dev2_conll=SENTENCE, README_txt="no corpus")
    facts, _, _ = read(tmp_path)
    assert facts["validation"]["sentences"] == 1
    assert [line for line in caplog.messages if "left out" in line] == [
        f"{tmp_path / 'dev2.conll'} is left out: its name says no split, and all are there"
    ]


def test_several_files_of_a_split_are_read_in_the_order_of_their_names(tmp_path):
    for number in (2, 1):
        (tmp_path / f"train-{number}.conll").write_text(f"w{number} B-PER\n", encoding="utf-8")
    write_files(tmp_path, dev_conll=SENTENCE, test_conll=SENTENCE)
    assert [sentence.words for sentence in read(tmp_path)[1]["train"]] == [["w1"], ["w2"]]


def test_overlapping_spans_stand_on_two_levels_and_deeper_ones_are_counted(tmp_path):
    spans = [[0, 15, "ORG"], [4, 15, "OTH"], [11, 15, "LOC"], [5, 8, "PER"]]
    record = json.dumps({"text": "Die Universität Jena", "label": spans})
    for name in ("train", "dev", "test"):
        (tmp_path / f"{name}.jsonl").write_text(record + "\n", encoding="utf-8")
    facts, splits, findings = read(tmp_path)
    (sentence,) = splits["train"]
    assert sentence.words == ["Die", "Universität", "Jena"]
    assert (sentence.outer, sentence.inner) == (["B-ORG", "I-ORG", "O"], ["O", "B-LOC", "O"])
    assert facts["train"]["too_deep_entities"] == 2
    assert facts["train"]["widened_entities"] == 2
    assert [row["text"] for row in findings if row["finding"] == "entity below the inner level"][:2] == [
        "Universität",
        "Universität",
    ]


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        pytest.param(
            {"text": "a   b", "label": [[1, 3, "X"]]}, "holds blanks alone, in 'a   b'", id="blanks"
        ),
        pytest.param({"text": "ab", "label": [[1, 9, "X"]]}, "is not in the text", id="outside"),
        pytest.param(
            {"text": "ab", "label": [[0, "1", "X"]]}, "is no start, end and label", id="text-for-number"
        ),
        pytest.param({"tokens": ["a"], "ner_tags": [0]}, "is the number of a tag", id="numbers"),
        pytest.param({"tokens": ["a"], "ner_tags": ["O", "O"]}, "1 words but 2 tags", id="lengths"),
        pytest.param(
            {"text": "ab", "spans": [], "answer": "reject"}, "its answer is 'reject'", id="rejected"
        ),
        pytest.param({"data": {"text": "a"}, "annotations": []}, "it has no annotation", id="not-annotated"),
        pytest.param(
            {"data": {"text": "a"}, "annotations": [{"was_cancelled": True, "result": []}]},
            "or a cancelled one alone",
            id="cancelled",
        ),
        pytest.param({"texte": "ab"}, "it has the keys texte", id="unknown-keys"),
    ],
)
def test_a_record_that_is_none_is_refused_with_its_line(tmp_path, record, problem):
    lines = json.dumps({"text": "a b", "label": []}) + "\n" + json.dumps(record) + "\n"
    (tmp_path / "train.jsonl").write_text(lines, encoding="utf-8")
    with pytest.raises(PipelineError, match=rf"train\.jsonl:2: .*{problem}"):
        read(tmp_path)


def test_findings_name_what_an_annotator_should_look_at(tmp_path):
    train = "\n".join(["Ulmen B-LOC\n"] * 3 + ["Ulmen B-ORG\n", "die O\nUlmen O\n", "A\u200eb B-PER\n"])
    write_files(tmp_path, train_conll=train, dev_conll="Ulmen B-LOC\n", test_conll="neu O\n\nneu O\n")
    facts, _, findings = read(tmp_path)
    assert [(row["finding"], row["split"], row["line"], row["text"]) for row in findings] == [
        ("also in train", "validation", "1", "Ulmen"),
        ("duplicate", "train", "3", "Ulmen"),
        ("duplicate", "train", "5", "Ulmen"),
        ("duplicate", "train", "7", "Ulmen"),
        ("duplicate", "test", "3", "neu"),
        ("invisible character", "train", "12", "A\\u200eb"),
        ("label of a minority", "train", "7", "Ulmen"),
        ("untagged name", "train", "10", "Ulmen"),
    ]
    assert facts["train"]["duplicates"] == 3
    assert facts["validation"]["duplicates_in_train"] == 1
    assert facts["names"] == {
        "distinct": 2,
        "mentions": 6,
        "with_several_labels": 1,
        "mentions_with_several_labels": 5,
        "mentions_with_minority_label": 1,
        "also_untagged": 1,
        "untagged_mentions": 1,
    }


def test_a_test_sentence_that_chose_the_epoch_is_found(tmp_path):
    """Validation comes from the same texts as test in some corpora."""
    write_files(tmp_path, train_conll="da O\n", dev_conll=SENTENCE, test_conll=f"{SENTENCE}\nda O\n")
    facts, _, findings = read(tmp_path)
    assert (facts["test"]["duplicates_in_train"], facts["test"]["duplicates_in_validation"]) == (1, 1)
    assert [(row["finding"], row["split"], row["line"]) for row in findings] == [
        ("also in train", "test", "7"),
        ("also in validation", "test", "1"),
    ]


def test_germeval_has_the_findings_that_were_counted(shared, tmp_path):
    """Development and test data: no test sentence in dev, 42 names with more than one label, and so on."""
    (tmp_path / "train.tsv").write_bytes((shared / "germeval14/NER-de-dev.tsv").read_bytes())
    (tmp_path / "test.tsv").write_bytes((shared / "germeval14/NER-de-test.tsv").read_bytes())
    (tmp_path / "dev.tsv").write_text("1\tJa\tO\tO\n", encoding="utf-8")
    facts, _, _ = read(tmp_path)
    assert facts["test"]["duplicates_in_train"] == 0
    assert facts["names"] == {
        "distinct": 6_855,
        "mentions": 8_852,
        "with_several_labels": 42,
        "mentions_with_several_labels": 237,
        "mentions_with_minority_label": 18,
        "also_untagged": 32,
        "untagged_mentions": 37,
    }
    assert (facts["train"]["invisible_words"], facts["test"]["invisible_words"]) == (8, 18)
