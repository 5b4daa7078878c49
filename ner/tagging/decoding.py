"""From logits to one tag a word: the one decoder, for PyTorch and ONNX Runtime alike.

A word's logits are those of its first subtoken. A sentence gets the likeliest tags that are valid IOB2: the
best tag of each word, unless an `I-` tag would then continue nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ner.annotation.labels import OUTSIDE
from ner.annotation.spans import repair_tags
from ner.tagging.label_quality import score_label_quality
from ner.tagging.viterbi import find_best_tags
from ner.windows.alignment import IGNORE_ID, first_subtokens
from ner.windows.tokenized import TokenizedWindow

Logits = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TaggedWords:
    """The tags of one sentence.

    Args:
        tags: One tag a word, valid IOB2. Shape: (n_words,).
        scores: Probability of each word's tag, from 0 to 1; 0 for a word that has no subtoken: it was
            not seen and is `O`. Shape: (n_words,).
        n_repaired: How many words have another tag than their best one, because IOB2 does not allow it.
        inner: The same of the inner level; None where the tagger knows the outer one alone.
        label_quality: How well the corpus's tag of each word goes with the tagger, from 0 to 1; None where
            the windows have no targets, as those of a text. Shape: (n_words,).
    """

    tags: list[str]
    scores: list[float]
    n_repaired: int
    inner: "TaggedWords | None" = None
    label_quality: list[float] | None = None


@dataclass(frozen=True, slots=True)
class TaggedSplit:
    """What the tagger says of a whole split.

    Args:
        sentences: In corpus order. Shape: (n_sentences,).
        subtoken_tag_ids: Best tag of every subtoken of every window, outer level, in the order of the
            windows: what the original notebook scores. Shape: (n_windows, n_subtokens).
        loss: Mean cross-entropy over the targets that are not ignored; 0 if there are none. Of two levels
            the sum of both means, as in training.
        padding_share: Share of the computed subtokens that was padding.
        n_levels: Levels that the tagger knows: 1, the outer one, or 2.
    """

    sentences: list[TaggedWords]
    subtoken_tag_ids: list[list[int]]
    loss: float
    padding_share: float
    n_levels: int = 1


@dataclass(frozen=True, slots=True)
class WindowLogits:
    """What the heads say of one window, as far as decoding needs it.

    Args:
        subtoken_tag_ids: Best tag of every subtoken, outer level. Shape: (n_subtokens,).
        words: Word of each row of `logits`, counted from the window's first word. Shape: (n_owned_words,).
        logits: Of the first subtoken of each word. Shape: (n_owned_words, n_levels, n_tags).
    """

    subtoken_tag_ids: NDArray[np.int16]
    words: list[int]
    logits: Logits


Part = tuple[int, WindowLogits]  # of a sentence, behind the number of its first word


def read_window(logits: Logits, row: TokenizedWindow) -> WindowLogits:
    """Keep of a window's logits what decoding needs.

    Args:
        logits: Padding may follow the window's own. Shape: (at least n_subtokens, n_levels, n_tags).
        row: The window.
    """
    pairs = list(first_subtokens(row.window.word_ids))
    positions = [position for position, _ in pairs]
    n_subtokens = len(row.window.input_ids)
    return WindowLogits(
        subtoken_tag_ids=logits[:n_subtokens, 0].argmax(-1).astype(np.int16),
        words=[word for _, word in pairs],
        logits=logits[positions],  # indexing with a list copies: the batch is freed
    )


def decode_words(logits: Logits, tag_names: Sequence[str]) -> tuple[list[str], list[float]]:
    """Choose the tag of each word: its best one, whatever stands beside it.

    Args:
        logits: One row a word, of one level. Shape: (n_words, n_tags).
        tag_names: Name of each tag id. Shape: (n_tags,).

    Returns:
        Tag and probability of each word. Shape of both: (n_words,).
    """
    best = logits.argmax(-1)
    # The best tag's probability: one over the sum of what the others are beside it.
    probabilities = 1 / np.exp(logits - logits.max(-1, keepdims=True)).sum(-1)
    return [tag_names[number] for number in best.tolist()], probabilities.tolist()


def decode_sentences(
    rows: Sequence[TokenizedWindow],
    windows: Sequence[WindowLogits | None],
    n_words: Sequence[int],
    tag_names: Sequence[str],
    *,
    n_levels: int,
) -> list[TaggedWords]:
    """Find for each sentence the likeliest tags that are valid IOB2, each level by itself.

    Args:
        rows: The windows of all sentences. Shape: (n_windows,).
        windows: The logits of each; None for a window without subtokens. Shape: (n_windows,).
        n_words: Words of each sentence. Shape: (n_sentences,).
        tag_names: Name of each tag id. Shape: (n_tags,).
        n_levels: Levels that the logits are of: 1, the outer one, or 2.

    Returns:
        In corpus order. Shape: (n_sentences,).
    """
    outer, *inner = (_decode_level(rows, windows, n_words, tag_names, level) for level in range(n_levels))
    if not inner:
        return outer
    return [replace(words, inner=nested) for words, nested in zip(outer, inner[0], strict=True)]


def _decode_level(
    rows: Sequence[TokenizedWindow],
    windows: Sequence[WindowLogits | None],
    n_words: Sequence[int],
    tag_names: Sequence[str],
    level: int,
) -> list[TaggedWords]:
    tags = [[OUTSIDE] * n for n in n_words]
    scores = [[0.0] * n for n in n_words]
    quality = [[1.0] * n for n in n_words]
    parts: list[list[Part]] = [[] for _ in n_words]
    has_targets = False
    for row, window in zip(rows, windows, strict=True):
        if window is None or not window.words:
            continue
        parts[row.sentence].append((row.window.first_word, window))
        decoded = decode_words(window.logits[:, level], tag_names)
        for word, tag, score in zip(window.words, *decoded, strict=True):
            tags[row.sentence][row.window.first_word + word] = tag
            scores[row.sentence][row.window.first_word + word] = score
        targets = row.targets if level == 0 else row.inner_targets or []
        if max(targets, default=IGNORE_ID) > IGNORE_ID:
            has_targets = True
            ids = [targets[position] for position, _ in first_subtokens(row.window.word_ids)]
            for word, one in zip(
                window.words, score_label_quality(window.logits[:, level], ids), strict=True
            ):
                quality[row.sentence][row.window.first_word + word] = one
    tagged = []
    for sentence, (best, sentence_scores) in enumerate(zip(tags, scores, strict=True)):
        of_corpus = quality[sentence] if has_targets else None
        valid = best
        if repair_tags(best)[1]:  # else the best tags are the likeliest sequence too
            valid, sentence_scores = _decode_sequence(parts[sentence], len(best), tag_names, level)
        n_repaired = sum(one != other for one, other in zip(best, valid, strict=True))
        tagged.append(TaggedWords(valid, sentence_scores, n_repaired, label_quality=of_corpus))
    return tagged


def _decode_sequence(
    parts: Sequence[Part], n_words: int, tag_names: Sequence[str], level: int
) -> tuple[list[str], list[float]]:
    """Find the likeliest valid tags of a sentence, and the probability of each; a word not seen is `O`."""
    logits = np.full((n_words, len(tag_names)), -np.inf)
    logits[:, tag_names.index(OUTSIDE)] = 0.0
    seen = np.zeros(n_words)
    for first_word, window in parts:
        words = first_word + np.array(window.words)
        logits[words], seen[words] = window.logits[:, level], 1.0
    path = find_best_tags(logits, tag_names)
    shares = np.exp(logits - logits.max(-1, keepdims=True))
    scores = seen * shares[np.arange(n_words), path] / shares.sum(-1)
    return [tag_names[number] for number in path], scores.tolist()
