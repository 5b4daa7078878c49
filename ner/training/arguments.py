"""The Trainer's arguments from the settings in params.yaml."""

import math
import sys
from pathlib import Path

from accelerate import PartialState
from transformers import TrainingArguments

from ner.core.errors import PipelineError
from ner.tagging.devices import has_accelerator
from ner.tagging.precision import Precision
from ner.training.params import TrainParams


def training_arguments(
    train: TrainParams, seed: int, n_rows: int, checkpoints_dir: Path, precision: Precision
) -> TrainingArguments:
    """Build `TrainingArguments` from the settings.

    Raises:
        PipelineError: If a batch cannot be shared out evenly.
    """
    n_parts = train.gradient_accumulation_steps * PartialState().num_processes
    if train.batch_size % n_parts:
        raise PipelineError(
            f"params.yaml: train.batch_size is {train.batch_size}, which {n_parts} parts "
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
        seed=seed,
        learning_rate=train.lr,
        per_device_train_batch_size=train.batch_size // n_parts,
        gradient_accumulation_steps=train.gradient_accumulation_steps,
        activation_checkpointing=train.gradient_checkpointing,
        bf16=precision.training == "bf16" and uses_accelerator,  # on a CPU: see WordTrainer.training_step
        fp16=precision.training == "fp16",
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
