"""The original notebook's figures: seqeval over subtokens, where long words count several times."""

from collections.abc import Sequence

from ner.annotation.labels import TagSet
from ner.windows.alignment import IGNORE_ID
from ner.windows.tokenized import TokenizedWindow


def score_subtokens(
    rows: Sequence[TokenizedWindow], predicted_ids: Sequence[Sequence[int]], tag_set: TagSet
) -> dict[str, float]:
    """Score every subtoken that has a target, in seqeval's default mode, as the notebook does.

    With `tokenize.label_all_tokens` the two subtokens of a one-word entity, both tagged `B-`, count as two
    entities. These figures count more entities than the corpus has; published ones do not.

    Args:
        rows: Windows with the gold targets. Shape: (n_windows,).
        predicted_ids: The tagger's best tag of each subtoken, not repaired. Shape: (n_windows, n_subtokens).
        tag_set: The tags behind the ids.

    Returns:
        `precision`, `recall`, `f1` and `accuracy` (the last counts `O` too and says little).
    """
    from seqeval.metrics import accuracy_score  # scikit-learn: a second, and memory that tagging does without
    from seqeval.metrics.sequence_labeling import precision_recall_fscore_support

    gold, predicted = [], []
    for row, ids in zip(rows, predicted_ids, strict=True):
        scored = [(g, p) for g, p in zip(row.targets, ids, strict=True) if g != IGNORE_ID]
        gold.append([tag_set.tags[g] for g, _ in scored])
        predicted.append([tag_set.tags[p] for _, p in scored])
    precision, recall, f1, _ = precision_recall_fscore_support(
        gold, predicted, average="micro", zero_division=0
    )
    return {
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "accuracy": float(accuracy_score(gold, predicted)),
    }
