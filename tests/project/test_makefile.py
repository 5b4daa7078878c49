"""The Makefile on machines that lack something, with pretended Pythons and environments."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.pipeline_clone import ROOT

# A Python that tells another version, or that lacks a module, and makes environments as a real one does.
FAKE_PYTHON = """#!/bin/sh
if [ "$1" = -c ]; then
    exec "{real}" -c 'import platform, sys
sys.version_info = ({major}, {minor}, 9, "final", 0)
platform.python_version = lambda: "{major}.{minor}.9"
{patch}
exec(sys.argv[1])' "$2"
fi
mkdir -p "$3/bin" && echo "{major}.{minor}" > "$3/made-by"
"""


@pytest.fixture
def project(tmp_path) -> Path:
    """Give a Git repository with the Makefile and what it calls before anything is installed."""
    folder = tmp_path / "my project"
    (folder / "scripts").mkdir(parents=True)
    for name in (
        "Makefile",
        "pyproject.toml",
        "scripts/make_venv.sh",
        "scripts/make_baseline.sh",
        "requirements.txt",
        "requirements.lock",
    ):
        shutil.copy(ROOT / name, folder / name)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    return folder


def make(project: Path, *arguments: str, path: Path | None = None, **env: str) -> subprocess.CompletedProcess:
    """Run make with the system's programs and those in `path`, but with no other Python."""
    programs = project.parent / "programs"
    programs.mkdir(exist_ok=True)
    for name in ("make", "sh", "git", "mkdir", "rm", "touch", "awk", "echo", "test", "cat"):
        if not (programs / name).exists():
            (programs / name).symlink_to(shutil.which(name))
    search = f"{path}:{programs}" if path else str(programs)
    return subprocess.run(
        ["make", "--silent", *arguments],
        cwd=project,
        env={"PATH": search, "HOME": str(project.parent), **env},
        capture_output=True,
        text=True,
        check=False,
    )


def add_python(folder: Path, name: str, version: tuple[int, int], patch: str = "") -> None:
    """Put a pretended Python into a folder."""
    folder.mkdir(exist_ok=True)
    script = FAKE_PYTHON.format(real=sys.executable, major=version[0], minor=version[1], patch=patch)
    (folder / name).write_text(script)
    (folder / name).chmod(0o755)


NO_VENV = 'sys.modules["ensurepip"] = None'


@pytest.mark.parametrize(
    ("pythons", "message"),
    [
        pytest.param([], "no Python 3 was found", id="none"),
        pytest.param([("python3", (3, 10), "")], "Python 3.10.9 is none of 3.11 to 3.14", id="too-old"),
        pytest.param([("python3", (3, 15), "")], "Python 3.15.9 is none of 3.11 to 3.14", id="too-new"),
        pytest.param(
            [("python3.13", (3, 13), NO_VENV)],
            "Python 3.13.9 has no venv module (Debian and Ubuntu: apt install python3.13-venv)",
            id="no-venv",
        ),
        pytest.param(
            [("python3", (3, 12), 'platform.system, platform.machine = lambda: "Darwin", lambda: "x86_64"')],
            "there is no PyTorch for Python 3.12.9 on Darwin x86_64",
            id="intel-macos",
        ),
    ],
)
def test_a_machine_without_a_fitting_python_is_told_in_one_line(project, tmp_path, pythons, message):
    for name, version, patch in pythons:
        add_python(tmp_path / "pythons", name, version, patch)
    done = make(project, "run", path=tmp_path / "pythons")
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert done.returncode == 2
    assert len(lines) == 1
    assert lines[0].startswith(f"error: {message}")
    assert "Remedy: install Python 3.11 to 3.14" in lines[0]
    assert not (project / ".venv").exists()


def test_the_newest_python_that_can_make_an_environment_is_taken_and_named(project, tmp_path):
    folder = tmp_path / "pythons"
    add_python(folder, "python3.11", (3, 11))
    add_python(folder, "python3.13", (3, 13))
    add_python(folder, "python3.14", (3, 14), NO_VENV)
    (folder / "python3.12").write_text("#!/bin/sh\nexit 127\n")  # a version manager's shim
    (folder / "python3.12").chmod(0o755)
    done = make(project, ".venv/bin/python", path=folder)
    assert f"Python 3.13.9: {folder}/python3.13" in done.stdout
    assert (project / ".venv/made-by").read_text() == "3.13\n"
    make(project, "clean")
    done = make(project, ".venv/bin/python", f"PYTHON={folder}/python3.11", path=folder)
    assert (project / ".venv/made-by").read_text() == "3.11\n"


