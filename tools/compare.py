"""Compare two results and end with a status that CI can act on: `python -m tools.compare`.

Exit status: 0 pass; 1 worse by more than `--max-drop`, which the interval of the difference excludes; 2 not
comparable, which never passes.
"""

import json
import math
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.repo.data import DataIndexDirError
from rich.console import Console
from rich.table import Table
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stages.ner.bootstrap import PairedDifference, paired_difference
from stages.ner.errors import PipelineError, run_command
from stages.ner.predictions import read_predictions
from stages.ner.scores import SpanScores, score_spans
from stages.ner.spans import decode_spans

WORKSPACE = "workspace"
N_SAMPLES, SEED = 2_000, 0  # of the paired bootstrap
SPEED_FILES = ("metrics/speed/fine_tune.json", "metrics/speed/evaluate.json")
NOTE = "The interval knows the chance of which test sentences were drawn, not the luck of a seed."


class Split(StrEnum):
    """A split that `evaluate` scores."""

    VALIDATION = "validation"
    TEST = "test"


class Format(StrEnum):
    """How the comparison is printed."""

    TABLE = "table"
    MARKDOWN = "markdown"
    JSON = "json"


class IncomparableError(PipelineError):
    """The two results cannot be compared: exit status 2."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one revision made.

    Args:
        params: Values by `section.key`.
        figures: Headline, F1 by label and speed, by name.
        words_sha256: Hash of the split's words.
        spans: Counts of the split's predictions.
    """

    params: dict[str, Any]
    figures: dict[str, float]
    words_sha256: str
    spans: SpanScores


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the candidate differs from the baseline.

    Args:
        verdict: `better`, `worse` or `no difference that the data can show`.
        is_pass: Whether the drop is not shown to be larger than allowed.
        f1: The difference of F1, candidate minus baseline, with its interval and p-value.
        params: Baseline and candidate of each parameter that differs.
        figures: The same for each figure.
    """

    verdict: str
    is_pass: bool
    f1: PairedDifference
    params: dict[str, tuple[Any, Any]]
    figures: dict[str, tuple[Any, Any]]


def read_result(revision: str, split: Split, *, pull: bool) -> Result:
    """Read a revision's results, from Git and from DVC's cache.

    Args:
        revision: A Git revision, an experiment's name, or `workspace`.
        split: Which split to compare.
        pull: Whether to fetch predictions from the remote where the cache lacks them.

    Raises:
        IncomparableError: If the revision is unknown, or a result is missing or no finite number.
    """
    predictions_file = f"data/predictions/{split}.parquet"
    rev = None if revision == WORKSPACE else revision
    try:
        if pull and rev:
            with Repo() as repo:
                repo.fetch(targets=["data/predictions"], revs=[rev])
        files = DVCFileSystem(rev=rev)
        params = YAML(typ="safe").load(files.read_text("params.yaml"))
        data = json.loads(files.read_text("metrics/data.json"))
        headline = json.loads(files.read_text("metrics/evaluate.json"))[split]
        speed = {path: json.loads(files.read_text(path)) for path in SPEED_FILES if files.exists(path)}
    except FileNotFoundError as error:
        raise IncomparableError(
            f"{revision}: {error.filename or error} is not there.", remedy="run dvc repro there and commit."
        ) from error
    except DvcException as error:
        raise IncomparableError(
            f"{revision}: {error}.", remedy="git branch and dvc exp show list names."
        ) from error
    except KeyError as error:
        raise IncomparableError(
            f"{revision}: no scores of {error}.", remedy="run dvc repro there."
        ) from error
    except (ValueError, YAMLError) as error:  # merge markers, for example
        raise IncomparableError(
            f"{revision}: params.yaml or a file in metrics/ cannot be parsed ({error}).",
            remedy="mend it, or run dvc repro there and commit.",
        ) from error
    try:
        spans = score_predictions(files.read_bytes(predictions_file))
    except (FileNotFoundError, DataIndexDirError) as error:  # which of them depends on what DVC has indexed
        raise IncomparableError(
            f"{revision}: {predictions_file} is not in DVC's cache.", remedy="pass --pull, or run dvc fetch."
        ) from error
    figures = {
        **headline,
        **{f"f1 {label}": counts.f1 for label, counts in spans.by_label.items()},
        **flatten({Path(path).stem: values for path, values in speed.items()}),
    }
    for name, value in figures.items():
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise IncomparableError(
                f"{revision}: {name} is {value}.", remedy="run dvc repro there and commit."
            )
    if not math.isclose(headline.get("f1", math.nan), spans.overall.f1):
        raise IncomparableError(
            f"{revision}: metrics/evaluate.json and {predictions_file} do not belong together.",
            remedy="run dvc repro there and commit.",
        )
    return Result(dict(flatten(params)), figures, data[split]["sha256"], spans)


def score_predictions(parquet: bytes) -> SpanScores:
    """Score predictions as `evaluate` does."""
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        Path(file.name).write_bytes(parquet)
        predictions = read_predictions(Path(file.name))
    return score_spans(
        gold=[decode_spans(one.gold) for one in predictions],
        predicted=[decode_spans(one.predicted) for one in predictions],
    )


def compare_results(baseline: Result, candidate: Result, *, max_drop: float) -> Comparison:
    """Tell a change from noise by a paired bootstrap over the sentences of both.

    Raises:
        IncomparableError: If the two were scored on other words or other gold spans.
    """
    if baseline.words_sha256 != candidate.words_sha256:
        raise IncomparableError(
            "The two were scored on other words: their corpora differ.",
            remedy="compare with a revision that has the same corpus.",
        )
    try:
        f1 = paired_difference(
            candidate.spans.by_sentence, baseline.spans.by_sentence, n_samples=N_SAMPLES, seed=SEED
        )
    except ValueError as error:
        raise IncomparableError(
            "The two were scored against other gold tags.",
            remedy="compare with a revision that has the same corpus.",
        ) from error
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
        params=differing(baseline.params, candidate.params),
        figures=differing(baseline.figures, candidate.figures),
    )


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Pair the values of each key that differs; None where a side lacks it."""
    names = [*old, *(name for name in new if name not in old)]
    return {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}


