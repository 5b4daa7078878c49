"""The tagger: an encoder with a head that gives each word one tag and one score."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForTokenClassification, PreTrainedModel
from transformers.utils import logging as transformers_logging

from stages.ner.alignment import IGNORE_ID
from stages.ner.batching import budget_batches, padding_share
from stages.ner.decoding import TaggedWords, join_words
from stages.ner.devices import find_device
from stages.ner.errors import PipelineError
from stages.ner.labels import TagSet
from stages.ner.tokenized import TokenizedWindow

PROCESSOR_BUDGET, DEVICE_BUDGET = 320, 8_192  # subtokens in a batch; no tag depends on it
SUBTOKENS_ON_DEVICE = 2**18  # whose results, 3 MB, wait on a GPU before they are copied back at once

Batch = Sequence[TokenizedWindow]  # the longest first


class TaggedBatch(NamedTuple):
    """What the tagger says of a batch, still on the device.

    Args:
        tag_ids: Best tag of every subtoken. Shape: (n_rows, longest row).
        scores: Its probability. Shape: (n_rows, longest row).
        loss: Cross-entropy, summed over the targets that are not ignored. Shape: ().
    """

    tag_ids: torch.Tensor
    scores: torch.Tensor
    loss: torch.Tensor


@dataclass(frozen=True, slots=True)
class TaggedSplit:
    """What the tagger says of a whole split.

    Args:
        sentences: In corpus order. Shape: (n_sentences,).
        subtoken_tag_ids: Best tag of every subtoken of every window, in the order of the windows:
            what the original notebook scores. Shape: (n_windows, n_subtokens).
        loss: Mean cross-entropy over the targets that are not ignored; 0 if there are none.
        padding_share: Share of the computed subtokens that was padding.
    """

    sentences: list[TaggedWords]
    subtoken_tag_ids: list[list[int]]
    loss: float
    padding_share: float


def load_encoder(encoder_dir: Path, tag_set: TagSet) -> PreTrainedModel:
    """Load a checkpoint in float32 under a fresh head for `tag_set`.

    Raises:
        PipelineError: If transformers cannot load the checkpoint, or finds no weights in it for a part
            of the encoder, which would then be random.
    """
    return _load_model(
        encoder_dir,
        has_new_head=True,
        num_labels=len(tag_set.tags),
        id2label=tag_set.id2label,
        label2id=tag_set.label2id,
        ignore_mismatched_sizes=True,  # a checkpoint that was fine-tuned for other tags brings another head
    )


class WindowCollator:
    """Stacks windows of unequal length, padded on the right to the longest.

    Args:
        pad_id: The subtoken to pad with.
    """

    def __init__(self, pad_id: int | None) -> None:
        self.pad_id = pad_id or 0

    def __call__(self, rows: Sequence[TokenizedWindow]) -> dict[str, torch.Tensor]:
        """Give the arguments of the model's forward pass, each of shape (n_rows, longest row)."""
        input_ids = [torch.tensor(row.window.input_ids) for row in rows]
        columns = {
            "input_ids": (input_ids, self.pad_id),
            "attention_mask": ([torch.ones_like(ids) for ids in input_ids], 0),
            "labels": ([torch.tensor(row.targets) for row in rows], IGNORE_ID),
        }
        return {
            name: pad_sequence(tensors, batch_first=True, padding_value=value)
            for name, (tensors, value) in columns.items()
        }


