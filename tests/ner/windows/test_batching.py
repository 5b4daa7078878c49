"""Batches: every window once, little padding, and an order that a resumed run repeats."""

from itertools import chain, combinations, pairwise
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner.windows.batching import BATCHES_PER_POOL, budget_batches, epoch_batches, padding_share

LENGTHS = st.lists(st.integers(1, 40), max_size=60)
quickly = settings(derandomize=True, max_examples=200, deadline=None)
LONG_SPLIT = [1 + (7 * index) % 50 for index in range(1_000)]


@pytest.mark.parametrize(
    ("lengths", "budget", "expected"),
    [
        pytest.param([], 10, [], id="nothing"),
        pytest.param([3, 5, 4], 10, [[1, 2], [0]], id="longest-first"),
        pytest.param([5, 5, 5], 10, [[0, 1], [2]], id="equals-in-corpus-order"),
        pytest.param([2, 3, 3], 9, [[1, 2, 0]], id="padding-counts"),
        pytest.param([2, 3, 3], 8, [[1, 2], [0]], id="padding-exceeds"),
        pytest.param([20, 3], 10, [[0], [1]], id="longer-than-the-budget"),
        pytest.param([0, 3, 0, 2], 6, [[1, 3]], id="empty-windows-left-out"),
    ],
)
def test_batches_fill_a_budget(lengths, budget, expected):
    assert budget_batches(lengths, budget) == expected


@quickly
@given(LENGTHS, st.integers(1, 200))
def test_no_batch_exceeds_the_budget_and_no_window_is_lost(lengths, budget):
    batches = budget_batches(lengths, budget)
    assert sorted(chain(*batches)) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[index] for index in batch) <= budget
    longest = [max(lengths[index] for index in batch) for batch in batches]
    sizes = [len(batch) * length for batch, length in zip(batches, longest, strict=True)]
    assert sizes == sorted(sizes, reverse=True), "what does not fit into memory fails at once"


@quickly
@given(LENGTHS, st.integers(1, 8), st.integers(0, 3), st.integers(0, 3))
def test_an_epoch_sees_every_window_once_in_full_batches(lengths, batch_size, seed, epoch):
    """The Trainer cuts the flat order into batches anew: they are ours if only the last is not full."""
    batches = epoch_batches(lengths, batch_size, seed=seed, epoch=epoch)
    assert sorted(chain(*batches)) == list(range(len(lengths)))
    assert all(len(batch) == batch_size for batch in batches[:-1])
    assert all(0 < len(batch) <= batch_size for batch in batches)


def test_the_order_depends_on_seed_and_epoch_alone():
    def batches(seed, epoch):
        return epoch_batches(LONG_SPLIT, 8, seed=seed, epoch=epoch)

    assert batches(1, 0) == batches(1, 0)
    orders = [batches(1, 0), batches(1, 1), batches(2, 0), batches(11, 0), batches(1, 10)]
    assert all(one != other for n, one in enumerate(orders) for other in orders[:n])


def test_a_batch_holds_similar_lengths():
    batches = epoch_batches(LONG_SPLIT, 8, seed=0, epoch=0)
    in_corpus_order = [list(range(start, min(start + 8, 1_000))) for start in range(0, 1_000, 8)]
    assert padding_share(LONG_SPLIT, batches) < 0.05 < 0.3 < padding_share(LONG_SPLIT, in_corpus_order)


def test_long_and_short_batches_come_in_any_order():
    lengths = LONG_SPLIT[: 8 * BATCHES_PER_POOL]  # what is sorted together
    longest = [max(lengths[i] for i in batch) for batch in epoch_batches(lengths, 8, seed=0, epoch=0)]
    n_rising = sum(one < other for one, other in pairwise(longest))
    n_falling = sum(one > other for one, other in pairwise(longest))
    assert min(n_rising, n_falling) > 10


@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_lengths_are_spread_evenly_over_an_epoch(epoch):
    """Also where a corpus goes from short to long: else the learning rate falls while windows grow."""
    lengths = sorted(LONG_SPLIT * 4)
    batches = epoch_batches(lengths, 8, seed=0, epoch=epoch)
    n_part = len(batches) // 5
    for start in range(0, len(batches), n_part):
        part = [lengths[index] for batch in batches[start : start + n_part] for index in batch]
        assert mean(part) == pytest.approx(mean(lengths), rel=0.2)


def test_a_window_meets_others_each_epoch():
    def pairs(epoch):
        batches = epoch_batches(LONG_SPLIT, 8, seed=0, epoch=epoch)
        return {pair for batch in batches for pair in combinations(sorted(batch), 2)}

    assert len(pairs(0) & pairs(1)) < 0.3 * len(pairs(0))


def test_windows_mix_beyond_their_neighbours():
    """A batch is drawn from fifty times as many windows, and those from the whole split."""
    batches = epoch_batches([10] * 2_000, 4, seed=0, epoch=0)
    assert len(batches) == 500 > BATCHES_PER_POOL
    assert any(max(batch) - min(batch) > 1_000 for batch in batches[:5])


@pytest.mark.parametrize(
    ("lengths", "batches", "expected"),
    [
        pytest.param([4, 4], [[0, 1]], 0.0, id="no-padding"),
        pytest.param([4, 2], [[0, 1]], 0.25, id="a-quarter"),
        pytest.param([4, 2], [[0], [1]], 0.0, id="one-by-one"),
        pytest.param([4, 2], [[0, 1], [0, 1]], 0.25, id="two-epochs"),
        pytest.param([], [], 0.0, id="nothing"),
    ],
)
def test_padding_share(lengths, batches, expected):
    assert padding_share(lengths, batches) == expected
