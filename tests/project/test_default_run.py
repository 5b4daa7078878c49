"""The run that a new user sees: params.yaml as it stands, on the embedded corpus."""

import json

import pytest

from tests.support.pipeline_clone import Clone, copy_project


def read_f1(clone: Clone) -> float:
    return json.loads((clone.root / "metrics/evaluate.json").read_text(encoding="utf-8"))["test"]["f1"]


def test_the_results_beside_the_code_are_its_own(tmp_path):
    """With no data at hand, dvc finds every stage's code, parameters and results as dvc.lock records them."""
    clone = copy_project(tmp_path / "project", with_results=True)
    clone.run("python", "-m", "tools", "check")


@pytest.mark.slow
def test_the_default_run_reaches_its_score_and_crippled_training_does_not(tmp_path):
    """At least 0.80 on the words of the test split; a learning rate of 1e-6 learns next to nothing."""
    clone = copy_project(tmp_path / "project", with_results=False)
    clone.run("dvc", "repro")
    clone.commit("Run the pipeline")
    assert read_f1(clone) >= 0.80
    clone.run("dvc", "exp", "run", "-S", "train.lr=1e-6", "-S", "train.epochs=1")
    assert read_f1(clone) < 0.40
