"""Training on two machines that share the repository's folder: here two groups of processes.

Each has a home and a folder for temporary files of its own, and starts its own launcher; they find each other
by the address of the first one, as machines do.
"""

import re
import subprocess
import sys
import time

import psutil
import pytest
import yaml

from tests.support.ray_cluster import find_port, kill

pytestmark = pytest.mark.slow

TRAIN = ("dvc", "repro", "--force", "--single-item", "fine_tune")
SECONDS = 240  # a run of seconds, on a machine that has other work


class Machine:
    """A group of processes with folders of its own.

    Args:
        clone: The repository's folder, which the machines share.
        name: Of the machine.
        command: What a person starts on it.
    """

    def __init__(self, clone, name, *command):
        own = clone.root.parent / name
        for folder in ("home", "tmp"):
            (own / folder).mkdir(parents=True, exist_ok=True)
        self.log = own / "log"
        environment = {**clone.environment(), "HOME": str(own / "home"), "TMPDIR": str(own / "tmp")}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=clone.root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self):
        """What its processes have said so far."""
        return self.log.read_text(encoding="utf-8")

    def trainer(self):
        """The process that trains: torchrun's child."""
        for one in psutil.Process(self.process.pid).children(recursive=True):
            if "LOCAL_RANK" in one.environ():
                return one
        pytest.fail(f"no process trains:\n{self.said()}")

    def end(self):
        """Wait for its end and return the exit status."""
        try:
            return self.process.wait(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            pytest.fail(f"it did not end within {SECONDS} s:\n{self.said()}")


@pytest.fixture
def start_two(clone):
    """Start the run on both machines, as docs/training.md says; in the end nothing of it is left."""
    machines = []

    def start():
        pair = start_pair(clone)
        machines.extend(pair)
        return pair

    yield start
    for machine in machines:
        if machine.process.poll() is None:
            for one in [*psutil.Process(machine.process.pid).children(recursive=True), machine.process]:
                kill(one)


def start_pair(clone):
    port = find_port()
    launcher = (
        f"torchrun --nnodes 2 --master-addr 127.0.0.1 --master-port {port} --nproc-per-node 1 --node-rank"
    )
    clone.set_param("run", "launcher", f"{launcher} 0")
    stages = yaml.safe_load((clone.root / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    stage = stages["fine_tune"]["cmd"].split()[1:]  # without python
    second = [sys.executable, "-m", "torch.distributed.run", *launcher.split()[1:], "1", *stage]
    return Machine(clone, "first", *TRAIN), Machine(clone, "second", *second)


@pytest.mark.parametrize("killed", [0, 1], ids=["first", "second"])
def test_a_killed_process_ends_the_run_on_both_machines_and_the_next_one_goes_on(clone, start_two, killed):
    machines = start_two()
    wait_for_checkpoint(clone, machines)
    machines[killed].trainer().kill()
    assert all(machine.end() != 0 for machine in machines)
    [line] = re.findall(r"^error: (.*)$", machines[1 - killed].said(), re.MULTILINE)
    assert line.startswith("another process of this run ended")
    assert "start the run again on every machine" in line

    machines = start_two()
    assert [machine.end() for machine in machines] == [0, 0], [machine.said() for machine in machines]
    assert "going on from" in machines[0].said()
    summary = yaml.safe_load((clone.root / "metrics/train.json").read_text(encoding="utf-8"))
    assert summary["environment"]["processes"] == 2


def wait_for_checkpoint(clone, machines):
    """Wait until there is something to go on from."""
    deadline = time.monotonic() + SECONDS
    while not list(clone.root.glob("models/checkpoints/*/steps/checkpoint-*/sealed.json")):
        assert all(machine.process.poll() is None for machine in machines), [one.said() for one in machines]
        assert time.monotonic() < deadline
        time.sleep(0.05)
