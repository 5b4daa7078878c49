"""What one run found: parameters, metrics and the counts behind F1, read from Git and DVC's cache."""

import json
import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.repo.data import DataIndexDirError
from dvc.scm import RevError
from numpy.typing import NDArray
from pygit2 import GitError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from scmrepo.exceptions import SCMError

from ner.annotation.counts import SpanScores, score_tags
from ner.core.errors import PipelineError
from ner.core.params import flatten
from ner.evaluation.headline import Headline
from ner.evaluation.headline_file import parse_headlines
from ner.evaluation.predictions import Prediction, read_predictions
from tools.checks.refusals import explain_refusal

WORKSPACE = "workspace"
HEADLINE_FILE = "metrics/evaluate.json"
PREDICTIONS = "data/predictions/{split}.parquet"
LEVEL_METRICS = {"inner_f1", "m1_f1"}  # of runs that trained both levels
SPEED_FILES = ("metrics/speed/fine_tune.json", "metrics/speed/evaluate.json")


class Split(StrEnum):
    """A split that `evaluate` scores."""

    VALIDATION = "validation"
    TEST = "test"


class IncomparableError(PipelineError):
    """A result cannot stand in a comparison."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one revision found on one split.

    Args:
        revision: A Git revision, an experiment's name, or `workspace`.
        params: Values by `section.key`.
        headline: Scores of the split.
        speed: Seconds, throughput and memory, by stage and name.
        words_sha256: Hash of the split's words.
        spans: Counts of the split's predictions, outer level.
        m1_by_sentence: Counts of both levels for each sentence, those of M1; None where the outer level alone
            was predicted. Shape: (n_sentences, 3).
    """

    revision: str
    params: dict[str, Any]
    headline: Headline
    speed: dict[str, float]
    words_sha256: str
    spans: SpanScores
    m1_by_sentence: NDArray[np.int64] | None = None

    @property
    def metrics(self) -> dict[str, float]:
        """What the metrics files say: finite numbers."""
        return self.headline.to_dict() | self.speed

    @property
    def figures(self) -> dict[str, float]:
        """Scores overall and by label, then speed."""
        by_label = {f"f1 {label}": counts.f1 for label, counts in self.spans.by_label.items()}
        return self.headline.to_dict() | by_label | self.speed


def read_result(revision: str, split: Split, *, pull: bool = False) -> Result:
    """Read what a revision found, from Git and from DVC's cache.

    Args:
        revision: A Git revision, an experiment's name, or `workspace`.
        split: Which split.
        pull: Whether to fetch the predictions from the remote first.

    Raises:
        IncomparableError: If the revision is unknown, or a result is missing or no finite number.
    """
    rev = None if revision == WORKSPACE else revision
    with reading(revision):
        if pull:
            with Repo() as repo:
                repo.fetch(targets=["data/predictions"], revs=[rev] if rev else None)
        files = DVCFileSystem(rev=rev)
        params = YAML(typ="safe").load(files.read_text("params.yaml"))
        words_sha256 = json.loads(files.read_text("metrics/data.json"))[split.value]["sha256"]
        headline = parse_headlines(json.loads(files.read_text(HEADLINE_FILE)), HEADLINE_FILE)[split.value]
        speed = flatten(
            {Path(path).stem: json.loads(files.read_text(path)) for path in SPEED_FILES if files.exists(path)}
        )
        predictions = _read_predictions(files, revision, split, is_pulled=pull)
        spans = score_tags(
            gold=[one.gold for one in predictions], predicted=[one.predicted for one in predictions]
        )
        m1 = count_both(predictions, spans)
    speed = {name: value for name, value in speed.items() if not isinstance(value, str)}  # number types
    for name, value in speed.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise IncomparableError(
                f"{revision}: {name} is {value}, not a number.", remedy="run dvc repro there and commit."
            )
    if not math.isclose(headline.f1, spans.overall.f1):
        raise IncomparableError(
            f"{revision}: the f1 of {HEADLINE_FILE} ({headline.f1}) "
            f"and {PREDICTIONS.format(split=split)} do not belong together.",
            remedy="run dvc repro there and commit.",
        )
    return Result(revision, flatten(params), headline, speed, words_sha256, spans, m1)


