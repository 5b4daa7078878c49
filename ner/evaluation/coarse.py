"""Scores under coarse labels: `LOCderiv` and `LOCpart` counted as `LOC`."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from ner.annotation.counts import SpanScores, score_spans
from ner.annotation.labels import coarse_label
from ner.annotation.spans import Span


def score_coarse(
    *, gold: Sequence[Sequence[Span]], predicted: Sequence[Sequence[Span]], labels: Collection[str]
) -> SpanScores | None:
    """Score the same spans under their coarse labels (`coarse_label`).

    Args:
        gold: Spans of each sentence, none twice. Shape: (n_sentences, n_gold_spans).
        predicted: Spans of the same sentences. Shape: (n_sentences, n_predicted_spans).
        labels: All labels of the corpus, whether or not they occur here. Shape: (n_labels,).

    Returns:
        The counts, or None where no label of the corpus has a coarser one.

    Raises:
        ValueError: If the two have different numbers of sentences.
    """
    if all(coarse_label(label, labels) == label for label in labels):
        return None
    return score_spans(gold=collapse_labels(gold, labels), predicted=collapse_labels(predicted, labels))


def collapse_labels(sentences: Sequence[Sequence[Span]], labels: Collection[str]) -> list[list[Span]]:
    """Replace the label of every span by its coarse label; extents stay.

    Extents come first, labels second: `B-LOC B-LOCpart` stays two spans, as in the official scorer.

    Args:
        sentences: Spans of each sentence. Shape: (n_sentences, n_spans).
        labels: All labels of the corpus. Shape: (n_labels,).

    Returns:
        New spans in the same order. Shape: (n_sentences, n_spans).
    """
    return [[replace(span, label=coarse_label(span.label, labels)) for span in spans] for spans in sentences]
