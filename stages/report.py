"""Stage `report`: put what was found on one page, and the same as Markdown and as a model card.

Reads the metrics, the predictions of the test split (`data/predictions`), the tagger (`models/ner`) and the
demo texts. Writes `metrics/report/`: `index.html`, which needs nothing beside it, `report.md` for a pull
request, `MODEL_CARD.md`, and the figures as PNG and SVG. Scores are read, never computed here.
"""

import argparse
import logging
import re
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field, NonNegativeInt

from stages.ner.errors import PipelineError, run_command
from stages.ner.examples import pick_mistakes, pick_random
from stages.ner.figures import draw_confusion, draw_curve, draw_labels, draw_reliability, write_figures
from stages.ner.files import read_json, whole_folder, write_text
from stages.ner.highlight import highlight_text, style_labels
from stages.ner.labels import label_of
from stages.ner.model_card import describe_card, find_licence, format_yaml, name_corpus, name_encoder
from stages.ner.pages import make_environment
from stages.ner.params import Params, load_params
from stages.ner.predictions import read_predictions

logger = logging.getLogger(__name__)

PAGES = {"index.html": "report.html.j2", "report.md": "report.md.j2", "MODEL_CARD.md": "MODEL_CARD.md.j2"}
METRICS = ("data", "checkpoint", "tokenize", "train", "evaluate", "scores")
TABLES = ("training_curve", "labels", "confusion", "calibration", "groups")
NAME_COLUMNS = dict.fromkeys(("label", "actual", "predicted", "property", "group"), "str")
TIMED_STAGES = ("fine_tune", "evaluate")
MISTAKES_PER_KIND = 5


class ReportParams(Params):
    """Section `report`."""

    examples: NonNegativeInt = Field(description="Random sentences of the test split to show.")
    example_seed: NonNegativeInt = Field(description="Seed that picks them.")
    texts_file: str = Field(description="UTF-8 file of texts to tag, an empty line between two.")


class StageParams(Params):
    """What this stage reads of params.yaml."""

    report: ReportParams


def report(
    metrics_dir: Path, predictions_file: Path, tagger_dir: Path, template_dir: Path, report_dir: Path
) -> None:
    """Run the stage."""
    params = load_params(Path("params.yaml"), StageParams).report
    texts = read_texts(Path(params.texts_file))
    facts = read_facts(metrics_dir, tagger_dir)
    tables = {
        # A label may be called `NA` or `1`: names are text, whatever pandas makes of them.
        name: pd.read_csv(metrics_dir / f"{name}.csv", keep_default_na=False, dtype=NAME_COLUMNS)
        for name in TABLES
    }
    predictions = read_predictions(predictions_file)
    facts |= {
        "curve": tables["training_curve"].to_dict("records"),
        "groups": tables["groups"].to_dict("records"),
        "mistakes": pick_mistakes(predictions, MISTAKES_PER_KIND),
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


def read_texts(path: Path) -> list[str]:
    """Read the texts of a file, which an empty line parts from each other.

    Raises:
        PipelineError: If the file is absent or is not UTF-8.
    """
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(
            f"params.yaml: report.texts_file: {path} cannot be read as UTF-8 text ({type(error).__name__}).",
            remedy="name a text file with an empty line between two texts.",
        ) from error
    return [text.strip() for text in re.split(r"\n\s*\n", content) if text.strip()]


def read_facts(metrics_dir: Path, tagger_dir: Path) -> dict[str, Any]:
    """Collect what is known of a run: corpus, encoder, parameters, scores, speed."""
    facts: dict[str, Any] = {name: read_json(metrics_dir / f"{name}.json") for name in METRICS}
    data, checkpoint, run = facts["data"], facts["checkpoint"], read_json(tagger_dir / "run_config.json")
    model = {key: checkpoint[key] for key in ("checkpoint", "revision") if checkpoint[key]}
    tags = read_json(tagger_dir / "config.json")["id2label"].values()
    labels = {label for tag in tags if (label := label_of(tag)) is not None}
    return {
        **facts,
        "speed": {stage: read_json(metrics_dir / "speed" / f"{stage}.json") for stage in TIMED_STAGES},
        "corpus": name_corpus(data),
        "encoder": name_encoder(checkpoint),
        "licence": find_licence(checkpoint),
        "styles": style_labels(labels),
        "params": format_yaml({"data": {"source": data["source"]}, "model": model, **run}),
        "card": format_yaml(describe_card(data, checkpoint, facts["evaluate"]["test"])),
    }


def tag_texts(texts: list[str], tagger_dir: Path) -> list[dict[str, Any]]:
    """Tag running text with the same decoder as the corpus, and cut it at the names."""
    from stages.ner.text_tagger import TextTagger  # torch: seconds that the rest of the stage does without

    tagged = TextTagger.load(tagger_dir).tag_texts(texts)
    return [
        {
            "names": names,
            "segments": highlight_text(text, [(one.start, one.end, one.label, False) for one in names]),
        }
        for text, names in zip(texts, tagged, strict=True)
    ]


def main() -> None:
    """Read the paths from the command line in `dvc.yaml`."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("metrics_dir", "predictions_file", "tagger_dir", "template_dir", "report_dir"):
        parser.add_argument(name, type=Path)
    report(**vars(parser.parse_args()))


if __name__ == "__main__":
    run_command(main)
