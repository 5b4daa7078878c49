"""Stage `evaluate`: tag validation and test, and score the tags against the gold annotation.

Reads the tagger (`models/ner`), the corpus (`data/raw`), its windows (`data/tokenized`) and its gold
counts (`metrics/data.json`). Writes the predictions (`data/predictions`), the headline
(`metrics/evaluate.json`), everything else that was scored (`metrics/scores.json`), tables of the test
split and suspect gold annotation of both splits as CSV, and the speed.
"""

import argparse
import logging
import time
from pathlib import Path

from pydantic import Field, NonNegativeInt, PositiveInt

from ner.annotation.sentences import read_split
from ner.core.command import run_command
from ner.core.files import read_json, whole_folder, write_json
from ner.core.inputs import guard_inputs
from ner.core.number_types import TaggingPrecision
from ner.core.params import Params, load_params
from ner.core.run_settings import RunSection
from ner.evaluation.checks import check_complete, check_training_params
from ner.evaluation.details import describe_split
from ner.evaluation.headline import Headline
from ner.evaluation.predictions import list_predictions, write_predictions
from ner.evaluation.score_files import read_entity_texts, write_evaluation_speed, write_suspects, write_tables
from ner.evaluation.splits import score_split
from ner.tagging.precision import describe_precision
from ner.tagging.tagger import Tagger
from ner.windows.tokenized import read_windows

logger = logging.getLogger(__name__)

PARAMS_FILE = Path("params.yaml")
EVALUATED_SPLITS = ("validation", "test")


class EvaluateParams(Params):
    """Section `evaluate`."""

    bootstrap_samples: PositiveInt = Field(
        le=100_000, description="Resamples of the sentences for the interval of F1."
    )
    bootstrap_seed: NonNegativeInt = Field(description="Seed of the resampling.")
    precision: TaggingPrecision = Field(description="Number type that tags; auto: the tagger's own.")


class StageParams(Params):
    """What decides this stage's result."""

    evaluate: EvaluateParams


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
    params = load_params(PARAMS_FILE, StageParams).evaluate
    budget = load_params(PARAMS_FILE, RunSection).run.subtokens_per_batch
    tagger = Tagger.load(tagger_dir, subtokens_per_batch=budget, precision=params.precision)
    precision = describe_precision(tagger.precision)
    logger.info("tagging in %s", tagger.precision)
    check_training_params(tagger_dir, PARAMS_FILE)
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

    predictions = {name: list_predictions(split) for name, split in splits.items()}
    with whole_folder(predictions_dir) as folder:
        for name, one in predictions.items():
            write_predictions(folder / f"{name}.parquet", one)
    bootstrap = {"n_samples": params.bootstrap_samples, "seed": params.bootstrap_seed}
    details = {name: describe_split(split, tag_set, **bootstrap) for name, split in splits.items()}
    headlines = {
        name: Headline.of_split(split, subtoken_f1=details[name]["subtoken"]["f1"], **bootstrap)
        for name, split in splits.items()
    }
    write_tables(tables_dir, splits["test"], read_entity_texts(raw_dir / "train.parquet"))
    write_suspects(tables_dir, predictions)
    write_json(scores_file, details)
    write_json(headline_file, {name: headline.to_dict() for name, headline in headlines.items()})
    write_evaluation_speed(speed_file, list(splits.values()), seconds, precision)
    for name, headline in headlines.items():
        both = f", both levels {headline.m1_f1:.4f}" if headline.m1_f1 is not None else ""
        interval = headline.f1, headline.f1_low, headline.f1_high
        logger.info("%s: F1 %.4f (95 %%: %.4f to %.4f)%s", name, *interval, both)


def main() -> None:
    """Read the paths from the command line in `dvc.yaml`."""
    parser = argparse.ArgumentParser(description=__doc__)
    inputs = ("tagger_dir", "raw_dir", "tokenized_dir", "facts_file")
    outputs = ("predictions_dir", "headline_file", "scores_file", "tables_dir", "speed_file")
    for name in inputs + outputs:
        parser.add_argument(name, type=Path)
    arguments = vars(parser.parse_args())
    with guard_inputs("evaluate", StageParams):
        evaluate(**arguments)


if __name__ == "__main__":
    run_command(main)
