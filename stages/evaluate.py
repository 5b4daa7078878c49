"""Stage `evaluate`: tag validation and test, and score the tags against the gold annotation.

Reads the tagger (`models/ner`), the corpus (`data/raw`), its windows (`data/tokenized`) and its gold
counts (`metrics/data.json`). Writes the predictions (`data/predictions`), the headline
(`metrics/evaluate.json`), everything else that was scored (`metrics/scores.json`), tables of the test
split as CSV, and the speed.
"""

import argparse
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from pydantic import Field, NonNegativeInt, PositiveInt

from stages.ner.alignment import NO_WORD
from stages.ner.bootstrap import f1_interval
from stages.ner.calibration import Calibration, score_calibration
from stages.ner.corpus import Sentence, iterate_split, read_split
from stages.ner.errors import PipelineError, run_command
from stages.ner.files import read_json, whole_folder, write_json, write_text
from stages.ner.labels import TagSet
from stages.ner.mistakes import Pairing, count_mistakes, pair_spans
from stages.ner.official import score_official
from stages.ner.params import Params, load_params, read_yaml
from stages.ner.predictions import Prediction, write_predictions
from stages.ner.scores import SpanScores, score_coarse, score_spans
from stages.ner.spans import Span, decode_spans
from stages.ner.speed import write_speed
from stages.ner.subtoken_scores import score_subtokens
from stages.ner.tagger import TaggedSplit, Tagger
from stages.ner.tokenized import TokenizedWindow, read_windows

logger = logging.getLogger(__name__)

EVALUATED_SPLITS = ("validation", "test")


class EvaluateParams(Params):
    """Section `evaluate`."""

    subtokens_per_batch: PositiveInt = Field(description="Most subtokens in a batch, padding included.")
    bootstrap_samples: PositiveInt = Field(
        le=100_000, description="Resamples of the sentences for the interval of F1."
    )
    bootstrap_seed: NonNegativeInt = Field(description="Seed of the resampling.")


class StageParams(Params):
    """What this stage reads of params.yaml."""

    evaluate: EvaluateParams


@dataclass(frozen=True, slots=True)
class EvaluatedSplit:
    """A split as annotated and as tagged, and what follows from both.

    Args:
        sentences: Shape: (n_sentences,).
        rows: Their windows. Shape: (n_windows,).
        tagged: What the tagger says of them.
        gold: Spans of the outer level. Shape: (n_sentences, n_spans).
        predicted: The tagger's spans. Shape: (n_sentences, n_spans).
        scores: Counts of both.
        pairings: Each gold span beside the predicted one that stands for it.
        calibration: The tagger's scores beside how often they are right.
    """

    sentences: list[Sentence]
    rows: list[TokenizedWindow]
    tagged: TaggedSplit
    gold: list[list[Span]]
    predicted: list[list[Span]]
    scores: SpanScores
    pairings: list[Pairing]
    calibration: Calibration


def evaluate(
    tagger_dir: Path,
    raw_dir: Path,
    tokenized_dir: Path,
    facts_file: Path,
    predictions_dir: Path,
    headline_file: Path,
    scores_file: Path,
    tables_dir: Path,
    speed_file: Path,
) -> None:
    """Run the stage."""
    params = load_params(Path("params.yaml"), StageParams).evaluate
    tagger = Tagger.load(tagger_dir, subtokens_per_batch=params.subtokens_per_batch)
    check_training_params(tagger_dir, Path("params.yaml"))
    facts = read_json(facts_file)

    splits = {}
    seconds = 0.0
    for name in EVALUATED_SPLITS:
        sentences = read_split(raw_dir / f"{name}.parquet")
        rows = read_windows(tokenized_dir / f"{name}.parquet")
        started = time.perf_counter()
        tagged = tagger.tag(rows, [len(sentence.words) for sentence in sentences])
        seconds += time.perf_counter() - started
        splits[name] = score_split(sentences, rows, tagged)
        check_complete(name, splits[name], facts[name])
    tag_set = tagger.tag_set
    del tagger  # its memory serves what writes tables: pandas and scikit-learn are loaded from here on

    with whole_folder(predictions_dir) as folder:
        for name, split in splits.items():
            write_predictions(folder / f"{name}.parquet", list_predictions(split))
    details = {name: describe_split(split, tag_set) for name, split in splits.items()}
    headline = {
        name: describe_headline(split, details[name]["subtoken"]["f1"], params)
        for name, split in splits.items()
    }
    write_tables(tables_dir, splits["test"], read_names(raw_dir / "train.parquet"))
    write_json(scores_file, details)
    write_json(headline_file, headline)
    write_evaluation_speed(speed_file, list(splits.values()), seconds)
    for name, figures in headline.items():
        logger.info(
            "%s: F1 %.4f (95 %%: %.4f to %.4f)", name, *(figures[key] for key in ("f1", "f1_low", "f1_high"))
        )


