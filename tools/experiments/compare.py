"""Compare two results and end with a status that CI can act on: `ner compare`.

Exit status: 0 pass; 1 worse by more than `--max-drop`, which the interval of the difference excludes; 2 no
verdict. What is not comparable passes with `--accept-incomparable` alone.
"""

import json
import os
import subprocess
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from statistics import fmean
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console

from ner.core.command import explain_system_error
from ner.evaluation.bootstrap import Interval, PairedDifference, paired_difference
from ner.reporting.pages import escape_markdown
from tools.experiments.results import LEVEL_METRICS, WORKSPACE, IncomparableError, Result, Split, read_result
from tools.tables import make_table

N_SAMPLES, SEED = 2_000, 0  # of the paired bootstrap
SENTENCES_NOTE = (
    "The interval covers test-sentence sampling only, not seed variance: "
    "another seed of the same parameters may differ by more."
)
SEEDS_NOTE = (
    "The interval covers seed variance within the groups (Welch's t), not test-sentence sampling: "
    "it holds for these sentences."
)


class Format(StrEnum):
    """How the comparison is printed."""

    TABLE = "table"
    MARKDOWN = "markdown"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the candidate differs from the baseline; with several runs on a side, how their means differ.

    Args:
        verdict: `better`, `worse` or `no difference that the data can show`.
        is_pass: Whether the drop is not shown to be larger than allowed.
        f1: The difference of F1, candidate minus baseline, with its interval and p-value. It alone decides.
        m1: The same of M1, the F1 over both levels; None where a run lacks the inner one, or the groups show
            no spread.
        note: What the interval covers and what not.
        params: Baseline and candidate of each parameter that differs.
        figures: The same for each figure.
    """

    verdict: str
    is_pass: bool
    f1: PairedDifference
    m1: PairedDifference | None
    note: str
    params: dict[str, tuple[Any, Any]]
    figures: dict[str, tuple[Any, Any]]


def compare_results(
    baseline: Sequence[Result], candidate: Sequence[Result], *, max_drop: float
) -> Comparison:
    """Separate a change from noise: two runs by their sentences, two groups of runs by their spread.

    Raises:
        IncomparableError: If they were scored on other words or gold spans, if the candidate lacks a metric,
            or if a group is too small or too uniform to show a spread.
    """
    check_comparable(baseline, candidate)
    if len(baseline) == len(candidate) == 1:
        f1 = resample(candidate[0].spans.by_sentence, baseline[0].spans.by_sentence)
        note = SENTENCES_NOTE
    else:
        f1 = welch_difference(
            [one.metrics["f1"] for one in candidate], [one.metrics["f1"] for one in baseline]
        )
        note = SEEDS_NOTE
    m1 = compare_m1(baseline, candidate)
    if f1.interval.low > 0:
        verdict = "better"
    elif f1.interval.high < 0:
        verdict = "worse"
    else:
        verdict = "no difference that the data can show"
    return Comparison(
        verdict=verdict,
        is_pass=f1.interval.high >= -max_drop,
        f1=f1,
        m1=m1,
        note=note,
        params=differing(
            combine([one.params for one in baseline], distinct),
            combine([one.params for one in candidate], distinct),
        ),
        figures=differing(
            combine([one.figures for one in baseline], fmean),
            combine([one.figures for one in candidate], fmean),
        ),
    )


def compare_m1(baseline: Sequence[Result], candidate: Sequence[Result]) -> PairedDifference | None:
    """Compare F1 over both levels, as F1 of the outer one is compared; None where that cannot be."""
    counts = [[one.m1_by_sentence for one in side] for side in (candidate, baseline)]
    ours, theirs = ([one for one in side if one is not None] for side in counts)
    if len(ours) < len(candidate) or len(theirs) < len(baseline):
        return None
    if len(ours) == len(theirs) == 1:
        return resample(ours[0], theirs[0])
    try:
        return welch_difference(
            [one.metrics["m1_f1"] for one in candidate], [one.metrics["m1_f1"] for one in baseline]
        )
    except IncomparableError:  # without a spread
        return None


def resample(candidate: NDArray[np.int64], baseline: NDArray[np.int64]) -> PairedDifference:
    """Compare two runs by their counts of each sentence. Shape of both: (n_sentences, 3)."""
    return paired_difference(candidate, baseline, n_samples=N_SAMPLES, seed=SEED)


def check_comparable(baseline: Sequence[Result], candidate: Sequence[Result]) -> None:
    """Refuse what a difference of scores says nothing about.

    Raises:
        IncomparableError: See `compare_results`.
    """
    first = baseline[0]
    for one in [*baseline, *candidate]:
        if one.words_sha256 != first.words_sha256:
            raise IncomparableError(
                f"{one.revision} and {first.revision} were scored on other words: their corpora differ.",
                remedy="compare with a revision that has the same corpus.",
            )
        if one.spans.by_sentence[:, 2].tolist() != first.spans.by_sentence[:, 2].tolist():
            raise IncomparableError(
                f"{one.revision} and {first.revision} were scored against other gold tags.",
                remedy="compare with a revision that has the same corpus.",
            )
        if find_gold(one) != find_gold(first) and None not in (find_gold(one), find_gold(first)):
            raise IncomparableError(
                f"{one.revision} and {first.revision} were scored against other inner gold tags.",
                remedy="compare with a revision that has the same corpus.",
            )
        if missing := sorted(first.metrics.keys() - one.metrics.keys() - LEVEL_METRICS):
            raise IncomparableError(
                f"{one.revision}: {', '.join(missing)} is missing, which {first.revision} has.",
                remedy="run dvc repro there and commit.",
            )
    for side in (baseline, candidate):
        names = [one.revision for one in side]
        if len(set(names)) < len(names):
            raise IncomparableError(
                f"{','.join(names)}: a run stands twice in a group.", remedy="name each run once."
            )


def find_gold(result: Result) -> list[int] | None:
    """Return how many gold spans of both levels each sentence has; None where the inner one is not known."""
    return None if result.m1_by_sentence is None else result.m1_by_sentence[:, 2].tolist()


def welch_difference(candidate: Sequence[float], baseline: Sequence[float]) -> PairedDifference:
    """Compare the means of two groups of runs, whose spreads may differ (Welch 1947).

    Args:
        candidate: F1 of each run. Shape: (n_candidates,).
        baseline: F1 of each run. Shape: (n_baselines,).

    Raises:
        IncomparableError: If a group has fewer than two runs, or if both groups lack a spread.
    """
    from scipy.stats import ttest_ind  # a second that the comparison of two runs need not wait

    if min(len(candidate), len(baseline)) < 2:
        raise IncomparableError(
            "One run has no spread to compare a group with.",
            remedy="name at least two runs on both sides, separated by commas; make seeds makes them.",
        )
    if len(set(candidate)) == len(set(baseline)) == 1:
        raise IncomparableError(
            "Within both groups all runs have the same F1: there is no spread to judge a difference by.",
            remedy="compare one run of each, or add seeds.",
        )
    with warnings.catch_warnings():
        # Of a group whose runs are all equal, as where nothing is found: its spread is 0, and that is right.
        warnings.simplefilter("ignore", RuntimeWarning)
        test = ttest_ind(candidate, baseline, equal_var=False)
        low, high = test.confidence_interval(0.95)
    return PairedDifference(
        difference=fmean(candidate) - fmean(baseline),
        interval=Interval(low=float(low), high=float(high)),
        p_value=float(test.pvalue),
    )


def combine(runs: Sequence[Mapping[str, Any]], how: Callable[[Sequence[Any]], Any]) -> dict[str, Any]:
    """Make one value a key of those of several runs; a key that a run lacks is left out there."""
    names = dict.fromkeys(name for run in runs for name in run)
    return {name: how([run[name] for run in runs if name in run]) for name in names}


def distinct(values: Sequence[Any]) -> Any:  # noqa: ANN401 - whatever a parameter can be
    """Return the value that all runs share, or the different ones as text."""
    texts = list(dict.fromkeys(str(value) for value in values))
    return values[0] if len(texts) == 1 else ", ".join(texts)


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Pair the values of each key that differs; None where a side lacks it."""
    names = [*old, *(name for name in new if name not in old)]
    return {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}


