"""Templates as pages: what comes from a corpus is text there, in HTML and in Markdown, never markup."""

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape


def make_environment(template_dir: Path) -> Environment:
    """Make the reader of the templates: HTML is escaped by itself, Markdown by the filter `inert`."""
    environment = Environment(
        loader=FileSystemLoader(template_dir),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["inert"] = escape_markdown
    return environment


def escape_markdown(text: object) -> str:
    """Write text so that neither Markdown nor HTML reads markup, links or mentions from it."""
    inert = re.sub(r"[&<>\"'\\`*_\[\]()#|~@:$!]", lambda found: f"&#{ord(found[0])};", str(text))
    return re.sub(r"\s+", " ", inert)
