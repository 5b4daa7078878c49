"""Stage `report`: put what was found on one page, and the same as Markdown.

Reads the metrics and the predictions of the test split (`data/predictions`). Writes `metrics/report/`:
`index.html`, which needs nothing beside it, and `report.md` for a pull request. Scores are read, never
computed here.
"""

import argparse
import logging
import random
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from pydantic import Field, NonNegativeInt

from stages.ner.errors import run_command
from stages.ner.files import read_json, write_text
from stages.ner.highlight import Segment, highlight_spans
from stages.ner.params import Params, load_params
from stages.ner.predictions import Prediction, read_predictions
from stages.ner.spans import decode_spans

logger = logging.getLogger(__name__)

PAGES = {"index.html": "report.html.j2", "report.md": "report.md.j2"}


class ReportParams(Params):
    """Section `report`."""

    examples: NonNegativeInt = Field(description="Random sentences of the test split to show.")
    example_seed: NonNegativeInt = Field(description="Seed that picks them.")


class StageParams(Params):
    """What this stage reads of params.yaml."""

    report: ReportParams


def report(metrics_dir: Path, predictions_file: Path, template_dir: Path, report_dir: Path) -> None:
    """Run the stage."""
    params = load_params(Path("params.yaml"), StageParams).report
    names = ("data", "checkpoint", "train", "evaluate", "scores")
    facts: dict[str, Any] = {name: read_json(metrics_dir / f"{name}.json") for name in names}
    facts["curve"] = pd.read_csv(metrics_dir / "training_curve.csv").to_dict("records")
    facts["examples"] = pick_examples(read_predictions(predictions_file), params)

    environment = Environment(
        loader=FileSystemLoader(template_dir),
        autoescape=select_autoescape(["html.j2"]),  # words of a corpus are text, never markup
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for page, template in PAGES.items():
        write_text(report_dir / page, environment.get_template(template).render(facts))
    logger.info("open %s", report_dir / "index.html")


def pick_examples(
    predictions: list[Prediction], params: ReportParams
) -> list[tuple[str, list[Segment], list[Segment]]]:
    """Pick random sentences, each once: its id, and its words with the gold and with the predicted names."""
    generator = random.Random(params.example_seed)  # noqa: S311 - picks sentences, keeps no secret
    picked = generator.sample(predictions, min(params.examples, len(predictions)))
    return [
        (
            one.id,
            highlight_spans(one.words, decode_spans(one.gold)),
            highlight_spans(one.words, decode_spans(one.predicted)),
        )
        for one in picked
    ]


def main() -> None:
    """Read the paths from the command line in `dvc.yaml`."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("metrics_dir", "predictions_file", "template_dir", "report_dir"):
        parser.add_argument(name, type=Path)
    report(**vars(parser.parse_args()))


if __name__ == "__main__":
    run_command(main)
