"""How training fails for what the user can change, and what to change."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from transformers import TrainingArguments

from ner.core.errors import PipelineError
from ner.windows.alignment import IGNORE_ID
from ner.windows.tokenized import TokenizedWindow

# What PyTorch says on a CPU and on Apple's GPUs, in RuntimeErrors; CUDA has a class of its own.
MEMORY_WORDS = ("can't allocate memory", "not enough memory", "MPS backend out of memory", "bad allocation")


def check_targets(rows: Sequence[TokenizedWindow], tokenized_dir: Path) -> None:
    """Refuse a training split from which nothing can be learnt.

    Raises:
        PipelineError: If no word has a subtoken.
    """
    if not any(target != IGNORE_ID for row in rows for target in row.targets):
        raise PipelineError(
            f"{tokenized_dir}: the encoder's tokenizer gives no word of the training split a subtoken.",
            remedy="choose another model.checkpoint, one for the corpus's language, or another data.source.",
        )


def explain_divergence(arguments: TrainingArguments, epoch: float, first_step: float) -> PipelineError:
    """Say which parameter made the loss infinite.

    Args:
        arguments: The Trainer's.
        epoch: In which it was noticed.
        first_step: The first optimiser step without a loss; infinite where only validation has none.
    """
    place = f"epoch {epoch:.0f}" + (f", step {first_step:.0f}" if math.isfinite(first_step) else "")
    lr, decay = arguments.learning_rate, arguments.weight_decay
    if lr < 1 <= lr * decay:  # AdamW multiplies each weight by one minus this product
        return PipelineError(
            f"params.yaml: train.weight_decay is {decay}: the loss is no longer a number ({place}).",
            remedy=f"set a smaller train.weight_decay, such as 0.01; times train.lr ({lr}) it stays below 1.",
        )
    return PipelineError(
        f"params.yaml: train.lr is {lr}: the loss is no longer a number ({place}).",
        remedy="set a smaller train.lr, or a larger train.warmup_share.",
    )


@contextmanager
def explain_memory(arguments: TrainingArguments) -> Iterator[None]:
    """Turn the end of the memory, on a CPU or a GPU, into one line.

    Raises:
        PipelineError: Names the settings that need less.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        is_memory = isinstance(error, MemoryError | torch.OutOfMemoryError)
        if not is_memory and not any(words in str(error) for words in MEMORY_WORDS):
            raise
        reason = (str(error).strip() or "no more memory").splitlines()[0][:200]
        n_windows = arguments.per_device_train_batch_size
        n_parts = arguments.gradient_accumulation_steps
        raise PipelineError(
            f"fine_tune: out of memory on {arguments.device} with {n_windows} windows at once ({reason}).",
            remedy=f"set train.gradient_accumulation_steps above {n_parts} or train.batch_size lower, "
            "train.gradient_checkpointing to true, or tokenize.max_length lower.",
        ) from error
