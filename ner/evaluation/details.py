"""Everything else that is scored: the keys of `metrics/scores.json`."""

from typing import Any

from ner.annotation.counts import SpanScores
from ner.annotation.labels import TagSet
from ner.annotation.spans import decode_spans
from ner.evaluation.bootstrap import f1_interval
from ner.evaluation.coarse import score_coarse
from ner.evaluation.mistakes import count_mistakes
from ner.evaluation.official import score_official
from ner.evaluation.splits import EvaluatedSplit
from ner.evaluation.subtoken_scores import score_subtokens


def describe_split(split: EvaluatedSplit, tag_set: TagSet, *, n_samples: int, seed: int) -> dict[str, Any]:
    """Return the keys of `metrics/scores.json` for a split; `n_samples` and `seed` are the bootstrap's."""
    spans = {"gold": split.gold, "predicted": split.predicted}
    details: dict[str, Any] = {
        "by_label": describe_labels(split.scores),
        "subtoken": score_subtokens(split.rows, split.tagged.subtoken_tag_ids, tag_set),
        "errors": count_mistakes(split.pairings),
        "calibration": {"ece": split.calibration.ece},
    }
    coarse = score_coarse(**spans, labels=tag_set.labels)
    if coarse:
        details["coarse"] = coarse.overall.to_dict()
    if all(sentence.inner is not None for sentence in split.sentences):
        details["official"] = describe_official(split, tag_set)
    if split.inner:
        interval = f1_interval(split.m1_by_sentence, n_samples=n_samples, seed=seed)
        details["official"]["m1"] |= {"f1_low": interval.low, "f1_high": interval.high}
        details["inner"] = {
            "by_label": describe_labels(split.inner.scores),
            "errors": count_mistakes(split.inner.pairings),
            "repaired_tags": split.inner.n_repaired,
            "outside_outer": split.inner.n_outside,
        }
    return details


def describe_labels(scores: SpanScores) -> dict[str, dict[str, float]]:
    """Return precision, recall, F1 and support of each label."""
    return {label: {**counts.to_dict(), "support": counts.gold} for label, counts in scores.by_label.items()}


def describe_official(split: EvaluatedSplit, tag_set: TagSet) -> dict[str, dict[str, float]]:
    """Return the GermEval metrics, and the most that a tagger of the outer level alone can reach."""
    official = score_official(
        gold_outer=split.gold,
        gold_inner=[decode_spans(sentence.inner or []) for sentence in split.sentences],
        predicted_outer=split.predicted,
        predicted_inner=split.inner.predicted if split.inner else [[] for _ in split.sentences],
        labels=tag_set.labels,
    )
    most = {} if split.inner else {"max_recall": official.max_recall}
    return {
        "m1": {**official.m1.to_dict(), **most},
        "m2": {**official.m2.to_dict(), **most},
        "m3_outer": official.m3_outer.to_dict(),
        "m3_inner": official.m3_inner.to_dict(),
    }
