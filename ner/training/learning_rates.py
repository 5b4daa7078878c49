"""Learning rates that differ by depth: the heads' own one, and less for each layer further down."""

from collections.abc import Collection, Iterator
from typing import Any

from torch.nn import Module, Parameter
from transformers import PreTrainedModel

from ner.core.errors import PipelineError
from ner.training.encoder_layers import find_embeddings, find_layers
from ner.training.params import TrainParams


def group_weights(
    model: PreTrainedModel, train: TrainParams, decayed: Collection[str]
) -> list[dict[str, Any]]:
    """Group the weights that are trained by learning rate and weight decay, as torch's optimisers take them.

    The heads learn at `train.lr` times `train.head_lr_factor`, the encoder's top layer at `train.lr`, each
    layer below at `train.layer_decay` times the rate of the one above it, the embeddings below the lowest
    one (Howard and Ruder 2018, ULMFiT, section 3.2).

    Args:
        model: Encoder and heads.
        train: The settings.
        decayed: Names of the weights that decay.

    Returns:
        Groups with `params`, `lr` and `weight_decay`, in the order of the model's weights.

    Raises:
        PipelineError: If rates differ by layer and the encoder has no layers of its own weights each.
    """
    exponents = dict(_count_layers_above(model)) if train.layer_decay < 1 else {}
    in_encoder = {id(weight) for weight in model.base_model.parameters()}
    groups: dict[tuple[float, float], list[Parameter]] = {}
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            if id(weight) in in_encoder:
                rate = train.lr * train.layer_decay ** exponents.get(id(weight), 0)
            else:
                rate = train.lr * train.head_lr_factor
            decay = train.weight_decay if name in decayed else 0.0
            groups.setdefault((rate, decay), []).append(weight)
    return [{"params": weights, "lr": lr, "weight_decay": decay} for (lr, decay), weights in groups.items()]


def _count_layers_above(model: PreTrainedModel) -> Iterator[tuple[int, int]]:
    """Yield the id of each weight of a layer or an embedding, and how many layers lie above it."""
    layers = find_layers(model)
    if not layers:
        raise PipelineError(
            "params.yaml: train.layer_decay is below 1, and the encoder has no layers of their own weights.",
            remedy="set it to 1.",
        )
    depths: list[tuple[int, Module]] = [*enumerate(reversed(layers))]
    depths += [(len(layers), part) for part in find_embeddings(model)]
    for depth, part in depths:
        for weight in part.parameters():
            yield id(weight), depth
