"""The number types that a setting may name, without PyTorch, which the command line does without."""

from typing import Literal

TrainingPrecision = Literal["auto", "fp32", "bf16", "fp16"]
TaggingPrecision = Literal["auto", "fp32", "bf16"]
CHOSEN = "tagging"  # section of run_config.json that is no setting: the machine chose it
