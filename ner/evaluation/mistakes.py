"""What a tagger got wrong: each gold span beside the predicted span that stands for it.

Every gold and every predicted span is in exactly one pairing. A pairing's kind follows from its two
spans alone: a wrong label makes it `label`, whatever the extents; the right label with another extent
is `boundary`; a gold span by itself is `missed`, a predicted one by itself `spurious`. So
`gold = correct + boundary + label + missed` and `predicted = correct + boundary + label + spurious`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ner.annotation.spans import Span

Kind = Literal["correct", "boundary", "label", "missed", "spurious"]
MISTAKE_KINDS: tuple[Kind, ...] = ("boundary", "label", "missed", "spurious")
# Label of a missing span in the confusion matrix; no corpus has a label with a blank.
NO_LABEL = "no entity"


@dataclass(frozen=True, slots=True)
class Pairing:
    """A gold and a predicted span of one sentence that share a word; or one of them and None.

    Args:
        sentence: Index of the sentence in its split.
        gold: The gold span, None where the predicted span is spurious.
        predicted: The predicted span, None where the gold span was missed.
    """

    sentence: int
    gold: Span | None
    predicted: Span | None

    @property
    def kind(self) -> Kind:
        """`correct`, or one of `MISTAKE_KINDS`."""
        if self.gold is None:
            return "spurious"
        if self.predicted is None:
            return "missed"
        if self.gold.label != self.predicted.label:
            return "label"
        return "correct" if self.gold == self.predicted else "boundary"


def pair_spans(*, gold: Sequence[Sequence[Span]], predicted: Sequence[Sequence[Span]]) -> list[Pairing]:
    """Pair each gold span with at most one predicted span that shares a word with it, and vice versa.

    Equal spans are paired first, then spans with the same label, then any that share a word; within
    each of these the pair with most words in common, then the leftmost. No pair is left to make: a
    missed span shares no word with a spurious one.

    Args:
        gold: Spans of each sentence, none twice. Shape: (n_sentences, n_gold_spans).
        predicted: Spans of the same sentences. Shape: (n_sentences, n_predicted_spans).

    Returns:
        All pairings, by sentence and from left to right.

    Raises:
        ValueError: If the two have different numbers of sentences.
    """
    return [
        Pairing(sentence, gold_span, predicted_span)
        for sentence, (gold_spans, predicted_spans) in enumerate(zip(gold, predicted, strict=True))
        for gold_span, predicted_span in _pair_sentence(gold_spans, predicted_spans)
    ]


def count_mistakes(pairings: Iterable[Pairing]) -> dict[Kind, int]:
    """Count the mistakes of each kind; a kind that does not occur is 0."""
    counter = Counter(pairing.kind for pairing in pairings)
    return {kind: counter[kind] for kind in MISTAKE_KINDS}


def list_label_pairs(pairings: Iterable[Pairing]) -> list[tuple[str, str]]:
    """List the gold and the predicted label of every pairing: the rows of a confusion matrix.

    The `confusion` template of `dvc plots` counts rows, so that each pairing is a row of its own. A
    row's total is the label's gold spans, a column's its predicted spans. The diagonal holds the
    right labels, boundary mistakes among them; beside it stand the label mistakes.

    Args:
        pairings: All pairings of a split, the correct ones too. Shape: (n_pairings,).

    Returns:
        Gold and predicted label, `no entity` where there is no span, sorted. Shape: (n_pairings, 2).
    """
    return sorted(
        (
            pairing.gold.label if pairing.gold else NO_LABEL,
            pairing.predicted.label if pairing.predicted else NO_LABEL,
        )
        for pairing in pairings
    )


def _pair_sentence(gold: Sequence[Span], predicted: Sequence[Span]) -> list[tuple[Span | None, Span | None]]:
    candidates = [
        (
            gold_span != predicted_span,
            gold_span.label != predicted_span.label,
            -n_shared,
            gold_span,
            predicted_span,
        )
        for gold_span in gold
        for predicted_span in predicted
        if (n_shared := _count_shared_words(gold_span, predicted_span)) > 0
    ]
    partner_of_gold: dict[Span, Span] = {}
    partner_of_predicted: dict[Span, Span] = {}
    for *_, gold_span, predicted_span in sorted(candidates):
        if gold_span not in partner_of_gold and predicted_span not in partner_of_predicted:
            partner_of_gold[gold_span] = predicted_span
            partner_of_predicted[predicted_span] = gold_span

    pairs: list[tuple[Span | None, Span | None]] = [(span, partner_of_gold.get(span)) for span in gold]
    pairs += [(None, span) for span in predicted if span not in partner_of_predicted]
    return sorted(pairs, key=lambda pair: min(span for span in pair if span is not None))


def _count_shared_words(one: Span, other: Span) -> int:
    return min(one.end, other.end) - max(one.start, other.start)
