"""Which device computes, on machines that this one is not: each is pretended by what PyTorch asks."""

import subprocess
import sys
from functools import cache
from types import SimpleNamespace

import pytest
import torch

from ner.core.command import run_command
from ner.core.errors import PipelineError
from ner.tagging.devices import find_device, has_accelerator, name_device
from ner.tagging.precision import Precision, choose_precision
from ner.tagging.tagger import Tagger
from ner.training.arguments import training_arguments
from ner.training.results import describe_environment
from tests.ner.training.test_arguments import make_params
from tests.support.import_graph import OURS
from tests.support.pipeline_clone import ROOT

TOO_OLD = "The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver"
NO_DRIVER = "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU"


def pretend(monkeypatch, *, build: str | None, works: bool, fault: str | None = None) -> None:
    """Let PyTorch be built for an accelerator that works or does not."""

    def fail() -> None:
        raise RuntimeError(f"{fault}\nand a second line")

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.version, "cuda", "13.0" if build == "cuda" else None)
    device = torch.device(build) if build else None
    monkeypatch.setattr(torch._C, "_accelerator_getAccelerator", lambda: device)
    if build:
        monkeypatch.setattr(torch.get_device_module(device), "is_available", lambda: works, raising=False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA Test")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    if fault:
        monkeypatch.setattr(torch.cuda, "init", fail)


@pytest.mark.parametrize(
    ("build", "works", "fault", "name"),
    [
        pytest.param("cuda", False, NO_DRIVER, "cpu", id="cuda-build-without-driver"),
        pytest.param("cuda", False, "No CUDA GPUs are available", "cpu", id="driver-without-gpu"),
        pytest.param("cuda", True, None, "NVIDIA Test", id="cuda-build-with-driver"),
        pytest.param("mps", True, None, "mps", id="mps"),
        pytest.param("mps", False, None, "cpu", id="mps-in-a-virtual-machine"),
        pytest.param(None, False, None, "cpu", id="cpu-build"),
    ],
)
def test_the_device_is_one_that_can_be_used(monkeypatch, build, works, fault, name):
    pretend(monkeypatch, build=build, works=works, fault=fault)
    assert name_device() == name
    assert has_accelerator() is works
    assert find_device().type == (build if works else "cpu")


@pytest.mark.parametrize(
    ("build", "works", "precision"),
    [
        pytest.param("cuda", True, "bf16", id="gpu"),
        pytest.param("cuda", False, "fp32", id="cuda-build-without-driver"),
        pytest.param("mps", True, "fp32", id="mps"),
    ],
)
def test_training_takes_the_number_type_of_that_device(monkeypatch, build, works, precision):
    pretend(monkeypatch, build=build, works=works, fault=None if works else NO_DRIVER)
    monkeypatch.setattr("ner.tagging.precision.measure_bfloat16", cache(lambda: 1.0))  # of this CPU
    assert choose_precision("auto").training == precision


def test_the_summary_names_device_and_threads(monkeypatch):
    """Both move a score."""
    pretend(monkeypatch, build="cuda", works=True)
    trainer = SimpleNamespace(
        args=SimpleNamespace(world_size=1),
        model=SimpleNamespace(dtype=torch.float32),
        precision=Precision("fp32", "bf16"),
    )
    found = describe_environment(trainer)
    assert (found["device"], found["threads"]) == ("NVIDIA Test", torch.get_num_threads())
    assert (found["precision"], found["tagging_precision"]) == ("fp32", "bf16")


def test_a_cuda_build_without_a_driver_trains_and_tags_on_the_cpu(monkeypatch, tmp_path, saved_tagger):
    pretend(monkeypatch, build="cuda", works=False, fault=NO_DRIVER)
    arguments = training_arguments(make_params().train, 1, 13, tmp_path, Precision())
    assert (arguments.use_cpu, arguments.dataloader_pin_memory, arguments.device.type) == (True, False, "cpu")
    assert Tagger.load(saved_tagger).model.device.type == "cpu"


@pytest.fixture
def saved_tagger(tmp_path):
    """Give a tiny tagger's folder."""
    from ner.annotation.labels import TagSet
    from ner.tagging.model import load_encoder
    from tests.support.tiny_encoder import build_tiny_encoder

    encoder = build_tiny_encoder(tmp_path / "encoder", ["Köln", "liegt", "am", "Rhein"])
    folder = tmp_path / "ner"
    load_encoder(encoder, TagSet(["O", "B-LOC", "I-LOC"])).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(TOO_OLD, id="too-old"),
        pytest.param("CUDA unknown error - this may be due to an incorrect environment", id="broken"),
    ],
)
def test_a_driver_that_cannot_be_used_is_said_with_the_way_out(monkeypatch, fault):
    pretend(monkeypatch, build="cuda", works=False, fault=fault)
    for _ in range(2):  # PyTorch warns once; whoever asks later must hear it too
        with pytest.raises(PipelineError, match=r"cannot use the GPU's driver .*CUDA_VISIBLE_DEVICES= "):
            find_device()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert find_device() == torch.device("cpu")


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nmore"), id="full"),
        pytest.param(RuntimeError("CUDA error: out of memory\nmore"), id="full-at-the-start"),
        pytest.param(RuntimeError(TOO_OLD), id="too-old"),
        pytest.param(RuntimeError("CUDA error: no kernel image is available\nmore"), id="gpu-too-old"),
    ],
)
def test_a_gpu_that_fails_ends_a_command_in_one_line(capsys, error):
    def command() -> None:
        raise error

    with pytest.raises(SystemExit, match="1"):
        run_command(command)
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert shown.startswith("error: the GPU cannot compute this (")
    assert "CUDA_VISIBLE_DEVICES= " in shown


def test_another_runtime_error_is_a_bug_with_its_traceback():
    def command() -> None:
        raise RuntimeError("CUDA error: device-side assert triggered")

    with pytest.raises(RuntimeError, match="assert triggered"):
        run_command(command)


def test_no_other_module_asks_pytorch_for_a_device():
    asking = {
        path.relative_to(ROOT).as_posix()
        for folder in OURS
        for path in (ROOT / folder).rglob("*.py")
        if any(
            words in path.read_text(encoding="utf-8")
            for words in ("torch.accelerator.current", "accelerator.is_available", "cuda.is_available")
        )
    }
    assert asking == {"ner/tagging/devices.py"}


def test_a_stage_under_another_python_says_which_environment_to_activate(tmp_path):
    """As DVC starts it where another `python` stands first on PATH: one line, no traceback."""
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import stages.report",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env={"DVC_ROOT": "/project"})
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "lacks the project's packages" in done.stderr
    assert 'export PATH="/project/.venv/bin:$PATH"' in done.stderr
