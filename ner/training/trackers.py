"""Live views of a run: TensorBoard, MLflow, Weights & Biases, DVCLive. None of them can change a result.

Their logs lie below `$DVC_ROOT`, so that they outlive the temporary folder of a queued run, and outside any
output, which DVC removes before a stage runs.
"""

import logging
import netrc
import os
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from transformers import Trainer, TrainerCallback
from transformers.integrations.integration_utils import (
    DVCLiveCallback,
    MLflowCallback,
    TensorBoardCallback,
    WandbCallback,
)

from ner.core.errors import PipelineError, summarise_error

logger = logging.getLogger(__name__)

LOGS = Path("models/logs")
STEPS_PER_LOG = 10  # between two losses in a plot; validation is logged once an epoch
WANDB_SITE = "api.wandb.ai"


class Tracker(TrainerCallback):
    """Passes a run's events to a library's callback, and goes on without it if that fails.

    Args:
        name: The tracker's, for the log.
        start: Makes the library's callback; called when training begins.
    """

    def __init__(self, name: str, start: Callable[[], TrainerCallback]) -> None:
        self.name, self._start = name, start
        self._callback: TrainerCallback | None = None

    def on_train_begin(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - the Trainer's own
        """Open the tracker's log."""
        try:
            self._callback = self._start()
        except Exception as error:  # noqa: BLE001 - whatever a tracker does, training goes on
            self._give_up(error)
        self._pass("on_train_begin", *arguments, **named)

    def on_log(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - the Trainer's own
        """Write losses and scores."""
        self._pass("on_log", *arguments, **named)

    def on_train_end(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - the Trainer's own
        """Close the tracker's log."""
        self._pass("on_train_end", *arguments, **named)

    def _pass(self, event: str, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - the Trainer's own
        if self._callback is None:
            return
        try:
            getattr(self._callback, event)(*arguments, **named)
        except Exception as error:  # noqa: BLE001 - such as a server that cannot be reached
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        logger.warning(
            "run.trackers: %s fails (%s); training goes on without it", self.name, summarise_error(error)
        )
        self._callback = None


def add_trackers(trainer: Trainer, names: Sequence[str], run: str) -> None:
    """Let the trackers of `run.trackers` follow a run; variables of the environment that they know win.

    Args:
        trainer: Has not begun.
        names: Of `TRACKERS`; none: nothing changes.
        run: Name of the run: where it resumes, it goes on with the same logs.

    Raises:
        PipelineError: If one is not installed.
    """
    for name in names:
        if find_spec(name) is None:
            raise PipelineError(
                f"params.yaml: run.trackers names {name}, which is not installed.",
                remedy="pip install -r requirements-trackers.txt, or take it out of the list.",
            )
    root = (Path(os.environ.get("DVC_ROOT", ".")) / LOGS).resolve()
    for name in names if trainer.is_world_process_zero() else []:
        trainer.add_callback(Tracker(name, partial(TRACKERS[name], root / run)))
        trainer.args.set_logging("steps", STEPS_PER_LOG)


def _start_tensorboard(folder: Path) -> TrainerCallback:
    os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(folder / "tensorboard"))
    return TensorBoardCallback()  # type: ignore[no-untyped-call]


def _start_mlflow(folder: Path) -> TrainerCallback:
    folder.parent.mkdir(parents=True, exist_ok=True)
    store = folder.parent / "mlflow.db"  # of all runs; MLflow writes no folders of files any more
    os.environ.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{store}")
    os.environ.setdefault("MLFLOW_EXPERIMENT_NAME", "ner")
    return MLflowCallback()  # type: ignore[no-untyped-call]


def _start_wandb(folder: Path) -> TrainerCallback:
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("WANDB_DIR", str(folder))
    os.environ.setdefault("WANDB_PROJECT", "ner")
    if not _is_logged_in():
        os.environ.setdefault("WANDB_MODE", "offline")  # else it asks for a key, and the stage waits
    return WandbCallback()  # type: ignore[no-untyped-call]


def _is_logged_in() -> bool:
    if "WANDB_API_KEY" in os.environ:
        return True
    try:
        return netrc.netrc().authenticators(WANDB_SITE) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def _start_dvclive(folder: Path) -> TrainerCallback:
    from dvclive import Live

    # With its defaults DVCLive would write into dvc.yaml and make an experiment of its own.
    live = Live(str(folder / "dvclive"), resume=True, dvcyaml=None, save_dvc_exp=False, report=None)
    return DVCLiveCallback(live=live)


TRACKERS: dict[str, Callable[[Path], TrainerCallback]] = {
    "tensorboard": _start_tensorboard,
    "mlflow": _start_mlflow,
    "wandb": _start_wandb,
    "dvclive": _start_dvclive,
}
