"""Show what more annotated sentences would gain: `ner learning-curve --shares 0.1,0.25,0.5,1`."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Annotated

import pandas as pd
import typer
from dvc.api import DVCFileSystem
from matplotlib.figure import Figure
from rich.console import Console

from ner.core.errors import PipelineError
from ner.core.files import write_text
from ner.evaluation.bootstrap import Interval
from ner.reporting.figures import BLUE, write_figures
from ner.training.subset import count_share
from tools.experiments.compare import Comparison, compare_results
from tools.experiments.queue import Experiment, explain_failures, read_params, run_experiments
from tools.experiments.results import (
    WORKSPACE,
    IncomparableError,
    Split,
    read_headline,
    read_result,
    reading,
)
from tools.experiments.seeds import parse_seeds, parse_settings
from tools.experiments.worker import HOW_TO_WATCH
from tools.tables import make_table

NAME = "learning_curve"
OF_SENTENCES = "95 % interval of the scored sentences, of one seed"
OF_SEEDS = "95 % interval of the mean over {n} seeds (Student's t)"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True, slots=True)
class Point:
    """What a share of the training sentences came to.

    Args:
        share: Of the training sentences, above 0, at most 1.
        n_sentences: How many they are.
        f1: Mean over the seeds.
        interval: Of F1.
        revisions: The runs. Shape: (n_seeds,).
    """

    share: float
    n_sentences: int
    f1: float
    interval: Interval
    revisions: list[str]


@app.command()
def draw_learning_curve(
    shares: Annotated[
        str, typer.Option(help="Shares of the training sentences, parted by commas.")
    ] = "0.1,0.25,0.5,1",
    seeds: Annotated[
        str, typer.Option(help="Seeds for each share, parted by commas; else that of params.yaml.")
    ] = "",
    split: Annotated[Split, typer.Option(help="Split whose F1 is shown.")] = Split.TEST,
    settings: Annotated[
        list[str] | None, typer.Option("--set-param", "-S", help="Another value, as for dvc exp run.")
    ] = None,
    output: Annotated[
        Path, typer.Option(help="Folder of the table (CSV) and of the drawing (PNG and SVG).")
    ] = Path(NAME),
) -> None:
    """Train on growing shares as DVC experiments and show F1 against sentences, and what it says."""
    console = Console(soft_wrap=True, highlight=False, markup=False)
    of_shares = parse_shares(shares)
    of_seeds = parse_seeds(seeds) if seeds else [read_params()["seed"]]
    overrides = parse_settings(settings or [])
    wanted = {
        (share, seed): Experiment(
            f"share {share:g} of seed {seed}",
            f"share-{share:g}-{seed}",
            {**overrides, "train.share": share, "seed": seed},
        )
        for share in of_shares
        for seed in of_seeds
    }
    console.print(f"{len(wanted)} runs; what is not there yet is queued: {HOW_TO_WATCH}")
    finished = run_experiments(list(wanted.values()))
    points = []
    for share in of_shares:
        labels = [wanted[share, seed].label for seed in of_seeds]
        if all(label in finished.revisions for label in labels):
            points.append(read_point(share, [finished.revisions[label] for label in labels], split))
    if points:
        caption = OF_SEEDS.format(n=len(of_seeds)) if len(of_seeds) > 1 else OF_SENTENCES
        print_points(console, points, f"F1 of the {split} split; {caption}")
        write_points(output, points, f"F1 on words, {split} split", caption)
        console.print(f"Table and drawing: {output}")
    if finished.failed:
        raise explain_failures(finished.failed)
    if len(points) > 1:
        console.print(advise(points, compare_last(points, split)))


def parse_shares(text: str) -> list[float]:
    """Read the shares and sort them.

    Raises:
        PipelineError: If one is no number above 0 and at most 1, or stands twice.
    """
    try:
        shares = sorted(float(word) for word in text.split(","))
    except ValueError:
        shares = []
    if not shares or not all(0 < share <= 1 for share in shares) or len(set(shares)) < len(shares):
        raise PipelineError(
            f"--shares is {text!r}, not different numbers above 0 and at most 1, parted by commas.",
            remedy="for example --shares 0.1,0.25,0.5,1",
        )
    return shares


def read_point(share: float, revisions: list[str], split: Split) -> Point:
    """Read the scores of the runs of a share.

    Raises:
        IncomparableError: If a run has no scores.
    """
    headlines = [read_headline(revision)[split] for revision in revisions]
    scores = [headline.f1 for headline in headlines]
    interval = (
        mean_interval(scores) if len(scores) > 1 else Interval(headlines[0].f1_low, headlines[0].f1_high)
    )
    with reading(revisions[0]):
        files = DVCFileSystem(rev=None if revisions[0] == WORKSPACE else revisions[0])
        n_train = json.loads(files.read_text("metrics/data.json"))["train"]["sentences"]
    return Point(share, count_share(n_train, share), fmean(scores), interval, revisions)


def mean_interval(scores: Sequence[float]) -> Interval:
    """Return the 95 % interval of a mean by Student's t. Shape of `scores`: (at least 2,)."""
    from scipy.stats import sem, t  # a second that a single seed need not wait

    half = float(t.ppf(0.975, len(scores) - 1) * sem(scores))
    return Interval(fmean(scores) - half, fmean(scores) + half)


