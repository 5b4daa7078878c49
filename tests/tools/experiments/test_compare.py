"""A gate that knows noise from change, and never passes what it cannot compare."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from pygit2 import GitError

from ner.annotation.counts import Counts, score_spans
from ner.annotation.spans import Span
from ner.evaluation.headline import Headline
from ner.evaluation.predictions import read_predictions, write_predictions
from tests.support.pipeline_clone import ROOT
from tools.experiments.compare import (
    Format,
    app,
    compare_results,
    differing,
    print_comparison,
    show,
    welch_difference,
)
from tools.experiments.results import IncomparableError, Result, reading

GOLD = [[Span(0, 1, "LOC")] for _ in range(400)]


def result_with(n_found: int, gold=GOLD, words: str = "same", name: str = "run", **params) -> Result:
    """Make the result of a tagger that finds the first `n_found` names and nothing else."""
    predicted = [spans if index < n_found else [] for index, spans in enumerate(gold)]
    spans = score_spans(gold=gold, predicted=predicted)
    return Result(name, params, headline_with(spans.overall.f1), {}, words, spans)


def headline_with(f1: float) -> Headline:
    """Give a headline that nothing but F1 is asked of."""
    return Headline(
        precision=f1,
        recall=f1,
        f1=f1,
        f1_low=f1,
        f1_high=f1,
        loss=1.0,
        subtoken_f1=f1,
        words=400,
        sentences=400,
        repaired_tags=0,
    )


def group_with(*n_found: int, name: str) -> list[Result]:
    """Make a group of runs that differ in their seed."""
    return [result_with(n, name=f"{name}-{seed}", seed=seed) for seed, n in enumerate(n_found)]


@pytest.mark.parametrize(
    ("n_before", "n_after", "verdict", "is_pass"),
    [
        pytest.param(300, 300, "no difference that the data can show", True, id="same"),
        pytest.param(300, 299, "no difference that the data can show", True, id="one-name"),
        pytest.param(300, 290, "worse", True, id="worse-but-perhaps-no-more-than-allowed"),
        pytest.param(300, 200, "worse", False, id="worse-beyond-the-drop"),
        pytest.param(300, 0, "worse", False, id="degenerate"),
        pytest.param(200, 300, "better", True, id="better"),
    ],
)
def test_the_verdict_follows_the_interval(n_before, n_after, verdict, is_pass):
    """A drop fails only if the interval leaves no drop that is allowed."""
    comparison = compare_results([result_with(n_before)], [result_with(n_after)], max_drop=0.02)
    assert (comparison.verdict, comparison.is_pass) == (verdict, is_pass)
    assert comparison.f1.interval.low <= comparison.f1.difference <= comparison.f1.interval.high


def test_another_test_set_is_not_comparable():
    with pytest.raises(IncomparableError, match="scored on other words"):
        compare_results([result_with(3)], [result_with(3, words="other")], max_drop=0.5)


def test_other_gold_tags_are_not_comparable():
    other = [[], *GOLD[1:]]
    with pytest.raises(IncomparableError, match="other gold tags"):
        compare_results([result_with(3)], [result_with(3, gold=other)], max_drop=0.5)


def test_a_metric_that_the_candidate_lacks_is_not_comparable():
    """One that only the candidate has is new, and shown."""
    bare = result_with(3)
    richer = replace(bare, speed={"seconds": 0.5})
    with pytest.raises(IncomparableError, match="seconds is missing"):
        compare_results([richer], [bare], max_drop=0.5)
    assert compare_results([bare], [richer], max_drop=0.5).figures == {"seconds": (None, 0.5)}


@pytest.mark.parametrize(
    ("before", "after", "verdict", "is_pass"),
    [
        pytest.param(
            (300, 310, 290), (302, 308, 292), "no difference that the data can show", True, id="noise"
        ),
        pytest.param((300, 302, 298), (200, 206, 194), "worse", False, id="worse"),
        pytest.param((200, 206, 194), (300, 302, 298), "better", True, id="better"),
        pytest.param((300, 300), (200, 201), "worse", False, id="one-side-without-spread"),
    ],
)
def test_two_groups_are_compared_by_their_means_and_spread(before, after, verdict, is_pass):
    comparison = compare_results(group_with(*before, name="a"), group_with(*after, name="b"), max_drop=0.01)
    assert (comparison.verdict, comparison.is_pass) == (verdict, is_pass)
    assert "Welch" in comparison.note
    assert comparison.f1.interval.low < comparison.f1.difference < comparison.f1.interval.high


def test_the_interval_of_two_groups_is_welchs():
    """A worked example: means 0.6 and 0.8, each standard error 0.0577, 4 degrees of freedom, t 2.7764."""
    found = welch_difference([0.7, 0.8, 0.9], [0.5, 0.6, 0.7])
    half = 2.7764451 * (2 * 0.1**2 / 3) ** 0.5
    assert found.difference == pytest.approx(0.2)
    assert (found.interval.low, found.interval.high) == pytest.approx((0.2 - half, 0.2 + half), abs=1e-6)
    assert found.p_value == pytest.approx(0.0705, abs=1e-4)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        pytest.param((300,), (299, 298), "One run has no spread", id="one-run"),
        pytest.param((300, 300), (299, 299), "no spread to judge", id="no-spread"),
    ],
)
def test_groups_without_a_spread_are_not_comparable(before, after, message):
    with pytest.raises(IncomparableError, match=message):
        compare_results(group_with(*before, name="a"), group_with(*after, name="b"), max_drop=0.5)


def with_inner(result, n_found, gold=1):
    """Give each sentence an inner name, of which the tagger finds the first `n_found`."""
    inner = np.array([(index < n_found, index < n_found, gold) for index in range(len(GOLD))])
    counts = result.spans.by_sentence + inner
    m1 = Counts(*counts.sum(axis=0).tolist()).f1
    headline = replace(result.headline, inner_f1=0.5, m1_f1=m1)
    return replace(result, headline=headline, m1_by_sentence=counts)


def test_both_levels_are_compared_with_an_interval_and_the_outer_one_decides(capsys):
    sides = [[with_inner(result_with(300), n)] for n in (300, 100)]
    comparison = compare_results(*sides, max_drop=0.01)
    assert (comparison.verdict, comparison.is_pass) == ("no difference that the data can show", True)
    assert comparison.m1.difference == pytest.approx(2 / 3 - 6 / 7)
    assert comparison.m1.interval.low < comparison.m1.difference < comparison.m1.interval.high < 0
    print_comparison(comparison, Format.TABLE, "x against main")
    output = capsys.readouterr().out
    assert re.search(
        r"F1 \+0.0000, .*; both levels \(M1\) -0.1905, 95 % interval -0.\d{4} to -0.\d{4}, p 0.000", output
    )
    assert re.search(r"m1_f1 +│ 0.8571 +│ 0.6667 +│ -0.1905", output)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(
            (300, 302), (200, 202), (1000 / 1300 + 1008 / 1304 - 1200 / 1400 - 1208 / 1404) / 2, id="both"
        ),
        pytest.param((300, 302), (None, 202), None, id="a-run-of-the-outer-level"),
    ],
)
def test_groups_of_both_levels_are_compared_by_their_means(before, after, expected):
    """Each run finds 300 or 302 outer names."""
    sides = [
        [
            with_inner(one, n) if n else one
            for one, n in zip(group_with(300, 302, name=name), found, strict=True)
        ]
        for name, found in (("a", before), ("b", after))
    ]
    m1 = compare_results(*sides, max_drop=0.5).m1
    assert (m1 and m1.difference) == (expected and pytest.approx(expected))


def test_a_run_of_the_outer_level_is_compared_with_one_of_both():
    comparison = compare_results([result_with(300)], [with_inner(result_with(300), 200)], max_drop=0.5)
    assert comparison.m1 is None
    assert comparison.figures["m1_f1"] == (None, pytest.approx(1000 / 1300))


def test_other_gold_tags_of_the_inner_level_are_not_comparable():
    sides = [[with_inner(result_with(300), 200, gold=gold)] for gold in (1, 2)]
    with pytest.raises(IncomparableError, match="against other inner gold tags"):
        compare_results(*sides, max_drop=0.5)


def test_a_run_counts_once_in_its_group():
    twice = [result_with(300, name="a")] * 2
    with pytest.raises(IncomparableError, match="a,a: a run stands twice"):
        compare_results(twice, group_with(299, 298, name="b"), max_drop=0.5)


def test_parameters_of_a_group_are_shown_where_the_groups_differ():
    """Both have the seeds 0 and 1, and a learning rate of their own."""
    sides = [
        [replace(one, params=one.params | {"train.lr": lr}) for one in group_with(300, 310, name=str(lr))]
        for lr in (1e-3, 1e-4)
    ]
    comparison = compare_results(*sides, max_drop=0.5)
    assert comparison.params == {"train.lr": (1e-3, 1e-4)}


def test_markdown_says_the_verdict_first_and_shows_hostile_values_as_text(capsys):
    sides = [[result_with(300, source=source)] for source in ("a|b", "@torvalds <b>")]
    print_comparison(compare_results(*sides, max_drop=0.5), Format.MARKDOWN, "x|y against main")
    output = capsys.readouterr().out
    assert output.startswith("### no difference that the data can show\n\nx&#124;y against main: F1 +0.0000")
    assert "| source | a&#124;b | &#64;torvalds &#60;b&#62; |  |" in output


@pytest.mark.parametrize(
    ("value", "sign", "shown"),
    [
        pytest.param(0.85298, "", "0.8530", id="score"),
        pytest.param(-0.25, "+", "-0.2500", id="difference"),
        pytest.param(3e-4, "", "0.0003", id="learning-rate"),
        pytest.param(2e-5, "", "2e-05", id="small-learning-rate"),
        pytest.param(1787.94, "+", "+1787.9", id="throughput"),
        pytest.param(0.0, "", "0.0000", id="nothing"),
        pytest.param(41, "+", "+41", id="count"),
        pytest.param(True, "", "True", id="truth-value"),
        pytest.param(None, "", "-", id="missing"),
    ],
)
def test_values_are_shown_with_the_digits_that_matter(value, sign, shown):
    assert show(value, sign) == shown


def test_the_command_does_not_wait_for_torch():
    code = "import sys, tools.experiments.compare; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_key_that_one_side_lacks_is_shown():
    assert differing({"a": 1, "b": 2}, {"b": 2, "c": 3}) == {"a": (1, None), "c": (None, 3)}


def run_compare(clone, *options, status=0):
    return clone.run("python", "-m", "tools", "compare", "--baseline", "HEAD", *options, status=status)


def test_equal_results_pass_and_no_row_is_shown(clone):
    """Against `main` unless told otherwise."""
    shown = json.loads(clone.run("python", "-m", "tools", "compare", "--format", "json"))
    assert shown["verdict"] == "no difference that the data can show"
    assert (shown["params"], shown["figures"]) == ({}, {})


def make_perfect(clone):
    """Give the workspace predictions that have every tag right, and the F1 that belongs to them."""
    file = clone.root / "data/predictions/test.parquet"
    predictions = read_predictions(file)
    file.unlink()  # it may be a link into the cache
    for one in predictions:
        one.predicted[:] = one.gold
    write_predictions(file, predictions)
    scores = json.loads((clone.root / "metrics/evaluate.json").read_text(encoding="utf-8"))
    scores["test"]["f1"] = 1.0
    (clone.root / "metrics/evaluate.json").write_text(json.dumps(scores), encoding="utf-8")


def test_a_tagger_that_is_clearly_worse_fails(clone):
    """The committed run against a workspace that has every tag right; what differs is listed."""
    make_perfect(clone)
    clone.set_param("train", "lr", 1e-9)

    options = ("--baseline", "workspace", "--candidate", "HEAD", "--format", "markdown")
    output = clone.run("python", "-m", "tools", "compare", *options, status=1)
    assert output.startswith("### worse\n\nHEAD against workspace, test: F1 -0.")
    assert "| train.lr | 1e-09 | 0.0030 |  |" in output
    assert "F1 fell by more than 0.01" in output
    assert "not seed variance" in output


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        pytest.param(
            "metrics/data.json", '"sha256": "', '<<<<<<< main "', "cannot be parsed", id="merge-markers"
        ),
        pytest.param("params.yaml", "train:\n", "train: [\n", "cannot be parsed", id="yaml"),
        pytest.param(
            "metrics/evaluate.json",
            '"loss": ',
            '"loss": NaN, "x": ',
            "test.loss is nan|of another version",
            id="nan",
        ),
        pytest.param("metrics/evaluate.json", '"f1": ', '"f": ', "of another version", id="missing"),
        pytest.param(
            "metrics/evaluate.json", '"test": ', '"dev": ', "lacks what it should hold .'test'", id="no-split"
        ),
        pytest.param(
            "metrics/data.json", '"sha256": "', '"sha256": "0', "scored on other words", id="corpus"
        ),
        pytest.param("metrics/evaluate.json", '"f1": 0.', '"f1": 0.9', "do not belong together", id="stale"),
    ],
)
def test_what_cannot_be_compared_has_a_status_of_its_own(clone, file, old, new, message):
    clone.edit(file, old, new)
    output = run_compare(clone, status=2)
    assert re.search(rf"^error: not comparable: .*{message}.* Remedy: ", output, re.MULTILINE)
    assert "Traceback" not in output
    accepted = run_compare(clone, "--accept-incomparable", "--format", "markdown")
    assert re.search(r"^### not comparable\n\n.*Remedy", accepted)
    assert "whether the scores became worse is not known" in accepted
    assert "WARNING: not comparable" in accepted


def test_whatever_is_no_verdict_has_status_2(monkeypatch, capsys):
    """Status 1 says that the candidate is worse."""

    def fail(*_args, **_options):
        raise RuntimeError("a bug")

    monkeypatch.setattr("tools.experiments.compare.read_result", fail)
    with pytest.raises(SystemExit) as ended:
        app(["--baseline", "HEAD", "--accept-incomparable"])
    assert ended.value.code == 2
    assert "error: no verdict: RuntimeError('a bug')" in capsys.readouterr().err


def test_the_verdict_stands_though_its_reader_has_gone(clone):
    script = "python -m tools compare --baseline HEAD --format json | true; echo ${PIPESTATUS[0]}"
    assert clone.run("bash", "-c", script).splitlines()[-1] == "0"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        pytest.param(
            GitError("/x/.git/: repository path '/x' is not owned by current user"),
            "HEAD: .* not owned by current user.* Remedy: .*git config --global --add safe.directory",
            id="another-user",
        ),
        pytest.param(
            KeyError("getpwuid(): uid not found: 4711"), "uid not found: 4711.* Remedy: .*USER=", id="no-name"
        ),
        pytest.param(KeyError("test"), "a file in metrics/ lacks what it should hold", id="key"),
    ],
)
def test_what_git_and_the_system_say_reaches_the_reader(error, message):
    with pytest.raises(IncomparableError, match=message), reading("HEAD"):
        raise error


def test_a_tagger_that_is_worse_is_never_accepted(clone):
    """--accept-incomparable is for status 2 alone."""
    make_perfect(clone)
    options = ("--baseline", "workspace", "--candidate", "HEAD", "--accept-incomparable")
    assert "not comparable" not in clone.run("python", "-m", "tools", "compare", *options, status=1)


def test_an_unknown_revision_and_an_empty_cache_are_not_comparable(clone):
    output = run_compare(clone, "--candidate", "no-such-thing", status=2)
    assert "unknown Git revision 'no-such-thing'" in output
    shutil.rmtree(clone.root / ".dvc/cache")
    assert "is not in DVC's cache. Remedy: pass --pull" in run_compare(clone, status=2)
    assert "not in DVC's cache nor in a remote. Remedy: run dvc push" in run_compare(
        clone, "--pull", status=2
    )


def test_predictions_come_from_the_remote_when_asked_for(clone, tmp_path):
    """Those of the committed side and of the workspace."""
    clone.run("dvc", "remote", "add", "--default", "team", str(tmp_path / "remote"))
    clone.run("dvc", "push", "data/predictions")
    shutil.rmtree(clone.root / ".dvc/cache")
    shutil.rmtree(clone.root / "data/predictions")
    run_compare(clone, status=2)
    assert "no difference that the data can show" in run_compare(clone, "--pull")