def read_split_predictions(revision: str, split: Split) -> list[Prediction]:
    """Read the predictions of a split, in its order, from DVC's cache.

    Raises:
        IncomparableError: If the revision is unknown, or they are not in the cache.
    """
    with reading(revision):
        files = DVCFileSystem(rev=None if revision == WORKSPACE else revision)
        return _read_predictions(files, revision, split)


def read_headline(revision: str) -> dict[Split, Headline]:
    """Read the headline scores of each split, which need no cache.

    Raises:
        IncomparableError: If the revision is unknown, or has no scores.
    """
    with reading(revision):
        files = DVCFileSystem(rev=None if revision == WORKSPACE else revision)
        headlines = parse_headlines(json.loads(files.read_text(HEADLINE_FILE)), HEADLINE_FILE)
        return {split: headlines[split.value] for split in Split}


def count_both(predictions: Sequence[Prediction], outer: SpanScores) -> NDArray[np.int64] | None:
    """Count both levels of each sentence; None where the inner one was not predicted."""
    levels = [
        (one.gold_inner, one.predicted_inner)
        for one in predictions
        if one.gold_inner is not None and one.predicted_inner is not None
    ]
    if not levels or len(levels) < len(predictions):
        return None
    gold, predicted = zip(*levels, strict=True)
    return outer.by_sentence + score_tags(gold=gold, predicted=predicted).by_sentence


def as_incomparable(error: PipelineError, revision: str = "") -> IncomparableError:
    """Return the same line as the reason why a revision cannot be compared."""
    problem = f"{revision}: {error.problem}" if revision else error.problem
    return IncomparableError(problem, remedy=error.remedy)


@contextmanager
def reading(revision: str) -> Iterator[None]:
    """Turn what may go wrong while the files of a revision are read into one line.

    Raises:
        IncomparableError: If the block raises what a user can do something about.
    """
    try:
        yield
    except IncomparableError:
        raise
    except RevError as error:
        raise IncomparableError(
            f"{revision}: {error}.", remedy="git branch and dvc exp list -A show the names."
        ) from error
    except FileNotFoundError as error:
        raise IncomparableError(
            f"{revision}: {error.filename or error} is not there.", remedy="run dvc repro there and commit."
        ) from error
    except (DvcException, SCMError, GitError) as error:
        remedy = "fix what DVC names; without --pull the cache alone is read."
        raise as_incomparable(explain_refusal(revision, str(error), remedy=remedy)) from error
    except PipelineError as error:
        raise as_incomparable(error, revision) from error
    except (KeyError, TypeError, AttributeError) as error:
        if "getpwuid" in str(error):  # a library asks for the name of a user id that has none
            raise as_incomparable(explain_refusal(revision, str(error))) from error
        raise IncomparableError(
            f"{revision}: a file in metrics/ lacks what it should hold ({error}).",
            remedy="run dvc repro there and commit.",
        ) from error
    except (ValueError, YAMLError) as error:  # merge markers, for example
        raise IncomparableError(
            f"{revision}: params.yaml or a file in metrics/ cannot be parsed ({error}).",
            remedy="fix it, or run dvc repro there and commit.",
        ) from error


def _read_predictions(
    files: DVCFileSystem, revision: str, split: Split, *, is_pulled: bool = False
) -> list[Prediction]:
    name = PREDICTIONS.format(split=split)
    try:
        parquet = files.read_bytes(name)
    except (FileNotFoundError, DataIndexDirError) as error:  # which of them depends on what DVC has indexed
        raise IncomparableError(
            f"{revision}: {name} is not in DVC's cache{' nor in a remote' if is_pulled else ''}.",
            remedy="run dvc push where it was made." if is_pulled else "pass --pull, or run dvc fetch.",
        ) from error
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        Path(file.name).write_bytes(parquet)
        return read_predictions(Path(file.name))