def test_a_folder_without_git_is_told_so_first_and_the_remedy_works(project, tmp_path):
    shutil.rmtree(project / ".git")
    add_python(tmp_path / "pythons", "python3", (3, 13))
    done = make(project, ".venv/bin/python", path=tmp_path / "pythons")
    assert done.returncode == 2
    line = done.stderr.splitlines()[0]
    assert line.startswith("error: this folder is no Git repository")
    assert not (project / ".venv").exists()
    subprocess.run(
        ["sh", "-c", line.partition("Remedy: ")[2]],
        cwd=project,
        check=True,
        capture_output=True,
        env=os.environ
        | {f"GIT_{role}_{key}": "a@b.c" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")},
    )
    make(project, ".venv/bin/python", path=tmp_path / "pythons")
    assert (project / ".venv/made-by").is_file()


def test_nothing_is_installed_where_the_environment_is_none(project):
    """A .venv that leads to a Python of the machine: its own packages would be replaced."""
    (project / ".venv/bin").mkdir(parents=True)
    outside = project.parent / "installed"
    script = f'#!/bin/sh\n[ "$1" = -m ] && touch "{outside}"\nexec "{sys._base_executable}" "$@"\n'
    (project / ".venv/bin/python").write_text(script)
    (project / ".venv/bin/python").chmod(0o755)
    done = make(project, "run")
    assert done.returncode == 2
    assert done.stderr.startswith("error: .venv is no virtual environment: nothing is installed")
    assert not outside.exists()


def install_stub(project: Path) -> Path:
    """Put programs into .venv that write down what they were given; return that file."""
    (project / ".venv/bin").mkdir(parents=True)
    log = project / "arguments"
    for name in ("python", "dvc", "ner"):
        stub = f'#!/bin/sh\nfor word in {name} "$@"; do echo "$word" >> "{log}"; done\n'
        (project / ".venv/bin" / name).write_text(stub)
        (project / ".venv/bin" / name).chmod(0o755)
    for name in (".run", ".dev"):
        (project / ".venv" / name).touch()
    return log


HOSTILE = ["`touch${IFS}hit`", "$(touch hit)", "$(shell touch hit)", '"; touch hit; "', "a'b", "$HOME", "ä b"]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("as_variable", [True, False], ids=["environment", "command-line"])
def test_what_a_person_passes_is_data(project, value, as_variable):
    """A branch may be named so: it reaches the tool letter by letter and runs nothing."""
    log = install_stub(project)
    names = ("BASELINE", "CANDIDATE", "MAX_DROP", "FORMAT", "SEEDS")
    values = dict.fromkeys(names, value)
    for target in ("compare", "seeds", "baseline"):
        words = [] if as_variable else [f"{name}={text}" for name, text in values.items()]
        make(project, target, *words, **(values if as_variable else {}))
    options = ["--baseline", value, "--candidate", value, "--max-drop", value, "--format", value]
    assert log.read_text().splitlines() == [
        *["ner", "compare", *options],
        *["ner", "seeds", value],
    ]
    assert not list(project.rglob("hit"))


def test_the_environment_comes_first_for_what_dvc_and_the_tools_start(project):
    """Under GNU make 3.81 too, which looks for a command on the PATH that it was started with."""
    log = install_stub(project)
    (project / ".venv/bin/dvc").write_text(f'#!/bin/sh\necho "$(command -v python)" >> "{log}"\n')
    done = make(project, "run")
    assert done.returncode == 0, done.stderr
    assert log.read_text().splitlines()[0] == f"{project}/.venv/bin/python"


def test_no_recipe_calls_a_program_of_the_environment_through_path():
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    recipes = [line.lstrip("\t@") for line in lines if line.startswith("\t")]
    assert recipes
    programs = ("python", "pip", "dvc", "ruff", "mypy", "uv", "pytest", "ner", "lint-imports")
    assert not [line for line in recipes if line.split()[0] in programs]


@pytest.mark.parametrize(
    ("programs", "reason"),
    [
        pytest.param({"id": "echo 1000"}, "a fresh Debian is made by root alone", id="not-root"),
        pytest.param({"id": "echo 0"}, "a fresh Debian is made on Debian and Ubuntu alone", id="no-apt"),
        pytest.param(
            {"id": "echo 0", "apt-get": "exit 0", "unshare": "exit 1"},
            "nothing can be mounted here",
            id="mount",
        ),
    ],
)
def test_a_fresh_system_is_skipped_with_a_reason(project, tmp_path, programs, reason):
    shutil.copy(ROOT / "scripts/fresh.sh", project / "scripts/fresh.sh")
    folder = tmp_path / "pretended"
    folder.mkdir()
    for name, line in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)
    for name in ("bash", "env", "dirname"):
        (folder / name).symlink_to(shutil.which(name))
    done = make(project, "fresh", path=folder)
    assert (done.returncode, done.stdout) == (0, f"skipped: {reason}\n"), done.stderr