class Tagger:
    """Tags windows in batches of similar length and gives the words back in corpus order.

    Args:
        model: Encoder and head, on the device to compute on.
        subtokens_per_batch: Most subtokens in a batch, padding included; None: what suits the device.
    """

    def __init__(self, model: PreTrainedModel, *, subtokens_per_batch: int | None = None) -> None:
        self.model = model
        budget = PROCESSOR_BUDGET if model.device.type == "cpu" else DEVICE_BUDGET
        self.subtokens_per_batch = subtokens_per_batch or budget
        names = {int(number): tag for number, tag in (model.config.id2label or {}).items()}
        self.tag_set = TagSet([names[number] for number in sorted(names)])
        self._collate = WindowCollator(model.config.pad_token_id)

    @classmethod
    def load(cls, tagger_dir: Path, *, subtokens_per_batch: int | None = None) -> "Tagger":
        """Load a fine-tuned tagger onto the machine's accelerator, or the processor where it has none.

        Raises:
            PipelineError: If the folder is no checkpoint that transformers can load.
        """
        if not tagger_dir.is_dir():
            raise PipelineError(
                f"{tagger_dir}: no such folder.", remedy="train a tagger: dvc repro fine_tune"
            )
        model = _load_model(tagger_dir, has_new_head=False)
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
        tag_ids: list[list[int]] = [[]] * len(rows)
        probabilities: list[list[float]] = [[]] * len(rows)
        losses: list[float] = []
        was_training = self.model.training
        self.model.train(False)
        try:
            found = self._tag_batches([[rows[index] for index in batch] for batch in batches])
            for batch, tagged in zip(batches, found, strict=True):
                losses.append(tagged.loss.item())  # the first one of a group waits for the device, no other
                ids_and_scores = zip(tagged.tag_ids.tolist(), tagged.scores.tolist(), strict=True)
                for index, (ids, values) in zip(batch, ids_and_scores, strict=True):
                    tag_ids[index] = ids[: lengths[index]]
                    probabilities[index] = values[: lengths[index]]
        finally:
            self.model.train(was_training)
        n_targets = sum(target != IGNORE_ID for row in rows for target in row.targets)
        return TaggedSplit(
            sentences=join_words(rows, tag_ids, probabilities, n_words, self.tag_set.tags),
            subtoken_tag_ids=tag_ids,
            loss=sum(losses) / n_targets if n_targets else 0.0,
            padding_share=padding_share(lengths, batches),
        )

    def _tag_batches(self, batches: Sequence[Batch]) -> Iterable[TaggedBatch]:
        """Give the results of each batch, in order."""
        if self.model.device.type == "cpu":
            return compute_side_by_side(self._tag_batch, batches)
        groups = group_batches(batches, SUBTOKENS_ON_DEVICE)
        return (tagged for group in groups for tagged in [self._tag_batch(batch) for batch in group])

    @torch.inference_mode()
    def _tag_batch(self, rows: Batch) -> TaggedBatch:
        batch = self._collate(rows)
        if self.model.device.type == "cuda":  # else the copy would wait for what is being computed
            batch = {name: tensor.pin_memory() for name, tensor in batch.items()}
        batch = {name: tensor.to(self.model.device, non_blocking=True) for name, tensor in batch.items()}
        targets = batch.pop("labels")  # (rows, subtokens)
        logits = self.model(**batch).logits.float()  # (rows, subtokens, tags)
        loss = cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE_ID, reduction="sum")
        scores, tag_ids = logits.softmax(-1).max(-1)  # both (rows, subtokens)
        return TaggedBatch(tag_ids, scores, loss)


def compute_side_by_side(
    compute: Callable[[Batch], TaggedBatch], batches: Sequence[Batch]
) -> list[TaggedBatch]:
    """Compute batches on a processor, each on a core of its own.

    That is faster than all cores on one batch, which wait for each other at the end of each product.

    Args:
        compute: Called in threads of its own, several at a time.
        batches: Fewer of them than torch has threads share these.

    Returns:
        What `compute` gives, in the order of the batches.
    """
    n_threads = torch.get_num_threads()
    n_workers = min(n_threads, len(batches))
    if n_workers < 2:
        return [compute(batch) for batch in batches]
    pool = ThreadPoolExecutor(
        n_workers, initializer=torch.set_num_threads, initargs=(n_threads // n_workers,)
    )
    try:
        return list(pool.map(compute, batches))
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C too
        torch.set_num_threads(n_threads)  # the workers' number is else that of later threads


def group_batches(batches: Sequence[Batch], limit: int) -> Iterator[list[Batch]]:
    """Give batches whose results may wait on the device together, of `limit` subtokens or a little more."""
    group: list[Batch] = []
    n_subtokens = 0
    for batch in batches:
        group.append(batch)
        n_subtokens += len(batch) * len(batch[0].window.input_ids)
        if n_subtokens >= limit:
            yield group
            group, n_subtokens = [], 0
    if group:
        yield group


def _load_model(folder: Path, *, has_new_head: bool, **settings: object) -> PreTrainedModel:
    # Instead of its table of new weights, most of them expected, the others are an error below.
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        model: PreTrainedModel
        model, found = AutoModelForTokenClassification.from_pretrained(
            folder,
            dtype=torch.float32,
            use_safetensors=True,  # a pickle can run code when it is read
            trust_remote_code=False,  # else transformers asks, and waits for an answer
            local_files_only=True,
            output_loading_info=True,
            **settings,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise PipelineError(
            f"{folder}: transformers cannot load it as a tagger ({reason}).",
            remedy="choose another model.checkpoint: an encoder such as BERT, RoBERTa or XLM-R.",
        ) from error
    random = found["missing_keys"] | {name for name, *_ in found["mismatched_keys"]}
    if has_new_head:
        random = {name for name in random if name.startswith(f"{model.base_model_prefix}.")}
    if random:
        raise PipelineError(
            f"{folder}: its weights lack {len(random)} that its config.json asks for, such as {min(random)}.",
            remedy="choose another model.checkpoint: one whose weights and config.json belong together.",
        )
    return model