def check_training_params(tagger_dir: Path, params_file: Path) -> None:
    """Make sure that the tagger was trained with the parameters that stand in params.yaml.

    Raises:
        PipelineError: At the first that differs: DVC would show this tagger's scores beside another value.
    """
    wanted = read_yaml(params_file)
    for section, used in read_json(tagger_dir / "run_config.json").items():
        pairs = used.items() if isinstance(used, dict) else [(None, used)]
        for key, value in pairs:
            name = f"{section}.{key}" if key else section
            now = wanted.get(section)
            if key and isinstance(now, dict):
                now = now.get(key)
            if value != now:
                raise PipelineError(
                    f"{params_file}: {name} is {now}, but {tagger_dir} was trained with {value}.",
                    remedy="train it again: dvc repro -f -s fine_tune, then dvc repro.",
                )


def score_split(
    sentences: list[Sentence], rows: list[TokenizedWindow], tagged: TaggedSplit
) -> EvaluatedSplit:
    """Decode both annotations to spans and score one against the other."""
    gold = [decode_spans(sentence.outer) for sentence in sentences]
    predicted = [decode_spans(words.tags) for words in tagged.sentences]
    entity_scores = [
        mean(words.scores[span.start : span.end])
        for words, spans in zip(tagged.sentences, predicted, strict=True)
        for span in spans
    ]
    is_correct = [span in right for right, spans in zip(gold, predicted, strict=True) for span in spans]
    return EvaluatedSplit(
        sentences=sentences,
        rows=rows,
        tagged=tagged,
        gold=gold,
        predicted=predicted,
        scores=score_spans(gold=gold, predicted=predicted),
        pairings=pair_spans(gold=gold, predicted=predicted),
        calibration=score_calibration(entity_scores, is_correct),
    )


def check_complete(name: str, split: EvaluatedSplit, facts: Mapping[str, Any]) -> None:
    """Make sure that every word and every gold entity of the corpus was scored.

    Raises:
        PipelineError: If words or entities differ from `metrics/data.json`.
    """
    scored = {label: counts.gold for label, counts in split.scores.by_label.items() if counts.gold}
    n_words = sum(len(words.tags) for words in split.tagged.sentences)
    for what, here, expected in (
        ("words", n_words, facts["words"]),
        ("entities by label", scored, facts["entities_by_label"]),
    ):
        if here != expected:
            raise PipelineError(
                f"{name}: {what} scored: {here}, but metrics/data.json counts {expected}.",
                remedy="make both again: dvc repro -f -s download_corpus, then dvc repro.",
            )


def list_predictions(split: EvaluatedSplit) -> list[Prediction]:
    """Put the tagger's words beside the corpus's."""
    return [
        Prediction(sentence.id, sentence.words, sentence.outer, words.tags, words.scores)
        for sentence, words in zip(split.sentences, split.tagged.sentences, strict=True)
    ]