def compare_last(points: Sequence[Point], split: Split) -> Comparison | None:
    """Compare the two largest shares; None if their predictions are not here, or show no spread."""
    sides = [[read_result(revision, split) for revision in point.revisions] for point in points[-2:]]
    try:
        return compare_results(*sides, max_drop=0)
    except IncomparableError:  # groups of seeds without a spread
        return None


def advise(points: Sequence[Point], comparison: Comparison | None) -> str:
    """Say in a sentence what the curve says about annotating more."""
    before, last = points[-2:]
    gain = last.f1 - before.f1
    step = f"From {before.n_sentences} to {last.n_sentences} sentences F1 changed by {gain:+.4f}"
    if comparison is None:
        return f"{step}; whether that is chance cannot be told: add seeds."
    interval = comparison.f1.interval
    step += f" (95 % interval {interval.low:+.4f} to {interval.high:+.4f})"
    if comparison.verdict != "better":
        return f"{step}: the data cannot show that more sentences of this kind would help."
    per_doubling = gain / math.log2(last.n_sentences / before.n_sentences)
    return (
        f"{step}: annotating more is likely to help; {last.n_sentences} further sentences would add about "
        f"{per_doubling:.3f} if each doubling gained as much as the last step, and mostly it gains less."
    )


def print_points(console: Console, points: Sequence[Point], title: str) -> None:
    """Show a row a share."""
    table = make_table("share", "sentences", "F1", "low", "high", "runs", title=title)
    for one in points:
        figures = (f"{value:.4f}" for value in (one.f1, one.interval.low, one.interval.high))
        table.add_row(f"{one.share:g}", str(one.n_sentences), *figures, ", ".join(one.revisions))
    console.print(table)


def write_points(folder: Path, points: Sequence[Point], label: str, caption: str) -> None:
    """Write the table, and the curve as PNG and SVG."""
    rows = [
        {
            "share": one.share,
            "sentences": one.n_sentences,
            "f1": one.f1,
            "f1_low": one.interval.low,
            "f1_high": one.interval.high,
            "runs": " ".join(one.revisions),
        }
        for one in points
    ]
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / f"{NAME}.csv", pd.DataFrame(rows).to_csv(index=False, lineterminator="\n"))
    write_figures(folder, {NAME: lambda: draw_points(points, label, caption)})


def draw_points(points: Sequence[Point], label: str, caption: str) -> Figure:
    """Draw F1 against the number of sentences, a doubling being the same way everywhere."""
    figure = Figure(figsize=(5.2, 3.6))
    axes = figure.subplots()
    numbers = [one.n_sentences for one in points]
    axes.fill_between(
        numbers,
        [one.interval.low for one in points],
        [one.interval.high for one in points],
        color=BLUE,
        alpha=0.15,
        linewidth=0,
        label=caption,
    )
    axes.plot(numbers, [one.f1 for one in points], "o-", markersize=4)
    for one in points:
        axes.annotate(
            f"{one.f1:.3f}", (one.n_sentences, one.f1), (0, 7), textcoords="offset points", ha="center"
        )
    axes.set_xscale("log", base=2)
    axes.set_xticks(numbers, [f"{number:,}" for number in numbers])
    axes.set_xticks([], minor=True)
    axes.margins(x=0.08)
    axes.set(xlabel="training sentences", ylabel=label, ylim=(0, 1))
    axes.legend(loc="lower right", fontsize=8.5)
    return figure
