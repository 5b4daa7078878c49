"""Read the headline scores of a run from what `metrics/evaluate.json` holds."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ner.core.errors import PipelineError
from ner.core.files import read_json
from ner.evaluation.headline import Headline

REMEDY = "run dvc repro with this code, and commit the result if it is kept."


def read_headlines(path: Path) -> dict[str, Headline]:
    """Read the headline of each split.

    Raises:
        PipelineError: See `parse_headlines`; also if the file is absent or is no JSON.
    """
    return parse_headlines(read_json(path), str(path))


def parse_headlines(content: Any, place: str) -> dict[str, Headline]:  # noqa: ANN401 - whatever JSON holds
    """Read the headline of each split from parsed JSON.

    Args:
        content: Scores by key, by split.
        place: Where that stands, for the message.

    Raises:
        PipelineError: If the keys are those of another version of the code, or a score is no finite number.
    """
    if not isinstance(content, Mapping) or not content:
        raise PipelineError(f"{place}: no scores by split.", remedy=REMEDY)
    return {split: _parse_split(values, f"{place}: {split}") for split, values in content.items()}


def _parse_split(values: Any, place: str) -> Headline:  # noqa: ANN401 - whatever JSON holds
    if not isinstance(values, Mapping):
        raise PipelineError(f"{place} holds no scores.", remedy=REMEDY)
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise PipelineError(f"{place}.{name} is {value}, not a number.", remedy=REMEDY)
    try:
        return Headline.from_dict(values)
    except TypeError as error:
        reason = str(error).rpartition("__init__() ")[2]
        raise PipelineError(
            f"{place} is of another version of this code ({reason}).", remedy=REMEDY
        ) from error
