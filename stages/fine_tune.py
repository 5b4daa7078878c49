"""Stage `fine_tune`: train the encoder under a fresh head and keep the epoch that tags validation best.

Reads the tokenised training and validation splits (`data/tokenized`), the words and tags of the latter
(`data/raw`) and the encoder (`models/pretrained`). Writes the tagger (`models/ner`), a summary
(`metrics/train.json`), the table of epochs (`metrics/training_curve.csv`) and the speed.
"""

import argparse
import logging
import math
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch.utils.data import Sampler
from transformers import (
    PreTrainedModel,
    PrinterCallback,
    ProgressCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)

from stages.ner.batching import epoch_batches, padding_share
from stages.ner.checkpoints import FinishedRun
from stages.ner.corpus import Sentence, read_split, read_tag_set
from stages.ner.errors import PipelineError, run_command
from stages.ner.files import write_json, write_text
from stages.ner.params import Params, load_params
from stages.ner.scores import score_spans
from stages.ner.spans import decode_spans
from stages.ner.speed import write_speed
from stages.ner.tagger import Tagger, WindowCollator, load_encoder
from stages.ner.tokenized import TokenizedWindow, read_settings, read_windows

logger = logging.getLogger(__name__)

PARAMS_FILE = Path("params.yaml")
TAGGER, SUMMARY, CURVE, SPEED = "tagger", "train.json", "training_curve.csv", "speed.json"
EVALUATION_BUDGET = 1_024  # subtokens at once, fastest on a processor; no score depends on it
ENVIRONMENT = ("torch", "transformers", "accelerate", "tokenizers", "numpy")


class TrainParams(Params):
    """Section `train`: one training run."""

    lr: PositiveFloat = Field(description="Peak learning rate, reached at the end of warm-up.")
    batch_size: PositiveInt = Field(le=100_000, description="Windows in an optimiser step.")
    epochs: PositiveInt = Field(le=10_000, description="Passes over the training split.")
    weight_decay: NonNegativeFloat = Field(description="AdamW's decay of all weights but biases and norms.")
    warmup_share: float = Field(
        ge=0, le=1, description="Share of the optimiser steps spent warming up, 0 to 1."
    )


class StageParams(Params):
    """What this stage reads of params.yaml."""

    seed: int = Field(
        ge=0, lt=2**32, description="Seed of the head's weights, dropout and the order of batches."
    )  # NumPy takes no larger one
    train: TrainParams


class LengthSampler(Sampler[int]):
    """Yields windows so that each batch holds similar lengths; the order depends on seed and epoch alone."""

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths, self.batch_size, self.seed, self.epoch = lengths, batch_size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Let the next pass be that of `epoch`; the Trainer calls this, also when it resumes."""
        self.epoch = epoch

    def batches(self, epoch: int) -> list[list[int]]:
        """Give the batches of an epoch."""
        return epoch_batches(self.lengths, self.batch_size, seed=self.seed, epoch=epoch)

    def __len__(self) -> int:
        """Count the windows."""
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        """Yield the indices of the current epoch's windows."""
        return (index for batch in self.batches(self.epoch) for index in batch)


class EpochProgress(ProgressCallback):
    """The Trainer's progress bar, with one readable line an epoch above it."""

    def on_log(self, *arguments: Any, logs: dict[str, float] | None = None, **_: Any) -> None:  # noqa: ANN401, ARG002
        """Write the line of an epoch; the Trainer calls this with whatever it logs."""
        if self.training_bar is not None and logs and "eval_f1" in logs:
            self.training_bar.write(describe_epoch(logs))


