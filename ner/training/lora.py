"""LoRA: low-rank updates of some linear layers in place of all the encoder's weights (Hu et al. 2021).

The adapters live inside the encoder while it trains. At the end they are added to the weights that they
adapt, so that the tagger is a plain checkpoint.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from torch import nn
from transformers import PreTrainedModel

from ner.core.errors import PipelineError, summarise_error
from ner.training.params import ALL_LINEAR, LoraParams

logger = logging.getLogger(__name__)


def add_lora(model: PreTrainedModel, lora: LoraParams | None) -> None:
    """Put adapters into the encoder; its own weights are no longer trained, the heads are.

    Args:
        model: Encoder and heads; changed in place.
        lora: Section `train.lora`; None: nothing changes.

    Raises:
        PipelineError: If peft is not installed, or the encoder has no layer of a name.
    """
    if lora is None:
        return
    if find_spec("peft") is None:
        raise PipelineError(
            "params.yaml: train.lora is set, and peft is not installed.",
            remedy="pip install -r requirements-lora.txt, or leave train.lora empty.",
        )
    encoder = model.base_model
    targets = _find_layers(encoder, lora.modules)
    try:
        from peft import LoraConfig, inject_adapter_in_model  # seconds that other runs need not wait
    except (ImportError, RuntimeError) as error:  # one of them too old for the other
        raise PipelineError(
            f"params.yaml: train.lora is set, and peft cannot be loaded ({summarise_error(error)}).",
            remedy="pip install -r requirements-lora.txt, or leave train.lora empty.",
        ) from error
    config = LoraConfig(
        r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=targets, bias="none"
    )
    inject_adapter_in_model(config, encoder)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    logger.info(
        "LoRA in %d linear layers: %d of %d weights are trained, the heads' included",
        len(targets),
        sum(weight.numel() for weight in weights),
        model.num_parameters(),
    )


def merge_lora(model: PreTrainedModel) -> None:
    """Add the adapters to the weights that they adapt and take them out; nothing without adapters."""
    for name, layer in _list_adapted(model):
        layer.merge()
        model.set_submodule(name, layer.base_layer)
    if hasattr(model.base_model, "peft_config"):
        del model.base_model.peft_config


@contextmanager
def merged_lora(model: PreTrainedModel) -> Iterator[None]:
    """Let the model compute for a while as it will after `merge_lora`; its weights come back unchanged."""
    adapted = [layer for _, layer in _list_adapted(model)]
    kept = [layer.base_layer.weight.data for layer in adapted]
    for layer in adapted:
        layer.base_layer.weight.data = layer.base_layer.weight.data.clone()  # merging adds in place
        layer.merge()
    try:
        yield
    finally:
        for layer, weight in zip(adapted, kept, strict=True):
            layer.base_layer.weight.data = weight
            layer.merged_adapters.clear()


def _find_layers(encoder: nn.Module, wanted: Sequence[str]) -> list[str]:
    """List the encoder's linear layers whose names end with a wanted one."""
    linear = [name for name, layer in encoder.named_modules() if isinstance(layer, nn.Linear)]
    if list(wanted) == [ALL_LINEAR]:
        return linear
    for one in wanted:
        if not any(_ends_with(name, one) for name in linear):
            known = ", ".join(sorted({name.rpartition(".")[2] for name in linear}))
            raise PipelineError(
                f"params.yaml: train.lora.modules names {one!r}, and the encoder has no such linear layer.",
                remedy=f"choose of {known}, or write [{ALL_LINEAR}].",
            )
    return [name for name in linear if any(_ends_with(name, one) for one in wanted)]


def _ends_with(name: str, end: str) -> bool:
    return f".{name}".endswith(f".{end}")


def _list_adapted(model: PreTrainedModel) -> list[tuple[str, Any]]:
    return [(name, layer) for name, layer in model.named_modules() if hasattr(layer, "lora_A")]
