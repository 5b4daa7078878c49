"""Experiments end to end: the real dvc and the README's ways of working."""

import io
import json
import os
import re
import shutil
import subprocess
from contextlib import nullcontext, suppress
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from rich.console import Console

from ner.core.errors import PipelineError
from tests.support.pipeline_clone import ROOT, Clone, stages_run
from tools.experiments import search, seeds, worker
from tools.experiments.queue import (
    Experiment,
    check_cache_place,
    make_key,
    read_inputs,
    run_experiments,
    write_override,
)

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


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(3e-05, id="number"),
        pytest.param(None, id="empty"),
        pytest.param("a, b: {c}", id="text"),
        pytest.param({"rank": 8, "dropout": 0.5, "modules": ["query", "value"]}, id="section"),
        pytest.param(["tensorboard", "wandb"], id="list"),
        pytest.param([], id="empty-list"),
    ],
)
def test_dvc_reads_an_override_as_it_was_meant(value):
    parser = OverridesParser.create()
    (override,) = parser.parse_overrides([f"train.lora={write_override(value)}"])
    assert override.value() == value
    assert not override.is_sweep_override()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Make a small repository with one stage that reads a folder, and work there."""
    folder = tmp_path / "müller"
    (folder / "corpus").mkdir(parents=True)
    (folder / "corpus/train.tsv").write_text("a\n", encoding="utf-8")
    (folder / "params.yaml").write_text("seed: 1\n", encoding="utf-8")
    stage = "stages: {copy: {cmd: cp -r corpus made, deps: [corpus], params: [seed], outs: [made]}}\n"
    (folder / "dvc.yaml").write_text(stage, encoding="utf-8")
    repository = Clone(folder)
    repository.run("git", "init", "--quiet")
    repository.run("dvc", "init", "--quiet")
    monkeypatch.chdir(folder)
    return repository


def test_a_corpus_that_dvc_tracks_is_an_input_like_any_other(repository):
    """`dvc add` and `dvc import-url` make stages without a name; the same content has the same key."""
    plain = read_inputs()
    assert plain.keys() == {"stage copy", "corpus"}
    repository.run("dvc", "add", "--quiet", "corpus")
    assert read_inputs() == plain
    (repository.root / "corpus").rename(repository.root.parent / "outside")
    (repository.root / "corpus.dvc").unlink()
    repository.run("dvc", "import-url", "--quiet", str(repository.root.parent / "outside"), "corpus")
    assert read_inputs() == plain


@pytest.mark.parametrize("is_tracked", [False, True], ids=["corpus-in-git", "corpus-tracked-by-dvc"])
def test_the_baseline_is_made_with_the_projects_own_cache_and_runs_nothing_that_it_holds(
    repository, tmp_path, is_tracked
):
    """Another cache, trained anew, would give a result that cannot be compared on some machines."""
    repository.run("dvc", "cache", "dir", "--quiet", str(tmp_path / "elsewhere"))
    if is_tracked:
        repository.run("dvc", "add", "--quiet", "corpus")
    repository.run("dvc", "repro", "--quiet")
    repository.commit("Start")
    (repository.root / "params.yaml").write_text("seed: 2\n", encoding="utf-8")
    said = repository.run("sh", str(ROOT / "scripts/make_baseline.sh"), "HEAD")
    assert not stages_run(said), said
    assert "warning" not in said
    assert not (repository.root / ".dvc/cache").exists()
    commits = repository.run("git", "rev-parse", "baseline^{commit}", "HEAD").split()
    assert commits[0] == commits[1], "what came out is what is committed"
    assert repository.run("git", "worktree", "list").count("\n") == 1


def test_a_cache_whose_path_dvc_cannot_queue_with_is_named_and_the_remedy_works(repository):
    """DVC writes the configuration of a queued run in ASCII, whatever the locale."""
    (repository.root / ".dvc/cache").mkdir()
    with pytest.raises(PipelineError, match=r"müller/.dvc/cache: DVC can queue no run here") as error:
        check_cache_place()
    command = str(error.value).partition("another name: ")[2]
    link = command.rpartition(" ")[2]
    try:
        repository.run("bash", "-c", command)
        check_cache_place()
        repository.run("git", "add", "--all")
        repository.run("git", "commit", "--quiet", "--message", "Start")
        repository.run("dvc", "exp", "run", "--temp", "--quiet")
    finally:
        Path(link).unlink(missing_ok=True)


class FakeQueue:
    """A queue as DVC's looks after kill -9 of everything: one run counts as running, no worker lives."""

    def __init__(self, workers):
        self.workers = workers
        self.active = [SimpleNamespace(name="seed-1-abc", stash_rev="0" * 40)]
        self.killed = []

    def iter_active(self):
        """Give what counts as running."""
        return iter(self.active)

    def worker_status(self):
        """Give the workers that answer."""
        return self.workers

    def kill(self, names, *, force):
        """Do as DVC does."""
        assert force
        self.killed.append(names)
        if len(self.killed) == 2:  # the first one ended a process that outlived its worker
            self.active = []


