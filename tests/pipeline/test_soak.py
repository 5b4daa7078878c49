"""Many experiments through DVC's queue, most of them killed: all end with the bytes of runs that were not.

SOAK_EXPERIMENTS=20 makes it a long one; with `pytest -s` it prints what lies where on the disk.
"""

import itertools
import json
import os
import random
import re
import shutil
from pathlib import Path

import psutil
import pytest
import yaml
from rich.console import Console
from rich.table import Table

from tests.support.pipeline_clone import Clone

N_EXPERIMENTS = int(os.environ.get("SOAK_EXPERIMENTS", "5"))
SEED = 8
N_EPOCHS, N_STEPS = 3, 18
# Whom a strike kills, by words of their command lines.
VICTIMS = {
    "trainer": {"stages.fine_tune"},
    "dvc": {"exec-run"},
    "worker": {"queue-worker", "--run-all"},  # the second waits for the first for ever: its user gives up
    "everything": {"stages.fine_tune", "exec-run", "queue-worker", "--run-all"},  # as a power cut does
    "nobody": set(),
}
N_ROUNDS = 2 * N_EXPERIMENTS  # of putting back; each strike happens once, so that fewer do
# All that DVC itself may leave in .dvc/tmp when nothing runs, besides locks, rwlocks and memory of hashes.
QUEUE_FOLDERS = {
    "celery",  # messages and results of tasks, the workers' logs
    "cache",  # what `dvc exp show` read of each revision
    "run",  # what each task printed and how it ended: `dvc queue logs`
}


def strike(step: int, learning_rate: float) -> None:
    """Kill what the plan says when a run first comes to its step; the clone's trainer calls this."""
    root = Path(os.environ["DVC_ROOT"]).resolve()
    plan = plan_of(root, learning_rate)
    if not plan.is_file():
        return
    struck_at, victim = json.loads(plan.read_text(encoding="utf-8"))
    if step < struck_at:
        return
    plan.unlink()
    struck = [process for process in processes_in(root) if VICTIMS[victim] & set(process.cmdline())]
    for process in sorted(struck, key=lambda process: process.pid == os.getpid()):  # itself last
        process.kill()


def plan_of(root: Path, learning_rate: float) -> Path:
    return root.parent / "strikes" / f"{learning_rate:g}.json"


def processes_in(root: Path) -> list[psutil.Process]:
    """Find the processes that work in a folder or name it on their command line."""
    return [
        process
        for process in psutil.process_iter(["cwd", "cmdline"])
        if any(
            Path(word).is_relative_to(root)
            for word in (process.info["cwd"] or "", *(process.info["cmdline"] or ()))
        )
    ]


@pytest.fixture
def soaked(clone) -> Clone:
    """Give the clone a trainer that is struck, short runs, and a result of them to start from."""
    clone.edit(
        "ner/training/trainer.py",
        "        loss = super().training_step",
        """        from tests.pipeline.test_soak import strike
        strike(self.state.global_step, self.args.learning_rate)
        loss = super().training_step""",
    )
    clone.set_param("train", "epochs", N_EPOCHS)
    clone.run("dvc", "repro")
    clone.commit("Be struck")
    (clone.root.parent / "strikes").mkdir()
    return clone


def queue(clone: Clone, name: str, learning_rate: float) -> None:
    clone.run("dvc", "exp", "run", "--queue", "-n", name, "-S", f"train.lr={learning_rate}", "evaluate")


def tasks(clone: Clone) -> dict[str, str]:
    """Give the state of each task in the queue by its name."""
    shown = clone.run("dvc", "queue", "status")
    return dict(re.findall(r"^[0-9a-f]{7}\s+(lr-\S+)\s.*\s(\w+)\s*$", shown, re.MULTILINE))


def results(clone: Clone) -> dict[str, str]:
    """Give the Git reference of each experiment that has a result, by its name."""
    refs = clone.run("git", "for-each-ref", "--format=%(refname)", "refs/exps").split()
    return {ref.rpartition("/")[2]: ref for ref in refs if ref.rpartition("/")[2].startswith("lr-")}


