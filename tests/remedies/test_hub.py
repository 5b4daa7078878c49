"""Remedies for a dataset of the Hub whose columns are not what a corpus needs."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Features, List, Value

from ner.sources import hub_corpus
from ner.sources.corpus import open_corpus
from ner.sources.hub_corpus import HubCorpus, _read_tags
from ner.sources.settings import DataParams
from ner.sources.storing import write_corpus
from ner.text.splitting import split_text
from tests.ner.sources.test_hub_corpus import PARAMS as SETTINGS
from tests.remedies.cases import Case, params

MODULE = "ner/sources/hub_corpus.py"
NAMED = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=["O", "B-PER"]))})
GOOD = {"tokens": [["Zoë", "lebt"]], "ner_tags": [[1, 0]]}


@dataclass
class Dataset:
    """A dataset as it was downloaded, and what the YAML file says of it; a remedy changes one of them."""

    table: dict = field(default_factory=lambda: GOOD)
    settings: dict = field(default_factory=dict)
    features: Features | None = field(default_factory=lambda: NAMED)
    then: dict | None = None
    then_settings: dict = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write the Parquet file of train."""
        schema = self.features.arrow_schema if self.features else None
        pq.write_table(pa.table(self.table, schema=schema), folder / "0.parquet")

    def read(self, folder: Path) -> None:
        """Read it as the stage does."""
        found = SETTINGS.model_copy(update=self.settings)
        tags = _read_tags(folder / "0.parquet", found, Path("hub.yaml"))
        corpus = HubCorpus(found, "c" * 40, {"train": [folder / "0.parquet"]}, tags, split_text)
        assert list(corpus.iterate("train"))

    def mend(self, folder: Path) -> None:
        """Do what the remedy says."""
        self.settings = self.settings | self.then_settings
        if self.then:
            self.table = self.then
            self.write(folder)


class Listing:
    """The files of a dataset's revisions, as the Hub lists them."""

    FILES: ClassVar = {
        "main": ["data/train.json"],
        "refs/convert/parquet": ["default/train/0.parquet", "small/train/0.parquet"],
    }

    def __init__(self, **settings):
        self.settings = SETTINGS.model_copy(update=settings)

    def find(self, _: Path) -> None:
        """Look for train as the download does."""
        names = self.FILES[self.settings.revision]
        if not hub_corpus._find_parquet(names, self.settings.subset, "train"):
            raise hub_corpus.no_train_split(Path("hub.yaml"), self.settings, names)

    def then(self, **settings):
        """Return a function that changes what the YAML file says."""

        def change(_: Path) -> None:
            self.settings = self.settings.model_copy(update=settings)

        return change


def write_test_without_tags(folder: Path) -> None:
    """Write train and test as the Hub has them."""
    train = {"tokens": [["Zoë", str(n)] for n in range(20)], "ner_tags": [[1, 0]] * 20}
    for split, table in {"train": train, "test": {"tokens": [["Zoë"]], "ner_tags": [[-1]]}}.items():
        pq.write_table(pa.table(table, schema=NAMED.arrow_schema), folder / f"{split}.parquet")


def save_train(folder: Path) -> None:
    """Save the split with tags as the remedy says."""
    (folder / "saved").mkdir()
    shutil.copy(folder / "train.parquet", folder / "saved/train.parquet")


def read_both_splits(folder: Path) -> None:
    """Read the dataset, or what was saved of it."""
    saved = folder / "saved"
    if saved.is_dir():
        params_of_data = DataParams.found(str(saved))
        with open_corpus(params_of_data, split_text) as corpus:
            facts = write_corpus(corpus, folder / "raw", folder / "findings.csv", params_of_data)
        assert facts["test"]["sentences"] == 2
        return
    files = {split: [folder / f"{split}.parquet"] for split in ("train", "test")}
    corpus = HubCorpus(SETTINGS, "c" * 40, files, ("O", "B-PER"), split_text)
    assert all(list(corpus.iterate(split)) for split in files)


def of(remedy: str, dataset: Dataset) -> Case:
    """Return the case of a dataset."""
    return Case(MODULE, remedy, dataset.read, dataset.mend, dataset.write)


on_main = Listing()
other_subset = Listing(revision="refs/convert/parquet", subset="large")
CASES = [
    of(
        "choose one of {}.",
        Dataset(settings={"tags_column": "tags"}, then_settings={"tags_column": "ner_tags"}),
    ),
    of(
        "choose a column with one tag a word.",
        Dataset(
            GOOD | {"id": ["7"]},
            {"tags_column": "id"},
            features=Features({**NAMED, "id": Value("string")}),
            then_settings={"tags_column": "ner_tags"},
        ),
    ),
    of(
        "list them in the order of their numbers in that file, for example names: "
        "[O, B-PER, I-PER, B-LOC, I-LOC].",
        Dataset(features=None, then_settings={"names": ["O", "B-PER"]}),
    ),
    of("fix the dataset.", Dataset(GOOD | {"ner_tags": [[1]]}, then=GOOD)),
    Case(MODULE, hub_corpus.SPLIT_WITHOUT_TAGS, read_both_splits, save_train, write_test_without_tags),
    Case(
        MODULE,
        "set revision to refs/convert/parquet and subset to a folder there (in most cases default).",
        on_main.find,
        on_main.then(revision="refs/convert/parquet", subset="default"),
    ),
    Case(MODULE, "set subset to one of {}.", other_subset.find, other_subset.then(subset="small")),
]


@pytest.mark.parametrize("case", params(CASES))
def test_the_remedy_works(case, tmp_path):
    case.follow(tmp_path)
