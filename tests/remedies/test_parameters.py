"""Remedies for params.yaml, for values that make a run impossible, and for files that a stage wrote."""

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from transformers import AlbertConfig, AlbertForTokenClassification, BertConfig, BertForTokenClassification

from ner.annotation.labels import TagSet
from ner.core.command import explain_system_error
from ner.core.files import read_json
from ner.core.params import load_params, read_yaml
from ner.evaluation.headline_file import read_headlines
from ner.evaluation.predictions import read_predictions, write_predictions
from ner.reporting.facts import read_texts
from ner.tagging.precision import choose_precision
from ner.training.arguments import training_arguments
from ner.training.failures import check_targets
from ner.training.freezing import freeze_layers
from ner.training.launching import start_launcher
from ner.training.levels import trains_inner_level
from ner.training.trackers import add_trackers
from ner.windows.splits import TokenizeParams, check_lengths
from ner.windows.tokenized import read_windows
from stages.fine_tune import StageParams
from tests.remedies.cases import Case, params, value, write
from tests.support.pipeline_clone import ROOT

PARAMS = (ROOT / "params.yaml").read_text(encoding="utf-8")
CORE = "ner/core/params.py"
TAGS = TagSet(("O", "B-PER", "I-PER"))
HEADLINE = (ROOT / "metrics/evaluate.json").read_text(encoding="utf-8")
AGAIN = "run dvc repro with this code, and commit the result if it is kept."


