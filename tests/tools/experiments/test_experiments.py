"""Experiments end to end: the real dvc and the README's ways of working."""

import json
import re
import shutil
import subprocess

import pytest

from ner.core.errors import PipelineError
from tests.support.pipeline_clone import ROOT, Clone, stages_run
from tools.experiments import search, seeds
from tools.experiments.queue import make_key

CHEAP = "evaluate.bootstrap_samples"  # reruns the last two stages alone


def run_quietly(clone: Clone, *command: str, status: int = 0) -> str:
    """Run a command that starts DVC's worker, which outlives it and would hold a pipe open."""
    log = clone.root.parent / "command.log"
    with log.open("w", encoding="utf-8") as file:
        done = subprocess.run(
            command,
            cwd=clone.root,
            env=clone.environment(),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        )
    output = log.read_text(encoding="utf-8")
    assert done.returncode == status, output
    return output


def names(clone: Clone) -> list[str]:
    return clone.run("dvc", "exp", "list", "--all-commits", "--name-only").split()


def count_trained(clone: Clone) -> int:
    """Count the runs of `fine_tune` in the logs of the queue; a stage from the run cache has none."""
    logs = (clone.root / ".dvc/tmp/exps/run").glob("*/*.out")
    return sum("fine_tune" in stages_run(log.read_text(encoding="utf-8")) for log in logs)


def test_a_key_tells_code_and_parameters_apart():
    key = make_key({"a.py": "1"}, {"train.lr": 3e-4, "seed": 1})
    assert key == make_key({"a.py": "1"}, {"seed": 1, "train.lr": 0.0003})
    assert key != make_key({"a.py": "2"}, {"train.lr": 3e-4, "seed": 1})
    assert key != make_key({"a.py": "1"}, {"train.lr": 3e-4, "seed": 2})


