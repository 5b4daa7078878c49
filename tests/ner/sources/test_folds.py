"""Folds of a whole corpus: each sentence is test once, and nothing equal is on two sides."""

from itertools import chain

import pytest

from ner.annotation.sentences import read_tag_set
from ner.core.errors import PipelineError
from ner.core.params import check_params
from ner.sources.settings import DataParams
from tests.ner.sources.test_corpus import read, write_files

SPLITS = ("train", "validation", "test")


def write_corpus(folder, *, has_documents=False):
    """Write 48 sentences of three splits, two words each equal to another split's; or 12 documents of 4."""
    names = iter([f"Wort{number}" for number in range(44)] + ["Wort0", "Wort9", "Wort20", "Wort30"])
    sizes = {"train_conll": 32, "dev_conll": 8, "test_conll": 8}
    content = {}
    for file, size in sizes.items():
        tag = "B-LOC" if file == "test_conll" else "B-PER"
        sentences = [f"{next(names)} {tag}\nlebt O\nin O\nSuhl O\n. O\n" for _ in range(size)]
        if has_documents:
            sentences = [
                f"-DOCSTART- O\n\n{text}" if n % 4 == 0 and n else text for n, text in enumerate(sentences)
            ]
        content[file] = "\n".join(sentences)
    write_files(folder, **content)
    return folder


def deal(folder, n_folds, **changes):
    """Read each fold: facts and splits."""
    return [read(folder, folds=n_folds, fold=number + 1, **changes)[:2] for number in range(n_folds)]


@pytest.mark.parametrize("n_folds", [2, 5, 7])
def test_each_sentence_is_test_once_and_called_by_its_number(tmp_path, n_folds):
    folds = deal(write_corpus(tmp_path), n_folds)
    assert sorted(int(one.id) for _, splits in folds for one in splits["test"]) == list(range(48))
    words = {int(one.id): one.words[0] for _, splits in folds for one in splits["test"]}
    assert [words[number] for number in (0, 31, 32, 44, 47)] == [
        "Wort0",
        "Wort31",
        "Wort32",
        "Wort0",
        "Wort30",
    ]
    for number, (facts, splits) in enumerate(folds):
        assert sorted(int(one.id) for split in SPLITS for one in splits[split]) == list(range(48))
        assert abs(len(splits["test"]) - 48 / n_folds) <= 1
        assert 4 <= len(splits["validation"]) <= 6
        assert facts["folds"] == {
            "number": number + 1, "n_folds": n_folds, "validation": 0.1, "seed": 0
        }  # fmt: skip
        assert "cut" not in facts


def test_equal_sentences_are_on_one_side(tmp_path):
    for facts, splits in deal(write_corpus(tmp_path), 5):
        sides = [{one.words[0] for one in splits[split]} for split in SPLITS]
        assert sum(map(len, sides)) == len(set().union(*sides)) == 44
        assert facts["test"]["duplicates_in_train"] == facts["validation"]["duplicates_in_train"] == 0


def test_documents_are_on_one_side_and_end_with_their_split(tmp_path):
    """The first document of dev.conll has no line that begins it."""
    corpus = write_corpus(tmp_path, has_documents=True)
    documents = {number: number // 4 for number in range(48)}
    documents |= dict.fromkeys(range(44, 48), 11)
    tied = {0: 11, 2: 11, 5: 11, 7: 11}  # by Wort0, Wort9, Wort20 and Wort30, which stand in the last one
    seen = []
    for _, splits in deal(corpus, 4):
        sides = [{tied.get(d := documents[int(one.id)], d) for one in splits[split]} for split in SPLITS]
        assert not set.intersection(*sides[:2]) | set.intersection(*sides[1:]) | (sides[0] & sides[2])
        seen.append(sides[2])
    assert sorted(chain(*seen)) == [1, 3, 4, 6, 8, 9, 10, 11]


def test_the_seed_deals_anew_and_the_tags_stay(tmp_path):
    corpus = write_corpus(tmp_path)
    drawn = {}
    for seed in (0, 0, 1):
        folds = deal(corpus, 3, split_seed=seed)
        drawn.setdefault(seed, []).append([[one.id for one in splits["test"]] for _, splits in folds])
        tags = read_tag_set(tmp_path.with_name(f"{tmp_path.name}-out") / "raw/test.parquet").tags
        assert tags == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert drawn[0][0] == drawn[0][1] != drawn[1][0]


def test_a_single_file_needs_no_other_split(tmp_path):
    write_files(tmp_path, corpus_conll="\n".join(f"Wort{n} B-PER\n. O\n" for n in range(10)))
    folds = deal(tmp_path, 5)
    assert [len(splits["test"]) for _, splits in folds] == [2] * 5


@pytest.mark.parametrize("n_sentences", [2, 4])
def test_too_few_sentences_for_the_folds_are_refused(tmp_path, n_sentences):
    write_files(tmp_path, corpus_conll="\n".join(f"Wort{n} B-PER\n. O\n" for n in range(n_sentences)))
    with pytest.raises(PipelineError, match=rf"has {n_sentences} sentences .* too few for 5 folds. Remedy: "):
        read(tmp_path, folds=5, fold=1)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        pytest.param({"folds": 5}, "data.fold is None, and data.folds is 5", id="no-fold"),
        pytest.param({"fold": 1}, "data.fold is 1, and data.folds is None", id="no-folds"),
        pytest.param({"folds": 5, "fold": 6}, "data.fold is 6, and data.folds is 5", id="beyond"),
        pytest.param(
            {"folds": 5, "fold": 1, "validation_share": 0.0}, "data.validation_share is 0", id="no-validation"
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused(tmp_path, changes, problem):
    with pytest.raises(PipelineError, match=rf"^params.yaml: {problem}.* Remedy: ") as refusal:
        read(write_corpus(tmp_path), **changes)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("key", "value"), [("folds", 1), ("folds", 2.5), ("folds", 1001), ("fold", 0), ("fold", "1")]
)
def test_a_value_without_a_meaning_is_refused(tmp_path, key, value):
    content = DataParams.found("x").model_dump() | {key: value}
    with pytest.raises(PipelineError, match=rf"{key} is {value!r} .* Remedy: "):
        check_params(content, DataParams, tmp_path / "params.yaml")
