"""Whether the weights of a checkpoint are fit to compute with; the library takes them all."""

import re
from collections.abc import Iterable
from pathlib import Path

from safetensors import safe_open
from transformers import PreTrainedModel

from ner.core.errors import PipelineError

FLOATS = ("F64", "F32", "F16", "BF16")
REMEDY = "choose another model.checkpoint: one whose weights and config.json belong together."


def check_number_types(folder: Path) -> None:
    """Refuse weights in int8 or float8: without the scales that a quantising program keeps they mean nothing.

    Raises:
        PipelineError: At the first such file.
    """
    for path in sorted(folder.glob("model*.safetensors")):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - no mapping
                kind = file.get_slice(name).get_dtype()
                if kind not in FLOATS and name.endswith((".weight", ".bias")):
                    raise PipelineError(
                        f"{path}: {name} is of the type {kind}, as in a quantised checkpoint.",
                        remedy="choose another model.checkpoint: one in float32, float16 or bfloat16.",
                    )


def check_layers(model: PreTrainedModel, unused: Iterable[str], folder: Path) -> None:
    """Refuse weights of layers that config.json leaves out; a head of another task is none.

    Args:
        model: As it was loaded.
        unused: Names of the weights that it has no place for.
        folder: Where they are from.

    Raises:
        PipelineError: Names one of them.
    """
    kinds = {_name_kind(name, model) for name in model.state_dict()}
    surplus = sorted(
        name for name in unused if re.search(r"\.\d+\.", name) and _name_kind(name, model) in kinds
    )
    if surplus:
        raise PipelineError(
            f"{folder}: {len(surplus)} of its weights are left out by config.json, such as {surplus[0]}.",
            remedy=REMEDY,
        )


def check_finite(model: PreTrainedModel, folder: Path) -> None:
    """Refuse weights that are no numbers: such a tagger finds no entity and says nothing.

    Raises:
        PipelineError: Names the first one.
    """
    for name, tensor in model.state_dict().items():
        # A sum is finite where all are, and costs no memory; it may also overflow.
        if tensor.is_floating_point() and not tensor.sum().isfinite() and not tensor.isfinite().all():
            raise PipelineError(
                f"{folder}: its weights are damaged: {name} holds NaN or infinity.",
                remedy="copy or download it again; one that you trained: dvc repro -f -s fine_tune.",
            )


def _name_kind(name: str, model: PreTrainedModel) -> str:
    """Name a weight without the number of its layer and without the encoder's own prefix."""
    return re.sub(r"\.\d+\.", ".N.", name.removeprefix(f"{model.base_model_prefix}."))
