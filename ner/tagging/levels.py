"""Which levels of entities a tagger on disk knows, told without PyTorch."""

from pathlib import Path

from ner.windows.run_config import RUN_CONFIG, read_run_config

INNER_TAGS = "inner_tags"  # key of run_config.json where there is a head for the inner level: its tags


def read_inner_tags(tagger_dir: Path) -> list[str] | None:
    """Read the tags of a tagger's inner level by id; None where it knows the outer level alone.

    Raises:
        PipelineError: If run_config.json is damaged.
    """
    if not (tagger_dir / RUN_CONFIG).is_file():
        return None
    tags: list[str] | None = read_run_config(tagger_dir).get(INNER_TAGS)
    return tags