def print_comparison(comparison: Comparison, form: Format, title: str) -> None:
    """Print on standard output, the verdict first."""
    difference = describe_difference("F1", comparison.f1)
    if comparison.m1:
        difference += f"; {describe_difference('both levels (M1)', comparison.m1)}"
    rows = [(name, show(old), show(new), "") for name, (old, new) in comparison.params.items()]
    rows += [
        (name, show(old), show(new), "" if None in (old, new) else show(new - old, sign="+"))
        for name, (old, new) in comparison.figures.items()
    ]
    console = Console(soft_wrap=True, highlight=False, markup=False)
    if form is Format.JSON:
        console.print(json.dumps(asdict(comparison), indent=2, sort_keys=True))
    elif form is Format.MARKDOWN:
        lines = [f"### {escape_markdown(comparison.verdict)}", "", f"{escape_markdown(title)}: {difference}."]
        lines += [
            "",
            comparison.note,
            "",
            "| | baseline | candidate | difference |",
            "| --- | --- | --- | --- |",
        ]
        lines += [f"| {' | '.join(map(escape_markdown, row))} |" for row in rows]
        console.print("\n".join(lines))
    else:
        console.print(f"{comparison.verdict}: {difference}")
        if rows:
            table = make_table("", "baseline", "candidate", "difference", title=title)
            for row in rows:
                table.add_row(*row)
            console.print(table)
        console.print(comparison.note)


