"""Intervals and paired differences of F1 by resampling sentences (bootstrap).

An interval covers test-sentence sampling only, not seed variance.

The bootstrap draws as many sentences as the split has, with replacement, and recomputes F1 from the
sums of their counts (Efron and Tibshirani 1993, An Introduction to the Bootstrap). Sentences with
equal counts are interchangeable, so that only their number is drawn: the same distribution as drawing
sentence by sentence, and 1,000 resamples of 5,100 sentences take 15 ms and 2 MB (multinomial weights
over all sentences: 360 ms and 39 MB; gathering rows in chunks: 190 ms and 8 MB).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ner.annotation.counts import Counts


@dataclass(frozen=True, slots=True)
class Interval:
    """The lower and the upper end of a percentile interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """How two taggers differ on the same sentences.

    Args:
        difference: F1 of the first minus F1 of the second.
        interval: Percentile interval of that difference.
        p_value: Probability of a difference at least as large, in either direction, if the taggers
            were equally good; above 0, at most 1.
    """

    difference: float
    interval: Interval
    p_value: float


def f1_interval(
    counts: NDArray[np.int64], *, n_samples: int, seed: int, confidence: float = 0.95
) -> Interval:
    """Estimate the percentile interval of F1.

    Args:
        counts: True positives, predicted and gold spans of each sentence (`SpanScores.by_sentence`).
            The order of the sentences does not matter. Shape: (n_sentences, 3).
        n_samples: Number of resamples, at least 1.
        seed: Seed of the random generator: the same seed gives the same interval.
        confidence: Share of the resamples inside the interval, 0 to 1.

    Returns:
        The interval; both ends 0.0 where there are no spans.
    """
    resampled = _resample_sums(counts, n_samples=n_samples, seed=seed)
    return _percentile_interval(_f1_of_sums(resampled), confidence)


def paired_difference(
    counts_a: NDArray[np.int64],
    counts_b: NDArray[np.int64],
    *,
    n_samples: int,
    seed: int,
    confidence: float = 0.95,
) -> PairedDifference:
    """Compare two taggers by resampling the same sentences for both.

    The p-value shifts the resampled differences to a mean of zero, the null hypothesis, and asks how
    often they are at least as far from it as the observed one (Berg-Kirkpatrick, Burkett and Klein
    2012, here two-sided). Observed and resampled differences count alike, so that it is never 0.

    Args:
        counts_a: Counts of each sentence, first tagger. Shape: (n_sentences, 3).
        counts_b: Counts of the same sentences, second tagger. Shape: (n_sentences, 3).
        n_samples: Number of resamples, at least 1.
        seed: Seed of the random generator.
        confidence: Share of the resamples inside the interval, 0 to 1.

    Returns:
        The difference, first minus second, with its interval and p-value.

    Raises:
        ValueError: If the two were not scored on the same gold spans.
    """
    if not np.array_equal(counts_a[:, 2], counts_b[:, 2]):
        raise ValueError("the two counts belong to different sentences: their gold spans differ")

    f1_a, f1_b = (Counts(*counts.sum(axis=0).tolist()).f1 for counts in (counts_a, counts_b))
    difference = f1_a - f1_b
    # Columns 0 to 2 belong to the first tagger, 3 to 5 to the second: (n_samples, 6).
    resampled = _resample_sums(np.hstack([counts_a, counts_b]), n_samples=n_samples, seed=seed)
    differences = _f1_of_sums(resampled[:, :3]) - _f1_of_sums(resampled[:, 3:])
    n_as_far = int((np.abs(differences - difference) >= abs(difference)).sum())
    return PairedDifference(
        difference=difference,
        interval=_percentile_interval(differences, confidence),
        p_value=(n_as_far + 1) / (n_samples + 1),
    )


def _resample_sums(counts: NDArray[np.int64], *, n_samples: int, seed: int) -> NDArray[np.int64]:
    """Sum the counts of each resample: (n_sentences, n_columns) to (n_samples, n_columns)."""
    if not len(counts):
        return np.zeros((n_samples, counts.shape[1]), dtype=np.int64)
    rows, n_repeats = np.unique(counts, axis=0, return_counts=True)
    generator = np.random.default_rng(seed)
    n_drawn = generator.multinomial(len(counts), n_repeats / len(counts), size=n_samples)
    return n_drawn @ rows  # (n_samples, n_rows) @ (n_rows, n_columns)


def _f1_of_sums(sums: NDArray[np.int64]) -> NDArray[np.float64]:
    """Compute F1 from summed counts, 0.0 where there are no spans: (n_samples, 3) to (n_samples,)."""
    n_spans = sums[:, 1] + sums[:, 2]
    f1 = np.zeros(len(sums))
    np.divide(2 * sums[:, 0], n_spans, out=f1, where=n_spans > 0)
    return f1


def _percentile_interval(values: NDArray[np.float64], confidence: float) -> Interval:
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail]).tolist()
    return Interval(low=low, high=high)
