"""The committed results are checked against the code without data, models or a network."""

import re
import shutil

import pytest


def lose_data(clone) -> None:
    """Leave what a fresh checkout has: the files in Git."""
    for name in ("data/raw", "data/tokenized", "data/predictions", "models", "metrics/report", ".dvc/cache"):
        shutil.rmtree(clone.root / name)


def test_a_fresh_checkout_passes_without_its_data(clone):
    lose_data(clone)
    assert "are what this code" in clone.run("python", "-m", "tools", "check")
    assert clone.run("git", "status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        pytest.param("params.yaml", "lr: 0.003", "lr: 0.002", "dvc repro would run fine_tune", id="params"),
        pytest.param(
            "stages/evaluate.py", '"""Stage', '"""The stage', "dvc repro would run evaluate", id="code"
        ),
        pytest.param(
            "metrics/evaluate.json", '"f1": ', '"f1":  ', "metrics/evaluate.json: not what", id="metrics"
        ),
        pytest.param("params.yaml", "seed: 42", "seed: [", "fails: .*params.yaml", id="unreadable"),
    ],
)
def test_results_of_something_else_are_named(clone, file, old, new, message):
    """Committed or not, with the data or without."""
    clone.edit(file, old, new)
    assert re.search(
        rf"^error: .*{message}.* Remedy: ", clone.run("python", "-m", "tools", "check", status=1)
    )
    clone.commit("Commit it")
    lose_data(clone)
    assert re.search(
        rf"^error: .*{message}.* Remedy: ", clone.run("python", "-m", "tools", "check", status=1)
    )


def test_results_that_are_not_in_git_are_named(clone):
    """Left out of the commit, or never added: the workspace is right, the commit is not."""
    clone.run("git", "rm", "--quiet", "--cached", "metrics/data.json", "dvc.lock")
    clone.run("git", "commit", "--quiet", "--message", "Forget results")
    output = clone.run("python", "-m", "tools", "check", status=1)
    assert "error: dvc.lock, metrics/data.json: not committed. Remedy: " in output
    (clone.root / "metrics/data.json").unlink()
    assert "metrics/data.json: not what dvc.lock records" in clone.run(
        "python", "-m", "tools", "check", status=1
    )
