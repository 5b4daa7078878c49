"""Batches of windows of similar length: padding is the largest waste in training and tagging."""

import random
from collections.abc import Sequence

BATCHES_PER_POOL = 50  # sorted together in training: less padding if more, a less random mix if fewer


def budget_batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Sort windows by length and fill batches up to a budget of subtokens, padding included.

    Args:
        lengths: Subtokens of each window. Shape: (n_windows,).
        budget: Most subtokens in a batch; a longer window makes a batch of its own.

    Returns:
        Indices of the windows, in a batch the longest first. Every window is in exactly one batch, but for
        those without any subtoken, which no encoder takes. The largest batch stands first: what does not fit
        into memory fails at once, and each batch finds room where the one before it was.
    """
    batches: list[list[int]] = []
    filled = (index for index, length in enumerate(lengths) if length)
    for index in sorted(filled, key=lambda i: (-lengths[i], i)):
        if batches and (len(batches[-1]) + 1) * lengths[batches[-1][0]] <= budget:
            batches[-1].append(index)
        else:
            batches.append([index])
    return sorted(batches, key=lambda batch: -len(batch) * lengths[batch[0]])


def epoch_batches(lengths: Sequence[int], batch_size: int, *, seed: int, epoch: int) -> list[list[int]]:
    """Mix the windows anew for an epoch, with windows of similar length in a batch.

    Windows are shuffled, cut into pools of 50 batches, sorted by length within a pool, cut into batches,
    and the batches are shuffled. The order depends on the arguments alone, so that a resumed run
    repeats it.

    Args:
        lengths: Subtokens of each window. Shape: (n_windows,).
        batch_size: Windows in a batch; the last batch may hold fewer.
        seed: Seed of the run.
        epoch: Number of the epoch, from 0.

    Returns:
        Indices of the windows; a batch that is not full stands last.
    """
    generator = random.Random(f"{seed}/{epoch}")  # noqa: S311 - mixes a corpus, keeps no secret
    order = list(range(len(lengths)))
    generator.shuffle(order)
    n_pool = BATCHES_PER_POOL * batch_size
    pooled = [
        index
        for start in range(0, len(order), n_pool)
        for index in sorted(order[start : start + n_pool], key=lambda i: -lengths[i])
    ]
    batches = [pooled[start : start + batch_size] for start in range(0, len(pooled), batch_size)]
    last = [batches.pop()] if batches and len(batches[-1]) < batch_size else []
    generator.shuffle(batches)
    return batches + last


def padding_share(lengths: Sequence[int], batches: Sequence[Sequence[int]]) -> float:
    """Return the share of the computed subtokens that is padding.

    Args:
        lengths: Subtokens of each window. Shape: (n_windows,).
        batches: Indices of the windows that are computed together, padded to the longest.

    Returns:
        Between 0 and 1; 0 for no batches.
    """
    n_real = sum(lengths[index] for batch in batches for index in batch)
    n_computed = sum(len(batch) * max(lengths[index] for index in batch) for batch in batches)
    return 1 - n_real / n_computed if n_computed else 0.0