@pytest.fixture(autouse=True)
def project(monkeypatch, tmp_path):
    """Stand in an empty folder, outside of a launcher."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["fine_tune"])
    for name in [name for name in os.environ if name.startswith("NER_")]:
        monkeypatch.delenv(name)


def text(module, remedy, read, wrong, right, name="params.yaml") -> Case:
    """Return the case of a text file."""
    return Case(module, remedy, lambda _: read(Path(name)), write({name: right}), write({name: wrong}))


def settings(remedy: str, old: str, new: str) -> Case:
    """Return the case of a params.yaml in which `old` became `new`."""
    assert old in PARAMS
    return text(
        CORE, remedy, lambda path: load_params(path, StageParams), PARAMS.replace(old, new, 1), PARAMS
    )


def window(**changes):
    """Return settings of windows."""
    return TokenizeParams(**{"max_length": 64, "stride": 8, "label_all_tokens": False} | changes)


def check_window(found: TokenizeParams) -> None:
    check_lengths(found, SimpleNamespace(prefix=[1], suffix=[2], max_length=64))


def make_bert(**changes) -> BertForTokenClassification:
    shape = {"hidden_size": 8, "num_attention_heads": 1, "intermediate_size": 8, "num_hidden_layers": 2}
    return BertForTokenClassification(BertConfig(vocab_size=9, **shape | changes))


def make_arguments(batch_size: int) -> None:
    train = load_params(ROOT / "params.yaml", StageParams).train
    train = train.model_copy(update={"batch_size": batch_size, "gradient_accumulation_steps": 4})
    training_arguments(train, 1, 8, Path("c"), SimpleNamespace(training="fp32", tagging="fp32"))


def row(targets, inner=None):
    return SimpleNamespace(targets=targets, inner_targets=inner)


def track(names) -> None:
    add_trackers(SimpleNamespace(is_world_process_zero=lambda: False), names, "run")


def albert_layers(n_layers: int) -> None:
    shape = {"embedding_size": 8, "hidden_size": 8, "num_attention_heads": 1, "intermediate_size": 8}
    freeze_layers(AlbertForTokenClassification(AlbertConfig(vocab_size=9, **shape)), n_layers)


def explained(command):
    """Run a command as `run_command` does: what the system says becomes a line."""

    def run(_: Path) -> None:
        try:
            command()
        except OSError as error:
            raise explain_system_error(error) from error

    return run


CASES = [
    settings("add it. {}", "  lr: ", "  # lr: "),
    settings("{}The keys here are {}.", "  lr: ", "  rl: "),
    settings("change {}. {}", "  epochs: ", "  epochs: -"),
    text(
        CORE,
        "write its keys below it, two spaces further right: {}.",
        lambda path: load_params(path, StageParams),
        PARAMS.replace("train:", "train: 3\nrest:").replace("rest:", "report:", 0),
        PARAMS,
    ),
    text(CORE, "write one `key: value` a line.", read_yaml, "seed\n", "seed: 1\n"),
    text(
        CORE,
        "fix that line; a section's keys are indented by two spaces.",
        read_yaml,
        "a:\n  b: 1\n c: 2\n",
        "a:\n  b: 1\n  c: 2\n",
    ),
    text(CORE, "save the file as UTF-8.", read_yaml, "a: \xff".encode("latin1"), "a: ÿ"),
    text(CORE, "run from the project's root folder, or restore it: git checkout {}", read_yaml, None, PARAMS),
    value(
        "ner/windows/splits.py",
        "set it to at most {}.",
        check_window,
        window(max_length=65),
        window(max_length=64),
    ),
    value(
        "ner/windows/splits.py",
        "set it to at least {}; most sentences need 128.",
        check_window,
        window(max_length=2, stride=0),
        window(max_length=3, stride=0),
    ),
    value("ner/windows/splits.py", "set it below {}.", check_window, window(stride=62), window(stride=61)),
    value(
        "ner/tagging/precision.py",
        "set train.precision to auto, or to fp32.",
        choose_precision,
        "fp16",
        "fp32",
    ),
    value(
        "ner/tagging/precision.py",
        "set train.precision to auto, or to fp32.",
        choose_precision,
        "fp16",
        "auto",
    ),
    value("ner/training/arguments.py", "set train.batch_size to a multiple of {}.", make_arguments, 6, 8),
    value("ner/training/freezing.py", "set it to at most {}.", lambda n: freeze_layers(make_bert(), n), 3, 2),
    value("ner/training/freezing.py", "set it to at most {}.", albert_layers, 1, 0),
    value(
        "ner/training/launching.py",
        "correct the quotes.",
        lambda one: start_launcher(one, "stages.fine_tune"),
        "python'",
        "python",
    ),
    value(
        "ner/training/launching.py",
        "set it to python, or to torchrun or accelerate launch with their options.",
        lambda one: start_launcher(one, "stages.fine_tune"),
        "torchrnu",
        "python",
    ),
    value(
        "ner/training/levels.py",
        "set train.levels to auto or outer, or name a corpus with nested entities in data.source.",
        lambda wanted: trains_inner_level(wanted, [row([1])], TAGS),
        "both",
        "auto",
    ),
    value(
        "ner/training/levels.py",
        "set train.levels to auto or outer, or name a corpus with nested entities in data.source.",
        lambda rows: trains_inner_level("both", rows, TAGS),
        [row([1], [0])],
        [row([1], [1])],
    ),
    value(
        "ner/training/trackers.py",
        "pip install -r requirements-trackers.txt, or take it out of the list.",
        track,
        ["wandb_not_here"],
        [],
    ),
    value(
        "ner/training/failures.py",
        "choose another model.checkpoint, one for the corpus's language, or another data.source.",
        lambda rows: check_targets(rows, Path("data/tokenized")),
        [row([-100])],
        [row([-100, 1])],
    ),
    text(
        "ner/core/files.py",
        "make it again with dvc repro -f, or take one side of a merge: git checkout --ours.",
        read_json,
        '<<<<<<< ours\n{"a": 1}\n',
        '{"a": 1}\n',
        "metrics/evaluate.json",
    ),
    text(
        "ner/evaluation/headline_file.py",
        AGAIN,
        read_headlines,
        json.dumps({"test": {"f1_old": 0.5}}),
        HEADLINE,
        "metrics/evaluate.json",
    ),
    text(
        "ner/reporting/facts.py",
        "name a text file with an empty line between two texts.",
        read_texts,
        b"\xff",
        "Ems\n\nUlm\n",
        "texts.txt",
    ),
    Case(
        "ner/evaluation/predictions.py",
        "make it again: dvc repro -f -s evaluate",
        lambda folder: read_predictions(folder / "test.parquet"),
        lambda folder: write_predictions(folder / "test.parquet", []),
        write({"test.parquet": "x"}),
    ),
    Case(
        "ner/core/command.py",
        "remove or rename it: a file stands where a folder should, or a folder where a file should.",
        explained(lambda: Path("a/b").write_text("x")),
        lambda folder: ((folder / "a").unlink(), (folder / "a").mkdir()),
        write({"a": ""}),
    ),
    Case(
        "ner/core/command.py",
        "make it with dvc repro, or fetch it with dvc pull.",
        explained(lambda: Path("metrics/data.json").read_text()),
        write({"metrics/data.json": "{}"}),
    ),
]


@pytest.mark.parametrize("case", params(CASES))
def test_the_remedy_works(case, tmp_path):
    case.follow(tmp_path)


def test_tokenised_splits_name_the_stage_that_makes_them(tmp_path):
    """The stage itself is run in tests/stages/test_tokenize_align.py."""
    (tmp_path / "train.parquet").write_text("x")
    with pytest.raises(Exception, match="make it again: dvc repro -f -s tokenize_align"):
        read_windows(tmp_path / "train.parquet")
