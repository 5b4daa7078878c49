"""How well a word's tag in the corpus goes with what the tagger says: low where the corpus may be wrong.

The score is confidence-weighted entropy: Kuan and Mueller (2022), Model-agnostic label quality scoring to
detect real-world label errors; cleanlab has it under this name.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def score_label_quality(logits: NDArray[np.float32], tag_ids: Sequence[int]) -> list[float]:
    """Score the corpus's tag of each word.

    It is log(1 + r) / r with r the entropy of the word's tags, 1 where all are alike, over the
    probability of the corpus's tag. So it is lowest where the tagger is sure, and of another tag.

    Args:
        logits: One row a word. Shape: (n_words, n_tags).
        tag_ids: The corpus's tag of each word. Shape: (n_words,).

    Returns:
        From 0, surely wrong, to 1. Shape: (n_words,).
    """
    shifted = logits.astype(np.float64) - logits.max(-1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    entropy = -(np.exp(log_probabilities) * log_probabilities).sum(-1) / np.log(logits.shape[-1])
    confidence = np.exp(np.take_along_axis(log_probabilities, np.array(tag_ids)[:, None], -1)[:, 0])
    ratio = np.maximum(entropy, np.finfo(np.float64).tiny) / np.maximum(confidence, 1e-300)
    return [float(one) for one in np.log1p(ratio) / ratio]
