"""A share of the training split."""

from dataclasses import replace
from itertools import pairwise

import pytest

from ner.training.subset import count_share, take_share
from tests.support.tiny_training import make_rows

# Every third sentence has two windows.
ROWS = [row for one in make_rows(30) for row in [one] * (1 + (one.sentence % 3 == 0))]
SHARES = (0.01, 0.1, 0.25, 0.5, 0.9, 1.0)


def sentences(share, seed=1):
    return {row.sentence for row in take_share(ROWS, share=share, seed=seed)}


@pytest.mark.parametrize(("share", "n"), list(zip(SHARES, (1, 3, 8, 15, 27, 30), strict=True)))
def test_a_share_counts_sentences_and_keeps_all_their_windows_in_order(share, n):
    kept = take_share(ROWS, share=share, seed=1)
    assert len({row.sentence for row in kept}) == count_share(30, share) == n
    assert kept == [row for row in ROWS if row.sentence in sentences(share)]


def test_a_smaller_share_is_part_of_a_larger_one():
    nested = [sentences(share) for share in SHARES]
    assert all(small < large for small, large in pairwise(nested))


def test_the_seed_draws_the_sentences_and_the_whole_is_as_it_was():
    assert sentences(0.5) == sentences(0.5) != sentences(0.5, seed=2)
    assert take_share(ROWS, share=1.0, seed=7) == ROWS


def test_sentences_are_counted_and_not_their_numbers():
    """A sentence without any window has none to keep."""
    rows = [replace(row, sentence=row.sentence * 10) for row in make_rows(4)]
    assert len(take_share(rows, share=0.5, seed=1)) == 2
