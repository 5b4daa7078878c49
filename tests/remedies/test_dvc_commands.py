"""Remedies that are commands of DVC and Git, typed in a finished pipeline."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.support.pipeline_clone import Clone

PREDICT = ("python", "-m", "tools", "predict", "Ems")
CHECK = ("python", "-m", "tools", "check")
COMPARE = ("python", "-m", "tools", "compare", "--baseline", "HEAD")
COMMIT = "git add dvc.lock metrics params.yaml && (git diff --cached --quiet || git commit -qm results)"


@dataclass(frozen=True)
class DvcCase:
    """A remedy of commands.

    Args:
        module: Where it stands.
        remedy: As `find_remedies` gives it.
        damage: What goes wrong in the clone.
        command: Is refused, and passes in the end.
        commands: What the remedy says, for a shell.
    """

    module: str
    remedy: str
    damage: Callable[[Clone], object]
    command: tuple[str, ...]
    commands: str


def stage(name: str) -> tuple[str, ...]:
    """Return the command that runs a stage alone."""
    return ("dvc", "repro", "-f", "-s", name)


def overwrite(name: str, text: str = "x") -> Callable[[Clone], object]:
    """Return a function that replaces a file, which may be a link into the cache."""

    def damage(clone: Clone) -> None:
        (clone.root / name).unlink()
        (clone.root / name).write_text(text, encoding="utf-8")

    return damage


def miscount(clone: Clone) -> None:
    """Let the facts of the corpus tell of another number of words."""
    path = clone.root / "metrics/data.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    facts["test"]["words"] += 1
    path.write_text(json.dumps(facts), encoding="utf-8")


def forget_results(clone: Clone) -> None:
    """Leave results out of the last commit."""
    clone.run("git", "rm", "--quiet", "--cached", "metrics/data.json")
    clone.run("git", "commit", "--quiet", "--message", "Forget a result")


CASES = [
    DvcCase(
        "ner/annotation/sentences.py",
        "make it again: dvc repro -f -s download_corpus",
        overwrite("data/raw/train.parquet"),
        stage("tokenize_align"),
        "dvc repro -f -s download_corpus",
    ),
    DvcCase(
        "ner/windows/tokenized.py",
        "make it again: dvc repro -f -s tokenize_align",
        overwrite("data/tokenized/test.parquet"),
        stage("evaluate"),
        "dvc repro -f -s tokenize_align",
    ),
    DvcCase(
        "ner/evaluation/predictions.py",
        "make it again: dvc repro -f -s evaluate",
        overwrite("data/predictions/test.parquet"),
        stage("report"),
        "dvc repro -f -s evaluate",
    ),
    DvcCase(
        "ner/evaluation/checks.py",
        "make both again: dvc repro -f -s download_corpus, then dvc repro.",
        miscount,
        stage("evaluate"),
        "dvc repro -f -s download_corpus && dvc repro",
    ),
    DvcCase(
        "ner/evaluation/checks.py",
        "train it again: dvc repro -f -s fine_tune, then dvc repro.",
        lambda clone: clone.set_param("train", "epochs", 2),
        stage("evaluate"),
        "dvc repro -f -s fine_tune && dvc repro",
    ),
    DvcCase(
        "ner/windows/run_config.py",
        "restore the tagger: dvc checkout models/ner; or train it: dvc repro -f -s fine_tune.",
        overwrite("models/ner/run_config.json", "[]"),
        PREDICT,
        "dvc checkout --force models/ner",
    ),
    DvcCase(
        "ner/tagging/heads.py",
        "restore the folder (dvc checkout models/ner), or train again: dvc repro -f -s fine_tune",
        overwrite("models/ner/inner_head.safetensors"),
        PREDICT,
        "dvc checkout --force models/ner",
    ),
    DvcCase(
        "ner/tagging/weights.py",
        "copy or download it again; one that you trained: dvc repro -f -s fine_tune.",
        lambda clone: spoil_weights(clone),
        PREDICT,
        "dvc repro -f -s fine_tune",
    ),
    DvcCase(
        "tools/checks/check.py",
        "run dvc repro, then commit dvc.lock and metrics/ with the change.",
        lambda clone: clone.set_param("report", "examples", 2),
        CHECK,
        f"dvc repro && {COMMIT}",
    ),
    DvcCase(
        "tools/checks/check.py",
        "commit the results with the change.",
        forget_results,
        CHECK,
        COMMIT,
    ),
    DvcCase(
        "tools/experiments/results.py",
        "run dvc repro there and commit.",
        lambda clone: clone.edit("metrics/evaluate.json", '"f1": 0.', '"f1": 0.9'),
        COMPARE,
        f"dvc repro && {COMMIT}",
    ),
    DvcCase(
        "tools/experiments/results.py",
        "fix it, or run dvc repro there and commit.",
        lambda clone: clone.edit("metrics/data.json", '"sha256": "', '<<<<<<< main "'),
        COMPARE,
        f"dvc repro && {COMMIT}",
    ),
]


def spoil_weights(clone: Clone) -> None:
    """Put NaN into the tagger."""
    import numpy as np
    from safetensors.numpy import load_file, save_file

    path = clone.root / "models/ner/model.safetensors"
    weights = load_file(path)
    path.unlink()
    save_file({name: np.full_like(one, np.nan) for name, one in weights.items()}, path)


@pytest.mark.slow
@pytest.mark.parametrize("case", [pytest.param(one, id=f"{one.module}-{one.remedy[:20]}") for one in CASES])
def test_the_commands_of_a_remedy_work(case, clone):
    case.damage(clone)
    refused = clone.run(*case.command, status=None)
    assert f"Remedy: {case.remedy}" in refused, refused
    clone.run("bash", "-e", "-c", case.commands)
    assert "Remedy: " not in clone.run(*case.command)
    shutil.rmtree(clone.root)
