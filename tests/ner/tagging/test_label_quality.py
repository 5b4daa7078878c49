"""How well the corpus's tags go with the tagger."""

import numpy as np
import pytest

from ner.tagging.decoding import decode_sentences, read_window
from ner.tagging.label_quality import score_label_quality
from ner.windows.alignment import IGNORE_ID, NO_WORD, Window
from ner.windows.tokenized import TokenizedWindow

TAGS = ("O", "B-LOC", "I-LOC")


@pytest.mark.parametrize(
    ("probabilities", "tag_id", "quality"),
    [
        # What cleanlab 2.9.0 gives as confidence_weighted_entropy.
        pytest.param([0.98, 0.01, 0.01], 0, 0.951374, id="sure-and-of-the-same"),
        pytest.param([0.98, 0.01, 0.01], 1, 0.237060, id="sure-of-another"),
        pytest.param([0.4, 0.3, 0.3], 1, 0.441759, id="unsure"),
    ],
)
def test_quality_is_that_of_cleanlab(probabilities, tag_id, quality):
    logits = np.log(np.array([probabilities], dtype=np.float32))
    assert score_label_quality(logits, [tag_id]) == pytest.approx([quality], abs=1e-5)


def test_no_logits_are_too_far_apart():
    logits = np.array([[500.0, -500.0, 0.0]] * 2, dtype=np.float32)
    same, other = score_label_quality(logits, [0, 1])
    assert 0 <= other < same <= 1


def decode(targets, inner_targets=None, n_levels=1):
    """Tag one window of three subtokens, the last of a second word, as B-LOC and O."""
    logits = np.zeros((3, n_levels, 3), dtype=np.float32)
    logits[0, :, 1] = logits[1, :, 0] = logits[2, :, 0] = 5
    row = TokenizedWindow(0, Window(0, [1, 2, 3], [0, 0, 2]), targets, inner_targets)
    (tagged,) = decode_sentences([row], [read_window(logits, row)], [3], TAGS, n_levels=n_levels)
    return tagged


def test_a_word_has_the_quality_of_its_first_subtoken_and_1_without_one():
    tagged = decode([1, IGNORE_ID, 2])
    first, unseen, last = tagged.label_quality
    assert first > 0.8 > last
    assert unseen == 1


def test_each_level_has_its_own_quality():
    tagged = decode([1, 1, 0], [0, 0, 0], n_levels=2)
    assert tagged.label_quality[0] > tagged.inner.label_quality[0]
    assert tagged.label_quality[2] == tagged.inner.label_quality[2]


def test_text_has_no_quality():
    row = TokenizedWindow(0, Window(0, [1, 2], [NO_WORD, 0]), [IGNORE_ID] * 2)
    read = read_window(np.zeros((2, 1, 3), dtype=np.float32), row)
    assert decode_sentences([row], [read], [1], TAGS, n_levels=1)[0].label_quality is None
