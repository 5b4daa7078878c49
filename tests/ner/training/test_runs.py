"""A run's checkpoints and result belong to its inputs, and to one process at a time."""

import os
import shutil
import subprocess
import sys

import psutil
import pytest

from ner.core.errors import PipelineError
from ner.training.runs import SEAL, Run, seal_checkpoint
from tests.support.paths import ROOT

PARAMS = {"train": {"lr": 0.1}}


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """Work in a folder with a stage that has two deps, one of them a folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.txt").write_text("a", encoding="utf-8")
    (tmp_path / "code.py").write_text("1", encoding="utf-8")
    os.utime(tmp_path / "code.py", (1e9, 1e9))  # code is older than the process that runs it
    text = "stages:\n  train:\n    deps:\n      - data\n      - code.py\n"
    (tmp_path / "dvc.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def run_of(params):
    return Run("train", params, parts=("model",))


def finish(run, text="weights"):
    with run.writing() as folder:
        (folder / "model").write_text(text, encoding="utf-8")


def test_bytecode_that_python_writes_beside_a_module_is_no_edit(project):
    run = run_of(PARAMS)
    finish(run)
    (project / "data/__pycache__").mkdir()
    (project / "data/__pycache__/a.cpython-311.pyc").write_bytes(b"code")
    run.publish(PARAMS, {"model": project / "out/model"})
    assert (project / "out/model").exists()


def test_a_result_is_published_once_and_nothing_stays(project):
    run = run_of(PARAMS)
    finish(run)
    run.publish(PARAMS, {"model": project / "out/model"})
    assert (project / "out/model").read_text(encoding="utf-8") == "weights"
    assert not run.is_complete
    assert not run.folder.exists()


@pytest.mark.parametrize(
    ("file", "params", "named"),
    [
        pytest.param("code.py", PARAMS, "code.py", id="code"),
        pytest.param("data/a.txt", PARAMS, "data", id="data"),
        pytest.param("data/b.txt", PARAMS, "data", id="new-file"),
        pytest.param(None, {"train": {"lr": 0.2}}, r"train.lr \(0.1 is now 0.2\)", id="params"),
    ],
)
def test_an_edited_input_keeps_the_result_back(project, file, params, named):
    """For a run with the old inputs, which then finds it."""
    run = run_of(PARAMS)
    finish(run)
    if file:
        (project / file).write_text("edited", encoding="utf-8")
    with pytest.raises(PipelineError, match=f"edited while it ran: {named}"):
        run.publish(params, {"model": project / "out/model"})
    assert not (project / "out/model").exists()
    assert run.is_complete


def test_a_result_that_a_kill_left_in_part_is_made_again(project):
    run = run_of(PARAMS)
    finish(run)
    (run.result / "model").rename(project / "moved")
    assert not run.is_complete
    finish(run, "again")
    assert (run.result / "model").read_text(encoding="utf-8") == "again"


def test_a_run_that_fails_leaves_nothing():
    run = run_of(PARAMS)
    with pytest.raises(RuntimeError), run.writing():
        raise RuntimeError
    assert not run.is_complete
    assert not list(run.folder.iterdir())


def test_queued_runs_share_the_folder(project, monkeypatch):
    """They work in a copy below .dvc/tmp, and $DVC_ROOT names the main repository."""
    here = run_of(PARAMS).folder.resolve()
    monkeypatch.setenv("DVC_ROOT", str(project))
    assert run_of(PARAMS).folder == here


def test_an_orphan_whose_folder_the_queue_removed_says_where_its_checkpoints_are(project, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(project))
    temporary = project / ".dvc/tmp/exps/tmp1"
    shutil.copytree(project / "data", temporary / "data")
    for name in ("code.py", "dvc.yaml"):
        shutil.copy2(project / name, temporary / name)
    monkeypatch.chdir(temporary)
    run = run_of(PARAMS)
    shutil.rmtree(temporary)
    with pytest.raises(PipelineError, match=rf"was removed.*/{run.inputs.key}\. Remedy: queue"):
        finish(run)


def add_checkpoint(run, step, *, is_sealed=True):
    folder = run.steps / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_text(f"weights {step}", encoding="utf-8")
    (folder / "optimizer.pt").write_text("moments", encoding="utf-8")
    if is_sealed:
        seal_checkpoint(folder)
    return folder


def test_a_run_goes_on_from_its_newest_checkpoint():
    """Newest by step, not by name: 90 comes before 100."""
    run = run_of(PARAMS)
    assert run.last_checkpoint() is None
    add_checkpoint(run, 90)
    add_checkpoint(run, 100)
    assert run.last_checkpoint() == run.steps / "checkpoint-100"
    assert run_of({"train": {"lr": 0.2}}).last_checkpoint() is None, "another run's"


def test_runs_that_never_ended_are_counted(project):
    """Each keeps its room on the disk until it is resumed or removed."""
    run = run_of(PARAMS)
    assert run.others() == []
    add_checkpoint(run_of({"train": {"lr": 0.2}}), 10)
    with run.lock():
        finish(run)
        run.publish(PARAMS, {"model": project / "out/model"})
        assert run.others() == [run_of({"train": {"lr": 0.2}}).folder]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda folder: (folder / SEAL).unlink(), id="cut-off-before-the-seal"),
        pytest.param(lambda folder: (folder / "optimizer.pt").unlink(), id="file-missing"),
        pytest.param(lambda folder: (folder / "optimizer.pt").write_text("mom"), id="file-cut-short"),
        pytest.param(lambda folder: (folder / "model.safetensors").write_bytes(bytes(11)), id="zeros"),
        pytest.param(lambda folder: (folder / SEAL).write_text('{"model'), id="seal-cut-short"),
        pytest.param(lambda folder: (folder / SEAL).write_text(""), id="seal-empty"),
    ],
)
def test_a_half_written_checkpoint_is_removed_and_the_one_before_it_used(damage):
    run = run_of(PARAMS)
    before, damaged = add_checkpoint(run, 100), add_checkpoint(run, 200)
    damage(damaged)
    assert run.last_checkpoint() == before
    assert not damaged.exists()


OTHER = """
import sys
from ner.training.runs import Run
run = Run("train", {"train": {"lr": float(sys.argv[1])}}, parts=("model",))
with run.lock():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other_process():
    """Start a process that holds the lock of a run until it is killed."""
    started = []

    def start(folder, lr):
        process = subprocess.Popen(
            [sys.executable, "-c", OTHER, str(lr)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize("lr", [pytest.param(0.1, id="same-inputs"), pytest.param(0.2, id="other-inputs")])
def test_a_second_run_in_a_folder_is_refused_and_the_first_named(project, other_process, lr):
    """Whatever the first trains, it would write to the same outputs. The lock ends with its process."""
    other = other_process(project, lr)
    with (
        pytest.raises(PipelineError, match=rf"process {other.pid} is already .* Remedy: .*kill {other.pid}"),
        run_of(PARAMS).lock(),
    ):
        pytest.fail("two runs at once")
    other.kill()
    other.wait()
    with run_of(PARAMS).lock():
        pass


def test_two_folders_do_not_train_the_same_run_at_once(project, other_process, monkeypatch):
    """Queued runs work elsewhere and share the checkpoints; other inputs are free to run."""
    elsewhere = project / "queued"
    elsewhere.mkdir()
    for name in ("data", "code.py", "dvc.yaml"):
        (elsewhere / name).symlink_to(project / name)
    monkeypatch.setenv("DVC_ROOT", str(project))
    other = other_process(project, 0.1)
    monkeypatch.chdir(elsewhere)
    with (
        pytest.raises(PipelineError, match=f"process {other.pid} is already training"),
        run_of(PARAMS).lock(),
    ):
        pytest.fail("two runs at once")
    with run_of({"train": {"lr": 0.2}}).lock():
        pass


def test_the_orphan_of_a_killed_dvc_keeps_its_result_back(project):
    """Nobody would record it, and it could lie beside another run's parameters."""
    run = run_of(PARAMS)
    finish(run)
    dvc = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    run._dvc = psutil.Process(dvc.pid)
    dvc.kill()
    dvc.wait()
    with pytest.raises(
        PipelineError, match=rf"process {dvc.pid}\) has ended; .* kept .* Remedy: run dvc repro"
    ):
        run.publish(PARAMS, {"model": project / "out/model"})
    assert not (project / "out/model").exists()
    run._dvc = None
    run.publish(PARAMS, {"model": project / "out/model"})
    assert (project / "out/model").exists()
