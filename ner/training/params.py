"""The settings of a training run in params.yaml."""

from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from ner.core.number_types import TrainingPrecision
from ner.core.params import Params

ALL_LINEAR = "all-linear"  # peft's name for each linear layer of the encoder


class LoraParams(Params):
    """Section `train.lora`: adapters that are trained in place of the encoder's weights."""

    rank: PositiveInt = Field(le=10_000, description="Rank of each update, such as 8.")
    alpha: PositiveFloat = Field(description="An update is scaled by alpha / rank.")
    dropout: float = Field(ge=0, lt=1, description="Dropout of an adapter's input, from 0 to below 1.")
    modules: list[str] = Field(
        min_length=1, description=f"Names of linear layers, such as [query, value]; or [{ALL_LINEAR}]."
    )


class TrainParams(Params):
    """Section `train`: one training run."""

    share: float = Field(
        gt=0, le=1, description="Share of the training sentences to train on, above 0 and at most 1."
    )
    lr: PositiveFloat = Field(description="Peak learning rate, reached at the end of warm-up.")
    head_lr_factor: PositiveFloat = Field(
        description="Peak learning rate of the heads as a multiple of lr; 1: as the encoder's."
    )
    head_bias: Literal["shares", "zeros"] = Field(
        description="What a fresh head's biases start at: the tags' shares in train, or zeros."
    )
    layer_decay: float = Field(
        gt=0, le=1, description="A layer's learning rate as a share of that of the layer above; 1: all alike."
    )
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
    lora: LoraParams | None = Field(
        description="Adapters in place of the encoder's weights: rank, alpha, dropout, modules; empty: none."
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
