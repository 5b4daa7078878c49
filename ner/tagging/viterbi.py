"""The likeliest valid tags of a sentence: Viterbi (1967) over the tags that IOB2 lets follow one another."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ner.annotation.labels import OUTSIDE

Scores = NDArray[np.float64]


def find_best_tags(scores: Scores, tag_names: Sequence[str]) -> list[int]:
    """Find the valid IOB2 tags with the highest sum of scores.

    Args:
        scores: Logits or logarithms of probabilities, one row a word; -inf rules a tag out, but never `O`.
            Shape: (n_words, n_tags).
        tag_names: Name of each tag id. Shape: (n_tags,).

    Returns:
        Tag ids; of equal sums that of the lower ids, seen from the end. Shape: (n_words,).
    """
    if not len(scores):
        return []
    step = _list_steps(tuple(tag_names))
    best = scores[0] + step[tag_names.index(OUTSIDE)]  # a sentence begins as behind an O
    origins = []
    for row in scores[1:]:
        sums = best[:, None] + step
        origin = sums.argmax(0)
        origins.append(origin)
        best = sums[origin, np.arange(len(row))] + row
    tag = int(best.argmax())
    path = [tag]
    for origin in reversed(origins):
        tag = int(origin[tag])
        path.append(tag)
    return path[::-1]


@lru_cache(maxsize=8)  # a process has one tagger, a test several
def _list_steps(tag_names: tuple[str, ...]) -> Scores:
    """Return 0 where a tag (column) may follow another (row), else -inf. Shape: (n_tags, n_tags)."""
    return np.array(
        [
            [
                0.0 if not tag.startswith("I-") or before in (f"B-{tag[2:]}", tag) else -np.inf
                for tag in tag_names
            ]
            for before in tag_names
        ]
    )
