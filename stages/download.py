"""Stages `download_corpus` and `download_checkpoint`: bring both into one form, checked.

`corpus` reads what `data.source` names and writes Parquet (`data/raw`), its figures (`metrics/data.json`)
and what an annotator should look at (`metrics/findings.csv`). `checkpoint` fetches what `model.checkpoint`
names into `models/pretrained`.
"""

import argparse
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from pydantic import Field

from ner.annotation.sentences import SPLITS
from ner.core.command import run_command
from ner.core.files import write_json
from ner.core.inputs import guard_inputs
from ner.core.params import Params, load_params
from ner.sources.corpus import open_corpus
from ner.sources.pretrained import fetch_checkpoint
from ner.sources.settings import DataParams
from ner.sources.storing import write_corpus
from ner.sources.trial import try_checkpoint
from ner.text.splitting import split_text

logger = logging.getLogger(__name__)

PARAMS_FILE = Path("params.yaml")


class ModelParams(Params):
    """Section `model`: which encoder is fine-tuned."""

    checkpoint: str = Field(description="A folder, a Hub id, or package://<installed package>/<folder>.")
    revision: str = Field(description="Branch, tag or commit of a Hub id; main for anything else.")
    head: Literal["new", "keep"] = Field(
        description="new: a fresh head; keep: go on from the checkpoint's own head, by the names of its tags."
    )


class CorpusStageParams(Params):
    """What `download_corpus` reads of params.yaml."""

    data: DataParams


class CheckpointStageParams(Params):
    """What `download_checkpoint` reads of params.yaml."""

    model: ModelParams


def download_corpus(raw_dir: Path, facts_file: Path, findings_file: Path) -> None:
    """Run the stage `download_corpus`."""
    params = load_params(PARAMS_FILE, CorpusStageParams).data
    with open_corpus(params, split_text) as corpus:
        facts = write_corpus(corpus, raw_dir, findings_file, params)
    write_json(facts_file, facts)
    for split in SPLITS:
        counts = [facts[split][key] for key in ("sentences", "words", "entities")]
        logger.info("%s: %d sentences, %d words, %d entities", split, *counts)


def download_checkpoint(encoder_dir: Path, origin_file: Path) -> None:
    """Run the stage `download_checkpoint`."""
    params = load_params(PARAMS_FILE, CheckpointStageParams).model
    origin = fetch_checkpoint(
        params.checkpoint,
        revision=params.revision,
        target=encoder_dir,
        keeps_head=params.head == "keep",
        try_out=try_checkpoint,
    )
    write_json(origin_file, asdict(origin))
    logger.info("%s: weights with SHA-256 %s", params.checkpoint, origin.weights_sha256)


def main() -> None:
    """Read the paths from the command line in `dvc.yaml`."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="what", required=True)
    corpus = commands.add_parser("corpus")
    for name in ("raw_dir", "facts_file", "findings_file"):
        corpus.add_argument(name, type=Path)
    checkpoint = commands.add_parser("checkpoint")
    for name in ("encoder_dir", "origin_file"):
        checkpoint.add_argument(name, type=Path)
    arguments = vars(parser.parse_args())
    if arguments.pop("what") == "corpus":
        with guard_inputs("download_corpus", CorpusStageParams):
            download_corpus(**arguments)
    else:
        with guard_inputs("download_checkpoint", CheckpointStageParams):
            download_checkpoint(**arguments)


if __name__ == "__main__":
    run_command(main)
