"""Checkpoints as PyTorch models, and windows as their input."""

from collections.abc import Collection, Sequence
from pathlib import Path

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForTokenClassification, PreTrainedModel
from transformers.utils import logging as transformers_logging

from ner.annotation.labels import TagSet
from ner.core.errors import PipelineError, summarise_error
from ner.tagging.heads import load_inner_head
from ner.tagging.weights import REMEDY, check_finite, check_layers, check_number_types
from ner.windows.alignment import IGNORE_ID
from ner.windows.tokenized import TokenizedWindow


def load_encoder(encoder_dir: Path, tag_set: TagSet) -> PreTrainedModel:
    """Load a checkpoint in float32 under a fresh head for `tag_set`.

    The head is drawn from torch's random numbers, the same ones whether the checkpoint brings a head or not.

    Raises:
        PipelineError: If transformers cannot load the checkpoint, finds no weights in it for a part of the
            encoder, which would then be random, or finds weights that cannot be used.
    """
    model = _load_model(
        encoder_dir,
        has_new_head=True,
        num_labels=len(tag_set.tags),
        id2label=tag_set.id2label,
        label2id=tag_set.label2id,
        ignore_mismatched_sizes=True,  # a checkpoint that was fine-tuned for other tags brings another head
    )
    check_finite(model, encoder_dir)
    return model


def load_tagger_model(tagger_dir: Path) -> PreTrainedModel:
    """Load a fine-tuned tagger in float32, with the inner head where it has one.

    Raises:
        PipelineError: If transformers cannot load the folder, or its weights cannot be used.
    """
    if not tagger_dir.is_dir():
        raise PipelineError(f"{tagger_dir}: no such folder.", remedy="train a tagger: dvc repro fine_tune")
    model = _load_model(tagger_dir, has_new_head=False)
    load_inner_head(model, tagger_dir)
    check_finite(model, tagger_dir)
    return model


class WindowCollator:
    """Stacks windows of unequal length, padded on the right to the longest.

    Args:
        pad_id: The subtoken to pad with.
        n_levels: Levels whose targets are wanted: 1, the outer one, or 2.
    """

    def __init__(self, pad_id: int | None, n_levels: int = 1) -> None:
        self.pad_id, self.n_levels = pad_id or 0, n_levels

    def __call__(self, rows: Sequence[TokenizedWindow]) -> dict[str, torch.Tensor]:
        """Return the arguments of the model's forward pass, each of shape (n_rows, longest row).

        The targets, `labels`, of two levels are of shape (n_rows, longest row, 2).
        """
        input_ids = [torch.tensor(row.window.input_ids) for row in rows]
        columns = {
            "input_ids": (input_ids, self.pad_id),
            "attention_mask": ([torch.ones_like(ids) for ids in input_ids], 0),
            "labels": ([self._targets(row) for row in rows], IGNORE_ID),
        }
        return {
            name: pad_sequence(tensors, batch_first=True, padding_value=value)
            for name, (tensors, value) in columns.items()
        }

    def _targets(self, row: TokenizedWindow) -> torch.Tensor:
        outer = torch.tensor(row.targets)
        if self.n_levels == 1:
            return outer
        inner = (
            torch.full_like(outer, IGNORE_ID)
            if row.inner_targets is None
            else torch.tensor(row.inner_targets)
        )
        return torch.stack([outer, inner], dim=-1)


def _load_model(folder: Path, *, has_new_head: bool, **settings: object) -> PreTrainedModel:
    # Instead of its table of new weights, most of them expected, the others are an error below.
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    random_state = torch.get_rng_state()
    try:
        check_number_types(folder)
        model: PreTrainedModel
        model, found = AutoModelForTokenClassification.from_pretrained(
            folder,
            dtype=torch.float32,
            use_safetensors=True,  # a pickle can run code when it is read
            trust_remote_code=False,  # else transformers asks, and waits for an answer
            local_files_only=True,
            output_loading_info=True,
            disable_mmap=True,  # else replacing the file changes the model, and cutting it ends the process
            **settings,
        )
    except PipelineError:
        raise
    except Exception as error:  # whatever the library makes of a foreign configuration
        raise PipelineError(
            f"{folder}: transformers cannot load it as a tagger ({summarise_error(error)}).",
            remedy="choose another model.checkpoint: an encoder such as BERT, RoBERTa or XLM-R.",
        ) from error
    random = found["missing_keys"] | {name for name, *_ in found["mismatched_keys"]}
    if has_new_head:
        _draw_head(model, found["missing_keys"], random_state)
        random = {name for name in random if name.startswith(f"{model.base_model_prefix}.")}
    if random:
        raise PipelineError(
            f"{folder}: its weights lack {len(random)} that its config.json asks for, such as {min(random)}.",
            remedy=REMEDY,
        )
    check_layers(model, found["unexpected_keys"], folder)
    return model


def _draw_head(model: PreTrainedModel, missing: Collection[str], random_state: torch.Tensor) -> None:
    """Draw new head weights where the checkpoint brought those of an earlier fine-tuning.

    Where the number of tags is the same, transformers keeps them, for tags that may mean something else.

    Args:
        model: As it was loaded.
        missing: Names of the weights that the checkpoint lacks.
        random_state: Torch's, before it was loaded.
    """
    encoder = f"{model.base_model_prefix}."
    head = {name: tensor for name, tensor in model.named_parameters() if not name.startswith(encoder)}
    n_tags = model.config.num_labels
    if not any(name not in missing for name, tensor in head.items() if tensor.shape[0] == n_tags):
        return  # a bare encoder, or one with another head, of which the last layer is no part
    for tensor in head.values():
        tensor._is_hf_initialized = False  # type: ignore[attr-defined] # what the library's own drawing asks
    for name, module in model.named_modules():
        if not f"{name}.".startswith(encoder):
            module._is_hf_initialized = False
    torch.set_rng_state(random_state)
    model.initialize_weights()  # type: ignore[no-untyped-call]
