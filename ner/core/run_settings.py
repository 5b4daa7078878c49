"""Section `run` of params.yaml: settings that cannot change a result."""

from typing import Literal

from pydantic import Field, PositiveInt

from ner.core.params import Params


class RunParams(Params):
    """Section `run`. Nothing here can change a result, so a change reruns no stage."""

    checkpoint_steps: PositiveInt = Field(
        description="Optimiser steps between two checkpoints, from which an interrupted run goes on."
    )
    launcher: str = Field(
        min_length=1, description="What starts fine_tune: python, torchrun or accelerate launch with options."
    )
    trackers: list[Literal["tensorboard", "mlflow", "wandb", "dvclive"]] = Field(
        description="What shows losses and scores while fine_tune trains, such as [tensorboard]; [] for none."
    )
    subtokens_per_batch: PositiveInt | None = Field(
        description="Most subtokens in a batch when tagging, padding included; null: set for the CPU or GPU."
    )


class RunSection(Params):
    """The section as a stage reads it: apart from what decides its result."""

    run: RunParams
