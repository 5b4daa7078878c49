"""Sentences worth looking at: random ones, and those with the most confident mistakes."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from ner.annotation.spans import Span, decode_spans
from ner.evaluation.mistakes import MISTAKE_KINDS, Kind, Pairing, pair_spans
from ner.evaluation.predictions import Prediction
from ner.reporting.highlight import Segment, highlight_spans


@dataclass(frozen=True, slots=True)
class Example:
    """A sentence of the corpus with its gold and its predicted entities.

    Args:
        id: The sentence's id in its split.
        gold: The sentence cut at its gold entities.
        predicted: The same, cut at the predicted entities.
        mistake: What to look at, None for a random sentence.
        score: The tagger's score for that mistake, from 0 to 1.
    """

    id: str
    gold: list[Segment]
    predicted: list[Segment]
    mistake: Pairing | None = None
    score: float = 0.0


def pick_random(predictions: Sequence[Prediction], n_examples: int, seed: int) -> list[Example]:
    """Pick sentences at random, each once."""
    generator = random.Random(seed)  # noqa: S311 - picks sentences, keeps no secret
    return [_show(one) for one in generator.sample(predictions, min(n_examples, len(predictions)))]


def pick_mistakes(predictions: Sequence[Prediction], n_examples: int) -> dict[Kind, list[Example]]:
    """Pick the sentences with the most confident mistakes of each kind, in that order, each sentence once.

    Confidence is the mean score of the predicted entity's words, or of the gold entity's if it was missed.

    Args:
        predictions: A whole split.
        n_examples: Most sentences of a kind.
    """
    pairings = pair_spans(
        gold=[decode_spans(one.gold) for one in predictions],
        predicted=[decode_spans(one.predicted) for one in predictions],
    )
    picked: dict[Kind, list[Example]] = {kind: [] for kind in MISTAKE_KINDS}
    shown: set[str] = set()
    for score, pairing in sorted(
        ((_score(predictions[pairing.sentence], pairing), pairing) for pairing in pairings),
        key=lambda one: (-one[0], one[1].sentence),
    ):
        prediction = predictions[pairing.sentence]
        text = " ".join(prediction.words)  # a corpus may hold a sentence twice
        if pairing.kind != "correct" and len(picked[pairing.kind]) < n_examples and text not in shown:
            picked[pairing.kind].append(_show(prediction, pairing, score))
            shown.add(text)
    return picked


def _score(prediction: Prediction, pairing: Pairing) -> float:
    span = pairing.predicted or pairing.gold or Span(0, len(prediction.words), "")
    return mean(prediction.scores[span.start : span.end])


def _show(one: Prediction, mistake: Pairing | None = None, score: float = 0.0) -> Example:
    gold_focus, predicted_focus = (mistake.gold, mistake.predicted) if mistake else (None, None)
    gold = highlight_spans(one.words, decode_spans(one.gold), gold_focus)
    predicted = highlight_spans(one.words, decode_spans(one.predicted), predicted_focus)
    return Example(one.id, gold, predicted, mistake, score)
