"""Stage `tokenize_align`: split words into subtokens and give each subtoken its target.

Reads the corpus (`data/raw`) and the encoder's tokenizer (`models/pretrained`). Writes the windows
(`data/tokenized`) and what was counted on the way (`metrics/tokenize.json`).
"""

import argparse
import logging
from pathlib import Path

from ner.annotation.sentences import SPLITS, has_nested_entities
from ner.core.command import run_command
from ner.core.files import whole_folder, write_json
from ner.core.inputs import guard_inputs
from ner.core.params import Params, load_params
from ner.windows.splits import SplitCounts, TokenizeParams, check_lengths, tokenize_split
from ner.windows.tokenized import write_windows
from ner.windows.tokenizer import WordTokenizer

logger = logging.getLogger(__name__)


class StageParams(Params):
    """What this stage reads of params.yaml."""

    tokenize: TokenizeParams


def tokenize_align(raw_dir: Path, encoder_dir: Path, tokenized_dir: Path, counts_file: Path) -> None:
    """Run the stage."""
    params = load_params(Path("params.yaml"), StageParams).tokenize
    tokenizer = WordTokenizer.load(encoder_dir)
    check_lengths(params, tokenizer)

    has_inner = any(has_nested_entities(raw_dir / f"{split}.parquet") for split in SPLITS)

    counts = {}
    with whole_folder(tokenized_dir) as folder:
        for split in SPLITS:
            raw_file = raw_dir / f"{split}.parquet"
            counts[split] = SplitCounts()
            rows = tokenize_split(raw_file, tokenizer, params, counts[split], has_inner=has_inner)
            write_windows(folder / raw_file.name, rows, params.model_dump(), has_inner=has_inner)

    write_json(counts_file, {split: count.to_dict() for split, count in counts.items()})
    for split, count in counts.items():
        logger.info(
            "%s: %d words in %d windows of at most %d subtokens, %d words without subtoken, %d truncated",
            split,
            count.counts["words"],
            count.counts["windows"],
            count.max_subtokens,
            count.counts["words_without_subtoken"],
            count.counts["truncated_words"],
        )


def main() -> None:
    """Read the paths from the command line in `dvc.yaml`."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("raw_dir", "encoder_dir", "tokenized_dir", "counts_file"):
        parser.add_argument(name, type=Path)
    arguments = vars(parser.parse_args())
    with guard_inputs("tokenize_align", StageParams):
        tokenize_align(**arguments)


if __name__ == "__main__":
    run_command(main)
