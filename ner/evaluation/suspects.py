"""Where the corpus itself may be wrong: mistakes of the tagger, the least believable gold tag first."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from ner.annotation.spans import decode_spans
from ner.evaluation.mistakes import Pairing, pair_spans
from ner.evaluation.predictions import Prediction


@dataclass(frozen=True, slots=True)
class Suspect:
    """A mistake of the tagger that may be one of the corpus.

    Args:
        pairing: The gold and the predicted span.
        score: Mean probability of the predicted tags on its words, from 0 to 1.
        quality: Lowest quality of the gold tags on its words, from 0 to 1: low where the tagger is sure of
            another tag; None where it was not measured.
    """

    pairing: Pairing
    score: float
    quality: float | None

    @property
    def rank(self) -> tuple[float, float, int]:
        """What suspects are sorted by; without a quality the tagger's surest mistakes come first."""
        quality = 0.0 if self.quality is None else self.quality
        return quality, -self.score, self.pairing.sentence


def list_suspects(predictions: Sequence[Prediction], *, is_inner: bool = False) -> list[Suspect]:
    """List all mistakes of a split, the most suspect gold annotation first.

    Args:
        predictions: A whole split.
        is_inner: Whether mistakes of the inner level are wanted; none where the tagger does not know it.
    """
    levels = [
        (one.gold_inner or [], one.predicted_inner or []) if is_inner else (one.gold, one.predicted)
        for one in predictions
    ]
    pairings = pair_spans(
        gold=[decode_spans(gold) for gold, _ in levels],
        predicted=[decode_spans(predicted) for _, predicted in levels],
    )
    suspects = [
        _measure(pairing, predictions[pairing.sentence], is_inner)
        for pairing in pairings
        if pairing.kind != "correct"
    ]
    return sorted(suspects, key=lambda one: one.rank)


def _measure(pairing: Pairing, prediction: Prediction, is_inner: bool) -> Suspect:
    scores = (prediction.scores_inner or []) if is_inner else prediction.scores
    quality = prediction.label_quality_inner if is_inner else prediction.label_quality
    spans = [span for span in (pairing.predicted, pairing.gold) if span]
    return Suspect(
        pairing,
        score=mean(scores[spans[0].start : spans[0].end]),
        quality=None
        if quality is None
        else min(one for span in spans for one in quality[span.start : span.end]),
    )
