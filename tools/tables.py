"""Tables for a terminal that lose nothing where it is narrow."""

from rich.table import Column, Table


def make_table(*headers: str, title: str | None = None) -> Table:
    """Make a table whose long words go on in the next line; rich would cut them off (`search-2482…`)."""
    return Table(*(Column(header, overflow="fold") for header in headers), title=title)
