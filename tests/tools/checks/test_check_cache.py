"""A damaged object in the cache or in a remote is named, healed and restored."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.project.test_dvc_yaml import PIPELINE
from tests.support.pipeline_clone import Clone

CHECK = ("python", "-m", "tools", "check-cache")
DAMAGE = b'{"test": "damaged"}'


def find_object(clone: Clone, name: str, store: Path) -> Path:
    """Find the object that holds a file of metrics/."""
    lock = yaml.safe_load((clone.root / "dvc.lock").read_text(encoding="utf-8"))
    (md5,) = {out["md5"] for stage in lock["stages"].values() for out in stage["outs"] if out["path"] == name}
    return store / md5[:2] / md5[2:]


def damage(path: Path) -> bytes:
    """Overwrite an object and leave it read-only, as DVC made it."""
    good = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(DAMAGE)
    path.chmod(0o444)
    return good


@pytest.fixture
def shared_clone(clone, tmp_path):
    """Give a finished pipeline whose results are in a remote that is a folder."""
    clone.run("dvc", "remote", "add", "--default", "team", str(tmp_path / "remote"))
    clone.run("dvc", "config", "remote.team.verify", "true")
    clone.run("dvc", "push")
    return clone


def test_a_damaged_object_of_the_cache_is_named_healed_and_restored(shared_clone):
    """DVC alone checks it out unread: the first assertions say why the tool is there."""
    cache, scores = shared_clone.root / ".dvc/cache/files/md5", shared_clone.root / "metrics/scores.json"
    assert "all whole" in shared_clone.run(*CHECK)
    damaged = find_object(shared_clone, "metrics/scores.json", cache)
    good = damage(damaged)
    scores.unlink()
    shared_clone.run("dvc", "checkout")
    assert scores.read_bytes() == DAMAGE
    assert "up to date" in shared_clone.run("dvc", "status")

    output = shared_clone.run(*CHECK, status=1)
    assert f"damaged: {damaged} (metrics/scores.json)" in output
    assert "Remedy: add --heal" in output
    assert damaged.is_file()

    shared_clone.run(*CHECK, "--heal")
    assert not damaged.exists()
    assert not scores.exists()
    shared_clone.run("dvc", "pull")
    assert scores.read_bytes() == damaged.read_bytes() == good
    assert "all whole" in shared_clone.run(*CHECK)


@pytest.mark.slow
def test_without_a_remote_the_stage_runs_again(clone):
    good = damage(find_object(clone, "metrics/scores.json", clone.root / ".dvc/cache/files/md5"))
    clone.run(*CHECK, "--heal")
    (clone.root / "metrics/scores.json").unlink(missing_ok=True)
    assert "evaluate" in clone.repro()
    assert (clone.root / "metrics/scores.json").read_bytes() == good


@pytest.mark.slow
def test_a_damaged_object_of_the_remote_is_not_taken_and_can_be_sent_again(shared_clone, tmp_path):
    """`verify = true` keeps it out of the cache; only its removal lets `dvc push` replace it."""
    remote = tmp_path / "remote"
    damaged = find_object(shared_clone, "metrics/scores.json", remote / "files/md5")
    good = damage(damaged)
    cached = find_object(shared_clone, "metrics/scores.json", shared_clone.root / ".dvc/cache/files/md5")
    cached.rename(tmp_path / "kept")
    (shared_clone.root / "metrics/scores.json").unlink()
    output = shared_clone.run("dvc", "pull", status=1)
    assert "Checkout failed for following targets" in output
    assert "metrics/scores.json" in output
    assert not cached.exists()

    cached.parent.mkdir(exist_ok=True)
    (tmp_path / "kept").rename(cached)
    assert "1 of " in shared_clone.run(*CHECK, "--remote", str(remote), status=1)
    shared_clone.run(*CHECK, "--remote", str(remote), "--heal")
    shared_clone.run("dvc", "push")
    assert damaged.read_bytes() == good


def test_an_object_is_a_copy_that_an_edit_of_the_workspace_cannot_reach(clone):
    """No link, whatever the file system: an edited output is an edited copy."""
    cached = find_object(clone, "metrics/scores.json", clone.root / ".dvc/cache/files/md5")
    assert cached.stat().st_nlink == 1
    assert not (clone.root / "metrics/scores.json").is_symlink()
    assert cached.stat().st_mode & 0o222 == 0


@pytest.mark.slow
def test_the_second_of_two_runs_says_who_runs(clone):
    """DVC locks the outputs of a stage that runs, and names the process."""
    for name in ("started", "gate"):
        os.mkfifo(clone.root / name)
    wait = "cmd: echo > started && cat gate && python -m stages.report"
    clone.edit("dvc.yaml", "cmd: python -m stages.report", wait)
    first = subprocess.Popen(
        ["dvc", "repro", "report"],
        cwd=clone.root,
        env=clone.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    (clone.root / "started").read_text()  # returns when the stage has begun
    output = clone.run("dvc", "repro", status=255)
    (clone.root / "gate").write_text("go")
    assert "is busy, it is being blocked by:" in output
    assert f"(PID {first.pid})" in output
    printed, _ = first.communicate(timeout=120)
    assert first.returncode == 0, printed.decode()


REPORT = PIPELINE["report"]["cmd"].removeprefix("python -m ")
TOKENIZE = PIPELINE["tokenize_align"]["cmd"].removeprefix("python -m ")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        pytest.param(REPORT, "metrics/scores.json: No such file or directory", id="report"),
        pytest.param(TOKENIZE, "models/pretrained: no such folder", id="tokenize_align"),
        pytest.param("tools export --to hub-folder", "MODEL_CARD.md: no such file", id="export"),
    ],
)
def test_a_clone_without_cache_and_remote_gets_one_line_from_each_of_ours(clone, tmp_path, command, expected):
    clone.run("git", "clone", "--quiet", str(clone.root), str(tmp_path / "fresh"))
    output = Clone(tmp_path / "fresh").run("python", "-m", *command.split(), status=1)
    (line,) = output.splitlines()
    assert line.startswith("error: ")
    assert expected in line
    assert "dvc repro" in line
    assert "dvc pull" in line
