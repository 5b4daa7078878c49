"""Layers of the encoder that a run leaves as they were pretrained: less memory and time, fewer weights."""

from torch.nn import Module, ModuleList
from transformers import PreTrainedModel

from ner.core.errors import PipelineError

EMBEDDINGS = "embeddings"  # what the parts below the first layer are called, or begin with


def freeze_layers(model: PreTrainedModel, n_layers: int) -> None:
    """Keep the embeddings and the lowest layers of the encoder as they are.

    Args:
        model: Encoder and head; changed in place.
        n_layers: How many layers; 0: none, nor the embeddings.

    Raises:
        PipelineError: If the encoder has fewer layers, or shares one among all, as ALBERT does.
    """
    if not n_layers:
        return
    encoder = model.base_model
    layers = _find_layers(encoder, model.config.num_hidden_layers)
    if n_layers > len(layers):
        has = f"{len(layers)} layers" if layers else "no layers of its own weights each"
        raise PipelineError(
            f"params.yaml: train.freeze_layers is {n_layers}, and the encoder has {has}.",
            remedy=f"set it to at most {len(layers)}.",
        )
    below = [part for name, part in encoder.named_children() if name.startswith(EMBEDDINGS)]
    for part in [*below, *layers[:n_layers]]:
        part.requires_grad_(False)


def _find_layers(encoder: Module, n_layers: int) -> list[Module]:
    lists = (part for part in encoder.modules() if isinstance(part, ModuleList))
    return next((list(part) for part in lists if len(part) == n_layers), [])
