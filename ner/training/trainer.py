"""The Trainer of this project: batches of similar length, validation on words, runs that resume exactly."""

import logging
import math
import shutil
import time
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer
from transformers import (
    PreTrainedModel,
    PrinterCallback,
    ProgressCallback,
    Trainer,
    TrainerState,
    TrainingArguments,
)
from transformers.modeling_outputs import TokenClassifierOutput
from transformers.trainer import TRAINER_STATE_NAME

from ner.annotation.counts import score_tags
from ner.annotation.sentences import Sentence
from ner.core.errors import PipelineError, summarise_error
from ner.core.files import read_json, write_json
from ner.tagging.heads import count_levels, split_levels
from ner.tagging.model import WindowCollator
from ner.tagging.precision import Precision, tagging_weights
from ner.tagging.tagger import Tagger
from ner.training.callbacks import CheckpointSchedule, EpochProgress, Patience, describe_epoch
from ner.training.failures import explain_divergence, explain_memory
from ner.training.launching import is_process_lost
from ner.training.learning_rates import group_weights
from ner.training.linear_layers import linear_layers_in_bfloat16
from ner.training.lora import merged_lora
from ner.training.params import TrainParams
from ner.training.runs import seal_checkpoint
from ner.training.sampler import LengthSampler
from ner.windows.alignment import IGNORE_ID
from ner.windows.tokenized import TokenizedWindow

logger = logging.getLogger(__name__)

PROGRESS, BEST = "progress.json", "best.safetensors"
F1_OF_BOTH = ("inner_f1", "m1_f1")  # of an epoch's scores, where both levels are trained


