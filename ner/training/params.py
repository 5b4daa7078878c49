"""The settings of a training run in params.yaml."""

from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from ner.core.number_types import TrainingPrecision
from ner.core.params import Params


class TrainParams(Params):
    """Section `train`: one training run."""

    share: float = Field(
        gt=0, le=1, description="Share of the training sentences to train on, above 0 and at most 1."
    )
    lr: PositiveFloat = Field(description="Peak learning rate, reached at the end of warm-up.")
    batch_size: PositiveInt = Field(
        le=100_000, description="Windows in an optimiser step, of all processes together."
    )
    epochs: PositiveInt = Field(le=10_000, description="Passes over the training split.")
    patience: PositiveInt | None = Field(
        description="Epochs without a better validation F1 after which training ends; null: all epochs."
    )
    freeze_layers: NonNegativeInt = Field(
        description="Lowest layers of the encoder that stay as they are, with the embeddings; 0: none."
    )
    weight_decay: NonNegativeFloat = Field(description="AdamW's decay of all weights but biases and norms.")
    warmup_share: float = Field(
        ge=0, le=1, description="Share of the optimiser steps spent warming up, 0 to 1."
    )
    precision: TrainingPrecision = Field(description="Number type of the arithmetic.")
    levels: Literal["auto", "outer", "both"] = Field(
        description="Levels to train: outer, both, or auto (both where train has nested entities)."
    )
    gradient_accumulation_steps: PositiveInt = Field(
        description="Parts of a batch that are computed one after the other, to save memory."
    )
    gradient_checkpointing: bool = Field(description="Whether to compute activations twice, to save memory.")
