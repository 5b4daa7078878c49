"""Stage `fine_tune`: train the encoder under a fresh head and keep the epoch that tags validation best.

Reads the tokenised training and validation splits (`data/tokenized`), the words and tags of the latter
(`data/raw`) and the encoder (`models/pretrained`). Writes the tagger (`models/ner`), a summary
(`metrics/train.json`), the table of epochs (`metrics/training_curve.csv`) and the speed.
"""

import argparse
import logging
import math
import os
import platform
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from transformers import PreTrainedModel, TrainingArguments, set_seed

from stages.ner.batching import padding_share
from stages.ner.checkpoints import Run
from stages.ner.corpus import read_split, read_tag_set
from stages.ner.devices import find_device, has_accelerator, name_device
from stages.ner.errors import PipelineError, run_command
from stages.ner.files import write_json, write_text
from stages.ner.params import Params, load_params
from stages.ner.speed import write_speed
from stages.ner.tagger import load_encoder
from stages.ner.tokenized import read_settings, read_windows
from stages.ner.word_trainer import LengthSampler, WordTrainer

logger = logging.getLogger(__name__)

PARAMS_FILE = Path("params.yaml")
TAGGER, SUMMARY, CURVE, SPEED = "tagger", "train.json", "training_curve.csv", "speed.json"
ENVIRONMENT = ("torch", "transformers", "accelerate", "tokenizers", "numpy")


