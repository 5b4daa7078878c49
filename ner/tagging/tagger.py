"""The tagger on PyTorch: an encoder with a head a level that gives each word one tag and one score."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from ner.annotation.labels import TagSet
from ner.core.number_types import TaggingPrecision
from ner.tagging.decoding import TaggedSplit, WindowLogits, decode_sentences, read_window
from ner.tagging.devices import find_device
from ner.tagging.heads import count_levels, list_tags, split_levels
from ner.tagging.model import WindowCollator, load_tagger_model
from ner.tagging.precision import cast_weights, choose_tagging_precision
from ner.tagging.scheduling import Batch, compute_side_by_side, group_batches
from ner.windows.alignment import IGNORE_ID
from ner.windows.batching import budget_batches, padding_share
from ner.windows.tokenized import TokenizedWindow

CPU_BUDGET, GPU_BUDGET = 320, 8_192  # subtokens in a batch; no tag depends on it
SUBTOKENS_ON_GPU = 2**18  # whose logits, 26 MB for 25 tags, wait on a GPU before they are copied back at once


class ComputedBatch(NamedTuple):
    """The logits of a batch, still on the device.

    Args:
        logits: Shape: (n_rows, longest row, n_levels, n_tags).
        loss: Cross-entropy, summed over the targets that are not ignored. Shape: ().
    """

    logits: torch.Tensor
    loss: torch.Tensor


class ReadBatch(NamedTuple):
    """What is kept of a batch: its windows' logits and its summed loss. Shape of `windows`: (n_rows,)."""

    windows: list[WindowLogits]
    loss: float


class Tagger:
    """Tags windows in batches of similar length and returns the words in corpus order.

    Args:
        model: Encoder and one head or two, on the device to compute on.
        subtokens_per_batch: Most subtokens in a batch, padding included; None: set for the CPU or GPU.
    """

    def __init__(self, model: PreTrainedModel, *, subtokens_per_batch: int | None = None) -> None:
        self.model = model
        budget = CPU_BUDGET if model.device.type == "cpu" else GPU_BUDGET
        self.subtokens_per_batch = subtokens_per_batch or budget
        self.tag_set = TagSet(list_tags(model))
        self.n_levels = count_levels(model)
        self._collate = WindowCollator(model.config.pad_token_id, self.n_levels)

    @property
    def precision(self) -> str:
        """Number type of the weights: fp32 or bf16."""
        return "bf16" if self.model.dtype is torch.bfloat16 else "fp32"

    @classmethod
    def load(
        cls, tagger_dir: Path, *, subtokens_per_batch: int | None = None, precision: TaggingPrecision = "auto"
    ) -> "Tagger":
        """Load a fine-tuned tagger onto the machine's GPU, or its CPU where it has none.

        Args:
            tagger_dir: The tagger's folder.
            subtokens_per_batch: Most subtokens in a batch, padding included; None: set for the CPU or GPU.
            precision: Number type to compute in; auto: the tagger's own.

        Raises:
            PipelineError: If the folder is no checkpoint that transformers can load.
        """
        model = load_tagger_model(tagger_dir)
        cast_weights(model, choose_tagging_precision(precision, tagger_dir))
        model.to(find_device())  # type: ignore[arg-type] # the library's wrapper hides the signature
        return cls(model, subtokens_per_batch=subtokens_per_batch)

    def tag(self, rows: Sequence[TokenizedWindow], n_words: Sequence[int]) -> TaggedSplit:
        """Tag every word of a split.

        Args:
            rows: The windows of all sentences. Shape: (n_windows,).
            n_words: Words of each sentence. Shape: (n_sentences,).
        """
        lengths = [len(row.window.input_ids) for row in rows]
        batches = budget_batches(lengths, self.subtokens_per_batch)
        windows: list[WindowLogits | None] = [None] * len(rows)
        losses: list[float] = []
        was_training = self.model.training
        self.model.train(False)
        try:
            found = self._read_batches([[rows[index] for index in batch] for batch in batches])
            for batch, read in zip(batches, found, strict=True):
                losses.append(read.loss)
                for index, window in zip(batch, read.windows, strict=True):
                    windows[index] = window
        finally:
            self.model.train(was_training)
        n_targets = sum(target != IGNORE_ID for row in rows for target in row.targets)
        return TaggedSplit(
            sentences=decode_sentences(rows, windows, n_words, self.tag_set.tags, n_levels=self.n_levels),
            subtoken_tag_ids=[window.subtoken_tag_ids.tolist() if window else [] for window in windows],
            loss=sum(losses) / n_targets if n_targets else 0.0,
            padding_share=padding_share(lengths, batches),
            n_levels=self.n_levels,
        )

    def _read_batches(self, batches: Sequence[Batch]) -> Iterator[ReadBatch]:
        """Yield the results of each batch, in order."""
        if self.model.device.type == "cpu":
            yield from compute_side_by_side(lambda batch: read_batch(batch, self._tag_batch(batch)), batches)
            return
        for group in group_batches(batches, SUBTOKENS_ON_GPU):
            computed = [self._tag_batch(batch) for batch in group]
            for batch, one in zip(group, computed, strict=True):
                yield read_batch(batch, one)  # the first one of a group waits for the GPU, no other

    @torch.inference_mode()
    def _tag_batch(self, rows: Batch) -> ComputedBatch:
        batch = self._collate(rows)
        if self.model.device.type == "cuda":  # else the copy would wait for what is being computed
            batch = {name: tensor.pin_memory() for name, tensor in batch.items()}
        batch = {name: tensor.to(self.model.device, non_blocking=True) for name, tensor in batch.items()}
        targets = batch.pop("labels")  # (rows, subtokens) or (rows, subtokens, levels)
        logits = split_levels(self.model(**batch).logits.float(), self.n_levels)  # (…, levels, tags)
        loss = cross_entropy(logits.flatten(0, 2), targets.flatten(), ignore_index=IGNORE_ID, reduction="sum")
        return ComputedBatch(logits, loss)


def read_batch(rows: Batch, computed: ComputedBatch) -> ReadBatch:
    """Copy a batch's results from the device and keep what decoding needs."""
    logits = computed.logits.cpu().numpy()
    windows = [read_window(logits[number], row) for number, row in enumerate(rows)]
    return ReadBatch(windows, computed.loss.item())
