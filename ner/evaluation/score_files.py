"""The tables of the test split as CSV files, and the speed of tagging."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ner.annotation.sentences import iterate_split
from ner.annotation.spans import decode_spans
from ner.core.files import write_text
from ner.core.speed import write_speed
from ner.evaluation.predictions import Prediction
from ner.evaluation.splits import EvaluatedSplit
from ner.windows.alignment import NO_WORD


def read_entity_texts(train_file: Path) -> set[str]:
    """Collect the words of every entity that the tagger was trained on, joined by blanks."""
    return {
        " ".join(sentence.words[span.start : span.end])
        for sentence in iterate_split(train_file)
        for span in decode_spans(sentence.outer)
    }


def write_tables(folder: Path, split: EvaluatedSplit, trained_names: set[str]) -> None:
    """Write the CSV files that `dvc plots` and the report draw."""
    from ner.evaluation import tables  # pandas: memory that tagging does without

    n_subtokens = [[0] * len(sentence.words) for sentence in split.sentences]
    for row in split.rows:
        for word_id in row.window.word_ids:
            if word_id != NO_WORD:
                n_subtokens[row.sentence][row.window.first_word + word_id] += 1
    contents = {
        "labels": tables.tabulate_counts(split.scores.by_label, name="label"),
        "confusion": tables.tabulate_confusion(split.pairings),
        "errors": tables.tabulate_mistakes(split.pairings),
        "inner_errors": tables.tabulate_mistakes(split.inner.pairings if split.inner else []),
        "calibration": tables.tabulate_calibration(split.calibration),
        "groups": tables.tabulate_groups(
            gold=split.gold,
            predicted=split.predicted,
            words=[sentence.words for sentence in split.sentences],
            n_subtokens=n_subtokens,
            trained_names=trained_names,
            sources=[sentence.source for sentence in split.sentences],
        ),
    }
    for name, table in contents.items():
        write_text(folder / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))


def write_suspects(folder: Path, splits: Mapping[str, Sequence[Prediction]]) -> None:
    """Write the mistakes that may be the corpus's own, all evaluated splits together."""
    from ner.evaluation import tables

    table = tables.tabulate_suspects(splits)
    write_text(folder / "suspects.csv", table.to_csv(index=False, lineterminator="\n"))


def write_evaluation_speed(
    path: Path, splits: list[EvaluatedSplit], seconds: float, precision: Mapping[str, Any]
) -> None:
    """Write the speed of tagging, all splits together."""
    n_subtokens = [sum(len(row.window.input_ids) for row in split.rows) for split in splits]
    n_computed = sum(
        n / (1 - split.tagged.padding_share) for n, split in zip(n_subtokens, splits, strict=True)
    )
    write_speed(
        path,
        seconds=seconds,
        n_sentences=sum(len(split.sentences) for split in splits),
        n_subtokens=sum(n_subtokens),
        padding_share=1 - sum(n_subtokens) / n_computed,
        precision=precision,
    )
