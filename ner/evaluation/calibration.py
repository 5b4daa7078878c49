"""Calibration: whether a score of 0.9 is right nine times in ten, as a table and as one number."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The entities whose score is above `low` and at most `high`; the first bin also holds 0.

    `mean_score` and `share_correct` are 0.0 where the bin is empty.
    """

    low: float
    high: float
    n_entities: int
    mean_score: float
    share_correct: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """The reliability table and the expected calibration error (ECE), in 0 to 1."""

    bins: list[ReliabilityBin]
    ece: float


def score_calibration(
    scores: Sequence[float], is_correct: Sequence[bool], *, n_bins: int = 10
) -> Calibration:
    """Compare the scores of predicted entities with how often these are right.

    The expected calibration error is the mean over the bins of `abs(share_correct - mean_score)`,
    each bin weighted by its entities, with equal-width bins that are closed on the right (Naeini,
    Cooper and Hauskrecht 2015; Guo, Pleiss, Sun and Weinberger 2017, equations 3 and 5).

    Args:
        scores: Score of each predicted entity, 0 to 1. Shape: (n_entities,).
        is_correct: Whether that entity is right in extent and label. Shape: (n_entities,).
        n_bins: Number of bins between 0 and 1.

    Returns:
        The table and the error: zeros where there are no entities.

    Raises:
        ValueError: If the two differ in length or a score is not within 0 to 1.
    """
    score = np.asarray(scores, dtype=np.float64)
    correct = np.asarray(is_correct, dtype=np.bool_)
    if score.shape != correct.shape:
        raise ValueError(f"{score.size} scores for {correct.size} entities")
    if not ((score >= 0) & (score <= 1)).all():  # NaN fails both
        raise ValueError("a score is not within 0 to 1")

    # Not np.linspace, which gives 0.30000000000000004 where 3 / 10 is 0.3.
    edges = np.arange(n_bins + 1) / n_bins
    bin_of = np.searchsorted(edges[1:-1], score, side="left")
    bins = []
    for index in range(n_bins):
        inside = bin_of == index
        n_entities = int(inside.sum())
        bins.append(
            ReliabilityBin(
                low=float(edges[index]),
                high=float(edges[index + 1]),
                n_entities=n_entities,
                mean_score=float(score[inside].mean()) if n_entities else 0.0,
                share_correct=float(correct[inside].mean()) if n_entities else 0.0,
            )
        )
    gaps = sum(bin_.n_entities * abs(bin_.share_correct - bin_.mean_score) for bin_ in bins)
    return Calibration(bins=bins, ece=gaps / score.size if score.size else 0.0)
