"""The tagger on ONNX Runtime: the windows, batches and decoder of the PyTorch tagger, without PyTorch."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ner.annotation.labels import TagSet, order_tags
from ner.core.errors import PipelineError, summarise_error
from ner.core.files import read_json
from ner.core.number_types import TaggingPrecision
from ner.tagging.decoding import Logits, TaggedWords, WindowLogits, decode_sentences, read_window
from ner.text.text_tagger import Levels, TextTagger
from ner.windows.batching import budget_batches
from ner.windows.run_config import RUN_CONFIG
from ner.windows.tokenized import TokenizedWindow

MODEL = "model.onnx"
BUDGET = 1_024  # subtokens in a batch: fastest; no tag depends on it


@dataclass(frozen=True, slots=True)
class OnnxTagged:
    """What the tagger says of a split. Shape of `sentences`: (n_sentences,)."""

    sentences: list[TaggedWords]


class OnnxTagger:
    """Tags windows in batches of similar length, as `Tagger` does.

    Args:
        session: An `onnxruntime.InferenceSession` with an output for each level.
        tag_set: The tags in the order of the head's outputs.
        pad_id: The subtoken to pad with.
        subtokens_per_batch: Most subtokens in a batch, padding included.
    """

    def __init__(
        self,
        session: Any,  # noqa: ANN401 - onnxruntime is optional and ships no types
        tag_set: TagSet,
        *,
        pad_id: int,
        subtokens_per_batch: int,
    ) -> None:
        self.session, self.tag_set, self.pad_id = session, tag_set, pad_id
        self.subtokens_per_batch = subtokens_per_batch
        self.n_levels = len(session.get_outputs())

    @classmethod
    def load(cls, folder: Path, *, subtokens_per_batch: int | None = None) -> "OnnxTagger":
        """Load what `ner export --to onnx` wrote.

        `OMP_NUM_THREADS` sets the threads, by default one per CPU core.

        Raises:
            PipelineError: If onnxruntime is not installed or cannot load the model.
        """
        try:
            import onnxruntime
        except ImportError as error:
            raise PipelineError(
                f"{folder}: onnxruntime is not installed.", remedy="pip install -r requirements-onnx.txt"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS") or 0)
        options.enable_mem_pattern = False  # it is kept for each shape, and nearly every batch has another
        try:
            session = onnxruntime.InferenceSession(
                folder / MODEL, options, providers=["CPUExecutionProvider"]
            )
            config = read_json(folder / "config.json")
            tags = order_tags(config["id2label"])
        except Exception as error:
            raise PipelineError(
                f"{folder}: onnxruntime cannot load it as a tagger ({summarise_error(error)}).",
                remedy="export it again: ner export --to onnx",
            ) from error
        return cls(
            session,
            TagSet(tags),
            pad_id=config.get("pad_token_id") or 0,
            subtokens_per_batch=subtokens_per_batch or BUDGET,
        )

    def tag(self, rows: Sequence[TokenizedWindow], n_words: Sequence[int]) -> OnnxTagged:
        """Tag every word.

        Args:
            rows: The windows of all sentences. Shape: (n_windows,).
            n_words: Words of each sentence. Shape: (n_sentences,).
        """
        lengths = [len(row.window.input_ids) for row in rows]
        windows: list[WindowLogits | None] = [None] * len(rows)
        for batch in budget_batches(lengths, self.subtokens_per_batch):
            logits = self._compute_batch([rows[index] for index in batch])
            for number, index in enumerate(batch):
                windows[index] = read_window(logits[number], rows[index])
        return OnnxTagged(decode_sentences(rows, windows, n_words, self.tag_set.tags, n_levels=self.n_levels))

    def _compute_batch(self, rows: Sequence[TokenizedWindow]) -> Logits:
        """Return the logits of each subtoken. Shape: (n_rows, longest row, n_levels, n_tags)."""
        longest = max(len(row.window.input_ids) for row in rows)
        input_ids = np.full((len(rows), longest), self.pad_id, dtype=np.int64)
        attention_mask = np.zeros_like(input_ids)
        for number, row in enumerate(rows):
            length = len(row.window.input_ids)
            input_ids[number, :length] = row.window.input_ids
            attention_mask[number, :length] = 1
        levels = self.session.run(None, {"input_ids": input_ids, "attention_mask": attention_mask})
        logits: Logits = levels[0][:, :, np.newaxis] if len(levels) == 1 else np.stack(levels, axis=2)
        return logits


def load_text_tagger(
    folder: Path,
    *,
    subtokens_per_batch: int | None = None,
    precision: TaggingPrecision = "auto",
    levels: Levels | str = Levels.BOTH,
) -> TextTagger:
    """Load a tagger in the form that a folder holds: ONNX, or PyTorch's safetensors.

    Args:
        folder: The tagger's.
        subtokens_per_batch: Most subtokens in a batch, padding included; None: set for the form and the CPU.
        precision: Number type to compute in; auto: the tagger's own.
        levels: Which levels to give, of those that the tagger knows.

    Raises:
        PipelineError: If the folder holds neither, or what it holds cannot be loaded or has another
            number type.
    """
    if not (folder / RUN_CONFIG).is_file():
        raise refuse_folder(folder)
    if (folder / MODEL).is_file():
        if precision != "auto":
            raise PipelineError(
                f"--precision {precision}: the ONNX export in {folder} has its number type already.",
                remedy="leave --precision out, or name the tagger that was exported with --model.",
            )
        tagger = OnnxTagger.load(folder, subtokens_per_batch=subtokens_per_batch)
        return TextTagger.around(tagger, folder, levels=levels)
    return TextTagger.load(
        folder, subtokens_per_batch=subtokens_per_batch, precision=precision, levels=levels
    )


def refuse_folder(folder: object) -> PipelineError:
    """Return the error of a folder, of this machine or of a store, that holds no tagger."""
    return PipelineError(
        f"{folder}: no tagger of this pipeline is there (it has no {RUN_CONFIG}).",
        remedy="train one with dvc repro, fetch it with dvc pull, or name its folder with --model.",
    )
