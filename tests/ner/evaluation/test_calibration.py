"""The reliability table and the expected calibration error."""

import math

import numpy as np
import pytest

from ner.evaluation.calibration import score_calibration


def test_the_error_is_the_gap_weighted_by_entities():
    """Three entities at 0.95, two right; one at 0.25, right: (3 * |2/3 - 0.95| + |1 - 0.25|) / 4."""
    calibration = score_calibration([0.95, 0.95, 0.95, 0.25], [True, True, False, True])
    assert calibration.ece == pytest.approx((3 * abs(2 / 3 - 0.95) + 0.75) / 4)
    by_low = {bin_.low: bin_ for bin_ in calibration.bins}
    assert by_low[0.9].n_entities == 3
    assert by_low[0.9].mean_score == pytest.approx(0.95)
    assert by_low[0.9].share_correct == pytest.approx(2 / 3)
    assert by_low[0.2].n_entities == 1
    assert sum(bin_.n_entities for bin_ in calibration.bins) == 4


@pytest.mark.parametrize(
    ("score", "bin_index"),
    [
        pytest.param(0.0, 0, id="zero"),
        pytest.param(0.1, 0, id="edge-belongs-to-the-lower-bin"),
        pytest.param(0.3, 2, id="edge-that-floats-miss"),
        pytest.param(0.7, 6, id="another-such-edge"),
        pytest.param(0.30001, 3, id="above-an-edge"),
        pytest.param(1.0, 9, id="one"),
    ],
)
def test_a_bin_is_closed_on_the_right(score, bin_index):
    bins = score_calibration([score], [True]).bins
    assert [bin_.n_entities for bin_ in bins] == [int(index == bin_index) for index in range(10)]


@pytest.mark.parametrize(
    ("scores", "is_correct", "ece"),
    [
        pytest.param([1.0, 1.0], [True, True], 0.0, id="sure-and-right"),
        pytest.param([1.0, 1.0], [False, False], 1.0, id="sure-and-wrong"),
        pytest.param([0.75] * 4, [True, True, True, False], 0.0, id="as-sure-as-right"),
    ],
)
def test_the_error_is_zero_where_scores_mean_what_they_say(scores, is_correct, ece):
    assert score_calibration(scores, is_correct).ece == pytest.approx(ece)


def test_no_entities_give_zeros():
    calibration = score_calibration([], [])
    assert calibration.ece == 0.0
    assert len(calibration.bins) == 10
    assert all(
        (bin_.n_entities, bin_.mean_score, bin_.share_correct) == (0, 0.0, 0.0) for bin_ in calibration.bins
    )


def test_edges_are_the_tenths_as_they_are_written():
    """0.3, not 0.30000000000000004: the table goes into a file."""
    bins = score_calibration([], []).bins
    assert [bin_.high for bin_ in bins] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]


def test_bins_cover_zero_to_one_without_a_gap():
    bins = score_calibration([], [], n_bins=7).bins
    assert bins[0].low == 0.0
    assert bins[-1].high == 1.0
    assert [bin_.high for bin_ in bins[:-1]] == [bin_.low for bin_ in bins[1:]]


def test_values_are_plain_python_numbers():
    """Scores come as 32-bit floats from the predictions file; JSON takes no numpy scalars."""
    scores = np.random.default_rng(1).random(100, dtype=np.float32)
    calibration = score_calibration(scores, scores > 0.5)
    for bin_ in calibration.bins:
        assert type(bin_.n_entities) is int
        assert {type(value) for value in (bin_.low, bin_.high, bin_.mean_score, bin_.share_correct)} == {
            float
        }
    assert type(calibration.ece) is float


def test_the_error_equals_a_plain_loop():
    generator = np.random.default_rng(7)
    scores = generator.random(2_000)
    is_correct = generator.random(2_000) < scores**2
    expected = 0.0
    for index in range(10):
        inside = [i for i in range(2_000) if max(math.ceil(scores[i] * 10) - 1, 0) == index]
        gap = sum(bool(is_correct[i]) for i in inside) - sum(float(scores[i]) for i in inside)
        expected += abs(gap) / 2_000
    assert score_calibration(scores.tolist(), is_correct.tolist()).ece == pytest.approx(expected)


@pytest.mark.parametrize(
    ("scores", "is_correct", "message"),
    [
        pytest.param([0.5], [], "1 scores for 0 entities", id="lengths-differ"),
        pytest.param([1.5], [True], "not within 0 to 1", id="above-one"),
        pytest.param([-0.1], [True], "not within 0 to 1", id="below-zero"),
        pytest.param([math.nan], [True], "not within 0 to 1", id="nan"),
    ],
)
def test_scores_that_are_no_probabilities_are_refused(scores, is_correct, message):
    with pytest.raises(ValueError, match=message):
        score_calibration(scores, is_correct)
