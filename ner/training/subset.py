"""A share of the training split, for learning curves: each smaller share is part of each larger one."""

import random
from collections.abc import Sequence

from ner.windows.tokenized import TokenizedWindow


def count_share(n_sentences: int, share: float) -> int:
    """Count the sentences of a share: rounded, at least 1."""
    return max(1, round(share * n_sentences))


def take_share(rows: Sequence[TokenizedWindow], *, share: float, seed: int) -> list[TokenizedWindow]:
    """Keep the windows of a share of the sentences, in their order.

    Args:
        rows: Windows of the training split. Shape: (n_windows,).
        share: Share of the sentences, above 0, at most 1: all of them.
        seed: Seed of the order in which sentences are added as the share grows.
    """
    sentences = sorted({row.sentence for row in rows})
    random.Random(f"share/{seed}").shuffle(sentences)  # noqa: S311 - mixes a corpus, keeps no secret
    kept = set(sentences[: count_share(len(sentences), share)])
    return [row for row in rows if row.sentence in kept]
