"""The command `ner`: lazy, complete, and the code of the copy that it runs in."""

import os
import subprocess
import sys
from importlib import import_module

import pytest
from typer.main import get_command

from tests.support.paths import ROOT
from tools.__main__ import SUBCOMMANDS

HEAVY = ("torch", "transformers", "pandas", "pyarrow", "dvc", "pydantic", "numpy", "fastapi", "matplotlib")


def run_python(*arguments, cwd=ROOT, **env):
    """Run Python with the installed project on its path, as the command in the virtual environment does."""
    return subprocess.run(
        [sys.executable, "-P", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_help_names_every_subcommand_and_imports_none():
    code = (
        "import sys; from tools.__main__ import main; sys.argv = ['ner', '--help']\n"
        "try: main()\n"
        f"finally: print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = run_python("-c", code)
    assert all(f" {name} " in done.stdout for name in SUBCOMMANDS)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_subcommand_is_one_typer_command_with_a_help(name):
    command = get_command(import_module(SUBCOMMANDS[name][0]).app)
    assert command.help
    assert not hasattr(command, "commands")


def test_an_unknown_subcommand_is_refused_without_a_traceback():
    done = run_python("-m", "tools", "pedict")
    assert done.returncode == 2
    assert "No such command 'pedict'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_shell_completes_subcommands_without_importing_them():
    code = (
        "import sys; from tools.__main__ import main\n"
        "try: main()\n"
        f"finally: print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = run_python("-c", code, _NER_COMPLETE="complete_bash", COMP_WORDS="ner se", COMP_CWORD="1")
    assert done.stdout.split() == ["serve", "seeds", "search"]
    assert done.stderr.splitlines()[-1] in ("[]", "['pydantic']"), "typer itself may load pydantic"


def test_the_code_of_the_copy_in_the_current_folder_runs(tmp_path):
    """DVC runs queued experiments in a copy of the project, which may differ from what is installed."""
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/__init__.py").touch()
    (tmp_path / "tools/__main__.py").write_text("def run():\n    print('the copy runs')\n")
    done = run_python("-c", "from tools.__main__ import main; main()", cwd=tmp_path)
    assert done.stdout == "the copy runs\n", done.stderr


def test_any_other_folder_runs_what_is_installed(tmp_path):
    code = "import sys; from tools.__main__ import main; sys.argv = ['ner', 'headline']; main()"
    done = run_python("-c", code, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: metrics/evaluate.json: no scores yet. Remedy: ")


def test_another_project_can_load_a_tagger_by_its_public_name(tmp_path):
    done = run_python("-c", "from ner.text import TextTagger; print(TextTagger.__name__)", cwd=tmp_path)
    assert done.stdout == "TextTagger\n", done.stderr
