"""Stage `report`: put what was found on one page, and the same as Markdown and as a model card.

Reads the metrics, the predictions of the test split (`data/predictions`), the tagger (`models/ner`) and the
demo texts. Writes `metrics/report/`: `index.html`, which needs nothing beside it, `report.md` for a pull
request, `MODEL_CARD.md`, and the figures as PNG and SVG. Scores are read, never computed here.
"""

import argparse
import logging
from functools import partial
from pathlib import Path

from pydantic import Field, NonNegativeInt

from ner.core.command import run_command
from ner.core.files import whole_folder, write_text
from ner.core.inputs import guard_inputs
from ner.core.params import Params, load_params
from ner.evaluation.predictions import read_predictions
from ner.reporting.examples import pick_mistakes, pick_random
from ner.reporting.facts import read_facts, read_tables, read_texts, tag_texts
from ner.reporting.figures import draw_confusion, draw_curve, draw_labels, draw_reliability, write_figures
from ner.reporting.pages import make_environment

logger = logging.getLogger(__name__)

PAGES = {"index.html": "report.html.j2", "report.md": "report.md.j2", "MODEL_CARD.md": "MODEL_CARD.md.j2"}
MISTAKES_PER_KIND = 5
LANGUAGE_CODE = r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$"
INNER_MISTAKES_PER_KIND = 3


class ReportParams(Params):
    """Section `report`."""

    examples: NonNegativeInt = Field(description="Random sentences of the test split to show.")
    example_seed: NonNegativeInt = Field(description="Seed that picks them.")
    texts_file: str = Field(description="UTF-8 file of texts to tag, an empty line between two.")
    language: str = Field(
        pattern=LANGUAGE_CODE, description="The corpus's language, as in HTML: de, en, de-CH."
    )


class StageParams(Params):
    """What this stage reads of params.yaml."""

    report: ReportParams


def report(
    metrics_dir: Path, predictions_file: Path, tagger_dir: Path, template_dir: Path, report_dir: Path
) -> None:
    """Run the stage."""
    params = load_params(Path("params.yaml"), StageParams).report
    texts = read_texts(Path(params.texts_file))
    facts = read_facts(metrics_dir, tagger_dir, params.language)
    tables = read_tables(metrics_dir)
    predictions = read_predictions(predictions_file)
    facts |= {
        "curve": tables["training_curve"].to_dict("records"),
        "groups": tables["groups"].to_dict("records"),
        "mistakes": pick_mistakes(predictions, MISTAKES_PER_KIND),
        "inner_mistakes": pick_mistakes(predictions, INNER_MISTAKES_PER_KIND, is_inner=True),
        "examples": pick_random(predictions, params.examples, params.example_seed),
        "texts": tag_texts(texts, tagger_dir),
    }
    drawings = {
        "training_curve": partial(draw_curve, tables["training_curve"], facts["train"]["best_epoch"]),
        "confusion": partial(draw_confusion, tables["confusion"]),
        "reliability": partial(
            draw_reliability, tables["calibration"], facts["scores"]["test"]["calibration"]["ece"]
        ),
        "labels": partial(draw_labels, tables["labels"]),
    }
    environment = make_environment(template_dir)
    with whole_folder(report_dir) as folder:
        facts["figures"] = write_figures(folder, drawings)
        for page, template in PAGES.items():
            write_text(folder / page, environment.get_template(template).render(facts))
    logger.info("open %s", report_dir / "index.html")


def main() -> None:
    """Read the paths from the command line in `dvc.yaml`."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("metrics_dir", "predictions_file", "tagger_dir", "template_dir", "report_dir"):
        parser.add_argument(name, type=Path)
    arguments = vars(parser.parse_args())
    with guard_inputs("report", StageParams):
        report(**arguments)


if __name__ == "__main__":
    run_command(main)