class WordTrainer(Trainer):
    """A Trainer that validates as `evaluate` scores: words, strict IOB2, with one decoder.

    The best epoch is that of the highest F1 on the outer level; where both levels are trained, of the highest
    F1 over both (M1 of the GermEval 2014 task).

    A checkpoint of it holds what the Trainer's own forgets: the best epoch's weights, the loss of the epoch
    so far and the seconds spent. A run that resumes from one ends with the same bytes as one that was never
    interrupted.

    Args:
        model: Encoder and fresh head, or both heads: they decide which levels are trained.
        arguments: `output_dir` is where checkpoints go.
        train_rows: Windows of the training split, none of them empty.
        validation_rows: Windows of the validation split.
        sentences: The validation split. Shape: (n_sentences,).
        checkpoint_steps: Optimiser steps between two checkpoints.
        precision: Number types of the steps and of validation.
        settings: Section `train`: learning rates by depth, and when training ends early.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        arguments: TrainingArguments,
        *,
        train_rows: list[TokenizedWindow],
        validation_rows: list[TokenizedWindow],
        sentences: list[Sentence],
        checkpoint_steps: int,
        precision: Precision,
        settings: TrainParams,
    ) -> None:
        self.model: PreTrainedModel
        super().__init__(
            model,
            arguments,
            train_dataset=train_rows,
            eval_dataset=validation_rows,
            data_collator=WindowCollator(model.config.pad_token_id, count_levels(model)),
            compute_loss_func=mean_loss,
        )
        lengths = [len(row.window.input_ids) for row in train_rows]
        batch_size = (
            arguments.per_device_train_batch_size
            * arguments.gradient_accumulation_steps
            * arguments.world_size
        )
        self.sampler = LengthSampler(lengths, batch_size, arguments.seed)
        self.validation = sentences, validation_rows
        self.precision = precision
        self.best_scores: dict[str, float] = {}  # of the best epoch: `f1`, and of both levels two more
        self.best_epoch = 0
        self.best_loss = math.inf  # of that epoch's validation: of equal F1, the lower one is better
        self.best_weights: dict[str, torch.Tensor] = {}
        self._best_file: Path | None = None  # of the newest checkpoint that holds them
        self.epoch_losses: list[float] = []
        self.seconds = 0.0  # of training, earlier sessions of this run included, validation not
        self._started = 0.0
        self._loss = torch.zeros(2, device=arguments.device)  # sum over this epoch's steps, their number
        self._first_nan = torch.full((), math.inf, device=arguments.device)  # the step that had no loss
        self.add_callback(CheckpointSchedule(checkpoint_steps))
        self.settings = settings
        self.patience = Patience(settings.patience, lambda: len(self.epoch_losses) - self.best_epoch)
        self.add_callback(self.patience)
        # Both print Python's dictionaries; `evaluate` logs a line, and above the bar on a terminal.
        self.remove_callback(PrinterCallback)
        if self.pop_callback(ProgressCallback):
            self.add_callback(EpochProgress)

    @property
    def train_loss(self) -> float:
        """Mean of the epochs' losses."""
        return sum(self.epoch_losses) / len(self.epoch_losses)

    def fit(self, checkpoint: Path | None) -> None:
        """Train from the start, or on from a checkpoint, and leave the best epoch's weights in the model."""
        if checkpoint:
            self._load_progress(checkpoint)
        self._started = time.perf_counter()
        if checkpoint and self.patience.is_over:  # the Trainer would go on with a step of the next epoch
            self.state = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))
        else:
            with explain_memory(self.args):
                self.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        self._stop_clock()
        if self.is_world_process_zero():
            self.model.load_state_dict(self.best_weights)

    def create_optimizer(self, *_: object) -> Optimizer:
        """Make the Trainer's optimiser, with learning rates by depth; the Trainer calls this once."""
        maker, options = self.get_optimizer_cls_and_kwargs(self.args, self.model)
        groups = group_weights(self.model, self.settings, self.get_decay_parameter_names(self.model))
        self.optimizer = maker(groups, **options)
        return self.optimizer

    def _get_train_sampler(self, *_: object) -> LengthSampler:
        return self.sampler

    def training_step(self, *arguments: Any, **named: Any) -> torch.Tensor:  # noqa: ANN401 - the Trainer's own
        """Add up the loss on the device; the Trainer's own sum starts again when a run resumes."""
        is_cpu_in_bf16 = self.precision.training == "bf16" and not self.args.bf16
        with linear_layers_in_bfloat16(self.model) if is_cpu_in_bf16 else nullcontext():
            loss = super().training_step(*arguments, **named)
        is_finite = loss.isfinite()  # under fp16 an overflow skips a step and is no news
        step = torch.where(is_finite, math.inf, self.state.global_step + 1.0)
        self._first_nan = torch.minimum(self._first_nan, step)
        share = 1 / self.current_gradient_accumulation_steps
        self._loss += torch.where(is_finite, torch.stack([loss, torch.full_like(loss, share)]), 0.0)
        return loss

    def evaluate(self, *_: object, **__: object) -> dict[str, float]:
        """Score the validation split; the Trainer calls this after each epoch.

        Raises:
            PipelineError: If the loss is no longer a number.
        """
        self._stop_clock()
        shared: list[Any] = [self._score_validation() if self.is_world_process_zero() else None]
        metrics: dict[str, float] = broadcast_object_list(shared)[0]
        train_loss = self._mean_loss()
        if not (math.isfinite(metrics["eval_loss"]) and math.isfinite(train_loss)):
            raise explain_divergence(self.args, self.state.epoch or 0, self._first_nan.item())
        self.epoch_losses.append(train_loss)
        self._loss.zero_()
        self.log(metrics)
        if self.args.disable_tqdm and self.is_world_process_zero():
            logger.info("%s", describe_epoch(self.state.log_history[-1]))
        names = (name for name in ("f1", *F1_OF_BOTH) if f"eval_{name}" in metrics)
        scores, loss = {name: metrics[f"eval_{name}"] for name in names}, metrics["eval_loss"]
        best = (_criterion(self.best_scores), -self.best_loss)
        if (_criterion(scores), -loss) > best:  # the earliest of equals
            self.best_scores, self.best_loss = scores, loss
            self.best_epoch = round(self.state.epoch or 0)
            if self.is_world_process_zero():
                weights = self.model.state_dict()
                self.best_weights = {name: tensor.detach().cpu().clone() for name, tensor in weights.items()}
            self._best_file = None
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        self._started = time.perf_counter()
        return metrics

    def _score_validation(self) -> dict[str, float]:
        sentences, rows = self.validation
        with merged_lora(self.model), tagging_weights(self.model, self.precision.tagging):
            tagged = Tagger(self.model).tag(rows, [len(sentence.words) for sentence in sentences])
        pairs = list(zip(sentences, tagged.sentences, strict=True))
        scores = score_tags(
            gold=[sentence.outer for sentence, _ in pairs], predicted=[words.tags for _, words in pairs]
        ).overall
        inner: dict[str, float] = {}
        if tagged.n_levels > 1:
            nested = score_tags(
                gold=[sentence.inner or [] for sentence, _ in pairs],
                predicted=[words.inner.tags if words.inner else [] for _, words in pairs],
            ).overall
            inner = {"eval_inner_f1": nested.f1, "eval_m1_f1": (scores + nested).f1}
        right = [g == p for sentence, words in pairs for g, p in zip(sentence.outer, words.tags, strict=True)]
        return {
            "eval_loss": tagged.loss,
            **{f"eval_{name}": value for name, value in scores.to_dict().items()},
            "eval_accuracy": sum(right) / len(right),
            **inner,
        }

    def _save_checkpoint(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - the Trainer's own
        """Save as the Trainer does and add what it forgets; sealed last, when all of it is on the disk."""
        self._stop_clock()
        self._started = time.perf_counter()  # writing counts as training
        folder = Path(self.args.output_dir or ".") / f"checkpoint-{self.state.global_step}"
        loss = self._gather_loss().tolist()
        try:
            super()._save_checkpoint(*arguments, **named)
            self.accelerator.wait_for_everyone()
            if self.is_world_process_zero():
                progress = {
                    "loss": loss,
                    "epoch_losses": self.epoch_losses,
                    "seconds": self.seconds,
                    "best_scores": self.best_scores,
                    "best_loss": self.best_loss if self.best_epoch else None,
                    "best_epoch": self.best_epoch,
                }
                write_json(folder / PROGRESS, progress)
                self._save_best(folder / BEST)
                seal_checkpoint(folder)
        except (OSError, RuntimeError, SafetensorError) as error:  # torch: RuntimeError where a disk is full
            if is_process_lost(error):  # while this one waited for it
                raise
            shutil.rmtree(folder, ignore_errors=True)  # gives back some of the room
            raise PipelineError(
                f"{folder}: the checkpoint cannot be written ({summarise_error(error)}).",
                remedy="make room on the disk and run again: training goes on from the checkpoint before.",
            ) from error

    def _save_best(self, path: Path) -> None:
        """Link to the checkpoint before, whose best weights are the same for at least an epoch."""
        if self._best_file:
            with suppress(OSError):  # not every file system has links
                path.hardlink_to(self._best_file)
        if not path.exists():
            save_file(self.best_weights, path)
        self._best_file = path

    def _load_progress(self, folder: Path) -> None:
        progress = read_json(folder / PROGRESS)
        self._loss.copy_(torch.tensor(progress["loss"]))
        self.epoch_losses, self.seconds = progress["epoch_losses"], progress["seconds"]
        self.best_scores, self.best_epoch = progress["best_scores"], progress["best_epoch"]
        self.best_loss = progress["best_loss"] if self.best_epoch else math.inf
        self.best_weights = load_file(folder / BEST)
        self._best_file = folder / BEST

    def _gather_loss(self) -> torch.Tensor:
        """Average sum and number of the losses over all processes. Shape: (2,)."""
        gathered: torch.Tensor = self.accelerator.gather(self._loss)
        return gathered.view(-1, 2).mean(0)

    def _mean_loss(self) -> float:
        total, number = self._gather_loss().tolist()
        return total / number if number else math.nan

    def _stop_clock(self) -> None:
        self.seconds += time.perf_counter() - self._started


def _criterion(scores: Mapping[str, float]) -> float:
    """Return the score by which an epoch is the best; -1 for none yet."""
    return scores.get("m1_f1", scores.get("f1", -1.0))


def mean_loss(
    outputs: TokenClassifierOutput, targets: torch.Tensor, num_items_in_batch: torch.Tensor
) -> torch.Tensor:
    """Return a batch's share of the mean cross-entropy over all targets of an optimiser step.

    The model's own loss is the mean of its batch; a mean of such means would weigh a target of a batch with
    few of them more, wherever an optimiser step has several (accumulation, several processes).

    Args:
        outputs: `logits` of shape (n_rows, n_subtokens, n_levels * n_tags).
        targets: Shape: (n_rows, n_subtokens), or (n_rows, n_subtokens, 2) for two levels: the loss is then
            the sum of both means.
        num_items_in_batch: Targets of the whole optimiser step that are not ignored. Shape: ().
    """
    n_levels = targets.shape[2] if targets.dim() == 3 else 1
    logits = split_levels(outputs["logits"], n_levels)
    loss = cross_entropy(
        logits.flatten(0, 2).float(), targets.flatten(), ignore_index=IGNORE_ID, reduction="sum"
    )
    # A target is ignored on both levels, or on neither; a step may hold no target at all.
    return loss * n_levels / num_items_in_batch.clamp(min=1)
