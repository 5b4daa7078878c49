"""Runs that are killed go on where they were, and end with the bytes of a run that was not."""

import os
import re
import signal
import subprocess

import pytest
import yaml

from tests.support.pipeline_clone import Clone

FORCE_TRAINING = ("dvc", "repro", "--force", "--single-item", "fine_tune")
GATE_STEP = 45  # of 120, within an epoch; there is a checkpoint every 4 steps


@pytest.fixture
def gated(clone) -> Clone:
    """Let training stop at a step for as long as there is a FIFO at the gate; no clock decides."""
    clone.edit(
        "ner/training/trainer.py",
        "        loss = super().training_step",
        f"""        import os
        gate = Path(os.environ.get("DVC_ROOT", ".")) / "gate"
        if self.state.global_step == {GATE_STEP} and gate.exists():
            os.write(2, b"at the gate of process %d\\n" % os.getpid())
            gate.open().read()
        loss = super().training_step""",
    )
    clone.commit("Build a gate")
    os.mkfifo(clone.root / "gate")
    return clone


def start_until_gate(clone: Clone, *command: str) -> tuple[subprocess.Popen, int]:
    """Start a command in a process group of its own; give it and the trainer's number."""
    # A shell's background jobs ignore Ctrl-C, and so would whatever such a pytest starts.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            command,
            cwd=clone.root,
            env=clone.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    finally:
        signal.signal(signal.SIGINT, inherited)
    seen = ""
    for line in process.stdout:
        seen += line
        if found := re.match(r"at the gate of process (\d+)", line):
            return process, int(found[1])
    pytest.fail(f"training never came to the gate:\n{seen}")


def open_gate(clone: Clone) -> None:
    (clone.root / "gate").unlink()


def kill_group(process: subprocess.Popen, number: signal.Signals) -> None:
    os.killpg(process.pid, number)
    process.stdout.read()  # until the last of the group is gone
    process.wait()


def assert_same_result(clone: Clone, before: dict[str, str]) -> None:
    assert clone.outputs() == before
    folders = [path for path in (clone.root / "models/checkpoints").iterdir() if path.is_dir()]
    assert folders == [], "what is published is pruned"


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGKILL,
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_goes_on_from_its_last_checkpoint(gated, number):
    before = gated.outputs()
    process, _ = start_until_gate(gated, *FORCE_TRAINING)
    kill_group(process, number)
    open_gate(gated)
    output = gated.run(*FORCE_TRAINING)
    assert re.search(r"going on from \S+/steps/checkpoint-44\n", output)
    assert_same_result(gated, before)


def test_the_orphan_of_a_killed_dvc_is_named_and_overwrites_nothing(gated):
    """A second dvc says who trains; when the orphan has ended, the next takes what it has done."""
    before = gated.outputs()
    process, trainer = start_until_gate(gated, *FORCE_TRAINING)
    process.kill()
    process.wait()
    output = gated.run(*FORCE_TRAINING, status=255)
    assert f"fine_tune: process {trainer} is already training here" in output
    assert "Traceback" not in output

    with (gated.root / "gate").open("w"):
        open_gate(gated)  # it reads the end of the file and trains on
    rest = process.stdout.read()
    assert f"the dvc that started it (process {process.pid}) has ended" in rest
    assert not (gated.root / "models/ner").exists()

    assert "taking the finished run" in gated.run(*FORCE_TRAINING)
    assert_same_result(gated, before)


@pytest.mark.slow
def test_a_killed_temporary_run_goes_on_in_the_workspace(gated):
    """Both find the same checkpoints, below the main repository; equal parameters, equal bytes."""
    change = ("dvc", "exp", "run", "-S", "train.lr=0.004")
    process, _ = start_until_gate(gated, *change, "--temp")
    kill_group(process, signal.SIGKILL)
    open_gate(gated)
    output = gated.run(*change)
    assert "checkpoint-44" in output
    resumed = gated.outputs()
    gated.run(*FORCE_TRAINING)
    assert gated.outputs() == resumed


@pytest.mark.slow
def test_a_checkpoint_that_was_damaged_is_left_for_the_one_before(gated):
    before = gated.outputs()
    process, _ = start_until_gate(gated, *FORCE_TRAINING)
    kill_group(process, signal.SIGKILL)
    open_gate(gated)
    (newest,) = gated.root.glob("models/checkpoints/*/steps/checkpoint-44")
    with (newest / "model.safetensors").open("r+b") as file:
        file.truncate(1000)
    output = gated.run(*FORCE_TRAINING)
    assert "checkpoint-42" in output, "the end of epoch 7"
    assert_same_result(gated, before)


@pytest.mark.slow
def test_two_processes_train_as_one_does(clone):
    """Over torch's gloo, on the CPU: the same steps and losses; the first process alone writes."""
    clone.edit("encoder/config.json", '"hidden_dropout_prob": 0.1', '"hidden_dropout_prob": 0.0')
    clone.edit(
        "encoder/config.json", '"attention_probs_dropout_prob": 0.1', '"attention_probs_dropout_prob": 0.0'
    )
    for key, value in (("epochs", 3), ("lr", 0.001)):
        clone.set_param("train", key, value)
    clone.run("dvc", "repro", "--force", "--single-item", "download_checkpoint")
    clone.run("dvc", "repro")
    alone = yaml.safe_load((clone.root / "metrics/train.json").read_text(encoding="utf-8"))
    clone.set_param("run", "launcher", "torchrun --standalone --nproc-per-node 2")
    output = clone.run("dvc", "repro", "--force", "--single-item", "fine_tune")  # a launcher reruns nothing
    together = yaml.safe_load((clone.root / "metrics/train.json").read_text(encoding="utf-8"))
    assert (alone["environment"]["processes"], together["environment"]["processes"]) == (1, 2)
    assert together["steps"] == alone["steps"]
    assert together["train_loss"] == pytest.approx(alone["train_loss"], rel=1e-4)
    assert output.count("epoch 3: validation loss") == 1, "one process reports"
