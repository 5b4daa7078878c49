"""Scores as tables, for CSV files, `dvc plots` and the report."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import pandas as pd

from ner.annotation.counts import Counts, score_groups
from ner.annotation.spans import Span
from ner.evaluation.calibration import Calibration
from ner.evaluation.mistakes import NO_LABEL, Pairing, list_label_pairs
from ner.evaluation.predictions import Prediction
from ner.evaluation.source_groups import group_sources
from ner.evaluation.suspects import list_suspects

SUSPECT_COLUMNS = [
    "quality", "split", "sentence",
    "word", "level", "kind", "gold", "gold_label", "predicted", "predicted_label",
    "score", "words",
]  # fmt: skip
GROUP_LIMIT = 5  # longer entities share a row, `5+`


def tabulate_counts(counts: Mapping[str, Counts], *, name: str) -> pd.DataFrame:
    """Make one row a label or group: its name, precision, recall, F1, and support (gold entities)."""
    rows = [{name: key, **one.to_dict(), "support": one.gold} for key, one in counts.items()]
    return pd.DataFrame(rows, columns=[name, "precision", "recall", "f1", "support"])


def tabulate_confusion(pairings: Iterable[Pairing]) -> pd.DataFrame:
    """Make one row an entity, as the `confusion` template of `dvc plots` counts them."""
    return pd.DataFrame(list_label_pairs(pairings), columns=["actual", "predicted"])


def tabulate_mistakes(pairings: Iterable[Pairing]) -> pd.DataFrame:
    """Count the mistakes by kind, gold and predicted label, the most frequent first."""
    counter = Counter(
        (
            pairing.kind,
            pairing.gold.label if pairing.gold else NO_LABEL,
            pairing.predicted.label if pairing.predicted else NO_LABEL,
        )
        for pairing in pairings
        if pairing.kind != "correct"
    )
    rows = sorted(((*key, n) for key, n in counter.items()), key=lambda row: (-row[-1], row))
    return pd.DataFrame(rows, columns=["kind", "gold", "predicted", "entities"])


def tabulate_suspects(splits: Mapping[str, Sequence[Prediction]]) -> pd.DataFrame:
    """Make one row a mistake, the least believable gold annotation first, all splits and levels together."""
    suspects = [
        (one, split, level)
        for split, predictions in splits.items()
        for level in ("outer", "inner")
        for one in list_suspects(predictions, is_inner=level == "inner")
    ]
    rows = []
    for suspect, split, level in sorted(suspects, key=lambda one: one[0].rank):
        gold, predicted = suspect.pairing.gold, suspect.pairing.predicted
        sentence = splits[split][suspect.pairing.sentence]
        rows.append(
            {
                "quality": "" if suspect.quality is None else f"{suspect.quality:.6f}",
                "split": split,
                "sentence": sentence.id,
                "word": min(span.start for span in (gold, predicted) if span),
                "level": level,
                "kind": suspect.pairing.kind,
                "gold": _cut(sentence, gold),
                "gold_label": gold.label if gold else NO_LABEL,
                "predicted": _cut(sentence, predicted),
                "predicted_label": predicted.label if predicted else NO_LABEL,
                "score": f"{suspect.score:.4f}",
                "words": " ".join(sentence.words),
            }
        )
    return pd.DataFrame(rows, columns=SUSPECT_COLUMNS)


def tabulate_calibration(calibration: Calibration) -> pd.DataFrame:
    """Make one row a bin of scores that holds entities."""
    rows = [
        (bin_.low, bin_.high, bin_.n_entities, bin_.mean_score, bin_.share_correct)
        for bin_ in calibration.bins
        if bin_.n_entities
    ]
    return pd.DataFrame(rows, columns=["low", "high", "entities", "mean_score", "share_correct"])


def tabulate_groups(
    *,
    gold: Sequence[Sequence[Span]],
    predicted: Sequence[Sequence[Span]],
    words: Sequence[Sequence[str]],
    n_subtokens: Sequence[Sequence[int]],
    trained_names: set[str],
    sources: Sequence[str] = (),
) -> pd.DataFrame:
    """Score by whether train has the name, by its words, by subtokens a word (rounded up), and by source.

    Args:
        gold: Spans of each sentence. Shape: (n_sentences, n_spans).
        predicted: Spans of the tagger. Shape: (n_sentences, n_spans).
        words: Words of each sentence. Shape: (n_sentences, n_words).
        n_subtokens: Subtokens of each word. Shape: (n_sentences, n_words).
        trained_names: The words of every entity in train, joined by blanks.
        sources: Where each sentence was published; empty: not known. Shape: (n_sentences,).
    """
    source_groups = group_sources(sources)

    def seen(sentence: int, span: Span) -> str:
        return "seen" if " ".join(words[sentence][span.start : span.end]) in trained_names else "unseen"

    def length(_: int, span: Span) -> str:
        return _limit(span.end - span.start)

    def subtokens(sentence: int, span: Span) -> str:
        total = sum(n_subtokens[sentence][span.start : span.end])
        return _limit(-(-total // (span.end - span.start)))

    properties: dict[str, Callable[[int, Span], str]] = {
        "name in train": seen,
        "words": length,
        "subtokens a word": subtokens,
    }
    if source_groups is not None:
        properties["source"] = lambda sentence, _: source_groups[sentence]
    tables = []
    for name, group_of in properties.items():
        counts = score_groups(gold=gold, predicted=predicted, group_of=group_of)
        table = tabulate_counts(dict(sorted(counts.items())), name="group")
        table.insert(0, "property", name)
        tables.append(table)
    return pd.concat(tables)


def _cut(sentence: Prediction, span: Span | None) -> str:
    return " ".join(sentence.words[span.start : span.end]) if span else ""


def _limit(number: int) -> str:
    return f"{GROUP_LIMIT}+" if number >= GROUP_LIMIT else str(number)
