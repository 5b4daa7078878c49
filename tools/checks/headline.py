"""Print the headline scores of the last run: `ner headline`."""

from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from ner.core.errors import PipelineError
from ner.core.files import read_json

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def headline() -> None:
    """Print the headline scores of the last run, one row a split."""
    scores_file = Path("metrics/evaluate.json")
    if not scores_file.is_file():
        raise PipelineError(
            f"{scores_file}: no scores yet.", remedy="run dvc repro in the project's root folder."
        )
    splits = read_json(scores_file)
    columns = {"precision": "precision", "recall": "recall", "subtoken_f1": "subtoken F1"}
    if all("m1_f1" in scores for scores in splits.values()):
        columns |= {"inner_f1": "inner level F1", "m1_f1": "both levels F1 (M1)"}
    table = Table("split", "F1", "95 % interval", *columns.values(), title="Scores on words")
    for split, scores in sorted(splits.items()):
        figures = {name: f"{value:.4f}" for name, value in scores.items()}
        interval = f"{figures['f1_low']} to {figures['f1_high']}"
        table.add_row(split, figures["f1"], interval, *(figures[name] for name in columns))
    console = Console()
    console.print(table)
    console.print("The report: metrics/report/index.html")
