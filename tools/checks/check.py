"""Check that the committed results are those of this code and these parameters: `ner check`.

Needs neither data nor models: DVC compares hashes. Exit status: 0 they are, 1 they are not.
"""

import re
import subprocess

import typer
from dvc.repo import Repo
from rich.console import Console

from ner.core.errors import PipelineError
from tools.checks.refusals import explain_refusal


def find_stale_stages() -> list[str]:
    """Name the stages that `dvc repro` would run, data that is merely absent aside.

    Raises:
        PipelineError: If DVC cannot tell.
    """
    command = ["dvc", "repro", "--dry", "--allow-missing"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a fixed command
    stages = re.findall(r"^Running stage '([^']+)'", done.stdout, re.MULTILINE)
    # A dry run ends at the first stage that would run and whose data is absent.
    stages += re.findall(r"failed to reproduce '([^']+)': \[Errno 2\]", done.stderr)
    if done.returncode and not stages:
        raise explain_refusal(f"{' '.join(command)} fails", done.stderr)
    return list(dict.fromkeys(stages))


def find_changed_results() -> list[str]:
    """Name the results kept in Git that are not the files that dvc.lock records, or are absent."""
    with Repo() as repo:
        kept_in_git = [out for out in repo.index.outs if not out.use_cache]
        return sorted(
            out.def_path for out in kept_in_git if not out.exists or out.get_hash() != out.hash_info
        )


def find_other_outputs() -> list[str]:
    """Name the cached outputs in the workspace that are not those of dvc.lock; absent ones are left out."""
    with Repo() as repo:
        cached = [out for out in repo.index.outs if out.use_cache and out.hash_info]
        return sorted(out.def_path for out in cached if out.exists and out.get_hash() != out.hash_info)


def find_uncommitted_results() -> list[str]:
    """Name dvc.lock and the results kept in Git, where the last commit has others or none.

    Raises:
        PipelineError: If Git refuses to read the repository.
    """
    with Repo() as repo:
        paths = ["dvc.lock", *(out.def_path for out in repo.index.outs if not out.use_cache)]
    command = ["git", "status", "--porcelain", "--no-renames", "--untracked-files=all", "--", *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - paths of dvc.yaml
    if done.returncode:
        raise explain_refusal("git status fails", done.stderr, remedy="fix what Git names.")
    return sorted({line[3:] for line in done.stdout.splitlines()})


# HEAD by name: DVC stages dvc.lock, and without it Git would restore what is staged.
RESTORE = "git checkout HEAD -- dvc.lock metrics && dvc checkout"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def check() -> None:
    """Check that dvc.lock and metrics/ are what this code and these parameters produce, and are committed."""
    stages = find_stale_stages()
    if files := find_changed_results():
        raise PipelineError(
            f"{', '.join(files)}: not what dvc.lock records.",
            remedy=f"{RESTORE}, or run dvc repro and commit both.",
        )
    if stages and (outputs := find_other_outputs()):
        raise PipelineError(
            f"{', '.join(outputs)}: not of this dvc.lock, as after git switch.",
            remedy="dvc checkout (dvc pull where the cache lacks them), then check again.",
        )
    if stages:
        raise PipelineError(
            f"dvc.lock is not of this code and these parameters: dvc repro would run {', '.join(stages)}.",
            remedy="run dvc repro, then commit dvc.lock and metrics/ with the change.",
        )
    if files := find_uncommitted_results():
        raise PipelineError(
            f"{', '.join(files)}: not committed.", remedy="commit the results with the change."
        )
    Console().print("dvc.lock and metrics/ are what this code and these parameters produce.", soft_wrap=True)
