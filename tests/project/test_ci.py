"""The workflow as GitHub would run it: its safety, and its own commands in a pull request's checkout."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.learnable_corpus import write_learnable_corpus
from tests.support.pipeline_clone import ROOT, Clone

TEXT = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
WORKFLOW = yaml.safe_load(TEXT)
JOBS = WORKFLOW["jobs"]
STEPS = [step for job in JOBS.values() for step in job["steps"]]


def test_every_action_is_pinned_by_hash():
    used = [step["uses"] for step in STEPS if "uses" in step]
    assert used
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", name) for name in used)


def test_the_code_of_a_pull_request_never_meets_a_token_that_can_write():
    """Read-only by default; the job that writes has no checkout and takes nothing into its commands."""
    assert set(WORKFLOW[True]) == {"push", "pull_request"}  # YAML 1.1 reads the key `on` as true
    assert WORKFLOW["permissions"] == {"contents": "read"}
    writing = {name for name, job in JOBS.items() if "write" in job.get("permissions", {}).values()}
    assert writing == {"comment"}
    commands = "\n".join(step["run"] for step in JOBS["comment"]["steps"])
    assert not re.search(r"\b(make|python|git|dvc|ner|bash|sh)\b", commands)
    assert all("uses" not in step for step in JOBS["comment"]["steps"])
    assert "head.repo.full_name == github.repository" in JOBS["comment"]["if"]
    checkouts = [step for step in STEPS if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_no_expression_is_pasted_into_a_command():
    """A branch or title is data: it reaches the shell as a variable."""
    assert not [step["run"] for step in STEPS if "${{" in step.get("run", "")]


def test_every_command_is_one_that_a_person_has():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    commands = "\n".join(step["run"] for step in STEPS if "run" in step)
    used = set(re.findall(r"^ *make (?:--silent )?([a-z-]+)", commands, re.MULTILINE))
    assert {"check", "audit", "run", "baseline", "compare"} == used
    assert used <= targets
    assert (ROOT / ".ci/run").stat().st_mode & 0o111


@pytest.mark.parametrize("own", ["", "17\n23"], ids=["first", "again"])
def test_the_comparison_edits_its_own_comment_alone(tmp_path, own):
    """Found by its marker; another comment of the same bot stays as it is."""
    (tmp_path / "comparison").mkdir()
    (tmp_path / "comparison/comparison.md").write_text("### better\n", encoding="utf-8")
    gh = tmp_path / "bin/gh"
    gh.parent.mkdir()
    gh.write_text(f'#!/bin/sh\necho "$@" >> calls\ncase "$*" in *--paginate*) printf "{own}";; esac\n')
    gh.chmod(0o755)
    step = JOBS["comment"]["steps"][-1]["run"]
    env = {"GH_REPO": "org/ner", "NUMBER": "7", "PATH": f"{gh.parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(["bash", "-e", "-c", step], cwd=tmp_path, env=env, check=True)
    listed, written = (tmp_path / "calls").read_text().splitlines()
    comment = (tmp_path / "comment.md").read_text(encoding="utf-8")
    marker = comment.splitlines()[0]
    assert comment == f"{marker}\n### better\n"
    assert f'startswith("{marker}")' in listed
    if own:
        assert written == (
            "api --silent --method PATCH repos/org/ner/issues/comments/17 --field body=@comment.md"
        )
    else:
        assert written == "pr comment 7 --body-file comment.md"


def test_an_artifact_can_be_sent_again_by_a_rerun():
    uploads = [step for step in STEPS if step.get("uses", "").startswith("actions/upload-artifact@")]
    assert uploads
    assert all(step["with"]["overwrite"] is True for step in uploads)


def make_repository(clone: Clone, folder: Path) -> Path:
    """Give the finished pipeline a learnable corpus and a cache remote, and put it into a bare repository."""
    write_learnable_corpus(clone.root / "corpus")
    clone.set_param("data", "source", "corpus")
    clone.set_param("train", "epochs", 2)
    clone.run("dvc", "repro")
    clone.run("dvc", "remote", "add", "--default", "team", str(folder / "remote"))
    clone.run("dvc", "config", "remote.team.verify", "true")
    clone.commit("Learn something")
    clone.run("dvc", "push")
    clone.run("git", "clone", "--quiet", "--bare", str(clone.root), str(folder / "origin.git"))
    return folder / "origin.git"


def check_out(origin: Path, folder: Path, cache: Path) -> Clone:
    """Check out as the action does: detached, no local main; the cache is restored, packages are there."""
    folder.parent.mkdir(parents=True)
    runner = Clone(folder.parent)
    runner.run("git", "clone", "--quiet", str(origin), str(folder))
    checkout = Clone(folder)
    checkout.run("git", "checkout", "--quiet", "--detach", "origin/main")
    checkout.run("git", "branch", "--quiet", "--delete", "--force", "main")
    shutil.copytree(cache, folder / ".dvc/cache")
    checkout.lend_environment()
    return checkout


def run_steps(checkout: Clone, *, label: bool = False) -> tuple[list[str], str]:
    """Run the commands of the job `results`; return the names of those that failed, and the job summary."""
    summary = checkout.root.parent / "summary.md"
    summary.unlink(missing_ok=True)
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_BASE_REF": "main",
        "GITHUB_STEP_SUMMARY": str(summary),
        "ACCEPT_INCOMPARABLE": "1" if label else "",
    }
    failed, output = [], ""
    for step in JOBS["results"]["steps"]:
        if "run" in step:
            script = f'(set -e; {step["run"]}\n) 2>&1; echo "status $?"'
            output += checkout.run("bash", "-c", script, **env)
            if output.rstrip().splitlines()[-1] != "status 0":
                failed.append(step["name"])
                break
    return failed, (summary.read_text(encoding="utf-8") if summary.exists() else "") + output


@pytest.mark.slow
def test_the_workflow_passes_what_is_equal_and_stops_what_is_worse_or_not_comparable(clone, tmp_path):
    """One pull request after the other, by the commands that stand in the workflow."""
    origin = make_repository(clone, tmp_path)
    checkout = check_out(origin, tmp_path / "runner/project", clone.root / ".dvc/cache")

    failed, output = run_steps(checkout)
    assert failed == [], output
    assert output.startswith("### no difference that the data can show")

    checkout.set_param("train", "lr", 1e-9)
    failed, output = run_steps(checkout)
    assert failed == ["Compare"], output
    assert output.startswith("### worse")
    assert "train.lr" in output
    assert "compare] Error 1" in output
    failed, output = run_steps(checkout, label=True)
    assert failed == ["Compare"], "the label is no way around a worse score"

    checkout.run("git", "checkout", "--quiet", "params.yaml")
    checkout.edit("corpus/NER-de-test.tsv", "und", "Und")
    failed, output = run_steps(checkout)
    assert failed == ["Compare"], output
    assert output.startswith("### not comparable")
    assert "scored on other words" in output
    assert "compare] Error 2" in output
    failed, output = run_steps(checkout, label=True)
    assert failed == [], output
    assert "::warning title=Not comparable::" in output
