"""A split as annotated and as tagged, and what follows from both."""

from dataclasses import dataclass
from statistics import mean

import numpy as np
from numpy.typing import NDArray

from ner.annotation.counts import SpanScores, score_spans
from ner.annotation.sentences import Sentence
from ner.annotation.spans import Span, decode_spans
from ner.evaluation.calibration import Calibration, score_calibration
from ner.evaluation.mistakes import Pairing, pair_spans
from ner.tagging.decoding import TaggedSplit
from ner.windows.tokenized import TokenizedWindow


@dataclass(frozen=True, slots=True)
class EvaluatedLevel:
    """The inner level of a split as annotated and as tagged.

    Args:
        gold: Spans of each sentence. Shape: (n_sentences, n_spans).
        predicted: The tagger's spans. Shape: (n_sentences, n_spans).
        scores: Counts of both.
        pairings: Each gold span beside the predicted one that stands for it.
        n_repaired: Words whose best tag IOB2 did not allow; they have another one.
        n_outside: Predicted spans that lie in no predicted span of the outer level.
    """

    gold: list[list[Span]]
    predicted: list[list[Span]]
    scores: SpanScores
    pairings: list[Pairing]
    n_repaired: int
    n_outside: int


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
        inner: The inner level; None where the corpus or the tagger knows the outer one alone.
    """

    sentences: list[Sentence]
    rows: list[TokenizedWindow]
    tagged: TaggedSplit
    gold: list[list[Span]]
    predicted: list[list[Span]]
    scores: SpanScores
    pairings: list[Pairing]
    calibration: Calibration
    inner: EvaluatedLevel | None = None

    @property
    def m1_by_sentence(self) -> NDArray[np.int64]:
        """Counts of both levels for each sentence, those of M1. Shape: (n_sentences, 3)."""
        outer = self.scores.by_sentence
        return outer + self.inner.scores.by_sentence if self.inner else outer


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
        inner=_score_inner(sentences, tagged, predicted),
    )


def _score_inner(
    sentences: list[Sentence], tagged: TaggedSplit, outer: list[list[Span]]
) -> EvaluatedLevel | None:
    annotated = [sentence.inner for sentence in sentences if sentence.inner is not None]
    found = [words.inner for words in tagged.sentences if words.inner is not None]
    if tagged.n_levels < 2 or len(annotated) < len(sentences):
        return None
    gold = [decode_spans(tags) for tags in annotated]
    predicted = [decode_spans(words.tags) for words in found]
    return EvaluatedLevel(
        gold=gold,
        predicted=predicted,
        scores=score_spans(gold=gold, predicted=predicted),
        pairings=pair_spans(gold=gold, predicted=predicted),
        n_repaired=sum(words.n_repaired for words in found),
        n_outside=sum(
            not any(one.start <= span.start and span.end <= one.end for one in around)
            for spans, around in zip(predicted, outer, strict=True)
            for span in spans
        ),
    )
