"""A stage's inputs are hashed at its start and compared at its end."""

import os
from pathlib import Path

import pytest

from ner.core import inputs as module
from ner.core.errors import PipelineError
from ner.core.inputs import FileState, StageInputs, guard_inputs
from ner.core.params import Params

PAST = 1_000_000_000  # seconds; before this process started


class Section(Params):
    """A section with one path and one number."""

    source: str
    n: int


class StageParams(Params):
    """What the stage of these tests reads."""

    data: Section


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """Work in a project whose stage has a file, a folder, its code and a path from params.yaml as deps."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_STAGE", raising=False)
    for name in ("corpus/a.tsv", "other/a.tsv", "facts.json", "code/one.py", "code/deep/two.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")
        os.utime(tmp_path / name, (PAST, PAST))
    (tmp_path / "dvc.yaml").write_text(
        "stages:\n  count:\n    deps: ['${data.source}', facts.json, code]\n"
        "    outs: [out, table.csv]\n    metrics: [counts.json: {cache: false}]\n",
        encoding="utf-8",
    )
    write_params()
    return tmp_path


def write_params(source="corpus", n=1):
    Path("params.yaml").write_text(f"data:\n  source: {source}\n  n: {n}\n", encoding="utf-8")


def write_outputs():
    Path("out").mkdir()
    for name in ("out/part", "table.csv", "counts.json"):
        Path(name).write_text("written", encoding="utf-8")


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        pytest.param(lambda: write_params(n=2), "data.n (1 is now 2)", id="parameter"),
        pytest.param(
            lambda: write_params(source="other"),
            "data.source ('corpus' is now 'other')",
            id="parameter-that-names-a-dep",
        ),
        pytest.param(lambda: Path("corpus/a.tsv").write_text("edited"), "corpus/a.tsv", id="templated-dep"),
        pytest.param(lambda: Path("corpus/b.tsv").touch(), "corpus/b.tsv (new)", id="new-file"),
        pytest.param(lambda: Path("corpus/a.tsv").unlink(), "corpus/a.tsv (removed)", id="removed-file"),
        pytest.param(lambda: Path("facts.json").write_text("FACTS.JSON"), "facts.json", id="same-size"),
        pytest.param(lambda: Path("code/deep/two.py").write_text("2"), "code/deep/two.py", id="code"),
        pytest.param(
            lambda: [Path(f"corpus/{n}").touch() for n in range(7)],
            "corpus/0 (new), corpus/1 (new), corpus/2 (new), corpus/3 (new), corpus/4 (new), 2 more",
            id="many",
        ),
    ],
)
def test_an_edit_while_the_stage_runs_is_named(edit, named):
    with pytest.raises(PipelineError) as refusal, guard_inputs("count", StageParams):
        edit()
    assert str(refusal.value) == (
        f"count: edited while it ran: {named}; the result of the old inputs is dropped. "
        "Remedy: run dvc repro again."
    )


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda: None, id="nothing"),
        pytest.param(lambda: Path("facts.json").write_text("facts.json"), id="written-again-alike"),
        pytest.param(lambda: Path("code/one.py").touch(), id="touched"),
        pytest.param(lambda: Path("other/a.tsv").write_text("edited"), id="no-dep"),
        pytest.param(lambda: Path("code/.one.py.swp").touch(), id="opened-in-an-editor"),
        pytest.param(lambda: Path("code/__pycache__").mkdir(), id="bytecode"),
    ],
)
def test_what_changes_no_input_lets_the_stage_end(edit):
    Path(".dvcignore").write_text("# An editor's.\n*.swp\n/models/checkpoints\n", encoding="utf-8")
    with guard_inputs("count", StageParams):
        edit()


@pytest.mark.parametrize("stage", ["count", None, "another"])
def test_the_outputs_are_removed_where_dvc_would_record_them(monkeypatch, stage):
    """DVC itself removed the result before; a person who starts a stage keeps what is there."""
    if stage:
        monkeypatch.setenv("DVC_STAGE", stage)

    def work():
        write_outputs()
        write_params(n=2)

    with pytest.raises(PipelineError), guard_inputs("count", StageParams):
        work()
    left = [Path(name).exists() for name in ("out", "table.csv", "counts.json")]
    assert left == [stage != "count"] * 3


def test_an_error_of_the_stage_is_not_hidden_by_an_edit():
    def work():
        write_params(n=2)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), guard_inputs("count", StageParams):
        work()


def test_code_that_is_newer_than_the_process_is_refused():
    """Importing takes seconds: which version of the file was loaded cannot be told."""
    Path("code/one.py").write_text("edited", encoding="utf-8")
    os.utime("code/one.py", (4e9, 4e9))
    with pytest.raises(PipelineError, match=r"edited while it started: code/one\.py\. Remedy: run dvc repro"):
        StageInputs.read("count", {"data": {"source": "corpus", "n": 1}})


@pytest.mark.parametrize("source", ["s3://bucket/corpus/", "gs://bucket/a.parquet", "hdfs://host/a"])
def test_an_address_is_left_to_the_stage_that_reads_it(source):
    """It is no path; DVC compares it with what the store lists."""
    write_params(source=source)
    with guard_inputs("count", StageParams):
        pass
    read = StageInputs.read("count", {"data": {"source": source, "n": 1}})
    assert read.files.keys() == {"facts.json", "code/one.py", "code/deep/two.py"}


def test_a_file_is_hashed_again_only_where_its_stamp_differs(monkeypatch):
    read = StageInputs.read("count", {"data": {"source": "corpus", "n": 1}})
    hashed = []
    hash_file = module.hash_file
    monkeypatch.setattr(module, "hash_file", lambda path: hashed.append(path.as_posix()) or hash_file(path))
    Path("facts.json").touch()
    assert read.find_changes({"data": {"source": "corpus", "n": 1}}) == []
    assert hashed == ["facts.json"]


def test_the_key_names_parameters_and_contents_alone():
    params = {"data": {"source": "corpus", "n": 1}}
    key = StageInputs.read("count", params).key
    Path("facts.json").touch()
    assert StageInputs.read("count", params).key == key
    assert StageInputs.read("count", {"data": {"source": "corpus", "n": 2}}).key != key
    Path("facts.json").write_text("edited", encoding="utf-8")
    assert StageInputs.read("count", params).key != key
    assert FileState.read(Path("facts.json")).size == len("edited")
