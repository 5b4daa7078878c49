"""Run the same parameters with several seeds: `ner seeds 1,2,3`."""

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Annotated, Any

import typer
from rich.console import Console
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ner.core.errors import PipelineError
from tools.experiments.queue import Experiment, check_names, explain_failures, run_experiments
from tools.experiments.results import Split, read_headline
from tools.experiments.worker import HOW_TO_WATCH
from tools.tables import make_table

NO_SCORES = ("f1_low", "f1_high", "words", "sentences", "repaired_tags")  # in a table of means

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def run_seeds(
    seeds: Annotated[str, typer.Argument(help="Whole numbers, separated by commas.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set-param", "-S", help="Another value, as for dvc exp run.")
    ] = None,
) -> None:
    """Run the seeds that have no results yet; end with mean and standard deviation over exactly these."""
    console = Console(soft_wrap=True, highlight=False, markup=False)
    overrides = parse_settings(settings or [])
    wanted = [
        Experiment(f"seed {seed}", f"seed-{seed}", {**overrides, "seed": seed}) for seed in parse_seeds(seeds)
    ]
    console.print(f"{len(wanted)} runs; what is not there yet is queued: {HOW_TO_WATCH}")
    finished = run_experiments(wanted)
    if finished.revisions:
        print_scores(console, finished.revisions)
    if finished.failed:
        raise explain_failures(finished.failed)
    runs = ",".join(finished.revisions.values())
    console.print(f"{finished.n_started} run now, {len(wanted) - finished.n_started} were there.")
    console.print(f"Against another group: ner compare --candidate {runs} --baseline ...")


def parse_seeds(text: str) -> list[int]:
    """Read the seeds, in their order.

    Raises:
        PipelineError: If there is none, one is no whole number from 0 on, or one stands twice.
    """
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdecimal() for word in words):
        raise PipelineError(
            f"SEEDS is {text!r}, not whole numbers parted by commas.", remedy="for example SEEDS=1,2,3"
        )
    numbers = [int(word) for word in words]
    if len(set(numbers)) < len(numbers):
        raise PipelineError(f"SEEDS is {text!r}: a seed stands twice.", remedy="name each once.")
    return numbers


def parse_settings(settings: Sequence[str]) -> dict[str, Any]:
    """Read `section.key=value`.

    Raises:
        PipelineError: If one has another form, or names no parameter.
    """
    overrides = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        try:
            overrides[name] = YAML(typ="safe").load(value)
        except YAMLError:
            equals = ""
        if not equals or name == "seed":
            raise PipelineError(
                f"-S {setting}: not the form section.key=value, or the seed itself.",
                remedy="for example -S train.lr=2e-5",
            )
    check_names(list(overrides), "-S")
    return overrides


def print_scores(console: Console, revisions: Mapping[str, str]) -> None:
    """Show mean, standard deviation and each run, by split and score."""
    headlines = [read_headline(revision) for revision in revisions.values()]
    table = make_table(
        "split", "score", "mean", "sd", *revisions, title=f"{len(revisions)} runs, scores on words"
    )
    for split in Split:
        scores = [headline[split].to_dict() for headline in headlines]
        names = [name for name in scores[0] if name not in NO_SCORES and all(name in one for one in scores)]
        for score in names:
            values = [one[score] for one in scores]
            spread = f"{stdev(values):.4f}" if len(values) > 1 else "-"
            table.add_row(split, score, f"{fmean(values):.4f}", spread, *(f"{one:.4f}" for one in values))
    console.print(table)
