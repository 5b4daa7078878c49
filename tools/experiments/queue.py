"""DVC experiments that are found again: code, data and parameters make a key, which ends their name."""

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dvc.dependency import Dependency, ParamsDependency
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage import PipelineStage

from ner.core.errors import PipelineError, summarise_error
from ner.core.params import flatten, read_yaml, suggest_key
from tools.checks.check import find_changed_results, find_stale_stages
from tools.checks.refusals import explain_refusal
from tools.experiments.dvc_call import call_dvc
from tools.experiments.results import WORKSPACE
from tools.experiments.worker import end_abandoned_runs, list_under_way, run_queue, wait_for_idle_worker

PARAMS_FILE = Path("params.yaml")
KEY_LENGTH = 10


@dataclass(frozen=True, slots=True)
class Experiment:
    """A run that is wanted.

    Args:
        label: What it is called in messages, such as `seed 3`.
        prefix: How its name starts, such as `seed-3`.
        overrides: Parameters, by `section.key`, that differ from params.yaml.
    """

    label: str
    prefix: str
    overrides: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finished:
    """Where the results of the wanted runs are.

    Args:
        revisions: A revision for each run that has results, by its label.
        failed: The name of each experiment without results, by the run's label.
        n_started: How many had to be run.
    """

    revisions: dict[str, str]
    failed: dict[str, str]
    n_started: int


def run_experiments(wanted: Sequence[Experiment]) -> Finished:
    """Queue and run the experiments that have no results yet, and wait for them.

    Args:
        wanted: The runs; no two with the same overrides.

    Raises:
        PipelineError: If a parameter is unknown, or DVC refuses to queue a run.
    """
    params, inputs = read_params(), read_inputs()
    keys = {one.label: make_key(inputs, {**params, **one.overrides}) for one in wanted}
    names = {one.label: f"{one.prefix}-{keys[one.label]}" for one in wanted}
    found = find_results(keys)
    key_here = make_key(inputs, params)
    if key_here in keys.values() and is_reproduced():
        found |= {label: WORKSPACE for label, key in keys.items() if key == key_here}

    missing = [one for one in wanted if one.label not in found]
    if missing:
        check_cache_place()
        end_abandoned_runs()
        wait_for_idle_worker()
        under_way = list_under_way()
        for one in missing:
            if names[one.label] not in under_way:
                queue_experiment(names[one.label], one.overrides)
        run_queue([names[one.label] for one in missing])
        found |= find_results({one.label: keys[one.label] for one in missing})
    return Finished(
        revisions={one.label: found[one.label] for one in wanted if one.label in found},
        failed={one.label: names[one.label] for one in wanted if one.label not in found},
        n_started=len(missing),
    )


def check_cache_place() -> None:
    """Refuse a cache whose path DVC cannot write into the configuration of a queued run.

    DVC writes that file in ASCII, whatever the locale; the run then ends before it begins.

    Raises:
        PipelineError: If the path has another character, as `/home/müller` has.
    """
    with Repo() as repo:
        cache = str(repo.cache.local_cache_dir)
    if not cache.isascii():
        link = f"/var/tmp/dvc-cache-{hashlib.sha256(cache.encode()).hexdigest()[:8]}"  # noqa: S108 - the user's to make
        raise PipelineError(
            f"{cache}: DVC can queue no run here, since the path of its cache is not ASCII.",
            remedy=f"give it another name: ln -s {shlex.quote(cache)} {link} && dvc cache dir --local {link}",
        )


def read_params() -> dict[str, Any]:
    """Read params.yaml, values by `section.key`."""
    return flatten(read_yaml(PARAMS_FILE))


def check_names(names: Sequence[str], where: str) -> None:
    """Refuse a parameter that params.yaml lacks.

    Args:
        names: As `section.key`.
        where: Where they stand, for the message.

    Raises:
        PipelineError: Names the first unknown one and what it may mean.
    """
    known = list(read_params())
    for name in names:
        if name not in known:
            raise PipelineError(
                f"{where}: {name} is no parameter of params.yaml.", remedy=suggest_key(name, known)
            )