def clear_up(clone: Clone) -> None:
    """Do what the README says under "Interrupted runs"."""
    _, alive = psutil.wait_procs(processes_in(clone.root), timeout=300)
    assert alive == [], "an orphan ends by itself, as does a worker without work"
    if running := [name for name, state in tasks(clone).items() if state == "Running"]:
        clone.run("dvc", "queue", "kill", *running)
    if "Queued" not in tasks(clone).values():
        clone.run("dvc", "queue", "remove", "--all")
    else:
        clone.run("dvc", "queue", "remove", "--failed", "--success")
    for folder in (clone.root / ".dvc/tmp/exps").glob("tmp*"):
        shutil.rmtree(folder)


def show_disk(clone: Clone) -> dict[str, int]:
    """Print and give the bytes in each place, a place within another counted once."""
    places = (".git", ".dvc/cache", ".dvc/tmp/exps", ".dvc/tmp", "models/checkpoints", "models", "data", ".")
    sizes = dict.fromkeys(places, 0)
    for path in clone.root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            name = path.relative_to(clone.root)
            sizes[next(place for place in places if name.is_relative_to(place))] += path.stat().st_size
    table = Table("place", "kB", title=f"{N_EXPERIMENTS} experiments")
    for place, size in sizes.items():
        table.add_row(place, f"{size / 1000:,.0f}")
    Console().print(table)
    return sizes


@pytest.mark.slow
def test_struck_experiments_all_finish_and_leave_nothing_behind(soaked):
    rng = random.Random(SEED)  # noqa: S311 - chance, no secret
    victims = list(itertools.islice(itertools.cycle(VICTIMS), N_EXPERIMENTS))
    rng.shuffle(victims)
    rates = {f"lr-{index}": (index + 4) / 1000 for index in range(N_EXPERIMENTS)}
    for (name, rate), victim in zip(rates.items(), victims, strict=True):
        if victim != "nobody":
            plan = json.dumps((rng.randrange(1, N_STEPS), victim))
            plan_of(soaked.root, rate).write_text(plan, encoding="utf-8")
        queue(soaked, name, rate)

    log, cached = "", show_disk(soaked)[".dvc/cache"]
    for round_ in range(N_ROUNDS):
        printed = soaked.run("dvc", "exp", "run", "--run-all", status=None)
        log += printed
        clear_up(soaked)
        waiting = tasks(soaked)
        missing = [name for name in rates if name not in results(soaked) and name not in waiting]
        Console().print(f"round {round_ + 1}: {len(results(soaked))} done, {len(missing)} put back")
        for name in missing:
            queue(soaked, name, rates[name])
        if not missing and not waiting:
            break

    assert list((soaked.root.parent / "strikes").iterdir()) == [], "all strikes have happened"
    assert "going on from" in log
    assert results(soaked).keys() == rates.keys()
    assert tasks(soaked) == {}
    assert processes_in(soaked.root) == []
    assert "up to date" in soaked.run("dvc", "status")
    assert soaked.run("git", "status", "--porcelain") == ""
    assert {path.name for path in (soaked.root / "models/checkpoints").iterdir()} <= {".lock", ".owner"}
    left = {path.name for path in (soaked.root / ".dvc/tmp/exps").iterdir() if path.is_dir()}
    assert left <= QUEUE_FOLDERS
    sizes = show_disk(soaked)
    model = sum(path.stat().st_size for path in (soaked.root / "models/ner").iterdir())
    grown = sizes[".dvc/cache"] - cached
    assert grown < N_EXPERIMENTS * 2 * model, (
        "an experiment adds a model and its scores, however often it ran"
    )
    assert sizes[".dvc/tmp"] + sizes[".dvc/tmp/exps"] < model

    struck = [name for name, victim in zip(rates, victims, strict=True) if victim != "nobody"]
    for name in rng.sample(struck, 2):
        recorded = yaml.safe_load(soaked.run("git", "show", f"{results(soaked)[name]}:dvc.lock"))
        summary = soaked.run("git", "show", f"{results(soaked)[name]}:metrics/train.json")
        soaked.set_param("train", "lr", rates[name])
        soaked.run("dvc", "repro", "--force", "--single-item", "fine_tune")
        (model_hash,) = (
            out["md5"] for out in recorded["stages"]["fine_tune"]["outs"] if out["path"] == "models/ner"
        )
        assert soaked.outputs()["models/ner"] == model_hash
        assert (soaked.root / "metrics/train.json").read_text(encoding="utf-8") == summary
