"""The tagger without PyTorch."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ner.annotation.sentences import Sentence
from ner.core.errors import PipelineError
from ner.evaluation.predictions import read_predictions
from ner.onnx.export import write_onnx_folder
from ner.onnx.tagger import OnnxTagger, load_text_tagger
from tests.support.capital_tagger import CapitalTagger
from tests.support.pipeline_clone import ROOT
from tools import export

BUDGET = 500  # several batches of unlike shape


@pytest.fixture(scope="module")
def folder(finished_clone, tmp_path_factory):
    """Export the tiny tagger once."""
    folder = tmp_path_factory.mktemp("onnx")
    write_onnx_folder(finished_clone.root / "models/ner", folder, int8=False)
    return folder


@pytest.fixture
def predictions(finished_clone):
    """What `evaluate` wrote of both splits; of these, only validation may have inner entities."""
    folder = finished_clone.root / "data/predictions"
    return [one for split in ("test", "validation") for one in read_predictions(folder / f"{split}.parquet")]


def test_every_word_gets_the_tag_and_the_score_of_the_original(folder, predictions):
    """On both levels; sentences of all lengths, one of several windows, a word without a subtoken."""
    tagged = load_text_tagger(folder, subtokens_per_batch=BUDGET).tag_words(
        [one.words for one in predictions]
    )
    assert [one.tags for one in tagged] == [one.predicted for one in predictions]
    assert [one.inner.tags for one in tagged] == [one.predicted_inner for one in predictions]
    for one, prediction in zip(tagged, predictions, strict=True):
        assert one.scores == pytest.approx(prediction.scores, abs=1e-4)
        assert one.inner.scores == pytest.approx(prediction.scores_inner, abs=1e-4)
    assert len({len(one.words) for one in predictions}) > 5


def test_another_number_type_is_refused(folder):
    """The export has its own, int8 or float32."""
    with pytest.raises(PipelineError, match=r"--precision bf16: the ONNX export .* leave --precision out"):
        load_text_tagger(folder, precision="bf16")


def test_int8_agrees_in_nearly_all_words_and_is_smaller(folder, finished_clone, predictions, tmp_path):
    write_onnx_folder(finished_clone.root / "models/ner", tmp_path, int8=True)
    tagged = load_text_tagger(tmp_path, subtokens_per_batch=BUDGET).tag_words(
        [one.words for one in predictions]
    )
    outer = [(one.tags, prediction.predicted) for one, prediction in zip(tagged, predictions, strict=True)]
    inner = [
        (one.inner.tags, prediction.predicted_inner)
        for one, prediction in zip(tagged, predictions, strict=True)
    ]
    for level in (outer, inner):
        pairs = [pair for sentence in level for pair in zip(*sentence, strict=True)]
        assert sum(ours == theirs for ours, theirs in pairs) > 0.95 * len(pairs)
    assert any(tag != "O" for tags, _ in outer for tag in tags)
    assert b"MatMulInteger" in (tmp_path / "model.onnx").read_bytes()
    assert b"MatMulInteger" not in (folder / "model.onnx").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in folder.iterdir()}


def test_predict_runs_without_torch_and_transformers(folder):
    """Where neither is installed."""
    script = (
        "import sys, runpy\n"
        "class Absent:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name.split('.')[0] in ('torch', 'transformers'):\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "try:\n"
        "    runpy.run_module('tools', run_name='__main__')\n"
        "finally:\n"
        "    assert 'torch' not in sys.modules and 'onnxruntime' in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "predict", "--model", folder, "Angela Merkel wohnt in Bonn."],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["text"] == "Angela Merkel wohnt in Bonn."


def test_the_command_writes_the_folder_and_compares_it(folder, finished_clone, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def copy_export(_, staging, *, int8):
        assert int8
        for path in folder.iterdir():
            (staging / path.name).write_bytes(path.read_bytes())

    monkeypatch.setattr(export, "write_onnx_folder", copy_export)
    root = finished_clone.root
    command = ["--to", "onnx", "--int8", "--model", f"{root}/models/ner", "--output", "o"]
    for _ in range(2):  # the second replaces the first
        result = CliRunner().invoke(export.app, [*command, "--check", f"{root}/data/raw/test.parquet"])
        assert result.exit_code == 0, result.output
    scores = json.loads((root / "metrics/evaluate.json").read_text(encoding="utf-8"))["test"]
    assert f"{scores['words']} of {scores['words']}" in result.output
    assert result.output.count(f"{scores['f1']:.4f}") == 2
    assert {path.name for path in tmp_path.iterdir()} == {"o"}


def test_a_word_is_tagged_alike_if_all_its_levels_are(monkeypatch):
    """Here the exported tagger finds no inner entity where the other finds one, at its last word."""
    taggers = iter([CapitalTagger(n_levels=2), CapitalTagger(n_levels=2)])

    def load(folder):
        tagger = next(taggers)
        if folder == Path("onnx"):
            tag_words = tagger.tag_words
            tagger.tag_words = lambda sentences: [
                replace(one, inner=replace(one.inner, tags=["O"] * len(one.tags)))
                for one in tag_words(sentences)
            ]
        return tagger

    monkeypatch.setattr(export, "load_text_tagger", load)
    words = ["In", "Bad", "Ems"]
    sentence = Sentence("0", "", words, ["O", "B-LOC", "I-LOC"], ["O"] * 3)
    table = export.compare_taggers(Path("ner"), Path("onnx"), [sentence])
    assert list(table.columns[1].cells) == ["3 of 3", "2 of 3"]


@pytest.mark.parametrize(
    ("package", "use"),
    [
        pytest.param("onnxruntime", lambda path: OnnxTagger.load(path, subtokens_per_batch=1), id="tag"),
        pytest.param("onnxscript", lambda path: write_onnx_folder(path, path, int8=False), id="export"),
    ],
)
def test_a_package_that_is_absent_is_named_with_its_remedy(package, use, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(PipelineError, match=rf"{package}.* not installed\..*requirements-onnx\.txt"):
        use(tmp_path)


def test_a_broken_model_and_an_empty_folder_are_one_line(folder, tmp_path):
    with pytest.raises(PipelineError, match=r"it has no run_config\.json.* --model"):
        load_text_tagger(tmp_path, subtokens_per_batch=1)
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(
            path.read_bytes()[:1000] if path.suffix == ".onnx" else path.read_bytes()
        )
    with pytest.raises(PipelineError, match=r"onnxruntime cannot load it as a tagger \(.*export it again"):
        load_text_tagger(tmp_path, subtokens_per_batch=1)


def test_options_of_onnx_belong_to_onnx():
    result = CliRunner().invoke(export.app, ["--to", "hub-folder", "--int8"])
    assert isinstance(result.exception, PipelineError)
    assert "--int8 and --check belong to --to onnx" in str(result.exception)
