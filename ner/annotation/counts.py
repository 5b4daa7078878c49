"""How many spans a tagger got right, by split, sentence, label or any other group.

Counts are kept and ratios derived from them; nothing here averages ratios. Precision, recall and F1
equal seqeval's strict IOB2 values (`mode="strict", scheme=IOB2, average="micro"`) to the last digit.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ner.annotation.spans import Span, decode_spans

Group = TypeVar("Group", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Counts:
    """Spans that are both gold and predicted, spans predicted, and spans of the gold annotation."""

    true_positives: int
    predicted: int
    gold: int

    @property
    def precision(self) -> float:
        """Share of the predicted spans that are right; 0.0 where none was predicted."""
        return self.true_positives / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """Share of the gold spans that were found; 0.0 where there are none."""
        return self.true_positives / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0.0 where nothing is right."""
        if not self.true_positives:
            return 0.0
        # In seqeval's order: 2 * true_positives / (predicted + gold) differs in the last digit.
        return 2.0 * self.precision * self.recall / (self.precision + self.recall)

    def __add__(self, other: "Counts") -> "Counts":
        """Count over both at once."""
        return Counts(
            true_positives=self.true_positives + other.true_positives,
            predicted=self.predicted + other.predicted,
            gold=self.gold + other.gold,
        )

    def to_dict(self) -> dict[str, float]:
        """Return the ratios under the keys of the metrics files."""
        return {"precision": self.precision, "recall": self.recall, "f1": self.f1}


@dataclass(frozen=True, slots=True, eq=False)
class SpanScores:
    """The counts of one split.

    Args:
        overall: Counts over all labels.
        by_label: Counts of every label that is in gold or predicted, labels sorted.
        by_sentence: True positives, predicted and gold spans of every sentence, for the bootstrap.
            Shape: (n_sentences, 3).
    """

    overall: Counts
    by_label: dict[str, Counts]
    by_sentence: NDArray[np.int64]


def score_spans(*, gold: Sequence[Sequence[Span]], predicted: Sequence[Sequence[Span]]) -> SpanScores:
    """Count the spans whose extent and label are both right, overall, by label and by sentence.

    Args:
        gold: Spans of each sentence, none twice. Shape: (n_sentences, n_gold_spans).
        predicted: Spans of the same sentences. Shape: (n_sentences, n_predicted_spans).

    Returns:
        The counts.

    Raises:
        ValueError: If the two have different numbers of sentences.
    """
    by_label = score_groups(gold=gold, predicted=predicted, group_of=lambda _, span: span.label)
    by_sentence = np.zeros((len(gold), 3), dtype=np.int64)
    for sentence, counts in score_groups(
        gold=gold, predicted=predicted, group_of=lambda sentence, _: sentence
    ).items():
        by_sentence[sentence] = counts.true_positives, counts.predicted, counts.gold
    return SpanScores(
        overall=sum(by_label.values(), start=Counts(0, 0, 0)),
        by_label=dict(sorted(by_label.items())),
        by_sentence=by_sentence,
    )


def score_tags(*, gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> SpanScores:
    """Count the spans of two columns of tags, as `score_spans` does.

    Args:
        gold: Tags of each sentence's words. Shape: (n_sentences, n_words).
        predicted: Tags of the same words. Shape: (n_sentences, n_words).

    Raises:
        ValueError: If the two have different numbers of sentences.
    """
    return score_spans(
        gold=[decode_spans(tags) for tags in gold], predicted=[decode_spans(tags) for tags in predicted]
    )


def score_groups(
    *,
    gold: Sequence[Sequence[Span]],
    predicted: Sequence[Sequence[Span]],
    group_of: Callable[[int, Span], Group],
) -> dict[Group, Counts]:
    """Count by any property of a span: its label, its length, whether training saw the entity.

    A gold span counts in its own group, a predicted span in its own; a true positive is the same
    span on both sides and so has one group. The groups' counts add up to those of `score_spans`.

    Args:
        gold: Spans of each sentence, none twice. Shape: (n_sentences, n_gold_spans).
        predicted: Spans of the same sentences. Shape: (n_sentences, n_predicted_spans).
        group_of: Returns the group of a span, from the index of its sentence and the span.

    Returns:
        The counts of every group that occurs, in order of first occurrence.

    Raises:
        ValueError: If the two have different numbers of sentences.
    """
    tallies: defaultdict[Group, list[int]] = defaultdict(lambda: [0, 0, 0])
    for sentence, (gold_spans, predicted_spans) in enumerate(zip(gold, predicted, strict=True)):
        found = set(predicted_spans)
        for span in gold_spans:
            tally = tallies[group_of(sentence, span)]
            tally[0] += span in found
            tally[2] += 1
        for span in predicted_spans:
            tallies[group_of(sentence, span)][1] += 1
    return {group: Counts(*tally) for group, tally in tallies.items()}
