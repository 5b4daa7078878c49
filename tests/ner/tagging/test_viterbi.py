"""The likeliest valid tags, against all sequences that there are."""

from itertools import product

import numpy as np
import pytest

from ner.annotation.spans import repair_tags
from ner.tagging.viterbi import find_best_tags

TAGS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")


@pytest.mark.parametrize("n_words", range(5))
@pytest.mark.parametrize("seed", range(5))
def test_no_valid_sequence_has_a_higher_sum(n_words, seed):
    scores = np.random.default_rng(seed).normal(size=(n_words, len(TAGS)))
    valid = [
        path
        for path in product(range(len(TAGS)), repeat=n_words)
        if repair_tags([TAGS[number] for number in path])[1] == 0
    ]
    best = max(valid, key=lambda path: sum(scores[word, number] for word, number in enumerate(path)))
    assert find_best_tags(scores, TAGS) == list(best)


def test_a_tag_that_is_ruled_out_is_not_taken():
    scores = np.array([[0.0, 5, 0, 0, 0], [0.0, *[-np.inf] * 4], [0.0, 1, 9, 0, 0]])
    assert find_best_tags(scores, TAGS) == [1, 0, 1]


def test_the_order_of_the_tag_ids_does_not_matter():
    scores = np.array([[0.0, 3.0, 2.0]])
    assert find_best_tags(scores, ("B-LOC", "I-LOC", "O")) == [2]
