"""The number types that a setting may name, without PyTorch, which the command line does without."""

from typing import Literal

TrainingPrecision = Literal["auto", "fp32", "bf16", "fp16"]
TaggingPrecision = Literal["auto", "fp32", "bf16"]
CHOSEN = "tagging"  # the section there that is no setting: the machine chose what the tagger tags in