def flatten(section: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Name nested values by their path, joined by dots."""
    flat: dict[str, Any] = {}
    for key, value in section.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return flat


def print_comparison(comparison: Comparison, form: Format, title: str) -> None:
    """Print on standard output."""
    interval = comparison.f1.interval
    summary = (
        f"{comparison.verdict}: F1 {comparison.f1.difference:+.4f}, 95 % interval {interval.low:+.4f} to "
        f"{interval.high:+.4f}, p {comparison.f1.p_value:.3f}. {NOTE}"
    )
    rows = [(name, *map(show, pair)) for name, pair in (comparison.params | comparison.figures).items()]
    console = Console(soft_wrap=True, highlight=False, markup=False)
    if form is Format.JSON:
        console.print(json.dumps(asdict(comparison), indent=2, sort_keys=True))
    elif form is Format.MARKDOWN:
        lines = [f"**{title}**", "", summary, "", "| what | baseline | candidate |", "| --- | --- | --- |"]
        console.print("\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]))
    else:
        table = Table("what", "baseline", "candidate", title=title)
        for row in rows:
            table.add_row(*row)
        console.print(table)
        console.print(summary)


def show(value: object) -> str:
    """Format a value of a parameter or figure."""
    return f"{value:.4f}" if isinstance(value, float) and abs(value) >= 1e-3 else str(value)


def find_main() -> str:
    """Name the main branch: a pull request's checkout has none of its own."""
    command = ["git", "rev-parse", "--verify", "--quiet", "main"]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - a fixed command
    return "main" if done.returncode == 0 else "origin/main"


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def compare(
    baseline: Annotated[
        str, typer.Option(help="Revision, experiment or workspace; else main, origin/main.")
    ] = "",
    candidate: Annotated[str, typer.Option(help="Revision, experiment or workspace.")] = WORKSPACE,
    split: Annotated[Split, typer.Option(help="Split to compare.")] = Split.TEST,
    max_drop: Annotated[float, typer.Option(min=0, help="Drop of F1 that is allowed, 0 to 1.")] = 0.01,
    form: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TABLE,
    pull: Annotated[bool, typer.Option("--pull", help="Fetch predictions that the cache lacks.")] = False,
) -> None:
    """Compare two results; exit with 0 (pass), 1 (worse beyond --max-drop) or 2 (cannot compare)."""
    baseline = baseline or find_main()
    try:
        comparison = compare_results(
            read_result(baseline, split, pull=pull),
            read_result(candidate, split, pull=pull),
            max_drop=max_drop,
        )
    except IncomparableError as error:
        typer.echo(f"error: not comparable: {error}", err=True)
        raise typer.Exit(2) from error
    print_comparison(comparison, form, f"{candidate} against {baseline}, {split}")
    if not comparison.is_pass:
        raise typer.Exit(1)


if __name__ == "__main__":
    run_command(app)