@pytest.mark.parametrize("text", ["", "1,", "1,x", "-1", "1.5", "1,2,1", "1 2"])
def test_seeds_are_different_whole_numbers(text):
    with pytest.raises(PipelineError, match=r"SEEDS is .* Remedy: "):
        seeds.parse_seeds(text)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param("trials: 8", "trails: 8", "trails is no parameter.*did you mean trials", id="key"),
        pytest.param("trials: 8", "trials: 0", "trials is 0", id="trials"),
        pytest.param(
            "train.lr:", "train.rl:", "train.rl is no parameter of params.yaml.*train.lr", id="name"
        ),
        pytest.param("low: 3e-5", "low: x", "parameters.train.lr.low is 'x'", id="text"),
        pytest.param(
            "low: 3e-5", "lwo: 3e-5", "parameters.train.lr.lwo .*did you mean low", id="misspelt-end"
        ),
        pytest.param("low: 3e-5", "low: 3", "parameters.train.lr goes from 3", id="empty-range"),
        pytest.param("low: 3e-5", "low: 0.0", "parameters.train.lr goes from 0.0", id="no-logarithm"),
        pytest.param("scale: log", "scale: lin", "parameters.train.lr.scale is 'lin'", id="scale"),
        pytest.param("[8, 16, 32]", "[]", "parameters.train.batch_size.choices is", id="no-choice"),
        pytest.param("train.lr:", "data.source:", "data.source is no number", id="range-of-text"),
        pytest.param("parameters:", "parameters: {}\nx:", "x is no parameter", id="no-parameters"),
    ],
)
def test_a_search_file_that_is_wrong_ends_in_one_line(tmp_path, old, new, message):
    text = (ROOT / "profiles/search.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "search.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(PipelineError, match=rf"search.yaml: {message}"):
        search.read_search(tmp_path / "search.yaml")


def test_numbers_are_rounded_before_they_are_tried():
    assert search.round_point({"a": 0.00012345, "b": 3, "c": "x"}) == {"a": 0.000123, "b": 3, "c": "x"}


def test_the_projects_own_search_file_is_right():
    settings, space = search.read_search(ROOT / "profiles/search.yaml")
    assert settings.trials > 0
    assert "train.lr" in space


@pytest.mark.slow
def test_an_experiment_beside_the_workspace_leaves_it_alone(clone):
    """`--temp` works from a folder of its own; apply takes its results over, a branch keeps them."""
    before = clone.outputs()
    output = clone.run("dvc", "exp", "run", "--temp", "--name", "few", "-S", f"{CHEAP}=20")
    assert stages_run(output) == {"evaluate", "report"}
    assert clone.outputs() == before
    assert clone.run("git", "status", "--porcelain") == ""

    clone.run("dvc", "exp", "branch", "few", "few-samples")
    assert "bootstrap_samples: 20" in clone.run("git", "show", "few-samples:params.yaml")
    clone.run("dvc", "exp", "apply", "few")
    assert "bootstrap_samples: 20" in (clone.root / "params.yaml").read_text(encoding="utf-8")
    assert clone.repro() == set()

    assert "bootstrap_samples" in clone.run("dvc", "params", "diff", "main")
    changed = json.loads(clone.run("dvc", "metrics", "diff", "main", "--json"))
    assert changed["metrics/evaluate.json"]["test.f1_high"]["diff"] != 0
    clone.run("dvc", "plots", "diff", "main")
    assert "training_curve" in (clone.root / "dvc_plots/index.html").read_text(encoding="utf-8")


def test_an_experiment_travels_through_a_plain_git_remote(clone, tmp_path):
    """Its parameters and metrics through Git, its data through a folder; a damaged object is noticed."""
    clone.run("dvc", "remote", "add", "--default", "team", str(tmp_path / "remote"))
    clone.run("dvc", "config", "remote.team.verify", "true")
    clone.commit("Share the cache")
    clone.run("git", "clone", "--quiet", "--bare", str(clone.root), str(tmp_path / "origin.git"))
    clone.run("git", "remote", "add", "origin", str(tmp_path / "origin.git"))
    clone.run("dvc", "exp", "run", "--temp", "--name", "few", "-S", f"{CHEAP}=20")
    clone.run("dvc", "exp", "push", "origin", "few")

    clone.run("git", "clone", "--quiet", str(tmp_path / "origin.git"), str(tmp_path / "colleague/project"))
    colleague = Clone(tmp_path / "colleague/project")
    assert "few" in colleague.run("dvc", "exp", "list", "origin", "--name-only")
    colleague.run("dvc", "exp", "pull", "origin", "few")
    colleague.run("dvc", "exp", "apply", "few")
    assert colleague.repro() == set()

    # The remote's copy of the predictions is damaged: with verify it does not get into a cache.
    shutil.rmtree(colleague.root / ".dvc/cache")
    shutil.rmtree(colleague.root / "data/predictions")
    for file in (tmp_path / "remote/files/md5").rglob("*"):
        if file.is_file() and file.read_bytes().startswith(b"PAR1"):
            file.chmod(0o644)
            file.write_bytes(b"PAR1 damaged")
    output = colleague.run("dvc", "pull", "data/predictions", status=1)
    assert "failed to pull data" in output
    assert not list((colleague.root / "data").glob("predictions/*.parquet"))


@pytest.mark.slow
def test_a_grid_in_the_queue_runs_and_shows_side_by_side(clone):
    """`--run-all`, then `dvc queue start` for a further one."""
    clone.run("dvc", "exp", "run", "--queue", "--name", "grid", "-S", f"{CHEAP}=20,30")
    run_quietly(clone, "dvc", "exp", "run", "--run-all")
    assert sorted(names(clone)) == ["grid-1", "grid-2"]
    clone.lend_environment()
    shown = clone.run("make", "--silent", "--old-file", ".venv/.run", "experiments", COLUMNS="100")
    assert re.search(r"grid-1.*Success", shown)
    assert all(len(line) <= 100 for line in shown.splitlines())
    clone.run("dvc", "exp", "run", "--queue", "--name", "later", "-S", f"{CHEAP}=40")
    run_quietly(clone, "dvc", "queue", "start")
    # Nothing of DVC's waits for its worker from the start on: each of these questions takes a second.
    assert any("later" in names(clone) for _ in range(300))


@pytest.mark.slow
def test_an_added_seed_runs_alone_and_a_failed_one_is_named(clone):
    """The seed of the finished workspace counts; the earlier experiment is found again."""
    output = run_quietly(clone, "python", "-m", "tools", "seeds", "42,1")
    assert "1 run now, 1 were there." in output
    output = run_quietly(clone, "python", "-m", "tools", "seeds", "1,42,2")
    assert "1 run now, 2 were there." in output
    assert count_trained(clone) == 2
    scores = [
        json.loads(clone.run("git", "show", f"refs/exps/{ref}:metrics/evaluate.json"))["test"]["subtoken_f1"]
        for ref in re.findall(r"refs/exps/(\S+/seed-\S+)", clone.run("git", "for-each-ref"))
    ]
    scores.append(
        json.loads((clone.root / "metrics/evaluate.json").read_text(encoding="utf-8"))["test"]["subtoken_f1"]
    )
    assert re.search(rf"test +│ subtoken_f1 │ {sum(scores) / 3:.4f}", output)

    output = run_quietly(clone, "python", "-m", "tools", "seeds", "42,3", "-S", "train.lr=1e8", status=1)
    assert re.search(
        r"error: no results of seed 42 \(seed-42-\w+\), seed 3 .* Remedy: dvc queue logs", output
    )


@pytest.mark.slow
def test_a_search_repeats_itself_without_training(clone):
    """The same file: the same points, found again; then a table whose best can be applied."""
    (clone.root / "profiles/search.yaml").write_text(
        "trials: 3\nbatch: 2\nseed: 1\nparameters:\n  train.epochs: {low: 1, high: 40, scale: linear}\n",
        encoding="utf-8",
    )
    first = run_quietly(clone, "python", "-m", "tools", "search")
    n_trained = count_trained(clone)
    second = run_quietly(clone, "python", "-m", "tools", "search")
    assert first == second
    assert count_trained(clone) == n_trained == 3
    best = re.search(r"Apply the best: dvc exp apply (search-\w+)", second)[1]
    clone.run("git", "checkout", "--quiet", "profiles/search.yaml")
    clone.run("dvc", "exp", "apply", best)
