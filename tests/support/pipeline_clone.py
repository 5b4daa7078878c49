"""A temporary clone of the project with a tiny corpus and encoder, for tests that run the real dvc."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.support.paths import ROOT

RESULTS = ("dvc.lock", "metrics/")  # of the default run: the clone makes its own
TINY_PARAMS = {
    ("data", "source"): "tests/corpus",
    ("model", "checkpoint"): "encoder",
    ("tokenize", "max_length"): 128,
    ("train", "epochs"): 40,
    ("train", "batch_size"): 4,
    ("train", "lr"): 3e-3,
    ("train", "head_lr_factor"): 1,  # the encoder itself is random
    ("train", "layer_decay"): 1,
    ("train", "precision"): "fp32",  # the same tags and nearly the same scores on every machine
    ("run", "checkpoint_steps"): 4,
    ("evaluate", "bootstrap_samples"): 50,
    ("report", "examples"): 3,
}


@dataclass(frozen=True)
class Clone:
    """A clone in which commands run as a user would run them."""

    root: Path

    def run(self, *command: str, status: int | None = 0, **env: str) -> str:
        """Run a command and return what it printed; check its exit status, or None: it may be killed."""
        done = subprocess.run(
            command,
            cwd=self.root,
            env={**self.environment(), **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert status in (None, done.returncode), f"{command} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def repro(self, *options: str, status: int = 0, **env: str) -> set[str]:
        """Run `dvc repro` and return the stages that really ran."""
        return stages_run(self.run("dvc", "repro", *options, status=status, **env))

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text that must be in a file."""
        path = self.root / name
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{name} lacks {old!r}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def set_param(self, section: str, key: str, value: object) -> None:
        """Change a value in params.yaml as an editor would: that line alone."""
        path = self.root / "params.yaml"
        text = path.read_text(encoding="utf-8")
        shape = re.compile(rf"(^{section}:\n(?:(?:  .*)?\n)*?  {key}:).*$", re.MULTILINE)
        assert shape.search(text), f"params.yaml lacks {section}.{key}"
        path.write_text(shape.sub(lambda found: f"{found[1]} {value}", text), encoding="utf-8")

    def commit(self, message: str) -> None:
        """Commit everything."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", message)

    def outputs(self) -> dict[str, str]:
        """Give the hash of each cached output, as dvc.lock records it."""
        lock = yaml.safe_load((self.root / "dvc.lock").read_text(encoding="utf-8"))
        outs = [out for stage in lock["stages"].values() for out in stage["outs"]]
        return {out["path"]: out["md5"] for out in outs if "speed" not in out["path"]}

    def lend_environment(self) -> None:
        """Let make find the packages of this test's own virtual environment in `.venv`."""
        (self.root / ".venv").mkdir()
        for name in ("bin", "lib", "lib64", "pyvenv.cfg"):
            if (Path(sys.prefix) / name).exists():
                (self.root / ".venv" / name).symlink_to(Path(sys.prefix) / name)
        (self.root / ".venv/.run").touch()  # make compares times: the packages are there

    def environment(self) -> dict[str, str]:
        """Leave out what a developer's machine and `make test` bring along; the Hub would fail at once."""
        home = self.root.parent / "home"
        home.mkdir(exist_ok=True)
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("DVC_", "GIT_", "HF_", "MAKE", "MFLAGS"))
        }
        return {
            **kept,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(home),
            "HF_ENDPOINT": "http://127.0.0.1:9",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "Test",
            "GIT_AUTHOR_EMAIL": "test@example.org",
            "GIT_COMMITTER_NAME": "Test",
            "GIT_COMMITTER_EMAIL": "test@example.org",
            "DVC_SITE_CACHE_DIR": str(home / "site-cache"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",  # two-layer encoders only lose by more, and other tests run beside
        }


def stages_run(output: str) -> set[str]:
    """Read off dvc's output which stages ran, rather than being skipped or restored."""
    return set(re.findall(r"^Running stage '(\w+)'", output, re.MULTILINE))


def copy_project(folder: Path, *, with_results: bool) -> Clone:
    """Copy the project as it stands, uncommitted files included, and commit it there.

    Args:
        folder: Where to.
        with_results: Whether dvc.lock and metrics/ come along.
    """
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (with_results or not name.startswith(RESULTS)) and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    clone = Clone(folder)
    clone.run("git", "init", "--quiet", "--initial-branch", "main")
    clone.commit("Copy the project")
    return clone


def make_tiny_clone(folder: Path, encoder: Path) -> Clone:
    """Copy the project and give it a tiny corpus, a two-layer encoder and few epochs."""
    clone = copy_project(folder, with_results=False)
    shutil.copytree(encoder, folder / "encoder")
    for (section, key), value in TINY_PARAMS.items():
        clone.set_param(section, key, value)
    clone.commit("Make it tiny")
    return clone
