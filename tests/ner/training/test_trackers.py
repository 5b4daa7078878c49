"""Live views of a run: they see it, and change nothing."""

import importlib.util
import logging

import pytest
from transformers import TrainerCallback

from ner.core.errors import PipelineError
from ner.training import trackers
from ner.training.trackers import LOGS, TRACKERS, add_trackers
from tests.ner.training.test_trainer import facts_of
from tests.support.tiny_encoder import build_tiny_encoder
from tests.support.tiny_training import make_trainer

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def encoder_dir(tmp_path_factory):
    return build_tiny_encoder(tmp_path_factory.mktemp("encoder"), ["Görlitz", "und", "Köln"])


class Fake(TrainerCallback):
    """A library's callback that keeps what it is told, and may fail at an event."""

    def __init__(self, folder, failing=""):
        self.folder, self.failing, self.events, self.logged = folder, failing, [], []
        if failing == "start":
            raise ValueError("no server\nsecond line")

    def note(self, event):
        """Keep an event, or fail at it."""
        self.events.append(event)
        if event == self.failing:
            raise ValueError("no server\nsecond line")

    def on_train_begin(self, *_, **__):
        """Begin."""
        self.note("begin")

    def on_log(self, *_, logs, **__):
        """Keep what is logged."""
        self.note("log")
        self.logged.append(logs)

    def on_train_end(self, *_, **__):
        """End."""
        self.note("end")


@pytest.fixture
def follow(monkeypatch, tmp_path, encoder_dir):
    """Train with a fake tracker below `$DVC_ROOT`."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "root"))
    monkeypatch.setattr(trackers, "find_spec", lambda _: True)

    def train(names=("tensorboard",), failing=""):
        made = []
        monkeypatch.setitem(
            TRACKERS, "tensorboard", lambda folder: made.append(Fake(folder, failing)) or made[-1]
        )
        trainer = make_trainer(encoder_dir, tmp_path / f"steps-{failing}", n_rows=41)
        add_trackers(trainer, names, "run-key")
        trainer.fit(None)
        return trainer, made

    return train


def test_a_tracker_sees_losses_and_scores_and_changes_no_result(follow, tmp_path):
    plain, _ = follow(names=())
    tracked, (tracker,) = follow()
    assert facts_of(tracked) == facts_of(plain)
    assert (tracker.events[0], tracker.events[-1]) == ("begin", "end")
    assert sum("eval_f1" in logs for logs in tracker.logged) == 3
    assert sum("loss" in logs for logs in tracker.logged) == 3, "of 33 steps, each tenth"
    assert tracker.folder == tmp_path / "root" / LOGS / "run-key"


@pytest.mark.parametrize("failing", ["start", "begin", "log", "end"])
def test_training_goes_on_without_a_tracker_that_fails(follow, failing, caplog):
    caplog.set_level(logging.WARNING)
    trainer, _ = follow(failing=failing)
    assert trainer.best_epoch > 0
    assert [one.message for one in caplog.records if "trackers" in one.message] == [
        "run.trackers: tensorboard fails (no server); training goes on without it"
    ]


def test_a_tracker_that_is_not_installed_is_named(encoder_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(trackers, "find_spec", lambda _: None)
    with pytest.raises(PipelineError, match=r"names wandb, .*Remedy: pip install -r requirements-trackers"):
        add_trackers(make_trainer(encoder_dir, tmp_path), ["wandb"], "key")


@pytest.mark.parametrize("name", TRACKERS)
def test_the_real_trackers_write_below_the_root_and_leave_dvc_yaml_alone(
    name, encoder_dir, tmp_path, monkeypatch
):
    """Offline, and in a working folder that may vanish."""
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is absent: pip install -r requirements-trackers.txt")
    for variable in ("TENSORBOARD_LOGGING_DIR", "MLFLOW_TRACKING_URI", "WANDB_DIR", "WANDB_MODE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "root"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    (tmp_path / "work/dvc.yaml").write_text("stages: {}\n", encoding="utf-8")
    trainer = make_trainer(encoder_dir, tmp_path / "steps")
    add_trackers(trainer, [name], "run-key")
    trainer.fit(None)
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["dvc.yaml"]
    assert (tmp_path / "work/dvc.yaml").read_text(encoding="utf-8") == "stages: {}\n"
    written = [path for path in (tmp_path / "root" / LOGS).rglob("*") if path.is_file()]
    assert any(name in str(path.relative_to(tmp_path / "root")) for path in written)
    for variable in ("TENSORBOARD_LOGGING_DIR", "MLFLOW_TRACKING_URI", "WANDB_DIR", "WANDB_MODE"):
        monkeypatch.delenv(variable, raising=False)
