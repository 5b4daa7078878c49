"""In which order and where batches are computed: a batch a core on a CPU, groups of batches on a GPU."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from ner.windows.tokenized import TokenizedWindow

Batch = Sequence[TokenizedWindow]  # the longest first
T = TypeVar("T")


def compute_side_by_side(compute: Callable[[Batch], T], batches: Sequence[Batch]) -> list[T]:
    """Compute batches on a CPU, each on a core of its own.

    That is faster than all cores on one batch, which synchronise at the end of each product.

    Args:
        compute: Called in threads of its own, several at a time.
        batches: Fewer of them than torch has threads share these.

    Returns:
        What `compute` returns, in the order of the batches.
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
    """Yield batches whose results may wait on the GPU together, of `limit` subtokens or a little more."""
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
