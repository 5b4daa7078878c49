"""Intervals and paired differences, against enumeration and a plain bootstrap."""

import itertools
import time

import numpy as np
import pytest

from ner.annotation.counts import Counts
from ner.evaluation.bootstrap import Interval, f1_interval, paired_difference


def make_counts(n_sentences, hit_rate, seed):
    """Invent counts of a tagger that finds `hit_rate` of the spans; the gold spans do not depend on it."""
    generator = np.random.default_rng(seed)
    gold = np.random.default_rng(0).poisson(1.2, n_sentences)
    hits = generator.binomial(gold, hit_rate)
    predicted = hits + generator.binomial(gold, 0.2)
    return np.stack([hits, predicted, gold], axis=1)


def f1_of(counts):
    return Counts(*counts.sum(axis=0).tolist()).f1


COUNTS = make_counts(400, 0.8, seed=1)


def test_the_interval_equals_one_from_all_possible_resamples():
    """Four sentences have 4**4 equally likely resamples: their quantiles need no chance at all."""
    counts = np.array([[1, 1, 1], [0, 1, 2], [2, 3, 2], [1, 1, 3]])
    every_f1 = [f1_of(counts[list(draw)]) for draw in itertools.product(range(4), repeat=4)]
    low, high = np.quantile(every_f1, [0.1, 0.9])
    interval = f1_interval(counts, n_samples=100_000, seed=3, confidence=0.8)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.005)


def test_the_interval_equals_one_from_drawing_sentence_by_sentence():
    generator = np.random.default_rng(5)
    n = len(COUNTS)
    resampled = [f1_of(COUNTS[generator.integers(0, n, n)]) for _ in range(4_000)]
    low, high = np.quantile(resampled, [0.025, 0.975])
    interval = f1_interval(COUNTS, n_samples=20_000, seed=6)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.004)


def test_the_interval_holds_the_score_and_widens_with_confidence():
    narrow = f1_interval(COUNTS, n_samples=1_000, seed=1, confidence=0.5)
    wide = f1_interval(COUNTS, n_samples=1_000, seed=1, confidence=0.99)
    assert wide.low < narrow.low < f1_of(COUNTS) < narrow.high < wide.high


def test_the_same_seed_gives_the_same_interval_whatever_the_order_of_sentences():
    interval = f1_interval(COUNTS, n_samples=200, seed=1)
    assert f1_interval(COUNTS[::-1], n_samples=200, seed=1) == interval
    assert f1_interval(COUNTS, n_samples=200, seed=2) != interval


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        pytest.param(np.zeros((0, 3), dtype=np.int64), Interval(0.0, 0.0), id="no-sentences"),
        pytest.param(np.zeros((5, 3), dtype=np.int64), Interval(0.0, 0.0), id="no-spans"),
        pytest.param(np.array([[0, 0, 2], [0, 0, 1]]), Interval(0.0, 0.0), id="everything-outside"),
        pytest.param(np.array([[2, 2, 2], [1, 1, 1]]), Interval(1.0, 1.0), id="everything-right"),
        pytest.param(np.array([[1, 2, 2]]), Interval(0.5, 0.5), id="one-sentence"),
    ],
)
def test_degenerate_results_give_plain_finite_ends(counts, expected):
    interval = f1_interval(counts, n_samples=100, seed=1)
    assert interval == expected
    assert type(interval.low) is type(interval.high) is float


def test_a_thousand_resamples_of_the_test_set_take_less_than_a_second():
    counts = make_counts(5_100, 0.8, seed=1)
    start = time.perf_counter()
    f1_interval(counts, n_samples=1_000, seed=1)
    assert time.perf_counter() - start < 1.0


def test_a_tagger_does_not_differ_from_itself():
    result = paired_difference(COUNTS, COUNTS, n_samples=500, seed=1)
    assert (result.difference, result.interval, result.p_value) == (0.0, Interval(0.0, 0.0), 1.0)


def test_a_much_better_tagger_differs_beyond_chance():
    better, worse = make_counts(400, 0.9, seed=2), make_counts(400, 0.6, seed=3)
    result = paired_difference(better, worse, n_samples=999, seed=1)
    assert result.difference == f1_of(better) - f1_of(worse)
    assert 0 < result.interval.low < result.difference < result.interval.high
    assert result.p_value == 1 / 1_000


def test_swapping_the_taggers_turns_the_difference_around():
    other = make_counts(400, 0.77, seed=4)
    one_way = paired_difference(COUNTS, other, n_samples=20_000, seed=1)
    back = paired_difference(other, COUNTS, n_samples=20_000, seed=1)
    assert back.difference == -one_way.difference
    assert back.interval.low == pytest.approx(-one_way.interval.high, abs=0.003)
    assert back.p_value == pytest.approx(one_way.p_value, abs=0.03)


def test_pairing_narrows_the_interval():
    """Taggers that miss nearly the same names: resampled apart, the interval would be 1.4 times as wide."""
    other = COUNTS.copy()
    other[:20, 0] = np.maximum(other[:20, 0] - 1, 0)
    difference = paired_difference(COUNTS, other, n_samples=2_000, seed=1).interval
    alone = f1_interval(COUNTS, n_samples=2_000, seed=1)
    assert difference.high - difference.low < alone.high - alone.low


def test_equally_good_taggers_rarely_look_different():
    """Under the null hypothesis a p-value below 0.1 turns up in about one case in ten."""
    p_values = [
        paired_difference(
            make_counts(300, 0.8, seed=2 * case + 10),
            make_counts(300, 0.8, seed=2 * case + 11),
            n_samples=300,
            seed=1,
        ).p_value
        for case in range(200)
    ]
    assert 0.04 <= sum(p_value < 0.1 for p_value in p_values) / len(p_values) <= 0.18


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(COUNTS[:-1], id="other-number-of-sentences"),
        pytest.param(np.add(COUNTS, [0, 0, 1]), id="other-gold-spans"),
    ],
)
def test_scores_of_different_sentences_cannot_be_compared(other):
    with pytest.raises(ValueError, match="different sentences"):
        paired_difference(COUNTS, other, n_samples=10, seed=1)
