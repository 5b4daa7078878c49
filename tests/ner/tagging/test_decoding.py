"""Logits in, one tag a word out: the one decoder."""

import numpy as np
import pytest

from ner.tagging.decoding import decode_sentences, decode_words, read_window
from ner.windows.alignment import IGNORE_ID, NO_WORD, Window
from ner.windows.tokenized import TokenizedWindow

TAGS = ("O", "B-LOC", "I-LOC")


def logits_of(*best, high=4.0):
    """Make logits of one level whose best tags are these ids. Shape: (n, 1, 3)."""
    logits = np.zeros((len(best), 1, len(TAGS)), dtype=np.float32)
    logits[np.arange(len(best)), 0, best] = high
    return logits


def window(sentence, first_word, word_ids):
    ids = list(range(len(word_ids)))
    return TokenizedWindow(sentence, Window(first_word, ids, word_ids), [IGNORE_ID] * len(ids))


def test_the_first_subtoken_speaks_for_its_word():
    row = window(0, 0, [NO_WORD, 0, 0, 1, NO_WORD])
    read = read_window(logits_of(0, 1, 2, 0, 0), row)
    assert read.words == [0, 1]
    assert read.subtoken_tag_ids.tolist() == [0, 1, 2, 0, 0]
    (tagged,) = decode_sentences([row], [read], [2], TAGS, n_levels=1)
    assert (tagged.tags, tagged.n_repaired) == (["B-LOC", "O"], 0)


def test_padding_behind_a_window_is_not_read():
    row = window(0, 0, [NO_WORD, 0, NO_WORD])
    assert read_window(logits_of(0, 1, 0, 2, 2), row).subtoken_tag_ids.tolist() == [0, 1, 0]


def test_what_is_kept_of_a_batch_does_not_hold_the_batch():
    """A view would keep the logits of every subtoken in memory."""
    assert read_window(logits_of(0, 1, 0), window(0, 0, [NO_WORD, 0, NO_WORD])).logits.base is None


@pytest.mark.parametrize(
    ("logits", "tag", "probability"),
    [
        pytest.param([0.0, 0.0, 0.0], "O", 1 / 3, id="a-tie-goes-to-the-first"),
        pytest.param([0.0, np.log(2.0), 0.0], "B-LOC", 0.5, id="half"),
        pytest.param([-1e4, 1e4, -1e4], "B-LOC", 1.0, id="no-overflow"),
    ],
)
def test_the_score_is_the_softmax_of_the_best_tag(logits, tag, probability):
    tags, scores = decode_words(np.array([logits], dtype=np.float32), TAGS)
    assert tags == [tag]
    assert scores == pytest.approx([probability])


def test_an_entity_may_cross_windows():
    rows = [window(0, 0, [NO_WORD, 0, 1]), window(0, 2, [0, 1, NO_WORD])]
    read = [
        read_window(logits_of(*best), row) for best, row in zip([(0, 1, 2), (2, 0, 0)], rows, strict=True)
    ]
    (tagged,) = decode_sentences(rows, read, [4], TAGS, n_levels=1)
    assert (tagged.tags, tagged.n_repaired) == (["B-LOC", "I-LOC", "I-LOC", "O"], 0)


@pytest.mark.parametrize(
    ("logits", "tags", "n_repaired"),
    [
        pytest.param([[0, 1, 4]], ["B-LOC"], 1, id="an-i-alone-begins-an-entity"),
        pytest.param([[3, 1, 4]], ["O"], 1, id="or-is-outside-where-that-is-likelier"),
        pytest.param([[2, 1, 0], [0, 0, 4]], ["B-LOC", "I-LOC"], 1, id="or-the-word-before-begins-it"),
        pytest.param([[9, 1, 0], [0, 3, 4]], ["O", "B-LOC"], 1, id="unless-that-one-is-surely-outside"),
        pytest.param([[0, 4, 0], [0, 0, 4]], ["B-LOC", "I-LOC"], 0, id="valid-as-it-is"),
    ],
)
def test_a_sentence_gets_the_likeliest_valid_tags(logits, tags, n_repaired):
    row = window(0, 0, list(range(len(logits))))
    array = np.array(logits, dtype=np.float32)[:, None]
    (tagged,) = decode_sentences([row], [read_window(array, row)], [len(logits)], TAGS, n_levels=1)
    assert (tagged.tags, tagged.n_repaired) == (tags, n_repaired)
    shares = np.exp(array[:, 0]) / np.exp(array[:, 0]).sum(-1, keepdims=True)
    assert tagged.scores == pytest.approx([shares[n, TAGS.index(tag)] for n, tag in enumerate(tags)])


def test_a_word_that_was_not_seen_is_outside_with_score_0():
    rows = [window(0, 0, []), window(1, 0, [NO_WORD, 1])]
    unseen, half = decode_sentences(
        rows, [None, read_window(logits_of(0, 1), rows[1])], [1, 2], TAGS, n_levels=1
    )
    assert (unseen.tags, unseen.scores) == (["O"], [0.0])
    assert half.tags == ["O", "B-LOC"]
    assert half.scores[0] == 0.0


def test_each_level_is_decoded_and_repaired_by_itself():
    row = window(0, 0, [0, 1, 2])
    both = np.concatenate([logits_of(1, 2, 2), logits_of(0, 2, 2)], axis=1)
    (tagged,) = decode_sentences([row], [read_window(both, row)], [3], TAGS, n_levels=2)
    assert (tagged.tags, tagged.n_repaired) == (["B-LOC", "I-LOC", "I-LOC"], 0)
    assert (tagged.inner.tags, tagged.inner.n_repaired) == (["O", "B-LOC", "I-LOC"], 1)
