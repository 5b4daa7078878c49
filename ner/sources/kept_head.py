"""The old head of a checkpoint that training goes on from (`model.head: keep`): the tags of its rows."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ner.annotation.labels import order_tags
from ner.core.checkpoint_files import CONFIG, KEPT_HEAD, OURS
from ner.core.errors import PipelineError
from ner.core.files import read_json, write_json

GENERIC = re.compile(r"LABEL_\d+")  # what transformers calls a row that nobody named


def record_head(folder: Path, place: str) -> None:
    """Write down which tag each row of a checkpoint's head stands for, of both levels where it has both.

    Args:
        folder: The checkpoint. `kept_head.json` is written there; `run_config.json`, if there, is read and
            removed, since another one is written for the tagger.
        place: Its name for a message.

    Raises:
        PipelineError: If config.json speaks of another head, or gives its rows no names, or run_config.json
            is damaged.
    """
    config = read_json(folder / CONFIG)
    architectures = config.get("architectures") or []
    if architectures and not any("TokenClassification" in str(name) for name in architectures):
        raise refuse_head(place, f"it was saved as {architectures[0]}")
    tags = _read_tags(config)
    if not tags:
        raise refuse_head(place, "its config.json names no tags")
    if all(map(GENERIC.fullmatch, tags)):
        raise PipelineError(
            f"{place}, whose tags have no names in its config.json ({', '.join(tags[:3])}, …), "
            "and model.head is keep.",
            remedy="write the names into id2label of its config.json, or set model.head to new.",
        )
    run_config, inner_head = (folder / name for name in OURS)
    settings = read_json(run_config) if run_config.is_file() else {}
    if not isinstance(settings, dict):
        raise PipelineError(
            f"{place}, whose {run_config.name} holds no sections, and model.head is keep.",
            remedy="copy the tagger again, or set model.head to new.",
        )
    inner_tags = settings.get("inner_tags")
    run_config.unlink(missing_ok=True)
    if not inner_tags:
        inner_head.unlink(missing_ok=True)
    has_both = bool(inner_tags) and inner_head.is_file()
    write_json(folder / KEPT_HEAD, {"tags": tags, "inner_tags": inner_tags if has_both else None})


def refuse_head(place: str, reason: str) -> PipelineError:
    """Say that a checkpoint has no head that could be kept."""
    return PipelineError(
        f"{place}, which has no head for tags ({reason}), and model.head is keep.",
        remedy="set model.head to new, or model.checkpoint to a fine-tuned tagger.",
    )


def _read_tags(config: Mapping[str, Any]) -> list[str]:
    names = config.get("id2label")
    try:
        return [str(tag) for tag in order_tags(names)] if isinstance(names, dict) else []
    except ValueError:  # an id that is no number
        return []
