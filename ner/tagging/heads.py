"""The inner level's head: a second linear layer over what the outer one reads, in a file of its own."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import PreTrainedModel

from ner.annotation.labels import order_tags
from ner.core.errors import PipelineError, summarise_error
from ner.tagging.levels import INNER_TAGS, read_inner_tags
from ner.windows.run_config import RUN_CONFIG

INNER_HEAD = "inner_head.safetensors"
INITIALIZER_RANGE = 0.02  # of a fresh head where the encoder's configuration names none, as in transformers


class TwoHeads(nn.Module):
    """Both heads in the place of the outer one, so that the model gives the logits of both at once.

    Args:
        outer: The model's own head.
        inner: Its counterpart for the inner level, with the same tags.
    """

    def __init__(self, outer: nn.Linear, inner: nn.Linear) -> None:
        super().__init__()
        self.outer, self.inner = outer, inner

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Compute the logits of the outer level, then those of the inner one.

        Args:
            hidden: Shape: (n_rows, n_subtokens, hidden size).

        Returns:
            Shape: (n_rows, n_subtokens, 2 * n_tags).
        """
        return torch.cat([self.outer(hidden), self.inner(hidden)], dim=-1)


class LevelOutputs(nn.Module):
    """A model of two levels as a function with an output for each: what is exported.

    Args:
        model: Encoder and both heads.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Compute the logits of each level. Shape of all: (n_rows, n_subtokens[, n_tags])."""
        logits: torch.Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits.chunk(2, dim=-1)


def add_inner_head(model: PreTrainedModel) -> None:
    """Add to a model of the outer level a second head with fresh weights, drawn after all of its own.

    Raises:
        PipelineError: If the model's head is no linear layer.
    """
    name, outer = _find_head(model)
    inner = nn.Linear(outer.in_features, outer.out_features, bias=outer.bias is not None, device="meta")
    inner.to_empty(device=outer.weight.device).to(outer.weight.dtype)
    nn.init.normal_(inner.weight, std=getattr(model.config, "initializer_range", INITIALIZER_RANGE))
    if inner.bias is not None:
        nn.init.zeros_(inner.bias)
    setattr(model, name, TwoHeads(outer, inner))


def count_levels(model: PreTrainedModel) -> int:
    """Count the levels whose logits a model gives: 1 or 2."""
    return 2 if any(isinstance(module, TwoHeads) for module in model.children()) else 1


def split_levels(logits: torch.Tensor, n_levels: int) -> torch.Tensor:
    """Part the logits of the levels: (n_rows, n_subtokens, n_levels * n_tags) to (…, n_levels, n_tags)."""
    return logits.reshape(*logits.shape[:-1], n_levels, -1)


def list_tags(model: PreTrainedModel) -> list[str]:
    """List the tags of a model in the order of their ids."""
    return order_tags(model.config.id2label or {})


def find_heads(model: PreTrainedModel) -> tuple[str, list[nn.Linear]]:
    """Find the last layers that give the logits: the outer one and, where the model has one, the inner one.

    Returns:
        Their name in a plain checkpoint, and the layers.

    Raises:
        PipelineError: If the model's head is no linear layer.
    """
    for name, heads in model.named_children():
        if isinstance(heads, TwoHeads):
            return name, [heads.outer, heads.inner]
    name, outer = _find_head(model)
    return name, [outer]


def save_heads(model: PreTrainedModel, folder: Path) -> None:
    """Write a plain checkpoint of the outer level and, where the model has one, the inner head beside it."""
    for name, heads in model.named_children():
        if isinstance(heads, TwoHeads):
            setattr(model, name, heads.outer)
            try:
                model.save_pretrained(folder)
            finally:
                setattr(model, name, heads)
            save_file(
                {key: value.contiguous() for key, value in heads.inner.state_dict().items()},
                folder / INNER_HEAD,
            )
            return
    model.save_pretrained(folder)


def load_inner_head(model: PreTrainedModel, tagger_dir: Path) -> None:
    """Load the inner head that `save_heads` wrote; nothing where run_config.json names no tags for one.

    Raises:
        PipelineError: If the head is missing or damaged, or belongs to another model.
    """
    tags = read_inner_tags(tagger_dir)
    if tags is None:
        return
    path = tagger_dir / INNER_HEAD
    remedy = "restore the folder (dvc checkout models/ner), or train again: dvc repro -f -s fine_tune"
    if tags != list_tags(model):
        raise PipelineError(
            f"{tagger_dir / RUN_CONFIG}: {INNER_TAGS} are not the tags of config.json.", remedy=remedy
        )
    add_inner_head(model)
    heads = next(module for module in model.children() if isinstance(module, TwoHeads))
    try:
        heads.inner.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise PipelineError(
            f"{path}: cannot be loaded as the inner head ({summarise_error(error)}).", remedy=remedy
        ) from error


def _find_head(model: PreTrainedModel) -> tuple[str, nn.Linear]:
    """Find the linear layer that gives a tag's logit per output, by its name in the model."""
    for name, module in reversed(list(model.named_children())):
        if isinstance(module, nn.Linear) and module.out_features == model.config.num_labels:
            return name, module
    raise PipelineError(
        f"model.checkpoint: the head of {type(model).__name__} is no linear layer.",
        remedy="set train.levels to outer, or choose another model.checkpoint.",
    )
