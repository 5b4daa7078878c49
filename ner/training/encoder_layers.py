"""The layers of an encoder, from the lowest to the highest, whatever its architecture."""

from torch.nn import Module, ModuleList
from transformers import PreTrainedModel

EMBEDDINGS = "embeddings"  # what the parts below the first layer are called, or begin with


def find_layers(model: PreTrainedModel) -> list[Module]:
    """List the encoder's layers, lowest first; empty where one is shared among all, as in ALBERT."""
    n_layers = model.config.num_hidden_layers
    lists = (part for part in model.base_model.modules() if isinstance(part, ModuleList))
    return next((list(part) for part in lists if len(part) == n_layers), [])


def find_embeddings(model: PreTrainedModel) -> list[Module]:
    """List the parts of the encoder below its first layer."""
    return [part for name, part in model.base_model.named_children() if name.startswith(EMBEDDINGS)]
