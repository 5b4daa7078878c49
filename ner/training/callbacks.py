"""What the Trainer calls on its way: a readable progress bar, the schedule of checkpoints, the early end."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from transformers import ProgressCallback, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

logger = logging.getLogger(__name__)


class EpochProgress(ProgressCallback):
    """The Trainer's progress bar, with one readable line an epoch above it."""

    def on_log(self, *arguments: Any, logs: dict[str, float] | None = None, **_: Any) -> None:  # noqa: ANN401, ARG002
        """Write the line of an epoch; the Trainer calls this with whatever it logs."""
        if self.training_bar is not None and logs and "eval_f1" in logs:
            self.training_bar.write(describe_epoch(logs))


class CheckpointSchedule(TrainerCallback):
    """Asks for a checkpoint every so many steps, and after each epoch's validation.

    Never at an epoch's last step before that validation: a run that resumed there would go on with the next
    epoch and leave this one unscored.
    """

    def __init__(self, n_steps: int) -> None:
        self.n_steps = n_steps

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: Any,  # noqa: ANN401
    ) -> None:
        """Decide after an optimiser step."""
        is_epoch_end = state.global_step % (state.max_steps // round(args.num_train_epochs)) == 0
        control.should_save = state.global_step % self.n_steps == 0 and not is_epoch_end

    def on_epoch_end(self, *arguments: Any, **_: Any) -> None:  # noqa: ANN401
        """Decide after an epoch; the Trainer validates before it saves."""
        arguments[2].should_save = True


class Patience(TrainerCallback):
    """Ends training after so many epochs without a better validation F1.

    Args:
        n_epochs: How many; None: never.
        count_epochs: Returns how many epochs have passed since the best one. The count is the trainer's, so
            that a run that resumes keeps it.
    """

    def __init__(self, n_epochs: int | None, count_epochs: Callable[[], int]) -> None:
        self.n_epochs, self._count_epochs = n_epochs, count_epochs

    @property
    def is_over(self) -> bool:
        """Whether training has to end."""
        return self.n_epochs is not None and self._count_epochs() >= self.n_epochs

    def on_evaluate(self, *arguments: Any, **_: Any) -> None:  # noqa: ANN401
        """Decide after an epoch's validation."""
        if self.is_over:
            arguments[2].should_training_stop = True
            logger.info("no better F1 for %s epochs (train.patience): training ends", self.n_epochs)


def describe_epoch(logs: Mapping[str, float]) -> str:
    """Return the line that says how an epoch ended."""
    scores = {name.removeprefix("eval_"): value for name, value in logs.items()}
    return f"epoch {logs['epoch']:.0f}: validation loss {logs['eval_loss']:.4f}, {describe_f1(scores)}"


def describe_f1(scores: Mapping[str, float]) -> str:
    """Return the F1 of an epoch in words, of the outer level or of both."""
    outer = f"F1 {scores['f1']:.4f}"
    if "m1_f1" not in scores:
        return outer
    return f"{outer}, inner level {scores['inner_f1']:.4f}, both {scores['m1_f1']:.4f}"
