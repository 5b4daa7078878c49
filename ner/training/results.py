"""What a training run leaves: the tagger, a summary, the table of epochs and the speed."""

import logging
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from transformers import PreTrainedModel

from ner.core.checkpoint_files import copy_files, is_tokenizer
from ner.core.files import write_json, write_text
from ner.core.number_types import CHOSEN
from ner.core.speed import write_speed
from ner.tagging.devices import name_device
from ner.tagging.heads import count_levels, list_tags, save_heads
from ner.tagging.levels import INNER_TAGS
from ner.tagging.precision import describe_precision
from ner.training.callbacks import describe_f1
from ner.training.sampler import LengthSampler
from ner.training.trainer import F1_OF_BOTH, WordTrainer
from ner.windows.batching import padding_share
from ner.windows.plain_tokenizer import adapt_tokenizer
from ner.windows.run_config import RUN_CONFIG

logger = logging.getLogger(__name__)

TAGGER, SUMMARY, CURVE, SPEED = "tagger", "train.json", "training_curve.csv", "speed.json"
ENVIRONMENT = ("torch", "transformers", "accelerate", "tokenizers", "numpy")


def write_results(trainer: WordTrainer, encoder_dir: Path, folder: Path, settings: dict[str, Any]) -> None:
    """Write everything that the stage puts out into `folder`."""
    chosen = {CHOSEN: {"precision": trainer.precision.tagging}}
    save_tagger(trainer.model, encoder_dir, folder / TAGGER, {**settings, **chosen})
    n_epochs = len(trainer.epoch_losses)
    summary = {
        "epochs": n_epochs,
        "best_epoch": trainer.best_epoch,
        "steps": trainer.state.global_step,
        "train_loss": trainer.train_loss,
        "validation": trainer.best_scores,
        "environment": describe_environment(trainer),
    }
    write_json(folder / SUMMARY, summary)
    curve = tabulate_epochs(trainer.epoch_losses, trainer.state.log_history)
    write_text(folder / CURVE, curve.to_csv(index=False, lineterminator="\n"))
    write_training_speed(
        folder / SPEED, trainer.sampler, n_epochs, trainer.seconds, trainer.precision.training
    )
    logger.info(
        "epoch %d of %d is best: validation %s",
        trainer.best_epoch,
        n_epochs,
        describe_f1(trainer.best_scores),
    )


def save_tagger(
    model: PreTrainedModel, encoder_dir: Path, tagger_dir: Path, settings: dict[str, Any]
) -> None:
    """Write a plain Hugging Face checkpoint, with the encoder's tokenizer and the parameters really used.

    The inner head, if there is one, lies beside it, its tags among the parameters.
    """
    save_heads(model, tagger_dir)
    copy_files(
        encoder_dir, tagger_dir, (path.name for path in encoder_dir.iterdir() if is_tokenizer(path.name))
    )
    adapt_tokenizer(tagger_dir)
    for path in tagger_dir.glob("*.safetensors"):
        path.chmod(0o644)  # safetensors makes files that nobody else may read
    if count_levels(model) > 1:
        settings = {**settings, INNER_TAGS: list_tags(model)}
    write_json(tagger_dir / RUN_CONFIG, settings)


def describe_environment(trainer: WordTrainer) -> dict[str, Any]:
    """Return versions, devices and number types: what else a score depends on."""
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in ENVIRONMENT},
        "device": name_device(),
        "threads": torch.get_num_threads(),  # they share out the sums of a product
        "processes": trainer.args.world_size,
        "dtype": str(trainer.model.dtype).removeprefix("torch."),
        "precision": trainer.precision.training,
        "tagging_precision": trainer.precision.tagging,
    }


def tabulate_epochs(train_losses: Sequence[float], log: Sequence[Mapping[str, float]]) -> pd.DataFrame:
    """Make the table that the notebook prints, one row an epoch.

    Args:
        train_losses: Mean loss of each epoch's steps. Shape: (n_epochs,).
        log: The Trainer's, in which each validation is an entry.
    """
    names = ("precision", "recall", "f1", "accuracy", *F1_OF_BOTH)
    rows = [
        {
            "epoch": round(entry["epoch"]),
            "train_loss": train_loss,
            "validation_loss": entry["eval_loss"],
            **{name: entry[f"eval_{name}"] for name in names if f"eval_{name}" in entry},
        }
        for train_loss, entry in zip(train_losses, (e for e in log if "eval_loss" in e), strict=True)
    ]
    return pd.DataFrame(rows)


def write_training_speed(
    path: Path, sampler: LengthSampler, n_epochs: int, seconds: float, precision: str
) -> None:
    """Write the speed of training alone, validation left out."""
    batches = [batch for epoch in range(n_epochs) for batch in sampler.batches(epoch)]
    write_speed(
        path,
        seconds=seconds,
        n_sentences=len(sampler) * n_epochs,
        n_subtokens=sum(sampler.lengths) * n_epochs,
        padding_share=padding_share(sampler.lengths, batches),
        precision=describe_precision(precision),
    )
