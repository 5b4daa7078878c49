"""What the report says of a run, read from the files that the stages left."""

import re
from pathlib import Path
from typing import Any

import pandas as pd

from ner.annotation.labels import label_of
from ner.annotation.sentences import SPLITS
from ner.core.errors import PipelineError
from ner.core.files import read_json
from ner.core.number_types import CHOSEN
from ner.evaluation.headline_file import read_headlines
from ner.reporting.highlight import Mark, highlight_text, style_labels
from ner.reporting.model_card import (
    describe_card,
    find_licence,
    format_yaml,
    name_corpus,
    name_encoder,
    name_language,
)
from ner.tagging.levels import INNER_TAGS
from ner.windows.run_config import read_run_config

METRICS = ("data", "checkpoint", "tokenize", "train", "scores")
TABLES = ("training_curve", "labels", "confusion", "calibration", "groups")
NAME_COLUMNS = dict.fromkeys(("label", "actual", "predicted", "property", "group"), "str")
CORPUS_FINDINGS = {  # key of a split in metrics/data.json: what it counts
    "duplicates": "sentences that stand in the split before",
    "duplicates_in_train": "sentences that are in train",
    "duplicates_in_validation": "sentences that are in validation",
    "entities_train_lacks": "entities with a label that train lacks",
    "stray_tags": "tags that continue nothing, read as a beginning",
    "invisible_words": "words with an invisible character",
    "empty_words": "empty words, left out",
    "widened_entities": "entities that cut a word, widened to all of it",
    "too_deep_entities": "entities below the inner level, left out",
}
TIMED_STAGES = ("fine_tune", "evaluate")


def read_tables(metrics_dir: Path) -> dict[str, pd.DataFrame]:
    """Read the CSV files. A label may be called `NA` or `1`, so that names are read as text."""
    return {
        name: pd.read_csv(metrics_dir / f"{name}.csv", keep_default_na=False, dtype=NAME_COLUMNS)
        for name in TABLES
    }


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


def read_facts(metrics_dir: Path, tagger_dir: Path, language: str) -> dict[str, Any]:
    """Collect what is known of a run: corpus, encoder, parameters, scores, speed."""
    facts: dict[str, Any] = {name: read_json(metrics_dir / f"{name}.json") for name in METRICS}
    headlines = read_headlines(metrics_dir / "evaluate.json")
    data, checkpoint, run = facts["data"], facts["checkpoint"], read_run_config(tagger_dir)
    settings = {section: value for section, value in run.items() if section not in (CHOSEN, INNER_TAGS)}
    model = {key: checkpoint[key] for key in ("checkpoint", "revision") if checkpoint[key]}
    tags = read_json(tagger_dir / "config.json")["id2label"].values()
    labels = {label for tag in tags if (label := label_of(tag)) is not None}
    return {
        **facts,
        "evaluate": {split: one.to_dict() for split, one in headlines.items()},
        "speed": {stage: read_json(metrics_dir / "speed" / f"{stage}.json") for stage in TIMED_STAGES},
        "corpus": name_corpus(data),
        "corpus_splits": SPLITS,
        "corpus_findings": CORPUS_FINDINGS,
        "corpus_labels": sorted({label for split in SPLITS for label in data[split]["entities_by_label"]}),
        "language": language,
        "language_name": name_language(language),
        "encoder": name_encoder(checkpoint),
        "licence": find_licence(checkpoint),
        "styles": style_labels(labels),
        "params": format_yaml({"data": {"source": data["source"]}, "model": model, **settings}),
        "card": format_yaml(describe_card(data, checkpoint, headlines["test"], language)),
    }


def tag_texts(texts: list[str], tagger_dir: Path) -> list[dict[str, Any]]:
    """Tag running text with the same decoder as the corpus, and cut it at the entities."""
    from ner.text.text_tagger import TextTagger  # torch: seconds that the rest of the stage does without

    tagged = TextTagger.load(tagger_dir).tag_texts(texts)
    return [
        {
            "entities": entities,
            "segments": highlight_text(
                text,
                [Mark(one.start, one.end, one.label, is_inner=one.level == "inner") for one in entities],
            ),
        }
        for text, entities in zip(texts, tagged, strict=True)
    ]
