"""Tables where the terminal is narrow."""

import io

import pytest
from rich.console import Console

from tools.tables import make_table


@pytest.mark.parametrize("width", [30, 40, 80])
def test_a_narrow_terminal_loses_no_figure(width):
    table = make_table("split", "validation F1", "recall", title="Scores")
    table.add_row("validation", "0.8754123", "0.8651456")
    shown = io.StringIO()
    Console(file=shown, width=width).print(table)
    rows = [line.split("│")[1:-1] for line in shown.getvalue().splitlines() if "│" in line]
    whole = ["".join(column).replace(" ", "") for column in zip(*rows, strict=True)]
    assert whole == ["validation", "0.8754123", "0.8651456"]
