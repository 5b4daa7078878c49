"""Print the headline scores of the last run: `ner headline`."""

from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from ner.core.errors import PipelineError
from ner.evaluation.headline_file import read_headlines

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def headline() -> None:
    """Print the headline scores of the last run, one row a split."""
    scores_file = Path("metrics/evaluate.json")
    if not scores_file.is_file():
        raise PipelineError(
            f"{scores_file}: no scores yet.", remedy="run dvc repro in the project's root folder."
        )
    table = Table(
        "split", "F1", "95 % interval", "precision", "recall", "subtoken F1", title="Scores on words"
    )
    for split, one in sorted(read_headlines(scores_file).items()):
        others = (one.precision, one.recall, one.subtoken_f1)
        interval = f"{one.f1_low:.4f} to {one.f1_high:.4f}"
        table.add_row(split, f"{one.f1:.4f}", interval, *(f"{score:.4f}" for score in others))
    console = Console()
    console.print(table)
    console.print("The report: metrics/report/index.html")