def read_inputs() -> dict[str, str]:
    """Return the commands of the stages, and the hash of each file or folder that no stage makes.

    Raises:
        PipelineError: If dvc.yaml cannot be read, or a file that it names is absent or out of reach.
    """
    try:
        with Repo() as repo:
            # A file or folder that `dvc add` or `dvc import-url` tracks is a stage too, without name and
            # command. What it was imported from is no input of ours: what is here is.
            stages = [stage for stage in repo.index.stages if isinstance(stage, PipelineStage)]
            made = {out.def_path for stage in stages for out in stage.outs}
            inputs = {f"stage {stage.name}": stage.cmd for stage in stages}
            for dep in (dep for stage in stages for dep in stage.deps):
                places = {dep.def_path, *(str(folder) for folder in Path(dep.def_path).parents)}
                if not isinstance(dep, ParamsDependency) and not places & made:
                    is_here = dep.protocol == "local"
                    inputs[dep.def_path] = dep.get_hash().value if is_here else _hash_address(dep)
            return inputs
    except FileNotFoundError as error:
        raise PipelineError(
            f"{error.filename}: no such file, and a stage reads it.",
            remedy="restore it: dvc pull, if DVC tracks it.",
        ) from error
    except (DvcException, ImportError) as error:  # the latter: of an address, whose package is absent
        raise explain_refusal("dvc.yaml", str(error)) from error


def _hash_address(dep: Dependency) -> str:
    """Return the hash of a file or folder of an object store: of what the store lists."""
    try:
        return str(dep.get_hash().value)
    except Exception as error:  # the client of each store has exceptions of its own
        reason = "no such file or folder" if isinstance(error, FileNotFoundError) else summarise_error(error)
        raise PipelineError(
            f"{dep.def_path}: {reason}.",
            remedy="correct the address or the credentials until dvc status reads it.",
        ) from error


def make_key(inputs: Mapping[str, str], params: Mapping[str, Any]) -> str:
    """Hash what decides a result."""
    content = json.dumps([inputs, params], sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:KEY_LENGTH]


def is_reproduced() -> bool:
    """Return whether the results in the workspace are those of its code and parameters."""
    return not find_stale_stages() and not find_changed_results()


def find_results(keys: Mapping[str, str]) -> dict[str, str]:
    """Name the finished experiment of each key, whatever commit it started from; by label."""
    output = call_dvc("exp", "list", "--all-commits", "--name-only")
    by_key = {name.strip()[-KEY_LENGTH:]: name.strip() for name in output.splitlines()}
    return {label: by_key[key] for label, key in keys.items() if key in by_key}


def queue_experiment(name: str, overrides: Mapping[str, Any]) -> None:
    """Queue one experiment.

    Raises:
        PipelineError: If DVC refuses, with its reason.
    """
    options = [f"{key}={write_override(value)}" for key, value in overrides.items()]
    settings = [word for option in options for word in ("-S", option)]
    call_dvc("exp", "run", "--queue", "--name", name, *settings)


def write_override(value: Any) -> str:  # noqa: ANN401 - of params.yaml
    """Write a value for DVC's `-S`: as JSON, in which a text with a comma is one value and no sweep.

    The keys of a mapping stand without quotes, as DVC wants them.
    """
    if isinstance(value, Mapping):
        pairs = (f"{key}: {write_override(one)}" for key, one in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(write_override, value))}]"
    return json.dumps(value)


def explain_failures(failed: Mapping[str, str]) -> PipelineError:
    """Name the runs without results, for the end of a command."""
    listed = ", ".join(f"{label} ({name})" for label, name in failed.items())
    return PipelineError(
        f"no results of {listed}.",
        remedy=f"dvc queue logs {next(iter(failed.values()))} says why; then again.",
    )
