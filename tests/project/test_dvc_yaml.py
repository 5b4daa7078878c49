"""dvc.yaml against the code it runs: DVC does not follow imports, and a stage knows what it reads."""

import importlib

import pytest
import yaml

from tests.support.import_graph import imported_files
from tests.support.pipeline_clone import ROOT

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
MODULES = {name: stage["cmd"].split()[2] for name, stage in PIPELINE.items()}  # python -m <module> ...
PARAMS_MODELS = {
    "download_corpus": "CorpusStageParams",
    "download_checkpoint": "CheckpointStageParams",
}


def output_names(stage: dict) -> list[str]:
    outputs = [*stage["outs"], *stage.get("metrics", []), *stage.get("plots", [])]
    return [name if isinstance(name, str) else next(iter(name)) for name in outputs]


@pytest.mark.parametrize("stage", PIPELINE)
def test_what_a_stage_imports_lies_in_the_packages_it_declares_and_each_is_used(stage):
    """A missing dep leaves a stale output behind; one too many runs a stage for nothing."""
    module = ROOT / (MODULES[stage].replace(".", "/") + ".py")
    declared = {dep for dep in PIPELINE[stage]["deps"] if dep.startswith(("ner/", "stages/"))}
    used = set()
    for name in imported_files(module, ROOT):
        (home,) = {dep for dep in declared if name == dep or name.startswith(f"{dep}/")}
        used.add(home)
    assert used == declared


def test_a_package_that_is_a_dep_has_no_bytecode_for_dvc_to_hash():
    assert {"__pycache__", "*.pyc"} <= set((ROOT / ".dvcignore").read_text(encoding="utf-8").split())


@pytest.mark.parametrize("stage", PIPELINE)
def test_params_name_exactly_the_sections_that_the_stage_reads(stage):
    """A section that is read and not declared would not rerun the stage."""
    module = importlib.import_module(MODULES[stage])
    model = getattr(module, PARAMS_MODELS.get(stage, "StageParams"))
    assert set(PIPELINE[stage]["params"]) == set(model.model_fields)


@pytest.mark.parametrize("stage", PIPELINE)
def test_every_path_of_the_command_is_declared(stage):
    """What a stage reads is a dep and what it writes an output, or lies in a folder that is one."""
    declared = [*PIPELINE[stage]["deps"], *output_names(PIPELINE[stage])]
    for word in PIPELINE[stage]["cmd"].split()[3:]:
        if "/" in word or word == "metrics":
            inside = any(f"{word}/".startswith(f"{name}/") for name in declared)
            assert inside or any(name.startswith(f"{word}/") for name in declared), word


@pytest.mark.parametrize("stage", ["tokenize_align", "fine_tune", "evaluate"])
def test_a_new_library_version_reruns_what_it_may_change(stage):
    assert "requirements.txt" in PIPELINE[stage]["deps"]


@pytest.mark.parametrize("stage", PIPELINE)
def test_committed_results_stay_out_of_the_cache(stage):
    """JSON and what `dvc plots` draws are in Git; the rest of metrics/ is cached.

    A plain output with `cache: false` keeps a stage out of the run cache, a metric or plot does not.
    """
    outputs = [
        *PIPELINE[stage]["outs"],
        *PIPELINE[stage].get("metrics", []),
        *PIPELINE[stage].get("plots", []),
    ]
    cached = {name for name in outputs if isinstance(name, str)}
    assert not {name for name in cached if name.startswith("metrics/")} - {
        "metrics/scores.json",
        "metrics/errors.csv",
        "metrics/findings.csv",
        "metrics/groups.csv",
        "metrics/inner_errors.csv",
        "metrics/suspects.csv",
        "metrics/report",
    }
    plain = PIPELINE[stage]["outs"]
    assert all(isinstance(name, str) or next(iter(name.values())).get("cache", True) for name in plain)


def test_no_stage_imports_a_stage():
    stages = {f"stages/{path.name}" for path in (ROOT / "stages").glob("*.py")} - {"stages/__init__.py"}
    for path in stages:
        assert imported_files(ROOT / path, ROOT) & stages == {path}