class TrainParams(Params):
    """Section `train`: one training run."""

    lr: PositiveFloat = Field(description="Peak learning rate, reached at the end of warm-up.")
    batch_size: PositiveInt = Field(
        le=100_000, description="Windows in an optimiser step, of all processes together."
    )
    epochs: PositiveInt = Field(le=10_000, description="Passes over the training split.")
    weight_decay: NonNegativeFloat = Field(description="AdamW's decay of all weights but biases and norms.")
    warmup_share: float = Field(
        ge=0, le=1, description="Share of the optimiser steps spent warming up, 0 to 1."
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(description="Number type of the arithmetic.")
    gradient_accumulation_steps: PositiveInt = Field(
        description="Parts of a batch that are computed one after the other, to save memory."
    )
    gradient_checkpointing: bool = Field(description="Whether to compute activations twice, to save memory.")
    checkpoint_steps: PositiveInt = Field(
        description="Optimiser steps between two checkpoints, from which an interrupted run goes on."
    )
    launcher: str = Field(
        min_length=1, description="What starts the stage: python, torchrun or accelerate launch with options."
    )  # dvc.yaml puts it at the head of the command


class StageParams(Params):
    """What this stage reads of params.yaml."""

    seed: int = Field(
        ge=0, lt=2**32, description="Seed of the head's weights, dropout and the order of batches."
    )  # NumPy takes no larger one
    train: TrainParams


def fine_tune(
    tokenized_dir: Path,
    raw_dir: Path,
    encoder_dir: Path,
    tagger_dir: Path,
    summary_file: Path,
    curve_file: Path,
    speed_file: Path,
) -> None:
    """Run the stage; of several processes, the first alone decides and writes."""
    params = load_params(PARAMS_FILE, StageParams)
    processes = PartialState(cpu=not has_accelerator())
    is_first = processes.is_main_process
    run = Run("fine_tune", params.model_dump(), parts=(TAGGER, SUMMARY, CURVE, SPEED))
    with run.lock() if is_first else nullcontext():
        plan = [(run.is_complete, run.last_checkpoint())] if is_first else [None]
        is_complete, checkpoint = broadcast_object_list(plan)[0]
        if is_complete:
            logger.info("taking the finished run from %s", run.folder)
        else:
            trainer = train_tagger(params, tokenized_dir, raw_dir, encoder_dir, run.steps, checkpoint)
            if is_first:
                settings = {
                    **params.model_dump(),
                    "tokenize": read_settings(tokenized_dir / "train.parquet"),
                }
                with run.writing() as folder:
                    write_results(trainer, encoder_dir, folder, settings)
        if is_first:
            run.publish(
                load_params(PARAMS_FILE, StageParams).model_dump(),
                {TAGGER: tagger_dir, SUMMARY: summary_file, CURVE: curve_file, SPEED: speed_file},
            )
            if unfinished := run.others():
                logger.info(
                    "%d unfinished run(s) can go on from %s; remove those that nobody will finish",
                    len(unfinished),
                    unfinished[0].parent,
                )
    if processes.num_processes > 1:
        # Not by returning: torch's reducer, when it is freed, waits for gloo's thread and holds the lock of
        # the interpreter that this thread waits for. Everything is written, so that nothing is lost.
        logging.shutdown()
        os._exit(0)


def train_tagger(
    params: StageParams,
    tokenized_dir: Path,
    raw_dir: Path,
    encoder_dir: Path,
    checkpoints_dir: Path,
    checkpoint: Path | None,
) -> WordTrainer:
    """Train, from the start or on from a checkpoint; the best epoch's weights end up in the model."""
    rows = read_windows(tokenized_dir / "train.parquet")
    train_rows = [row for row in rows if row.window.input_ids]  # a sentence may have no subtoken at all
    set_seed(params.seed)  # before the head gets its random weights
    trainer = WordTrainer(
        load_encoder(encoder_dir, read_tag_set(raw_dir / "validation.parquet")),
        training_arguments(params, len(train_rows), checkpoints_dir),
        train_rows=train_rows,
        validation_rows=read_windows(tokenized_dir / "validation.parquet"),
        sentences=read_split(raw_dir / "validation.parquet"),
        checkpoint_steps=params.train.checkpoint_steps,
    )
    if checkpoint:
        logger.info("going on from %s", checkpoint)
    trainer.fit(checkpoint)
    return trainer


def training_arguments(params: StageParams, n_rows: int, checkpoints_dir: Path) -> TrainingArguments:
    """Say in the Trainer's words what `params` asks for.

    Raises:
        PipelineError: If a batch cannot be shared out evenly, or the machine lacks the precision.
    """
    train = params.train
    precision = choose_precision(train.precision)
    n_parts = train.gradient_accumulation_steps * PartialState().num_processes
    if train.batch_size % n_parts:
        raise PipelineError(
            f"{PARAMS_FILE}: train.batch_size is {train.batch_size}, which {n_parts} parts "
            "(train.gradient_accumulation_steps times processes) do not divide.",
            remedy=f"set train.batch_size to a multiple of {n_parts}.",
        )
    n_steps = math.ceil(n_rows / train.batch_size) * train.epochs
    uses_accelerator = has_accelerator()
    arguments = TrainingArguments(
        output_dir=str(checkpoints_dir),
        save_strategy="no",  # CheckpointSchedule asks for checkpoints
        save_total_limit=2,  # one may be unfinished
        eval_strategy="epoch",
        logging_strategy="epoch",
        logging_nan_inf_filter=False,  # it waits for the device at every step
        report_to="none",
        disable_tqdm=not sys.stderr.isatty(),
        seed=params.seed,
        learning_rate=train.lr,
        per_device_train_batch_size=train.batch_size // n_parts,
        gradient_accumulation_steps=train.gradient_accumulation_steps,
        activation_checkpointing=train.gradient_checkpointing,
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        num_train_epochs=train.epochs,
        weight_decay=train.weight_decay,
        warmup_steps=math.ceil(train.warmup_share * n_steps),
        remove_unused_columns=False,  # the rows are no columns; WindowCollator takes them whole
        use_cpu=not uses_accelerator,
        dataloader_pin_memory=uses_accelerator,
        accelerator_config={"non_blocking": uses_accelerator},
    )
    # One process drives one device: over several, torch's DataParallel would multiply the batch.
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments


def choose_precision(wanted: str) -> str:
    """Resolve `auto` to what the machine computes fastest.

    Raises:
        PipelineError: If float16 is wanted of a processor: the loss cannot be scaled there.
    """
    has_gpu = find_device().type == "cuda"
    if wanted == "fp16" and not has_gpu:
        raise PipelineError(
            f"{PARAMS_FILE}: train.precision is fp16, which needs a GPU.",
            remedy="set train.precision to auto, or to fp32.",
        )
    if wanted != "auto":
        return wanted
    if not has_gpu:
        return "fp32"  # bfloat16 is four times slower on a processor without instructions for it
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"


def write_results(trainer: WordTrainer, encoder_dir: Path, folder: Path, settings: dict[str, Any]) -> None:
    """Write everything that the stage puts out into `folder`."""
    save_tagger(trainer.model, encoder_dir, folder / TAGGER, settings)
    n_epochs = len(trainer.epoch_losses)
    summary = {
        "epochs": n_epochs,
        "best_epoch": trainer.best_epoch,
        "steps": trainer.state.global_step,
        "train_loss": trainer.train_loss,
        "validation": {"f1": trainer.best_f1},
        "environment": describe_environment(trainer),
    }
    write_json(folder / SUMMARY, summary)
    curve = tabulate_epochs(trainer.epoch_losses, trainer.state.log_history)
    write_text(folder / CURVE, curve.to_csv(index=False, lineterminator="\n"))
    write_training_speed(folder / SPEED, trainer.sampler, n_epochs, trainer.seconds)
    logger.info("epoch %d of %d is best: validation F1 %.4f", trainer.best_epoch, n_epochs, trainer.best_f1)


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


def describe_environment(trainer: WordTrainer) -> dict[str, Any]:
    """Give versions, devices and number types: what else a score depends on."""
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in ENVIRONMENT},
        "device": name_device(),
        "threads": torch.get_num_threads(),  # they share out the sums of a product
        "processes": trainer.args.world_size,
        "dtype": str(trainer.model.dtype).removeprefix("torch."),
        "precision": "bf16" if trainer.args.bf16 else "fp16" if trainer.args.fp16 else "fp32",
    }


def tabulate_epochs(train_losses: Sequence[float], log: Sequence[Mapping[str, float]]) -> pd.DataFrame:
    """Make the table that the notebook prints, one row an epoch.

    Args:
        train_losses: Mean loss of each epoch's steps. Shape: (n_epochs,).
        log: The Trainer's, in which each validation is an entry.
    """
    names = ("precision", "recall", "f1", "accuracy")
    rows = [
        {
            "epoch": round(entry["epoch"]),
            "train_loss": train_loss,
            "validation_loss": entry["eval_loss"],
            **{name: entry[f"eval_{name}"] for name in names},
        }
        for train_loss, entry in zip(train_losses, (e for e in log if "eval_loss" in e), strict=True)
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
