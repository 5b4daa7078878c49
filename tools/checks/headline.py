"""Print the headline scores of the last run: `ner headline`."""

from pathlib import Path

import typer
from rich.console import Console

from ner.core.errors import PipelineError
from ner.evaluation.headline_file import read_headlines
from tools.tables import make_table

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def headline() -> None:
    """Print the headline scores of the last run, one row a split."""
    scores_file = Path("metrics/evaluate.json")
    if not scores_file.is_file():
        raise PipelineError(
            f"{scores_file}: no scores yet.", remedy="run dvc repro in the project's root folder."
        )
    headlines = read_headlines(scores_file)
    columns = {"precision": "precision", "recall": "recall", "subtoken_f1": "subtoken F1"}
    if all(one.m1_f1 is not None for one in headlines.values()):
        columns |= {"inner_f1": "inner F1", "m1_f1": "M1"}
    table = make_table("split", "F1", "95 % interval", *columns.values(), title="Scores on words")
    for split, one in sorted(headlines.items()):
        interval = f"{one.f1_low:.4f} to {one.f1_high:.4f}"
        table.add_row(split, f"{one.f1:.4f}", interval, *(f"{getattr(one, name):.4f}" for name in columns))
    console = Console()
    console.print(table)
    console.print("The report: metrics/report/index.html")
