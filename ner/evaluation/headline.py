"""The headline: the few scores of a split that `dvc metrics diff` shows."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ner.evaluation.bootstrap import f1_interval
from ner.evaluation.splits import EvaluatedSplit


@dataclass(frozen=True, slots=True)
class Headline:
    """The scores of one split under the keys of `metrics/evaluate.json`.

    Args:
        precision: On words, outer level, strict IOB2, from 0 to 1; recall and f1 likewise.
        f1_low: Lower end of the 95 % interval of F1; `f1_high` is the upper one.
        loss: Mean cross-entropy over the targets; of two levels the sum of both means.
        subtoken_f1: F1 as the original notebook counts it, over subtokens.
        words: Words that were scored.
        sentences: Sentences that were scored.
        repaired_tags: Words of the outer level whose best tag IOB2 did not allow.
        inner_f1: F1 of the inner level; None, and left out of the file, where it is not predicted.
        m1_f1: F1 over both levels, M1 of the GermEval 2014 task; None likewise.
    """

    precision: float
    recall: float
    f1: float
    f1_low: float
    f1_high: float
    loss: float
    subtoken_f1: float
    words: int
    sentences: int
    repaired_tags: int
    inner_f1: float | None = None
    m1_f1: float | None = None

    @classmethod
    def of_split(cls, split: EvaluatedSplit, *, subtoken_f1: float, n_samples: int, seed: int) -> "Headline":
        """Score a split; `n_samples` and `seed` are those of the bootstrap behind the interval."""
        interval = f1_interval(split.scores.by_sentence, n_samples=n_samples, seed=seed)
        return cls(
            **split.scores.overall.to_dict(),
            f1_low=interval.low,
            f1_high=interval.high,
            loss=split.tagged.loss,
            subtoken_f1=subtoken_f1,
            words=sum(len(sentence.words) for sentence in split.sentences),
            sentences=len(split.sentences),
            repaired_tags=sum(words.n_repaired for words in split.tagged.sentences),
            inner_f1=split.inner.scores.overall.f1 if split.inner else None,
            m1_f1=(split.scores.overall + split.inner.scores.overall).f1 if split.inner else None,
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Headline":
        """Read the scores of a split from `metrics/evaluate.json`.

        Raises:
            TypeError: If a key is missing or unknown: the file is of another version of the code.
        """
        return cls(**values)

    def to_dict(self) -> dict[str, float]:
        """Return the keys and values of `metrics/evaluate.json`."""
        return {name: value for name, value in asdict(self).items() if value is not None}
