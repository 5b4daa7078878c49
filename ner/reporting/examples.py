"""Sentences worth looking at: random ones, and mistakes that may be the corpus's own."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from ner.annotation.spans import Span, decode_spans
from ner.evaluation.mistakes import MISTAKE_KINDS, Kind, Pairing
from ner.evaluation.predictions import Prediction
from ner.evaluation.suspects import list_suspects
from ner.reporting.highlight import Segment, find_focus, highlight_spans


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

    @property
    def gold_focus(self) -> Segment | None:
        """The gold name to look at, if there is one."""
        return find_focus(self.gold)

    @property
    def predicted_focus(self) -> Segment | None:
        """The tagger's name to look at, if there is one."""
        return find_focus(self.predicted)


def pick_random(predictions: Sequence[Prediction], n_examples: int, seed: int) -> list[Example]:
    """Pick sentences at random, each once."""
    generator = random.Random(seed)  # noqa: S311 - picks sentences, keeps no secret
    return [_show(one) for one in generator.sample(predictions, min(n_examples, len(predictions)))]


def pick_mistakes(
    predictions: Sequence[Prediction], n_examples: int, *, is_inner: bool = False
) -> dict[Kind, list[Example]]:
    """Pick the sentences with the most suspect gold annotation for each kind of mistake, each sentence once.

    Args:
        predictions: A whole split.
        n_examples: Most sentences of a kind.
        is_inner: Whether mistakes of the inner level are wanted; none where the tagger does not know it.
    """
    picked: dict[Kind, list[Example]] = {kind: [] for kind in MISTAKE_KINDS}
    shown: set[str] = set()
    for suspect in list_suspects(predictions, is_inner=is_inner):
        pairing = suspect.pairing
        prediction = predictions[pairing.sentence]
        text = " ".join(prediction.words)  # a corpus may hold a sentence twice
        if len(picked[pairing.kind]) < n_examples and text not in shown:
            picked[pairing.kind].append(_show(prediction, pairing, suspect.score, is_inner=is_inner))
            shown.add(text)
    return picked


def _decode(one: Prediction) -> dict[str, tuple[list[Span], list[Span]]]:
    """Return the gold and the predicted spans of each level."""
    return {
        "outer": (decode_spans(one.gold), decode_spans(one.predicted)),
        "inner": (decode_spans(one.gold_inner or []), decode_spans(one.predicted_inner or [])),
    }


def _show(
    one: Prediction, mistake: Pairing | None = None, score: float = 0.0, *, is_inner: bool = False
) -> Example:
    spans = _decode(one)
    focus = (mistake.gold, mistake.predicted) if mistake else (None, None)
    gold, predicted = (
        highlight_spans(
            one.words,
            spans["outer"][side],
            None if is_inner else focus[side],
            inner=spans["inner"][side],
            inner_focus=focus[side] if is_inner else None,
        )
        for side in (0, 1)
    )
    return Example(one.id, gold, predicted, mistake, score)
