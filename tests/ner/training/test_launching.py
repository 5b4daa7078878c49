"""What starts a training run: python itself, or a launcher of several processes."""

import os

import pytest

from ner.core.errors import PipelineError
from ner.training import launching


@pytest.fixture
def started(monkeypatch, tmp_path):
    """Give the commands that would have replaced this process; a program `torchrun` is on PATH."""
    program = tmp_path / "torchrun"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(launching.LAUNCHED, raising=False)
    monkeypatch.setattr("sys.argv", ["stages/fine_tune.py", "data/tokenized", "models/ner"])
    commands = []
    monkeypatch.setattr(os, "execv", lambda _, command: commands.append(command))
    yield commands
    os.environ.pop(launching.LAUNCHED, None)


@pytest.mark.parametrize("launcher", ["python", " python "])
def test_python_goes_on_in_this_process(started, launcher):
    launching.start_launcher(launcher, "stages.fine_tune")
    assert started == []


def test_a_launcher_gets_the_module_and_the_arguments_of_the_stage(started):
    launching.start_launcher("torchrun --standalone --nproc-per-node 2", "stages.fine_tune")
    ((program, *rest),) = started
    assert program.endswith("/torchrun")
    assert rest == [
        *["--standalone", "--nproc-per-node", "2", "-m", "stages.fine_tune", "data/tokenized", "models/ner"]
    ]


def test_the_processes_that_it_starts_do_not_start_it_again(started):
    launching.start_launcher("torchrun", "stages.fine_tune")
    launching.start_launcher("torchrun", "stages.fine_tune")
    assert len(started) == 1


def test_the_processes_of_a_second_machine_do_not_start_the_launcher_of_the_first(started, monkeypatch):
    """There a person starts it, with another --node-rank than that in params.yaml."""
    monkeypatch.setenv("LOCAL_RANK", "0")
    launching.start_launcher("torchrun --nnodes 2 --node-rank 0", "stages.fine_tune")
    assert started == []


@pytest.mark.parametrize(
    ("launcher", "message"),
    [
        pytest.param(
            "torchrum --standalone", "no program 'torchrum'. Remedy: set it to python", id="unknown"
        ),
        pytest.param("torchrun 'x", "No closing quotation.*Remedy: correct the quotes", id="quotes"),
    ],
)
def test_what_cannot_be_started_is_refused(started, launcher, message):
    with pytest.raises(PipelineError, match=rf"params.yaml: run.launcher is .*{message}"):
        launching.start_launcher(launcher, "stages.fine_tune")
    assert started == []