def describe_headline(split: EvaluatedSplit, subtoken_f1: float, params: EvaluateParams) -> dict[str, float]:
    """Give the keys of `metrics/evaluate.json` for a split: few, so that `dvc metrics diff` can be read."""
    interval = f1_interval(
        split.scores.by_sentence, n_samples=params.bootstrap_samples, seed=params.bootstrap_seed
    )
    return {
        **split.scores.overall.to_dict(),
        "f1_low": interval.low,
        "f1_high": interval.high,
        "loss": split.tagged.loss,
        "subtoken_f1": subtoken_f1,
        "words": sum(len(sentence.words) for sentence in split.sentences),
        "sentences": len(split.sentences),
        "repaired_tags": sum(words.n_repaired for words in split.tagged.sentences),
    }


def describe_split(split: EvaluatedSplit, tag_set: TagSet) -> dict[str, Any]:
    """Give the keys of `metrics/scores.json` for a split."""
    spans = {"gold": split.gold, "predicted": split.predicted}
    details = {
        "by_label": {
            label: {**counts.to_dict(), "support": counts.gold}
            for label, counts in split.scores.by_label.items()
        },
        "subtoken": score_subtokens(split.rows, split.tagged.subtoken_tag_ids, tag_set),
        "errors": count_mistakes(split.pairings),
        "calibration": {"ece": split.calibration.ece},
    }
    coarse = score_coarse(**spans, labels=tag_set.labels)
    if coarse:
        details["coarse"] = coarse.overall.to_dict()
    if all(sentence.inner is not None for sentence in split.sentences):
        details["official"] = describe_official(split, tag_set)
    return details


def describe_official(split: EvaluatedSplit, tag_set: TagSet) -> dict[str, dict[str, float]]:
    """Give the GermEval metrics of a tagger that knows the outer level alone, and the most it can reach."""
    official = score_official(
        gold_outer=split.gold,
        gold_inner=[decode_spans(sentence.inner or []) for sentence in split.sentences],
        predicted_outer=split.predicted,
        predicted_inner=[[] for _ in split.sentences],
        labels=tag_set.labels,
    )
    most = {"max_recall": official.max_recall}
    return {
        "m1": {**official.m1.to_dict(), **most},
        "m2": {**official.m2.to_dict(), **most},
        "m3_outer": official.m3_outer.to_dict(),
        "m3_inner": official.m3_inner.to_dict(),
    }


def read_names(train_file: Path) -> set[str]:
    """Collect the words of every entity that the tagger was trained on, joined by blanks."""
    return {
        " ".join(sentence.words[span.start : span.end])
        for sentence in iterate_split(train_file)
        for span in decode_spans(sentence.outer)
    }


def write_tables(folder: Path, split: EvaluatedSplit, trained_names: set[str]) -> None:
    """Write the CSV files that `dvc plots` and the report draw."""
    from stages.ner import score_tables  # pandas: memory that tagging does without

    n_subtokens = [[0] * len(sentence.words) for sentence in split.sentences]
    for row in split.rows:
        for word_id in row.window.word_ids:
            if word_id != NO_WORD:
                n_subtokens[row.sentence][row.window.first_word + word_id] += 1
    tables = {
        "labels": score_tables.tabulate_counts(split.scores.by_label, name="label"),
        "confusion": score_tables.tabulate_confusion(split.pairings),
        "errors": score_tables.tabulate_mistakes(split.pairings),
        "calibration": score_tables.tabulate_calibration(split.calibration),
        "groups": score_tables.tabulate_groups(
            gold=split.gold,
            predicted=split.predicted,
            words=[sentence.words for sentence in split.sentences],
            n_subtokens=n_subtokens,
            trained_names=trained_names,
        ),
    }
    for name, table in tables.items():
        write_text(folder / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))


def write_evaluation_speed(path: Path, splits: list[EvaluatedSplit], seconds: float) -> None:
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
    )


def main() -> None:
    """Read the paths from the command line in `dvc.yaml`."""
    parser = argparse.ArgumentParser(description=__doc__)
    inputs = ("tagger_dir", "raw_dir", "tokenized_dir", "facts_file")
    outputs = ("predictions_dir", "headline_file", "scores_file", "tables_dir", "speed_file")
    for name in inputs + outputs:
        parser.add_argument(name, type=Path)
    evaluate(**vars(parser.parse_args()))


if __name__ == "__main__":
    run_command(main)
