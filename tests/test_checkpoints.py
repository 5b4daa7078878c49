"""What a run finished belongs to the inputs that it started with."""

import pytest

from stages.ner.checkpoints import FinishedRun
from stages.ner.errors import PipelineError

PARAMS = {"train": {"lr": 0.1}}


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """Work in a folder with a stage that has two deps, one of them a folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.txt").write_text("a", encoding="utf-8")
    (tmp_path / "code.py").write_text("1", encoding="utf-8")
    text = "stages:\n  train:\n    deps:\n      - data\n      - code.py\n"
    (tmp_path / "dvc.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def run_of(params):
    return FinishedRun("train", params, parts=("model",))


def finish(run, text="weights"):
    with run.writing() as folder:
        (folder / "model").write_text(text, encoding="utf-8")


def test_a_result_is_published_once_and_nothing_stays(project):
    run = run_of(PARAMS)
    finish(run)
    run.publish(PARAMS, {"model": project / "out/model"})
    assert (project / "out/model").read_text(encoding="utf-8") == "weights"
    assert not run.is_complete
    assert not list((project / "models/checkpoints").iterdir())


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
    (run.folder / "model").rename(project / "moved")
    assert not run.is_complete
    finish(run, "again")
    assert (run.folder / "model").read_text(encoding="utf-8") == "again"


def test_a_run_that_fails_leaves_nothing(project):
    run = run_of(PARAMS)
    with pytest.raises(RuntimeError), run.writing():
        raise RuntimeError
    assert not list((project / "models/checkpoints").iterdir())


def test_queued_runs_share_the_folder(project, monkeypatch):
    """They work in a copy below .dvc/tmp, and $DVC_ROOT names the main repository."""
    here = run_of(PARAMS).folder.resolve()
    monkeypatch.setenv("DVC_ROOT", str(project))
    assert run_of(PARAMS).folder == here
