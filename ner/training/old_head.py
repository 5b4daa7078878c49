"""Going on from a tagger: the rows of its head, outer and inner, by the names of their tags."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from torch import nn
from transformers import PreTrainedModel

from ner.annotation.labels import OUTSIDE
from ner.core.checkpoint_files import KEPT_HEAD
from ner.core.errors import PipelineError
from ner.core.files import read_json
from ner.tagging.heads import INNER_HEAD, find_heads, list_tags

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Matches:
    """Which row of the old head each tag goes on from.

    Args:
        rows: Old row by new row.
        kept: Tags that have an old row; the old name behind those that are written in another case.
        new: Tags without one: their rows stay fresh.
        dropped: Tags of the old head that no tag goes on from.
    """

    rows: dict[int, int]
    kept: list[str]
    new: list[str]
    dropped: list[str]

    def describe(self) -> str:
        """Return the line that says what became of each tag."""
        lists = {"kept": self.kept, "new": self.new, "dropped": self.dropped}
        return "; ".join(f"{name}: {', '.join(tags) or 'none'}" for name, tags in lists.items())


def keep_old_head(model: PreTrainedModel, encoder_dir: Path) -> None:
    """Put the old head's weights in the place of the fresh ones, row by row, where its head is to be kept.

    Nothing is done without `kept_head.json`, which `download_checkpoint` writes for `model.head: keep`.

    Args:
        model: Encoder and fresh head, or both heads; changed in place.
        encoder_dir: The checkpoint.

    Raises:
        PipelineError: If the old head knows none of the labels, or cannot be read.
    """
    if not (encoder_dir / KEPT_HEAD).is_file():
        return
    record = read_json(encoder_dir / KEPT_HEAD)
    name, heads = find_heads(model)
    stored = _read_tensors(sorted(encoder_dir.glob("model*.safetensors")), f"{model.base_model_prefix}.")
    _copy_rows(heads[0], stored, f"{name}.", record["tags"], list_tags(model), "outer")
    for key, weight in model.named_parameters():  # what some heads have before the last layer
        if key in stored and not key.startswith(f"{name}."):
            weight.data.copy_(stored[key])
    if len(heads) > 1 and record["inner_tags"]:
        inner = _read_tensors([encoder_dir / INNER_HEAD], None)
        _copy_rows(heads[1], inner, "", record["inner_tags"], list_tags(model), "inner")
    elif len(heads) > 1:
        logger.info("model.head keep, inner level: the checkpoint has no head for it, all tags are new")
    elif record["inner_tags"]:
        logger.info("model.head keep, inner level: its head is dropped (train.levels)")


def match_tags(tags: Sequence[str], old: Sequence[str]) -> Matches:
    """Find the old row of each tag by its name; one that differs in case alone is the same.

    Args:
        tags: In the order of their ids. Shape: (n_tags,).
        old: Those of the old head. Shape: (n_old_tags,).
    """
    rows: dict[int, int] = {}
    for same in (str, str.casefold):  # exact names first
        for number, tag in enumerate(tags):
            found = [row for row, name in enumerate(old) if same(name) == same(tag)]
            if number not in rows and len(found) == 1 and found[0] not in rows.values():
                rows[number] = found[0]
    kept = [tags[n] if tags[n] == old[rows[n]] else f"{tags[n]} ({old[rows[n]]})" for n in sorted(rows)]
    new = [tag for number, tag in enumerate(tags) if number not in rows]
    dropped = [name for row, name in enumerate(old) if row not in rows.values()]
    return Matches(rows, kept, new, dropped)


def _copy_rows(
    head: nn.Linear,
    stored: dict[str, torch.Tensor],
    prefix: str,
    old_tags: Sequence[str],
    tags: Sequence[str],
    level: str,
) -> None:
    matches = match_tags(tags, old_tags)
    if not any(tags[number] != OUTSIDE for number in matches.rows):
        raise PipelineError(
            f"model.head is keep, and the {level} head of model.checkpoint has no tag of the corpus: "
            f"it has {', '.join(old_tags[:8])}; the corpus has {', '.join(tags[:8])}.",
            remedy="set model.head to new, or rename the corpus's labels with data.label_map.",
        )
    new_rows, old_rows = list(matches.rows), list(matches.rows.values())
    for name, weight in head.named_parameters():
        old = stored.get(prefix + name)
        if old is None or old.shape != (len(old_tags), *weight.shape[1:]):
            raise PipelineError(
                f"model.checkpoint: {prefix + name} of its {level} head is missing or has another shape.",
                remedy="set model.head to new.",
            )
        weight.data[new_rows] = old[old_rows].to(weight.dtype)
    logger.info("model.head keep, %s level: %s", level, matches.describe())


def _read_tensors(paths: Sequence[Path], without: str | None) -> dict[str, torch.Tensor]:
    """Read the tensors of some files, but for those whose names begin with `without`."""
    tensors = {}
    for path in paths:
        with safe_open(path, framework="pt") as file:
            names = [name for name in file.keys() if not (without and name.startswith(without))]  # noqa: SIM118 - no mapping
            tensors.update({name: file.get_tensor(name) for name in names})
    return tensors