class WordTrainer(Trainer):
    """A Trainer that validates as `evaluate` scores: words, outer level, strict IOB2, with one decoder."""

    def __init__(
        self,
        model: PreTrainedModel,
        arguments: TrainingArguments,
        *,
        train_rows: list[TokenizedWindow],
        validation_rows: list[TokenizedWindow],
        sentences: list[Sentence],
    ) -> None:
        self.model: PreTrainedModel
        super().__init__(
            model,
            arguments,
            train_dataset=train_rows,
            eval_dataset=validation_rows,
            data_collator=WindowCollator(model.config.pad_token_id),
        )
        lengths = [len(row.window.input_ids) for row in train_rows]
        self.sampler = LengthSampler(lengths, arguments.per_device_train_batch_size, arguments.seed)
        self.validation = sentences, validation_rows
        self.validation_seconds = 0.0
        # Both print Python's dictionaries; `evaluate` logs a line, and above the bar on a terminal.
        self.remove_callback(PrinterCallback)
        if self.pop_callback(ProgressCallback):
            self.add_callback(EpochProgress)

    def _get_train_sampler(self, *_: object) -> LengthSampler:
        return self.sampler

    def evaluate(self, *_: object, **__: object) -> dict[str, float]:
        """Score the validation split; the Trainer calls this after each epoch."""
        started = time.perf_counter()
        sentences, rows = self.validation
        tagger = Tagger(self.model, subtokens_per_batch=EVALUATION_BUDGET)
        tagged = tagger.tag(rows, [len(sentence.words) for sentence in sentences])
        pairs = list(zip(sentences, tagged.sentences, strict=True))
        scores = score_spans(
            gold=[decode_spans(sentence.outer) for sentence, _ in pairs],
            predicted=[decode_spans(words.tags) for _, words in pairs],
        ).overall
        if not math.isfinite(tagged.loss):
            raise PipelineError(
                f"params.yaml: train.lr is {self.args.learning_rate}: the loss is no longer a number "
                f"(epoch {self.state.epoch:.0f}).",
                remedy="set a smaller train.lr, or a larger train.warmup_share.",
            )
        right = [g == p for sentence, words in pairs for g, p in zip(sentence.outer, words.tags, strict=True)]
        metrics = {
            "eval_loss": tagged.loss,
            **{f"eval_{name}": value for name, value in scores.to_dict().items()},
            "eval_accuracy": sum(right) / len(right),
        }
        self.log(metrics)
        if self.args.disable_tqdm:
            logger.info("%s", describe_epoch(self.state.log_history[-1]))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        self.validation_seconds += time.perf_counter() - started
        return metrics


class BestWeights(TrainerCallback):
    """Keeps the weights of the epoch with the highest validation F1, the earliest of equals."""

    def __init__(self) -> None:
        self.f1 = -1.0
        self.epoch = 0
        self.weights: dict[str, torch.Tensor] = {}

    def on_evaluate(self, *arguments: Any, **context: Any) -> None:  # noqa: ANN401 - the Trainer's own
        """Copy the weights if they are the best so far."""
        state, metrics = arguments[1], context["metrics"]
        if metrics["eval_f1"] > self.f1:
            self.f1, self.epoch = metrics["eval_f1"], round(state.epoch)
            weights = context["model"].state_dict()
            self.weights = {name: tensor.detach().cpu().clone() for name, tensor in weights.items()}


def fine_tune(
    tokenized_dir: Path,
    raw_dir: Path,
    encoder_dir: Path,
    tagger_dir: Path,
    summary_file: Path,
    curve_file: Path,
    speed_file: Path,
) -> None:
    """Run the stage."""
    params = load_params(PARAMS_FILE, StageParams)
    run = FinishedRun("fine_tune", params.model_dump(), parts=(TAGGER, SUMMARY, CURVE, SPEED))
    if run.is_complete:
        logger.info("taking the finished run from %s", run.folder)
    else:
        with run.writing() as folder:
            train_tagger(params, tokenized_dir, raw_dir, encoder_dir, folder)
    run.publish(
        load_params(PARAMS_FILE, StageParams).model_dump(),
        {TAGGER: tagger_dir, SUMMARY: summary_file, CURVE: curve_file, SPEED: speed_file},
    )


def train_tagger(
    params: StageParams, tokenized_dir: Path, raw_dir: Path, encoder_dir: Path, folder: Path
) -> None:
    """Train and write all results into `folder`."""
    settings = {**params.model_dump(), "tokenize": read_settings(tokenized_dir / "train.parquet")}
    rows = read_windows(tokenized_dir / "train.parquet")
    train_rows = [row for row in rows if row.window.input_ids]  # a sentence may have no subtoken at all
    set_seed(params.seed)  # before the head gets its random weights
    best = BestWeights()
    with tempfile.TemporaryDirectory() as scratch:
        trainer = WordTrainer(
            load_encoder(encoder_dir, read_tag_set(raw_dir / "validation.parquet")),
            training_arguments(params, len(train_rows), scratch),
            train_rows=train_rows,
            validation_rows=read_windows(tokenized_dir / "validation.parquet"),
            sentences=read_split(raw_dir / "validation.parquet"),
        )
        trainer.add_callback(best)
        started = time.perf_counter()
        result = trainer.train()
        seconds = time.perf_counter() - started - trainer.validation_seconds

    trainer.model.load_state_dict(best.weights)
    save_tagger(trainer.model, encoder_dir, folder / TAGGER, settings)
    summary = {
        "epochs": params.train.epochs,
        "best_epoch": best.epoch,
        "steps": result.global_step,
        "train_loss": result.training_loss,
        "validation": {"f1": best.f1},
        "environment": describe_environment(trainer.model),
    }
    write_json(folder / SUMMARY, summary)
    curve = tabulate_epochs(trainer.state.log_history)
    write_text(folder / CURVE, curve.to_csv(index=False, lineterminator="\n"))
    write_training_speed(folder / SPEED, trainer.sampler, params.train.epochs, seconds)
    logger.info("epoch %d of %d is best: validation F1 %.4f", best.epoch, params.train.epochs, best.f1)


