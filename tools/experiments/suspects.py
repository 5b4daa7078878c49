"""Annotations that a tagger which never saw them disagrees with: the surest first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from ner.annotation.spans import Span, decode_spans
from ner.evaluation.mistakes import Kind, pair_spans
from ner.evaluation.predictions import Prediction


@dataclass(frozen=True, slots=True)
class Suspect:
    """A place where gold and predicted annotation differ.

    Args:
        certainty: Mean probability of the tagger's tags for the words whose tags differ.
        kind: Of the mistake, were the annotation right.
        level: `outer` or `inner`.
        gold: The annotated span, None where there is none.
        predicted: The tagger's span, None where there is none.
        prediction: The sentence.
    """

    certainty: float
    kind: Kind
    level: str
    gold: Span | None
    predicted: Span | None
    prediction: Prediction

    @property
    def start(self) -> int:
        """Position of the first word."""
        return min(span.start for span in (self.gold, self.predicted) if span)

    def describe(self, span: Span | None) -> tuple[str, str]:
        """Return text and label of one of both spans; nothing and `O` where there is none."""
        if span is None:
            return "", "O"
        return " ".join(self.prediction.words[span.start : span.end]), span.label


def find_suspects(predictions: Sequence[Prediction]) -> list[Suspect]:
    """Find where gold and predicted annotation differ, the surest first.

    Args:
        predictions: Sentences that the tagger was not trained on. Shape: (n_sentences,).
    """
    found = [suspect for one in predictions for suspect in _compare_sentence(one)]
    return sorted(found, key=lambda suspect: -suspect.certainty)  # equals in the order of the corpus


def _compare_sentence(one: Prediction) -> Iterator[Suspect]:
    levels = [("outer", one.gold, one.predicted, one.scores)]
    if one.gold_inner is not None and one.predicted_inner is not None and one.scores_inner is not None:
        levels.append(("inner", one.gold_inner, one.predicted_inner, one.scores_inner))
    for level, gold, predicted, scores in levels:
        for pairing in pair_spans(gold=[decode_spans(gold)], predicted=[decode_spans(predicted)]):
            if pairing.kind == "correct":
                continue
            spans = [span for span in (pairing.gold, pairing.predicted) if span]
            words = {position for span in spans for position in range(span.start, span.end)}
            sure = fmean(scores[position] for position in words if gold[position] != predicted[position])
            yield Suspect(sure, pairing.kind, level, pairing.gold, pairing.predicted, one)
