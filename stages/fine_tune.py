"""Stage `fine_tune`: train the encoder and its head and keep the epoch that tags validation best.

Reads the tokenised training and validation splits (`data/tokenized`), the words and tags of the latter
(`data/raw`) and the encoder (`models/pretrained`). Writes the tagger (`models/ner`), a summary
(`metrics/train.json`), the table of epochs (`metrics/training_curve.csv`) and the speed.
"""

import argparse
import logging
from contextlib import nullcontext
from pathlib import Path

from accelerate.utils import broadcast_object_list
from pydantic import Field
from transformers import set_seed

from ner.annotation.sentences import read_split, read_tag_set
from ner.core.command import run_command
from ner.core.params import Params, load_params
from ner.core.run_settings import RunParams, RunSection
from ner.tagging.heads import add_inner_head
from ner.tagging.model import load_encoder
from ner.tagging.precision import choose_precision
from ner.training.arguments import training_arguments
from ner.training.failures import check_targets
from ner.training.freezing import freeze_layers
from ner.training.head_start import start_heads
from ner.training.launching import end_process, end_together, join_processes, start_launcher
from ner.training.levels import trains_inner_level
from ner.training.lora import add_lora, merge_lora
from ner.training.old_head import keep_old_head
from ner.training.params import TrainParams
from ner.training.results import CURVE, SPEED, SUMMARY, TAGGER, write_results
from ner.training.runs import Run
from ner.training.subset import take_share
from ner.training.trackers import add_trackers
from ner.training.trainer import WordTrainer
from ner.windows.tokenized import read_settings, read_windows

logger = logging.getLogger(__name__)

PARAMS_FILE = Path("params.yaml")


class StageParams(Params):
    """What decides this stage's result."""

    seed: int = Field(
        ge=0, lt=2**32, description="Seed of the head's weights, dropout and the order of batches."
    )  # NumPy takes no larger one
    train: TrainParams


def fine_tune(
    tokenized_dir: Path,
    raw_dir: Path,
    encoder_dir: Path,
    tagger_dir: Path,
    summary_file: Path,
    curve_file: Path,
    speed_file: Path,
) -> None:
    """Run the stage; of several processes, the first alone decides and writes."""
    params = load_params(PARAMS_FILE, StageParams)
    how = load_params(PARAMS_FILE, RunSection).run
    processes = join_processes()
    is_first = processes.is_main_process
    run = Run("fine_tune", params.model_dump(), parts=(TAGGER, SUMMARY, CURVE, SPEED))
    with end_together(processes), run.lock() if is_first else nullcontext():
        plan = [(run.is_complete, run.last_checkpoint())] if is_first else [None]
        is_complete, checkpoint = broadcast_object_list(plan)[0]
        if is_complete:
            logger.info("taking the finished run from %s", run.folder)
        else:
            trainer = train_tagger(params, how, tokenized_dir, raw_dir, encoder_dir, run.steps, checkpoint)
            if is_first:
                tokenize = {"tokenize": read_settings(tokenized_dir / "train.parquet")}
                with run.writing() as folder:
                    write_results(trainer, encoder_dir, folder, {**params.model_dump(), **tokenize})
        if is_first:
            run.publish(
                load_params(PARAMS_FILE, StageParams).model_dump(),
                {TAGGER: tagger_dir, SUMMARY: summary_file, CURVE: curve_file, SPEED: speed_file},
            )
            run.report_others()
    end_process(processes)


def train_tagger(
    params: StageParams,
    how: RunParams,
    tokenized_dir: Path,
    raw_dir: Path,
    encoder_dir: Path,
    checkpoints_dir: Path,
    checkpoint: Path | None,
) -> WordTrainer:
    """Train, from the start or on from a checkpoint; the best epoch's weights end up in the model."""
    rows = read_windows(tokenized_dir / "train.parquet")
    rows = take_share(rows, share=params.train.share, seed=params.seed)
    train_rows = [row for row in rows if row.window.input_ids]  # a sentence may have no subtoken at all
    check_targets(train_rows, tokenized_dir)
    precision = broadcast_object_list([choose_precision(params.train.precision)])[0]  # machines may differ
    tag_set = read_tag_set(raw_dir / "validation.parquet")
    has_inner_head = trains_inner_level(params.train.levels, train_rows, tag_set)
    set_seed(params.seed)  # before the heads get their random weights
    model = load_encoder(encoder_dir, tag_set)
    if has_inner_head:
        add_inner_head(model)
    if params.train.head_bias == "shares":
        start_heads(model, train_rows)
    keep_old_head(model, encoder_dir)
    add_lora(model, params.train.lora)
    freeze_layers(model, params.train.freeze_layers)
    trainer = WordTrainer(
        model,
        training_arguments(params.train, params.seed, len(train_rows), checkpoints_dir, precision),
        train_rows=train_rows,
        validation_rows=read_windows(tokenized_dir / "validation.parquet"),
        sentences=read_split(raw_dir / "validation.parquet"),
        checkpoint_steps=how.checkpoint_steps,
        precision=precision,
        settings=params.train,
    )
    add_trackers(trainer, how.trackers, checkpoints_dir.parent.name)  # the name of the run's folder
    if checkpoint:
        logger.info("going on from %s", checkpoint)
    trainer.fit(checkpoint)
    merge_lora(trainer.model)
    return trainer


def main() -> None:
    """Read the paths from the command line in `dvc.yaml`."""
    parser = argparse.ArgumentParser(description=__doc__)
    inputs = ("tokenized_dir", "raw_dir", "encoder_dir")
    outputs = ("tagger_dir", "summary_file", "curve_file", "speed_file")
    for name in inputs + outputs:
        parser.add_argument(name, type=Path)
    arguments = vars(parser.parse_args())
    start_launcher(load_params(PARAMS_FILE, RunSection).run.launcher, "stages.fine_tune")
    fine_tune(**arguments)


if __name__ == "__main__":
    run_command(main)
