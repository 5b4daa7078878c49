"""Whatever a stage reads is edited while it runs: the stage fails, so that DVC records nothing."""

import importlib
import os
import shlex
import shutil
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
import yaml
from ruamel.yaml import YAML

from ner.core.errors import PipelineError
from ner.core.params import Params, flatten, load_params
from tests.support.paths import ROOT

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
PARAMS = YAML(typ="safe").load((ROOT / "params.yaml").read_text(encoding="utf-8"))
PARAMS_MODELS = {"download_corpus": "CorpusStageParams", "download_checkpoint": "CheckpointStageParams"}
PAST = 1_000_000_000  # seconds; before this process started


def resolve(dep):
    """Give the path that a dep names."""
    return dep.replace("${data.source}", PARAMS["data"]["source"]).replace(
        "${report.texts_file}", PARAMS["report"]["texts_file"]
    )


def list_params(stage):
    """List the names of the parameters that a stage depends on."""
    return [name for name in flatten(PARAMS) if name.split(".")[0] in PIPELINE[stage]["params"]]


@cache
def load_module(stage):
    return importlib.import_module(PIPELINE[stage]["cmd"].split()[2])


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Work in a project whose deps are small files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    for dep in {resolve(dep) for stage in PIPELINE.values() for dep in stage["deps"]}:
        path = tmp_path / dep if Path(dep).suffix else tmp_path / dep / "part.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("0", encoding="utf-8")
        os.utime(path, (PAST, PAST))
    return tmp_path


def run_stage(stage, monkeypatch, work):
    """Run a stage as DVC does, with `work` in place of what it computes."""
    module = load_module(stage)
    monkeypatch.setenv("DVC_STAGE", stage)
    monkeypatch.setattr("sys.argv", ["stage", *shlex.split(PIPELINE[stage]["cmd"])[3:]])
    if stage == "fine_tune":
        monkeypatch.setattr(module, "train_tagger", lambda *_: work())
        monkeypatch.setattr(module, "read_settings", lambda _: {})
        parts = (module.TAGGER, module.SUMMARY, module.CURVE, module.SPEED)
        monkeypatch.setattr(module, "write_results", lambda *a: [(a[2] / part).touch() for part in parts])
    else:
        monkeypatch.setattr(module, stage, lambda **_: work())
    module.main()


def find_choices(model, name):
    """List other values of a parameter that its type may allow."""
    *section, key = name.split(".")
    model = model.model_fields[section[0]].annotation if section else model
    annotation = model.model_fields[key].annotation
    parts = get_args(annotation)
    named = [choice for part in (annotation, *parts) for choice in get_args(part) if isinstance(choice, str)]
    classes = [part for part in parts if isinstance(part, type) and issubclass(part, Params)]
    of_type = {float: 0.5, list[str]: ["x"]}
    sections = [
        {field: of_type.get(info.annotation, 1) for field, info in part.model_fields.items()}
        for part in classes
    ]
    return [*named, *sections, "x", "en", 1, 2, 0.25, True, False, ["x"], {"x": "x"}]


def edit_param(stage, name):
    """Give a parameter another value that the stage takes."""
    model = getattr(load_module(stage), PARAMS_MODELS.get(stage, "StageParams"))
    before = load_params(Path("params.yaml"), model)
    for choice in find_choices(model, name):
        params = YAML(typ="safe").load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        *section, key = name.split(".")
        (params[section[0]] if section else params)[key] = choice
        with Path("params.yaml").open("w", encoding="utf-8") as file:
            YAML(typ="safe").dump(params, file)
        with suppress(PipelineError):
            if load_params(Path("params.yaml"), model) != before:
                return
    pytest.fail(f"no other value of {name} is taken")


def edit_dep(_, name):
    """Change a file, or a file of a folder."""
    path = Path(resolve(name))
    (path / "part.py" if path.is_dir() else path).write_text("1", encoding="utf-8")


CASES = [
    pytest.param(stage, edit, name, id=f"{stage}-{name}")
    for stage in PIPELINE
    for edit, names in ((edit_param, list_params(stage)), (edit_dep, PIPELINE[stage]["deps"]))
    for name in names
]


@pytest.mark.parametrize(("stage", "edit", "name"), CASES)
def test_each_parameter_and_dep_of_a_stage_is_watched_while_it_runs(project, monkeypatch, stage, edit, name):
    del project
    with pytest.raises(PipelineError, match="edited while it ran: ") as refusal:
        run_stage(stage, monkeypatch, lambda: edit(stage, name))
    assert resolve(name) in str(refusal.value)


@pytest.mark.parametrize("stage", PIPELINE)
def test_a_stage_that_nobody_disturbs_ends_well(project, monkeypatch, stage):
    """Its own code is a dep: the cases above hold it."""
    del project
    assert load_module(stage).__name__.replace(".", "/") + ".py" in PIPELINE[stage]["deps"]
    run_stage(stage, monkeypatch, lambda: None)
