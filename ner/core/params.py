"""The strict reader of params.yaml: every value is checked where it is used, before any work."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from ner.core.errors import PipelineError

PARAMS = "params.yaml"
PIPELINE = "dvc.yaml"  # beside params.yaml; lists the sections that each stage reads
RUN = "run"  # the section that no stage depends on
KIND_NAMES = {
    str: "text",
    bool: "a truth value",
    int: "a whole number",
    float: "a number",
    type(None): "empty",
    dict: "a section",
    list: "a list",
}


class Params(BaseModel, frozen=True, strict=True, extra="forbid", allow_inf_nan=False):
    """A section of params.yaml, or the sections that one stage reads. Holds no defaults."""


P = TypeVar("P", bound=Params)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML 1.2 mapping; `3e-05`, as `dvc exp run -S` writes it, is a number.

    Raises:
        PipelineError: If the file is absent, is not UTF-8 or YAML, or is not a mapping.
    """
    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PipelineError(
            f"{path}: no such file.",
            remedy=f"run from the project's root folder, or restore it: git checkout {path}",
        ) from None
    except UnicodeDecodeError as error:
        raise PipelineError(
            f"{path}: byte {error.start + 1} is not UTF-8.", remedy="save the file as UTF-8."
        ) from error
    except YAMLError as error:
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        problem = (error.problem if isinstance(error, MarkedYAMLError) else None) or "cannot be parsed"
        raise PipelineError(
            f"{place}: not valid YAML: {problem}.",
            remedy="fix that line; a section's keys are indented by two spaces.",
        ) from error
    if not isinstance(content, dict):
        raise PipelineError(f"{path}: holds no keys.", remedy="write one `key: value` a line.")
    return content


def load_params(path: Path, model: type[P]) -> P:
    """Check and return the top-level keys of params.yaml that `model` names; others are other stages'.

    Args:
        path: The file, params.yaml.
        model: Its fields are the top-level keys to read.

    Raises:
        PipelineError: Names `section.key`, the value and the remedy of the first problem.
    """
    content = read_yaml(path)
    sections = list_sections(path.with_name(PIPELINE))
    for name in content:
        if sections and name not in sections and name not in model.model_fields:
            raise PipelineError(
                f"{path}: {name} is no parameter and no section.", remedy=suggest_key(str(name), sections)
            )
    return check_params({name: content[name] for name in model.model_fields if name in content}, model, path)


def list_sections(pipeline_file: Path) -> list[str]:
    """List the top-level keys that params.yaml may have: those that dvc.yaml names for a stage, and `run`.

    Returns:
        The keys in the order of the stages; none where there is no dvc.yaml.

    Raises:
        PipelineError: If dvc.yaml cannot be read.
    """
    if not pipeline_file.is_file():
        return []
    stages = read_yaml(pipeline_file).get("stages") or {}
    named = [str(name).partition(".")[0] for stage in stages.values() for name in stage.get("params", [])]
    return list(dict.fromkeys([*named, RUN]))


def check_params(content: dict[str, Any], model: type[P], path: Path) -> P:
    """Check keys and values that were read from `path`.

    Raises:
        PipelineError: Names the key, the value and the remedy of the first problem.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        found = error.errors()
        # A misspelt key is also a missing one; the key that stands in the file is the better clue.
        first = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
        raise _explain(dict(first), model, path) from error


def _explain(error: Mapping[str, Any], model: type[Params], path: Path) -> PipelineError:
    """Turn pydantic's first finding into one line that names key, value and remedy."""
    key = ".".join(str(part) for part in error["loc"])
    section, description = _describe(model, error["loc"])
    if error["type"] == "missing":
        return PipelineError(f"{path}: {key} is missing.", remedy=f"add it. {description}".rstrip())
    if error["type"] == "extra_forbidden":
        return PipelineError(
            f"{path}: {key} is no parameter.", remedy=suggest_key(str(error["loc"][-1]), section)
        )
    value = error["input"]
    kind = KIND_NAMES.get(type(value), type(value).__name__)
    problem = error["msg"].removeprefix("Input should be ")
    if error["type"] == "model_type":
        keys = ", ".join(_describe(model, (*error["loc"], ""))[0])
        return PipelineError(
            f"{path}: {key} is {value!r} ({kind}), not a section of keys.",
            remedy=f"write its keys below it, two spaces further right: {keys}.",
        )
    return PipelineError(
        f"{path}: {key} is {value!r} ({kind}), not {problem}.", remedy=f"change {key}. {description}".rstrip()
    )


def flatten(section: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Name nested values by their path, joined by dots."""
    flat: dict[str, Any] = {}
    for key, value in section.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return flat


def suggest_key(key: str, known: Sequence[str]) -> str:
    """Return a hint: the key that may have been meant, and all keys."""
    near = difflib.get_close_matches(key, known, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    return f"{meant}The keys here are {', '.join(known)}."


def _describe(model: type[Params], location: tuple[int | str, ...]) -> tuple[list[str], str]:
    """Return the keys beside `location` and what the parameter there means."""
    fields = model.model_fields
    for part in location[:-1]:
        field = fields.get(str(part))
        annotation = field.annotation if field else None
        if not (isinstance(annotation, type) and issubclass(annotation, Params)):
            return list(fields), ""
        fields = annotation.model_fields
    field = fields.get(str(location[-1]))
    return list(fields), (field.description or "") if field else ""
