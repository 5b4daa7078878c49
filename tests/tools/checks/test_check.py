"""The committed results are checked against the code without data, models or a network."""

import fcntl
import os
import re
import shutil
import sys

import pytest

from tests.support.pipeline_clone import Clone


def lose_data(clone) -> None:
    """Leave what a fresh checkout has: the files in Git."""
    for name in ("data/raw", "data/tokenized", "data/predictions", "models", "metrics/report", ".dvc/cache"):
        shutil.rmtree(clone.root / name)


def test_a_fresh_checkout_passes_without_its_data(clone):
    lose_data(clone)
    assert "are what this code" in clone.run("python", "-m", "tools", "check")
    assert clone.run("git", "status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        pytest.param("params.yaml", "lr: 0.003", "lr: 0.002", "dvc repro would run fine_tune", id="params"),
        pytest.param(
            "stages/evaluate.py", '"""Stage', '"""The stage', "dvc repro would run evaluate", id="code"
        ),
        pytest.param(
            "metrics/evaluate.json", '"f1": ', '"f1":  ', "metrics/evaluate.json: not what", id="metrics"
        ),
        pytest.param("params.yaml", "seed: 42", "seed: [", "fails: .*params.yaml", id="unreadable"),
    ],
)
def test_results_of_something_else_are_named(clone, file, old, new, message):
    """Committed or not, with the data or without."""
    clone.edit(file, old, new)
    assert re.search(
        rf"^error: .*{message}.* Remedy: ", clone.run("python", "-m", "tools", "check", status=1)
    )
    clone.commit("Commit it")
    lose_data(clone)
    assert re.search(
        rf"^error: .*{message}.* Remedy: ", clone.run("python", "-m", "tools", "check", status=1)
    )


def test_the_remedy_for_changed_results_works_though_dvc_has_staged_them(clone):
    """`git checkout dvc.lock metrics` alone would take what is staged."""
    clone.set_param("evaluate", "bootstrap_samples", 60)
    clone.run("dvc", "repro")
    clone.set_param("evaluate", "bootstrap_samples", 50)
    clone.edit("metrics/evaluate.json", '"f1": ', '"f1":  ')
    output = clone.run("python", "-m", "tools", "check", status=1)
    remedy = re.search(r"Remedy: (git checkout .*), or run dvc repro", output)[1]
    clone.run("bash", "-c", remedy)
    assert "are what this code" in clone.run("python", "-m", "tools", "check")


def test_the_outputs_of_another_branch_are_told_from_results_of_other_code(clone):
    """After `git switch`, dvc.lock is right and the workspace's data is not."""
    clone.run("git", "switch", "--quiet", "--create", "other")
    clone.set_param("report", "examples", 4)
    clone.run("dvc", "repro")
    clone.commit("Show more")
    clone.run("git", "switch", "--quiet", "main")
    output = clone.run("python", "-m", "tools", "check", status=1)
    assert "metrics/report: not of this dvc.lock, as after git switch. Remedy: dvc checkout" in output
    clone.run("dvc", "checkout")
    assert "are what this code" in clone.run("python", "-m", "tools", "check")


def test_a_lock_that_a_killed_dvc_left_empty_is_named_with_what_to_remove(clone):
    (clone.root / ".dvc/tmp/rwlock").write_text("")
    output = clone.run("python", "-m", "tools", "check", status=1)
    remedy = re.search(r"Unable to read RWLock-file.* (rm \S+) and run it again", output)[1]
    clone.run("bash", "-c", remedy)
    assert "are what this code" in clone.run("python", "-m", "tools", "check")


def test_a_dvc_that_works_here_is_waited_for(clone):
    with (clone.root / ".dvc/tmp/lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        output = clone.run("python", "-m", "tools", "check", status=1)
    assert re.search(
        r"Unable to acquire lock\..* Remedy: another dvc works here: wait until it is done", output
    )
    assert "are what this code" in clone.run("python", "-m", "tools", "check")


def test_the_command_finds_dvc_where_no_virtual_environment_is_active(clone):
    assert "are what this code" in clone.run(sys.executable, "-m", "tools", "check", PATH=os.defpath)


def test_a_repository_of_another_user_gets_gits_advice(clone):
    output = clone.run("python", "-m", "tools", "check", status=1, GIT_TEST_ASSUME_DIFFERENT_OWNER="1")
    assert "Traceback" not in output
    assert re.search(r"error: git status fails: .*dubious ownership.* Remedy: .*safe\.directory", output)


def test_a_checkout_as_git_for_windows_makes_it_passes(clone, tmp_path):
    """core.autocrlf=true: without .gitattributes every result would have other bytes."""
    clone.run("git", "-c", "core.autocrlf=true", "clone", "--quiet", ".", str(tmp_path / "windows"))
    windows = Clone(tmp_path / "windows")
    windows.run("git", "config", "core.autocrlf", "true")
    assert "are what this code" in windows.run("python", "-m", "tools", "check")


def test_results_that_are_not_in_git_are_named(clone):
    """Left out of the commit, or never added: the workspace is right, the commit is not."""
    clone.run("git", "rm", "--quiet", "--cached", "metrics/data.json", "dvc.lock")
    clone.run("git", "commit", "--quiet", "--message", "Forget results")
    output = clone.run("python", "-m", "tools", "check", status=1)
    assert "error: dvc.lock, metrics/data.json: not committed. Remedy: " in output
    (clone.root / "metrics/data.json").unlink()
    assert "metrics/data.json: not what dvc.lock records" in clone.run(
        "python", "-m", "tools", "check", status=1
    )
