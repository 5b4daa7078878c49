"""Which number type computes: of training, of validation, and of everything that tags.

A tagger has a number type of its own, in which it was validated: bf16 where the machine that trained it
computes bf16 clearly faster, else fp32. `run_config.json` records it, and evaluation, prediction and service
take it, so that all give the same tags. A machine that is slow in bf16 tags in fp32 instead.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import linear
from transformers import PreTrainedModel

from ner.core.errors import PipelineError
from ner.core.number_types import CHOSEN, TaggingPrecision
from ner.tagging.devices import find_device
from ner.windows.run_config import RUN_CONFIG, read_run_config

logger = logging.getLogger(__name__)

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
# Processors with instructions for bfloat16 reach 2 to 5, those without 0.25: nothing lies near this.
CLEARLY_FASTER = 1.5
# Rows, inputs and outputs of a feed-forward layer: half a millisecond a product, 25 ms in all. Beside ten
# busy processes on two cores twelve measurements gave 1.96 to 1.98, with four times the rows 1.76 to 2.20.
SHAPE, N_ROUNDS = (32, 384, 1536), 30


@dataclass(frozen=True, slots=True)
class Precision:
    """The number types of a training run: of its steps, and of the tagger that comes out of it."""

    training: str = "fp32"
    tagging: str = "fp32"


def choose_precision(wanted: str) -> Precision:
    """Resolve `train.precision` on this machine.

    `auto` is bf16 where the machine is clearly faster in it: over three seeds that cost no score
    (docs/recipe.md).

    Raises:
        PipelineError: If float16 is wanted of a CPU: the loss cannot be scaled there.
    """
    has_gpu = find_device().type == "cuda"
    if wanted == "fp16" and not has_gpu:
        raise PipelineError(
            "params.yaml: train.precision is fp16, which needs a GPU.",
            remedy="set train.precision to auto, or to fp32.",
        )
    tagging = "bf16" if wanted in ("auto", "bf16") and is_bfloat16_faster() else "fp32"
    training = wanted
    if wanted == "auto":
        training = "fp16" if has_gpu and tagging == "fp32" else tagging
    if measure_bfloat16.cache_info().currsize:
        logger.info("bf16 is %.1f times as fast as fp32 on this CPU", measure_bfloat16())
    logger.info("training in %s, tagging in %s", training, tagging)
    return Precision(training, tagging)


def choose_tagging_precision(wanted: TaggingPrecision, tagger_dir: Path) -> str:
    """Resolve `evaluate.precision` or `--precision` for a tagger on this machine.

    Args:
        wanted: `auto` is the tagger's own number type.
        tagger_dir: A tagger without a record of one is taken in fp32.
    """
    if wanted != "auto":
        return wanted
    recorded = read_run_config(tagger_dir) if (tagger_dir / RUN_CONFIG).is_file() else {}
    if recorded.get(CHOSEN) != {"precision": "bf16"}:
        return "fp32"
    if is_bfloat16_faster():
        return "bf16"
    logger.info("%s: tagging in fp32, not in its own bf16, which is slow here", tagger_dir)
    return "fp32"


def is_bfloat16_faster() -> bool:
    """Return whether this machine tags clearly faster in bf16; a CPU is measured once a process."""
    device = find_device().type
    return measure_bfloat16() >= CLEARLY_FASTER if device == "cpu" else _has_bfloat16_gpu()


@cache
def measure_bfloat16() -> float:
    """Measure how many times as fast as fp32 one CPU core computes a linear layer in bf16.

    One core, since tagging gives each a batch of its own. Both types take turns and the fastest round of each
    counts, so that other work on the machine hardly moves the ratio.
    """
    rows, inputs, outputs = SHAPE
    features, weight = torch.ones(rows, inputs), torch.ones(outputs, inputs)
    operands = [(features, weight), (features.bfloat16(), weight.bfloat16())]
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    seconds: list[list[float]] = []  # of a round: fp32, bf16
    try:
        with torch.inference_mode():
            for _ in range(1 + N_ROUNDS):
                seconds.append([_time_linear(*pair) for pair in operands])
    finally:
        torch.set_num_threads(n_threads)
    fp32, bf16 = (min(column) for column in zip(*seconds[1:], strict=True))  # the first round sets up
    logger.debug("a linear layer takes %.3f ms in fp32 and %.3f ms in bf16", fp32 * 1e3, bf16 * 1e3)
    return float(fp32 / bf16)


def describe_precision(precision: str) -> dict[str, Any]:
    """Return what `metrics/speed/` says of the number type, with the ratio where it was measured."""
    described: dict[str, Any] = {"precision": precision}
    if measure_bfloat16.cache_info().currsize:
        described["bf16_times_as_fast"] = round(measure_bfloat16(), 2)
    return described


def cast_weights(model: PreTrainedModel, precision: str) -> None:
    """Cast the weights for good; buffers stay, as an encoder's rotary frequencies need fp32."""
    for parameter in model.parameters():
        parameter.data = parameter.data.to(DTYPES[precision])


@contextmanager
def tagging_weights(model: PreTrainedModel, precision: str) -> Iterator[None]:
    """Cast the weights of a model in training for a while, as `cast_weights` does for a loaded one.

    The forward pass is the model's own for so long: accelerate puts autocast around it.
    """
    kept = {name: parameter.data for name, parameter in model.named_parameters()}
    wrapped = model.__dict__.pop("forward", None)
    cast_weights(model, precision)
    try:
        yield
    finally:
        for name, parameter in model.named_parameters():
            parameter.data = kept[name]
        if wrapped:
            model.__dict__["forward"] = wrapped


def _has_bfloat16_gpu() -> bool:
    return find_device().type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def _time_linear(inputs: torch.Tensor, weight: torch.Tensor) -> float:
    started = time.perf_counter()
    linear(inputs, weight)
    return time.perf_counter() - started