@pytest.mark.parametrize(
    ("workers", "ended"),
    [
        pytest.param({}, ["seed-1-abc"], id="dead"),
        pytest.param({"worker@localhost": []}, [], id="alive"),
    ],
)
def test_a_run_whose_worker_was_killed_is_ended_and_said(monkeypatch, caplog, workers, ended):
    queue = FakeQueue(workers)
    repo = SimpleNamespace(experiments=SimpleNamespace(celery_queue=queue))
    monkeypatch.setattr(worker, "Repo", lambda: nullcontext(repo))
    assert worker.end_abandoned_runs() == ended
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ended
    assert bool(queue.active) is not bool(ended)


@pytest.mark.parametrize(
    ("under_way", "has_worker", "message"),
    [
        pytest.param({"b"}, False, None, id="failed-before-it-began"),
        pytest.param({"a"}, False, "DVC's worker ended or did not start", id="no-worker"),
    ],
)
def test_nothing_waits_for_ever(repository, monkeypatch, under_way, has_worker, message):
    """A run whose worker was killed counts as running for ever; here DVC starts none."""
    (repository.root / "bin").mkdir()
    (repository.root / "bin/dvc").write_text("#!/bin/sh\n")
    (repository.root / "bin/dvc").chmod(0o755)
    monkeypatch.setenv("PATH", str(repository.root / "bin"), prepend=os.pathsep)
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(worker, "SILENCE_SECONDS", 0.05)
    monkeypatch.setattr(worker, "list_under_way", lambda: under_way)
    monkeypatch.setattr(worker, "has_worker", lambda: has_worker)
    with pytest.raises(PipelineError, match=message) if message else nullcontext():
        worker.run_queue(["a"])


@pytest.mark.parametrize(
    ("under_way", "workers", "n_waits"),
    [
        pytest.param(set(), [False], 0, id="none"),
        pytest.param(set(), [True, True, False], 2, id="idle"),
        pytest.param({"seed-1"}, [True], 0, id="busy"),
    ],
)
def test_nothing_is_queued_while_a_worker_without_work_ends(monkeypatch, under_way, workers, n_waits):
    """It would take the run and never run it (DVC 3.67)."""
    waits = []
    monkeypatch.setattr(worker, "list_under_way", lambda: under_way)
    monkeypatch.setattr(worker, "has_worker", lambda: workers[len(waits)])
    monkeypatch.setattr(worker.time, "sleep", waits.append)
    worker.wait_for_idle_worker()
    assert waits == [worker.POLL_SECONDS] * n_waits


@pytest.mark.slow
def test_batches_in_a_row_all_run_and_leave_dvc_free_meanwhile(repository):
    """`dvc exp run --run-all` would hold DVC's lock, and its worker, which ends later, would lose a run."""
    repository.edit("dvc.yaml", "cp -r", f"python {repository.root}/locked.py {repository.root} && cp -r")
    (repository.root / "locked.py").write_text(
        "import fcntl, pathlib, sys\n"
        "with pathlib.Path(sys.argv[1], '.dvc/tmp/lock').open('a') as lock:\n"
        "    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
    )
    repository.run("dvc", "cache", "dir", "--quiet", "--local", str(Path.cwd().parent / "cache"))
    repository.commit("Start")
    for batch in ([2, 3], [4], [5]):
        finished = run_experiments([Experiment(f"{seed}", f"seed-{seed}", {"seed": seed}) for seed in batch])
        assert finished.failed == {}
        assert finished.n_started == len(batch)
    assert len(names(repository)) == 4


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


def test_a_narrow_terminal_shows_whole_names_and_figures():
    """Beside the best run, whose command is printed, the others may be wanted too."""
    shown = io.StringIO()
    point = {"train.lr": 0.000482, "train.batch_size": 32, "train.weight_decay": 0.0071}
    scores = {f"search-24823dc6a{number}": (0.8877, point) for number in range(3)}
    search.print_ranking(Console(file=shown, width=80), scores, list(point))
    assert all(f" {name} " in shown.getvalue() for name in scores)
    assert "…" not in shown.getvalue()


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
    # DVC 3.67 loses a run that is queued while the worker of the last one ends.
    number = int((clone.root / ".dvc/tmp/exps/celery/dvc-exp-worker-1.pid").read_text())
    with suppress(psutil.NoSuchProcess):
        psutil.Process(number).wait(timeout=120)
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
