"""A split of the corpus as windows, and what was counted on the way."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import Field, NonNegativeInt, PositiveInt

from ner.annotation.labels import OUTSIDE, TagSet
from ner.annotation.sentences import Sentence, iterate_split, read_tag_set
from ner.annotation.spans import decode_spans, repair_tags
from ner.core.errors import PipelineError
from ner.core.params import Params
from ner.windows.alignment import IGNORE_ID, Window, align_tag_ids, cut_windows, is_truncated
from ner.windows.tokenized import TokenizedWindow
from ner.windows.tokenizer import WordTokenizer

SENTENCES_PER_BATCH = 1_000


class TokenizeParams(Params):
    """Section `tokenize`: how words become subtokens with targets."""

    label_all_tokens: bool = Field(description="true: every subtoken gets its word's tag; false: the first.")
    max_length: PositiveInt = Field(description="Most subtokens in a window, special tokens included.")
    stride: NonNegativeInt = Field(description="Most subtokens that two windows of a sentence share.")


class SplitCounts:
    """What tokenising a split amounts to, counted as its rows pass through."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.by_label: Counter[str] = Counter()
        self.max_subtokens = 0

    def add(self, sentence: Sentence, pieces: list[list[int]], n_truncated: int) -> None:
        """Count a sentence."""
        self.counts["sentences"] += 1
        self.counts["words"] += len(sentence.words)
        self.counts["words_without_subtoken"] += sum(not piece for piece in pieces)
        self.counts["truncated_words"] += n_truncated

    def add_window(self, window: Window, targets: list[int], tag_set: TagSet) -> None:
        """Count a window, and the entities that seqeval sees in its targets.

        Its default mode, which the notebook uses, takes an I- tag that continues nothing for an entity:
        the rest of a name that began in the window before, or at a word without subtoken.
        """
        self.counts["windows"] += 1
        self.counts["subtokens"] += len(window.input_ids)
        self.max_subtokens = max(self.max_subtokens, len(window.input_ids))
        tags = [tag_set.tags[target] for target in targets if target != IGNORE_ID]
        if tags.count(OUTSIDE) < len(tags):  # two in five of GermEval's hold no name
            self.by_label.update(span.label for span in decode_spans(repair_tags(tags)[0]))

    def to_dict(self) -> dict[str, Any]:
        """Return the keys of `metrics/tokenize.json`."""
        return {
            **self.counts,
            "max_subtokens": self.max_subtokens,
            "subtoken_entities": self.by_label.total(),
            "subtoken_entities_by_label": dict(self.by_label),
        }


def check_lengths(params: TokenizeParams, tokenizer: WordTokenizer, file: Path = Path("params.yaml")) -> None:
    """Refuse windows that the encoder cannot take, or that have no room for words.

    Args:
        params: The settings.
        tokenizer: The encoder's.
        file: Where the settings stand.

    Raises:
        PipelineError: Names the parameter, its value and what it may be.
    """
    n_special = len(tokenizer.prefix) + len(tokenizer.suffix)
    if tokenizer.max_length and params.max_length > tokenizer.max_length:
        raise PipelineError(
            f"{file}: tokenize.max_length is {params.max_length}, more than the encoder takes.",
            remedy=f"set it to at most {tokenizer.max_length}.",
        )
    if params.max_length <= n_special:
        raise PipelineError(
            f"{file}: tokenize.max_length is {params.max_length}, no more than the special tokens need.",
            remedy=f"set it to at least {n_special + 1}; most sentences need 128.",
        )
    if params.stride >= params.max_length - n_special:
        raise PipelineError(
            f"{file}: tokenize.stride is {params.stride}, as much as a window holds.",
            remedy=f"set it below {params.max_length - n_special}.",
        )


def tokenize_split(
    raw_file: Path,
    tokenizer: WordTokenizer,
    params: TokenizeParams,
    counts: SplitCounts,
    *,
    has_inner: bool = False,
) -> Iterator[TokenizedWindow]:
    """Turn the sentences of a split into windows, batch by batch, and count them into `counts`.

    Args:
        raw_file: The split.
        tokenizer: The encoder's.
        params: How to cut and align.
        counts: What is counted goes here.
        has_inner: Whether windows get targets of the inner level too.
    """
    tag_set = read_tag_set(raw_file)
    n_special = len(tokenizer.prefix) + len(tokenizer.suffix)
    sentences = iterate_split(raw_file)
    number = 0
    while batch := list(islice(sentences, SENTENCES_PER_BATCH)):
        for sentence, pieces in zip(batch, tokenizer.encode([s.words for s in batch]), strict=True):
            n_truncated = sum(
                is_truncated(piece, n_special=n_special, max_length=params.max_length) for piece in pieces
            )
            counts.add(sentence, pieces, n_truncated)
            tag_ids = [tag_set.id_of(tag) for tag in sentence.outer]
            inner_ids = [tag_set.id_of(tag) for tag in sentence.inner or ()] if has_inner else None
            for window in cut_windows(
                pieces,
                prefix=tokenizer.prefix,
                suffix=tokenizer.suffix,
                max_length=params.max_length,
                stride=params.stride,
            ):
                targets, *inner_targets = (
                    align_tag_ids(window, ids, label_all_tokens=params.label_all_tokens)
                    for ids in ([tag_ids] if inner_ids is None else [tag_ids, inner_ids])
                )
                counts.add_window(window, targets, tag_set)
                yield TokenizedWindow(number, window, targets, *inner_targets)
            number += 1