def training_arguments(params: StageParams, n_rows: int, scratch: str) -> TrainingArguments:
    """Say in the Trainer's words what `params` asks for."""
    train = params.train
    n_steps = math.ceil(n_rows / train.batch_size) * train.epochs
    return TrainingArguments(
        output_dir=scratch,  # nothing is saved there: BestWeights keeps what is needed
        save_strategy="no",
        eval_strategy="epoch",
        logging_strategy="epoch",
        report_to="none",
        disable_tqdm=not sys.stderr.isatty(),
        seed=params.seed,
        learning_rate=train.lr,
        per_device_train_batch_size=train.batch_size,
        num_train_epochs=train.epochs,
        weight_decay=train.weight_decay,
        warmup_steps=math.ceil(train.warmup_share * n_steps),
        remove_unused_columns=False,  # the rows are no columns; WindowCollator takes them whole
        dataloader_pin_memory=torch.accelerator.is_available(),
    )


def save_tagger(
    model: PreTrainedModel, encoder_dir: Path, tagger_dir: Path, settings: dict[str, Any]
) -> None:
    """Write a plain Hugging Face checkpoint, with the encoder's tokenizer and the parameters really used."""
    model.save_pretrained(tagger_dir)
    for path in encoder_dir.iterdir():
        if path.name != "config.json" and ".safetensors" not in path.suffixes:
            shutil.copyfile(path, tagger_dir / path.name)
    for path in tagger_dir.glob("*.safetensors"):
        path.chmod(0o644)  # safetensors makes files that nobody else may read
    write_json(tagger_dir / "run_config.json", settings)


def describe_environment(model: PreTrainedModel) -> dict[str, str]:
    """Give versions, device and number type: what else a score depends on."""
    device = torch.cuda.get_device_name() if model.device.type == "cuda" else model.device.type
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in ENVIRONMENT},
        "device": device,
        "dtype": str(model.dtype).removeprefix("torch."),
    }


def describe_epoch(logs: Mapping[str, float]) -> str:
    """Say in a line how an epoch ended."""
    return f"epoch {logs['epoch']:.0f}: validation loss {logs['eval_loss']:.4f}, F1 {logs['eval_f1']:.4f}"


def tabulate_epochs(log: Sequence[dict[str, float]]) -> pd.DataFrame:
    """Make the table that the notebook prints, one row an epoch, from the Trainer's log."""
    names = ("precision", "recall", "f1", "accuracy")
    losses = {round(entry["epoch"]): entry["loss"] for entry in log if "loss" in entry}
    rows = [
        {
            "epoch": round(entry["epoch"]),
            "train_loss": losses[round(entry["epoch"])],
            "validation_loss": entry["eval_loss"],
            **{name: entry[f"eval_{name}"] for name in names},
        }
        for entry in log
        if "eval_loss" in entry
    ]
    return pd.DataFrame(rows)


def write_training_speed(path: Path, sampler: LengthSampler, n_epochs: int, seconds: float) -> None:
    """Write the speed of training alone, validation left out."""
    batches = [batch for epoch in range(n_epochs) for batch in sampler.batches(epoch)]
    write_speed(
        path,
        seconds=seconds,
        n_sentences=len(sampler) * n_epochs,
        n_subtokens=sum(sampler.lengths) * n_epochs,
        padding_share=padding_share(sampler.lengths, batches),
    )


def main() -> None:
    """Read the paths from the command line in `dvc.yaml`."""
    parser = argparse.ArgumentParser(description=__doc__)
    inputs = ("tokenized_dir", "raw_dir", "encoder_dir")
    outputs = ("tagger_dir", "summary_file", "curve_file", "speed_file")
    for name in inputs + outputs:
        parser.add_argument(name, type=Path)
    fine_tune(**vars(parser.parse_args()))


if __name__ == "__main__":
    run_command(main)
