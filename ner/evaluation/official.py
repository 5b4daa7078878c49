"""The metrics of the GermEval 2014 shared task over both levels of annotation.

As in the task's own scorer (nereval.perl, version of 2014-05-19) the levels are counted apart and
then added up, so that the right span on the wrong level never counts. The scorer forgets a hit that
ends with the very last word of its file; we count it. The task's files end in a full stop.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ner.annotation.counts import Counts, score_spans
from ner.annotation.spans import Span
from ner.evaluation.coarse import collapse_labels


@dataclass(frozen=True, slots=True)
class OfficialScores:
    """The counts behind the official metrics of one split.

    Args:
        m1: Strict, both levels: the ranking metric of the task.
        m2: Loose, both levels: labels collapsed to their coarse form.
        m3_outer: Strict, outer level.
        m3_inner: Strict, inner level.
    """

    m1: Counts
    m2: Counts
    m3_outer: Counts
    m3_inner: Counts

    @property
    def max_recall(self) -> float:
        """Recall of M1 and of M2 that a system without inner spans can reach at most."""
        return self.m3_outer.gold / self.m1.gold if self.m1.gold else 0.0


def score_official(
    *,
    gold_outer: Sequence[Sequence[Span]],
    gold_inner: Sequence[Sequence[Span]],
    predicted_outer: Sequence[Sequence[Span]],
    predicted_inner: Sequence[Sequence[Span]],
    labels: Collection[str],
) -> OfficialScores:
    """Count the hits of each level and of both, strict and loose.

    Args:
        gold_outer: Spans of each sentence, outer level. Shape: (n_sentences, n_spans).
        gold_inner: The same for the inner level.
        predicted_outer: Predicted spans, outer level.
        predicted_inner: Predicted spans, inner level; an empty list per sentence where the tagger
            has no inner level.
        labels: All labels of the corpus. The task's scorer strips `deriv` and `part` from any
            label; with the task's labels `coarse_label` does the same. Shape: (n_labels,).

    Returns:
        The counts of M1, M2 and M3.

    Raises:
        ValueError: If the four have different numbers of sentences.
    """
    if len(gold_outer) != len(gold_inner):
        raise ValueError(f"{len(gold_outer)} sentences on the outer level, {len(gold_inner)} on the inner")

    outer = score_spans(gold=gold_outer, predicted=predicted_outer).overall
    inner = score_spans(gold=gold_inner, predicted=predicted_inner).overall
    loose_outer = score_spans(
        gold=collapse_labels(gold_outer, labels), predicted=collapse_labels(predicted_outer, labels)
    ).overall
    loose_inner = score_spans(
        gold=collapse_labels(gold_inner, labels), predicted=collapse_labels(predicted_inner, labels)
    ).overall
    return OfficialScores(m1=outer + inner, m2=loose_outer + loose_inner, m3_outer=outer, m3_inner=inner)
