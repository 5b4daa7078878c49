"""What a stage loads before it works: each imports what it uses, and no more."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench import start_up
from ner.sources.settings import DataParams
from tests.support.paths import CORPUS
from tests.support.pipeline_clone import ROOT
from tests.support.tiny_encoder import make_wordpiece


def modules_after(code: str, folder: Path = ROOT) -> set[str]:
    """Run Python code in a process of its own and list the modules that it left behind."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules, sep='\\n')"],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("stage", "absent"),
    [
        pytest.param("download", {"torch", "transformers", "datasets", "pandas"}, id="download"),
        pytest.param("tokenize_align", {"torch", "transformers", "datasets", "pandas"}, id="tokenize_align"),
        pytest.param(
            "evaluate",
            {"transformers.trainer", "datasets", "matplotlib", "pandas", "seqeval", "sklearn"},
            id="evaluate",
        ),
        pytest.param("report", {"torch", "transformers", "datasets"}, id="report"),
    ],
)
def test_a_stage_imports_only_what_it_uses(stage, absent):
    assert not modules_after(f"import stages.{stage}") & absent


def test_the_corpus_is_read_and_tokenised_without_torch(tmp_path):
    """A library may bring it along only when it is used."""
    words = (CORPUS / "NER-de-train.tsv").read_text(encoding="utf-8").split()
    (tmp_path / "encoder").mkdir()
    make_wordpiece(words).save(str(tmp_path / "encoder" / "tokenizer.json"))
    (tmp_path / "encoder" / "config.json").write_text("{}")
    data = DataParams.found(str(CORPUS)).model_dump()
    tokenize = {"label_all_tokens": True, "max_length": 128, "stride": 32}
    (tmp_path / "params.yaml").write_text(json.dumps({"data": data, "tokenize": tokenize}))
    code = (
        "from pathlib import Path as P; from stages.download import download_corpus; "
        "from stages.tokenize_align import tokenize_align; "
        "download_corpus(P('raw'), P('data.json'), P('findings.csv')); "
        "tokenize_align(P('raw'), P('encoder'), P('tokenized'), P('tokenize.json'))"
    )
    assert not modules_after(code, tmp_path) & {"torch", "transformers"}
    assert (tmp_path / "tokenized" / "test.parquet").is_file()


@pytest.mark.slow
def test_the_fixed_cost_of_each_stage_is_measured(finished_clone, tmp_path, monkeypatch):
    """As a user would, with the project's own dvc.yaml; how long it takes is not asserted."""
    monkeypatch.chdir(ROOT)
    start_up.copy_project(tmp_path / "project")
    start_up.cut_corpus(CORPUS, tmp_path / "project" / "corpus")
    start_up.cut_encoder(finished_clone.root / "models/pretrained", tmp_path / "project" / "encoder")
    start_up.set_params(tmp_path / "project" / "params.yaml")
    seconds = start_up.time_repro(tmp_path / "project")
    assert list(seconds) == [
        "dvc", "download_corpus", "download_checkpoint", "tokenize_align", "fine_tune", "evaluate", "report"
    ]  # fmt: skip
    assert all(value > 0 for value in seconds.values())
    assert list(start_up.time_repro(tmp_path / "project")) == ["dvc"], "nothing is to do"
