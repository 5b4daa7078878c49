"""Layers of the encoder that a run leaves as they were pretrained: less memory and time, fewer weights."""

from transformers import PreTrainedModel

from ner.core.errors import PipelineError
from ner.training.encoder_layers import find_embeddings, find_layers


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
    layers = find_layers(model)
    if n_layers > len(layers):
        has = f"{len(layers)} layers" if layers else "no layers of its own weights each"
        raise PipelineError(
            f"params.yaml: train.freeze_layers is {n_layers}, and the encoder has {has}.",
            remedy=f"set it to at most {len(layers)}.",
        )
    for part in [*find_embeddings(model), *layers[:n_layers]]:
        part.requires_grad_(False)
