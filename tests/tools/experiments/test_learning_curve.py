"""F1 against training sentences, and what it says about annotating more."""

import json
import re
from dataclasses import replace

import pandas as pd
import pytest

from ner.core.errors import PipelineError
from ner.evaluation.bootstrap import Interval
from tests.tools.experiments.test_compare import group_with, result_with
from tests.tools.experiments.test_experiments import names, run_quietly
from tools.experiments import learning_curve
from tools.experiments.compare import compare_results
from tools.experiments.learning_curve import (
    Point,
    advise,
    compare_last,
    mean_interval,
    parse_shares,
    write_points,
)
from tools.experiments.results import Split

POINTS = [
    Point(0.25, 250, 0.5, Interval(0.4, 0.6), ["share-0.25-1-abc"]),
    Point(1.0, 1000, 0.75, Interval(0.7, 0.8), ["workspace"]),
]


@pytest.mark.parametrize("text", ["", "0", "1.5", "0.1,0.1", "0.1;0.2", "x", "nan", "0.1,"])
def test_shares_are_different_numbers_up_to_one(text):
    with pytest.raises(PipelineError, match=r"--shares is .* Remedy: "):
        parse_shares(text)


def test_shares_are_sorted():
    assert parse_shares("1, 0.1,0.25") == [0.1, 0.25, 1.0]


def test_the_interval_of_seeds_is_students():
    """Three values: 4.303 standard errors on either side."""
    interval = mean_interval([0.1, 0.2, 0.3])
    assert interval.high - 0.2 == pytest.approx(4.302653 * 0.1 / 3**0.5)
    assert interval.low == pytest.approx(0.4 - interval.high)


@pytest.mark.parametrize(
    ("f1", "n_before", "n_after", "sentence"),
    [
        pytest.param(
            0.75, 200, 300, "likely to help; 1000 further sentences would add about 0.125", id="yes"
        ),
        pytest.param(0.5, 300, 300, "the data cannot show that more sentences", id="no"),
        pytest.param(0.25, 300, 100, "the data cannot show that more sentences", id="worse"),
    ],
)
def test_the_advice_follows_the_interval_of_the_last_step(f1, n_before, n_after, sentence):
    """Two doublings of the sentences gained 0.25."""
    comparison = compare_results([result_with(n_before)], [result_with(n_after)], max_drop=0)
    said = advise([POINTS[0], replace(POINTS[1], f1=f1)], comparison)
    assert said.startswith("From 250 to 1000 sentences F1 changed by")
    assert sentence in said


def test_groups_without_a_spread_are_not_judged(monkeypatch):
    runs = {one.revision: one for one in group_with(200, 200, name="few") + group_with(300, 300, name="all")}
    monkeypatch.setattr(learning_curve, "read_result", lambda name, _: runs[name])
    points = [
        replace(one, revisions=[f"{name}-0", f"{name}-1"])
        for one, name in zip(POINTS, ("few", "all"), strict=True)
    ]
    comparison = compare_last(points, Split.TEST)
    assert comparison is None
    assert "add seeds" in advise(points, comparison)


def test_the_table_and_the_drawing_are_written_and_the_same_each_time(tmp_path):
    for folder in ("a", "b"):
        write_points(tmp_path / folder, POINTS, "F1", "interval")
    table = pd.read_csv(tmp_path / "a/learning_curve.csv")
    assert table["sentences"].tolist() == [250, 1000]
    assert table[["f1_low", "f1", "f1_high"]].loc[1].tolist() == [0.7, 0.75, 0.8]
    svg = (tmp_path / "a/learning_curve.svg").read_text(encoding="utf-8")
    assert all(f">{text}<" in svg for text in ("0.750", "1,000", "training sentences", "interval"))
    for name in ("learning_curve.svg", "learning_curve.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.slow
def test_shares_run_as_experiments_and_the_whole_is_the_workspaces(clone):
    command = ("python", "-m", "tools", "learning-curve", "--shares", "0.2,1", "--split", "validation")
    output = run_quietly(clone, *command)
    assert re.search(r"│ 0.2 +│ 5 +│ \d", output)
    assert re.search(r"│ 1 +│ 24 +│ .* workspace", output), output
    assert "From 5 to 24 sentences F1 changed by" in output
    (name,) = names(clone)
    ref = next(one for one in clone.run("git", "for-each-ref").split() if one.endswith(name))
    assert "share: 0.2" in clone.run("git", "show", f"{ref}:params.yaml")
    assert json.loads(clone.run("git", "show", f"{ref}:metrics/train.json"))["steps"] < 20 * 8
    assert (clone.root / "learning_curve/learning_curve.png").stat().st_size > 1_000
    assert output.endswith(run_quietly(clone, *command)), "and nothing runs twice"
