"""Training in bfloat16 on a CPU: the encoder's linear layers alone compute in it.

Autocast on a CPU also runs attention, GELU and dropout in bfloat16. After 80 steps of e5-de-small, where the
loss lies on a plateau, that moved the gradient of the query weights by 17 %, and this design by 1 %. Here the
weights, the activations between the layers, attention, the residual sums, the norms, the head and the loss
stay in float32.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.functional import linear
from transformers import PreTrainedModel


class Bfloat16Linear(nn.Linear):
    """A linear layer whose products, forward and backward, are computed in bfloat16, on float32 weights."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Return the layer's outputs in float32; the bias is added, and its gradient summed, in float32."""
        product = linear(input.bfloat16(), self.weight.bfloat16()).float()
        return product if self.bias is None else product + self.bias


@contextmanager
def linear_layers_in_bfloat16(model: PreTrainedModel) -> Iterator[None]:
    """Let the encoder's linear layers compute in bfloat16 for a while; the model itself stays as it is."""
    layers = [layer for layer in model.base_model.modules() if type(layer) is nn.Linear]
    for layer in layers:
        layer.__class__ = Bfloat16Linear
    try:
        yield
    finally:
        for layer in layers:
            layer.__class__ = nn.Linear
