"""Search for better parameters by the F1 of the validation split: `ner search`."""

from pathlib import Path
from typing import Annotated, Any, Literal

import optuna
import typer
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState
from pydantic import Field, PositiveInt, create_model
from rich.console import Console

from ner.core.errors import PipelineError
from ner.core.params import Params, check_params, read_yaml
from tools.experiments.queue import (
    Experiment,
    check_names,
    explain_failures,
    read_params,
    run_experiments,
)
from tools.experiments.results import WORKSPACE, Split, read_headline
from tools.experiments.worker import HOW_TO_WATCH
from tools.tables import make_table

DIGITS = 3  # of a number that is tried: more would be noise in a table


class Choices(Params):
    """A parameter that is one of some values."""

    choices: list[int | float | str | bool] = Field(min_length=1, description="The values, at least one.")


class WholeRange(Params):
    """A parameter that is a whole number."""

    low: int = Field(description="The smallest whole number.")
    high: int = Field(description="The largest whole number.")
    scale: Literal["linear", "log"] = Field(description="linear or log.")


class Range(Params):
    """A parameter that is a number."""

    low: float = Field(description="The smallest number.")
    high: float = Field(description="The largest number.")
    scale: Literal["linear", "log"] = Field(description="linear or log.")


class SearchFile(Params):
    """What to search; `parameters` gets its fields from the names that stand there."""

    trials: PositiveInt = Field(description="Points tried in all.")
    batch: PositiveInt = Field(description="Points drawn and queued at once.")
    seed: int = Field(ge=0, description="Seed of the sampler.")
    parameters: Any = Field(description="Ranges by section.key.")


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def search(
    file: Annotated[Path, typer.Argument(help="YAML file with the ranges.")] = Path("profiles/search.yaml"),
) -> None:
    """Run the trials without results; end with a ranked table and the command that applies the best."""
    console = Console(soft_wrap=True, highlight=False, markup=False)
    settings, space = read_search(file)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=settings.seed))
    scores: dict[str, tuple[float, dict[str, Any]]] = {}
    failed: dict[str, str] = {}
    for start in range(0, settings.trials, settings.batch):
        trials = [study.ask(space) for _ in range(start, min(start + settings.batch, settings.trials))]
        points = {f"trial {trial.number + 1}": round_point(trial.params) for trial in trials}
        first_label = {str(point): label for label, point in reversed(points.items())}
        console.print(f"{', '.join(points)} of {settings.trials}; {HOW_TO_WATCH}")
        finished = run_experiments(
            [Experiment(label, "search", points[label]) for label in first_label.values()]
        )
        failed |= finished.failed
        for trial, point in zip(trials, points.values(), strict=True):
            revision = finished.revisions.get(first_label[str(point)])
            if revision is None:
                study.tell(trial, state=TrialState.FAIL)
            else:
                f1 = read_headline(revision)[Split.VALIDATION].f1
                scores[revision] = f1, point
                study.tell(trial, f1)
    print_ranking(console, scores, list(space))
    if failed:
        raise explain_failures(failed)


def read_search(file: Path) -> tuple[SearchFile, dict[str, BaseDistribution]]:
    """Read and check the file.

    Returns:
        Its settings, and the distribution of each parameter.

    Raises:
        PipelineError: Names the key, the value and the remedy.
    """
    content = read_yaml(file)
    settings = check_params(content, SearchFile, file)
    if not isinstance(settings.parameters, dict) or not settings.parameters:
        raise PipelineError(
            f"{file}: parameters holds none.", remedy="write train.lr: {low: ..., high: ..., scale: log}"
        )
    check_names(list(settings.parameters), str(file))
    now = read_params()
    kinds: dict[str, Any] = {}
    for name, value in settings.parameters.items():
        is_choice = isinstance(value, dict) and "choices" in value
        is_number = isinstance(now[name], int | float) and not isinstance(now[name], bool)
        if not is_choice and not is_number:
            raise PipelineError(
                f"{file}: {name} is no number in params.yaml.", remedy=f"write {name}: {{choices: [...]}}"
            )
        kinds[name] = (Choices if is_choice else WholeRange if isinstance(now[name], int) else Range, ...)
    ranges = create_model("Ranges", __base__=Params, **kinds)
    whole = create_model("Whole", __base__=Params, parameters=(ranges, ...))
    checked = dict(check_params({"parameters": settings.parameters}, whole, file))["parameters"]
    space = {name: make_distribution(name, getattr(checked, name), file) for name in kinds}
    return settings, space


def make_distribution(name: str, values: Choices | WholeRange | Range, file: Path) -> BaseDistribution:
    """Build the sampler's distribution.

    Raises:
        PipelineError: If the range is empty, or has no logarithm.
    """
    if isinstance(values, Choices):
        return CategoricalDistribution(values.choices)
    is_log = values.scale == "log"
    if values.low > values.high or (is_log and values.low <= 0):
        raise PipelineError(
            f"{file}: parameters.{name} goes from {values.low} to {values.high} ({values.scale}).",
            remedy="low is at most high, and above 0 on a log scale.",
        )
    if isinstance(values, WholeRange):
        return IntDistribution(values.low, values.high, log=is_log)
    return FloatDistribution(values.low, values.high, log=is_log)


def round_point(point: dict[str, Any]) -> dict[str, Any]:
    """Round the numbers that are tried."""
    return {
        name: float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
        for name, value in point.items()
    }


def print_ranking(
    console: Console, scores: dict[str, tuple[float, dict[str, Any]]], parameters: list[str]
) -> None:
    """Show the experiments, the best first, and how to take its parameters and results."""
    ranked = sorted(scores.items(), key=lambda item: -item[1][0])
    if not ranked:
        return
    table = make_table(
        "rank", "validation F1", *parameters, "experiment", title="By F1 of the validation split"
    )
    table.columns[-1].no_wrap = True  # a name is there to be copied
    for rank, (revision, (f1, point)) in enumerate(ranked, 1):
        table.add_row(str(rank), f"{f1:.4f}", *(str(point[name]) for name in parameters), revision)
    console.print(table)
    console.print("The best of many looks better than it is: check it with ner seeds and ner compare.")
    best = ranked[0][0]
    how = "it stands in the workspace already" if best == WORKSPACE else f"dvc exp apply {best}"
    console.print(f"Apply the best: {how}")
