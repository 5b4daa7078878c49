"""Which levels of entities a tagger on disk knows, told without PyTorch."""

from pathlib import Path

from ner.core.files import read_json
from ner.windows.run_config import RUN_CONFIG

INNER_TAGS = "inner_tags"  # key of run_config.json where there is a head for the inner level: its tags


def read_inner_tags(tagger_dir: Path) -> list[str] | None:
    """Read the tags of a tagger's inner level by id; None where it knows the outer level alone."""
    path = tagger_dir / RUN_CONFIG
    tags: list[str] | None = read_json(path).get(INNER_TAGS) if path.is_file() else None
    return tags
