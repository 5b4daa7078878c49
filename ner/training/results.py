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
from ner.core.speed import write_speed
from ner.tagging.devices import name_device
from ner.training.sampler import LengthSampler
from ner.training.trainer import WordTrainer
from ner.windows.batching import padding_share

logger = logging.getLogger(__name__)

TAGGER, SUMMARY, CURVE, SPEED = "tagger", "train.json", "training_curve.csv", "speed.json"
ENVIRONMENT = ("torch", "transformers", "accelerate", "tokenizers", "numpy")


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
    copy_files(
        encoder_dir, tagger_dir, (path.name for path in encoder_dir.iterdir() if is_tokenizer(path.name))
    )
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
