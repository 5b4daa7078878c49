"""Remedies for training settings of the encoder's layers, and for a head that is kept."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from transformers import AlbertConfig, AlbertForTokenClassification, BertConfig, BertForTokenClassification

from ner.annotation.labels import TagSet
from ner.core.files import read_json
from ner.sources.pretrained import fetch_checkpoint
from ner.sources.trial import try_checkpoint
from ner.tagging.model import load_encoder
from ner.training import lora
from ner.training.learning_rates import group_weights
from ner.training.old_head import keep_old_head
from tests.remedies.cases import Case, params, value
from tests.support.tiny_encoder import build_tiny_encoder
from tests.support.tiny_training import make_params

OLD_HEAD = "ner/training/old_head.py"
KEPT_HEAD = "ner/sources/kept_head.py"
LORA = "ner/training/lora.py"
TAGS = ("O", "B-PER", "I-PER")
ADAPTERS = SimpleNamespace(rank=2, alpha=4, dropout=0.0, modules=["query"])
SIZES = {"vocab_size": 9, "hidden_size": 8, "num_attention_heads": 1, "intermediate_size": 8}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return build_tiny_encoder(tmp_path_factory.mktemp("good") / "encoder", ["Zoë", "lebt", "in", "Suhl"] * 4)


@pytest.fixture(autouse=True)
def project(encoder, tmp_path, monkeypatch):
    """Stand in a folder with an encoder and a tagger; peft is not installed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lora, "find_spec", lambda _: None)
    shutil.copytree(encoder, "encoder")
    load_encoder(encoder, TagSet(TAGS)).save_pretrained("tagger")
    shutil.copy(encoder / "tokenizer.json", "tagger")


class Settings:
    """What params.yaml says of the model and the corpus: a remedy may change it."""

    def __init__(self, checkpoint="tagger", tags=TAGS, then=None):
        self.checkpoint, self.tags, self.keeps_head, self.then = checkpoint, tags, True, then or {}

    def fetch(self, folder: Path) -> None:
        """Do what download_checkpoint does."""
        shutil.rmtree("pretrained", ignore_errors=True)
        fetch_checkpoint(
            str(folder / self.checkpoint),
            revision="main",
            target=Path("pretrained"),
            keeps_head=self.keeps_head,
            try_out=try_checkpoint,
        )

    def begin_training(self, folder: Path) -> None:
        """Fetch the checkpoint, and do what fine_tune does with its head."""
        self.fetch(folder)
        self.damage()
        keep_old_head(load_encoder(Path("pretrained"), TagSet(self.tags)), Path("pretrained"))

    def damage(self) -> None:
        """Do nothing to what was fetched."""

    def change(self, _: Path) -> None:
        """Set what the remedy says."""
        vars(self).update(self.then)


class OtherRows(Settings):
    """A kept head that has fewer rows than names, since its files were changed after the download."""

    def damage(self) -> None:
        """Name a tag for which there is no row."""
        record = Path("pretrained/kept_head.json")
        if record.exists():
            record.write_text(json.dumps({"tags": [*TAGS, "B-LOC"], "inner_tags": None}), encoding="utf-8")


def name_tags(names: tuple[str, ...]):
    """Return a function that writes names of tags into the tagger's config.json."""

    def write_names(_: Path) -> None:
        path = Path("tagger/config.json")
        config = read_json(path) | {"id2label": dict(enumerate(names))}
        config["label2id"] = {name: number for number, name in enumerate(names)}
        path.write_text(json.dumps(config), encoding="utf-8")

    return write_names


def write_run_config(text: str):
    """Return a function that writes the tagger's run_config.json, damaged or as a good copy has it."""
    return lambda _: Path("tagger/run_config.json").write_text(text, encoding="utf-8")


def group(model: torch.nn.Module, layer_decay: float) -> None:
    group_weights(model, make_params(layer_decay=layer_decay).train, ())


def albert() -> AlbertForTokenClassification:
    return AlbertForTokenClassification(AlbertConfig(embedding_size=8, **SIZES))


def bert() -> BertForTokenClassification:
    return BertForTokenClassification(BertConfig(num_hidden_layers=1, **SIZES))


def head(module: str, remedy: str, settings: Settings, mend=None, prepare=lambda _: None) -> Case:
    """Return the case of a head that is kept."""
    command = settings.begin_training if module == OLD_HEAD else settings.fetch
    return Case(module, remedy, command, mend or settings.change, prepare)


NEW = {"keeps_head": False}
GENES = ("O", "B-GENE", "I-GENE")
UNNAMED = name_tags(("LABEL_0", "LABEL_1", "LABEL_2"))
DAMAGED = "copy the tagger again, or set model.head to new."
NO_HEAD = "set model.head to new, or model.checkpoint to a fine-tuned tagger."
NO_NAMES = "write the names into id2label of its config.json, or set model.head to new."
NO_TAG = "set model.head to new, or rename the corpus's labels with data.label_map."
CASES = [
    value(
        "ner/training/learning_rates.py",
        "set it to 1.",
        lambda layer_decay: group(albert(), layer_decay),
        0.5,
        1.0,
    ),
    *[
        value(
            LORA,
            "choose of {}, or write [all-linear].",
            lambda modules: lora._find_layers(bert().base_model, modules),
            ["q_proj"],
            right,
        )
        for right in (["query"], ["all-linear"])
    ],
    value(
        LORA,
        "pip install -r requirements-lora.txt, or leave train.lora empty.",
        lambda section: lora.add_lora(bert(), section),
        ADAPTERS,
        None,
    ),
    head(KEPT_HEAD, NO_HEAD, Settings("encoder", then=NEW)),
    head(KEPT_HEAD, NO_HEAD, Settings("encoder", then={"checkpoint": "tagger"})),
    head(KEPT_HEAD, NO_NAMES, Settings(), name_tags(TAGS), UNNAMED),
    head(KEPT_HEAD, NO_NAMES, Settings(then=NEW), None, UNNAMED),
    head(KEPT_HEAD, DAMAGED, Settings(then=NEW), None, write_run_config("[]")),
    head(KEPT_HEAD, DAMAGED, Settings(), write_run_config("{}"), write_run_config("[]")),
    head(OLD_HEAD, NO_TAG, Settings(tags=GENES, then=NEW)),
    head(OLD_HEAD, NO_TAG, Settings(tags=GENES, then={"tags": TAGS})),
    head(OLD_HEAD, "set model.head to new.", OtherRows(then=NEW)),
]


@pytest.mark.parametrize("case", params(CASES))
def test_the_remedy_works(case, tmp_path):
    case.follow(tmp_path)
