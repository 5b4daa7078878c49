"""What is edited while a stage runs is not recorded beside a result that never saw it."""

import os
import subprocess

import pytest
import yaml

GATE = """
    gate = Path("gate")
    if gate.exists():
        sys.stderr.write("at the gate\\n")
        sys.stderr.flush()
        gate.open().read()
"""


@pytest.mark.slow
def test_a_stage_whose_parameter_is_edited_fails_and_runs_again(clone):
    """As a user does it: in an editor, while `dvc repro` runs. A FIFO decides how long evaluate takes."""
    clone.edit("stages/evaluate.py", "import argparse\n", "import argparse\nimport sys\n")
    clone.edit(
        "stages/evaluate.py",
        "    facts = read_json(facts_file)\n",
        f"    facts = read_json(facts_file)\n{GATE}",
    )
    clone.commit("Build a gate")
    before = (clone.root / "dvc.lock").read_text(encoding="utf-8")
    os.mkfifo(clone.root / "gate")
    process = subprocess.Popen(
        ("dvc", "repro"),
        cwd=clone.root,
        env=clone.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert any(line == "at the gate\n" for line in process.stdout)
    clone.set_param("evaluate", "bootstrap_samples", 60)
    with (clone.root / "gate").open("w"):
        (clone.root / "gate").unlink()
    output = process.stdout.read()
    assert process.wait() != 0
    assert "error: evaluate: edited while it ran: evaluate.bootstrap_samples (50 is now 60)" in output
    assert "Traceback" not in output
    assert (clone.root / "dvc.lock").read_text(encoding="utf-8") == before
    assert not (clone.root / "metrics/evaluate.json").exists()

    assert clone.repro() >= {"evaluate", "report"}
    lock = yaml.safe_load((clone.root / "dvc.lock").read_text(encoding="utf-8"))
    assert lock["stages"]["evaluate"]["params"]["params.yaml"]["evaluate"]["bootstrap_samples"] == 60
    assert clone.repro() == set()
