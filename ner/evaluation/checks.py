"""Whether what is scored belongs together: tagger and parameters, scored split and corpus."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ner.core.errors import PipelineError
from ner.core.number_types import CHOSEN
from ner.core.params import read_yaml
from ner.evaluation.splits import EvaluatedSplit
from ner.tagging.levels import INNER_TAGS
from ner.windows.run_config import read_run_config


def check_training_params(tagger_dir: Path, params_file: Path) -> None:
    """Make sure that the tagger was trained with the parameters that stand in params.yaml.

    Raises:
        PipelineError: At the first that differs: DVC would show this tagger's scores beside another value.
    """
    wanted = read_yaml(params_file)
    settings = read_run_config(tagger_dir)
    for made in (INNER_TAGS, CHOSEN):  # results of training: found in the corpus, chosen by the machine
        settings.pop(made, None)
    for section, used in settings.items():
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