def describe_difference(name: str, found: PairedDifference) -> str:
    """Write a difference with its interval and p-value."""
    low, high = found.interval.low, found.interval.high
    return f"{name} {found.difference:+.4f}, 95 % interval {low:+.4f} to {high:+.4f}, p {found.p_value:.3f}"


def show(value: object, sign: str = "") -> str:
    """Format a value of a parameter or figure."""
    if value is None:
        return "-"
    if not isinstance(value, float) or 0 < abs(value) < 1e-3:
        return f"{value:{sign}g}" if isinstance(value, float) or sign else str(value)
    return f"{value:{sign}.4f}" if abs(value) < 10 else f"{value:{sign}.1f}"


def print_refusal(error: IncomparableError, form: Format, *, accepted: bool) -> None:
    """Print why there is no comparison, also on standard output where that is kept."""
    if form is Format.MARKDOWN:
        typer.echo(f"### not comparable\n\n{escape_markdown(error)}")
        if accepted:
            typer.echo("\n**Accepted as it is: whether the scores became worse is not known.**")
    if not accepted:
        typer.echo(f"error: not comparable: {error}", err=True)
        return
    mark = "::warning title=Not comparable::" if os.environ.get("GITHUB_ACTIONS") else "WARNING: "
    typer.echo(f"{mark}not comparable, and accepted without a comparison: {error}", err=True)


def find_main() -> str:
    """Name the main branch: a pull request's checkout has none of its own."""
    command = ["git", "rev-parse", "--verify", "--quiet", "refs/heads/main"]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - a fixed command
    return "main" if done.returncode == 0 else "origin/main"


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def compare(
    baseline: Annotated[
        str,
        typer.Option(
            help="Revision, experiment or workspace, or several with commas; default main or origin/main."
        ),
    ] = "",
    candidate: Annotated[str, typer.Option(help="The same for the result to judge.")] = WORKSPACE,
    split: Annotated[Split, typer.Option(help="Split to compare.")] = Split.TEST,
    max_drop: Annotated[float, typer.Option(min=0, help="Drop of F1 that is allowed, 0 to 1.")] = 0.01,
    form: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TABLE,
    pull: Annotated[bool, typer.Option("--pull", help="Fetch predictions that the cache lacks.")] = False,
    accept_incomparable: Annotated[
        bool, typer.Option("--accept-incomparable", help="Pass with a warning what cannot be compared.")
    ] = False,
) -> None:
    """Compare two results; exit with 0 (pass), 1 (worse beyond --max-drop) or 2 (cannot compare)."""
    baseline = baseline or find_main()
    try:
        groups = [
            [read_result(name.strip(), split, pull=pull) for name in side.split(",")]
            for side in (baseline, candidate)
        ]
        comparison = compare_results(*groups, max_drop=max_drop)
        with suppress(
            SystemExit
        ):  # rich's, with 1, where the reader of the pipe went away: the verdict stands
            print_comparison(comparison, form, f"{candidate} against {baseline}, {split}")
    except IncomparableError as error:
        print_refusal(error, form, accepted=accept_incomparable)
        raise typer.Exit(0 if accept_incomparable else 2) from error
    except Exception as error:  # its status would be 1, which says that the candidate is worse
        explained = explain_system_error(error)
        if explained is None:
            traceback.print_exception(error)
        typer.echo(f"error: no verdict: {explained or repr(error)}", err=True)
        raise typer.Exit(2) from error
    if not comparison.is_pass:
        typer.echo(f"error: F1 fell by more than {max_drop}, and not by chance.", err=True)
        raise typer.Exit(1)
