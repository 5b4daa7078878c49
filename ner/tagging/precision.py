"""Which number type the arithmetic uses."""

import torch

from ner.core.errors import PipelineError
from ner.tagging.devices import find_device


def choose_precision(wanted: str) -> str:
    """Resolve `auto` to what the machine computes fastest.

    Raises:
        PipelineError: If float16 is wanted of a CPU: the loss cannot be scaled there.
    """
    has_gpu = find_device().type == "cuda"
    if wanted == "fp16" and not has_gpu:
        raise PipelineError(
            "params.yaml: train.precision is fp16, which needs a GPU.",
            remedy="set train.precision to auto, or to fp32.",
        )
    if wanted != "auto":
        return wanted
    if not has_gpu:
        return "fp32"  # bfloat16 is four times slower on a CPU without instructions for it
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
