"""A split as annotated and as tagged, and what follows from both."""

from dataclasses import dataclass
from statistics import mean

from ner.annotation.counts import SpanScores, score_spans
from ner.annotation.sentences import Sentence
from ner.annotation.spans import Span, decode_spans
from ner.evaluation.calibration import Calibration, score_calibration
from ner.evaluation.mistakes import Pairing, pair_spans
from ner.tagging.decoding import TaggedSplit
from ner.windows.tokenized import TokenizedWindow


@dataclass(frozen=True, slots=True)
class EvaluatedSplit:
    """A split as annotated and as tagged, and what follows from both.

    Args:
        sentences: Shape: (n_sentences,).
        rows: Their windows. Shape: (n_windows,).
        tagged: The tagger's tags and scores.
        gold: Spans of the outer level. Shape: (n_sentences, n_spans).
        predicted: The tagger's spans. Shape: (n_sentences, n_spans).
        scores: Counts of both.
        pairings: Each gold span beside the predicted one that stands for it.
        calibration: The tagger's scores beside how often they are right.
    """

    sentences: list[Sentence]
    rows: list[TokenizedWindow]
    tagged: TaggedSplit
    gold: list[list[Span]]
    predicted: list[list[Span]]
    scores: SpanScores
    pairings: list[Pairing]
    calibration: Calibration


def score_split(
    sentences: list[Sentence], rows: list[TokenizedWindow], tagged: TaggedSplit
) -> EvaluatedSplit:
    """Decode both annotations to spans and score one against the other."""
    gold = [decode_spans(sentence.outer) for sentence in sentences]
    predicted = [decode_spans(words.tags) for words in tagged.sentences]
    entity_scores = [
        mean(words.scores[span.start : span.end])
        for words, spans in zip(tagged.sentences, predicted, strict=True)
        for span in spans
    ]
    is_correct = [span in right for right, spans in zip(gold, predicted, strict=True) for span in spans]
    return EvaluatedSplit(
        sentences=sentences,
        rows=rows,
        tagged=tagged,
        gold=gold,
        predicted=predicted,
        scores=score_spans(gold=gold, predicted=predicted),
        pairings=pair_spans(gold=gold, predicted=predicted),
        calibration=score_calibration(entity_scores, is_correct),
    )
