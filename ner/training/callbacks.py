"""What the Trainer calls on its way: a readable progress bar, and the schedule of checkpoints."""

from collections.abc import Mapping
from typing import Any

from transformers import ProgressCallback, TrainerCallback, TrainerControl, TrainerState, TrainingArguments


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


def describe_epoch(logs: Mapping[str, float]) -> str:
    """Say in a line how an epoch ended."""
    scores = {name.removeprefix("eval_"): value for name, value in logs.items()}
    return f"epoch {logs['epoch']:.0f}: validation loss {logs['eval_loss']:.4f}, {describe_f1(scores)}"


def describe_f1(scores: Mapping[str, float]) -> str:
    """Say the F1 of an epoch, of the outer level or of both."""
    outer = f"F1 {scores['f1']:.4f}"
    if "m1_f1" not in scores:
        return outer
    return f"{outer}, inner level {scores['inner_f1']:.4f}, both {scores['m1_f1']:.4f}"
