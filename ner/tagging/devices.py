"""The device that computes: a GPU, or the CPU where no GPU can be used."""

import os
import warnings

import torch

from ner.core.command import USE_CPU
from ner.core.errors import PipelineError

NO_GPU = ("Found no NVIDIA driver", "No CUDA GPUs are available")


def find_device() -> torch.device:
    """Return the device to compute on.

    PyTorch's CUDA build names CUDA as its accelerator even on a machine without a driver, so that the
    device itself is asked for.

    Raises:
        PipelineError: If there is a driver that this build of PyTorch cannot use, such as one that is too
            old. PyTorch itself only warns, and computes on the CPU.
    """
    is_hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    if torch.version.cuda and is_hidden:  # the driver that fails is not to be asked again
        return torch.device("cpu")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="CUDA initialization")  # said below
        device = torch.accelerator.current_accelerator(check_available=True)
    if device is None and torch.version.cuda:
        _check_driver()
    return device or torch.device("cpu")


def _check_driver() -> None:
    """Raise what CUDA says of a driver that is there and does not work."""
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        if not reason.startswith(NO_GPU):
            raise PipelineError(
                f"PyTorch {torch.__version__} cannot use the GPU's driver ({reason[:200]}).",
                remedy=f"install a driver that is new enough, or {USE_CPU}.",
            ) from error


def has_accelerator() -> bool:
    """Return whether anything but the CPU computes."""
    return find_device().type != "cpu"


def name_device() -> str:
    """Return a GPU's name as its maker gives it, else the kind of device."""
    device = find_device()
    return torch.cuda.get_device_name() if device.type == "cuda" else device.type
