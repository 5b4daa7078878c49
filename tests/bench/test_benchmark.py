"""The benchmark: everyone does the same work, and every figure is written. No test looks at the clock."""

import json
import math
import shutil

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForTokenClassification
from typer.testing import CliRunner

from bench import benchmark
from bench.contestants import (
    OurEvaluation,
    OurEvaluationInBfloat16,
    OurTraining,
    PlainEvaluation,
    PlainEvaluation32,
    PlainEvaluationInBfloat16,
    Work,
    load_fresh,
)
from ner.annotation.sentences import read_split
from ner.windows.tokenized import read_windows
from tests.support.corpora import read_sentences
from tests.support.paths import CORPUS
from tests.support.pipeline_clone import ROOT
from tests.support.tiny_encoder import build_tiny_encoder

pytestmark = pytest.mark.usefixtures("one_thread")

N_SENTENCES = 40  # more than a batch


@pytest.fixture(scope="module")
def encoder_dir(tmp_path_factory):
    words = (CORPUS / "NER-de-train.tsv").read_text(encoding="utf-8").split()
    return build_tiny_encoder(tmp_path_factory.mktemp("encoder") / "tiny", words)


@pytest.fixture(scope="module")
def work(encoder_dir, tmp_path_factory):
    """Give windows and a tagger to measure with."""
    work = Work(tmp_path_factory.mktemp("work"), encoder_dir)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        benchmark.prepare_work(work, CORPUS, N_SENTENCES)
        OurTraining(work).save()
    return work


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Stand in a folder with the project's own params.yaml."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def numbers_of(value):
    """Walk through JSON and give its numbers."""
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from numbers_of(one)
    elif isinstance(value, int | float):
        yield value


def test_everyone_is_measured_at_the_same_work(project, encoder_dir, monkeypatch):
    monkeypatch.setattr(benchmark, "measure_peak", lambda contestant, *_: 100.0 + len(contestant.__name__))
    monkeypatch.setattr(benchmark, "MATRIX_SIZE", 64)
    shown = CliRunner().invoke(
        benchmark.app,
        ["--checkpoint", encoder_dir, "--corpus", CORPUS, "--sentences", "16", "--rounds", "2"],
        catch_exceptions=False,
    )
    assert shown.exit_code == 0
    results = json.loads((project / "metrics/benchmark.json").read_text())
    assert {kind: set(results[kind]) for kind in ("training", "evaluation", "prediction")} == {
        kind: {name for name in contestants if benchmark.is_available(name)}
        for kind, contestants in benchmark.CONTESTANTS.items()
    }
    for kind, split in (("training", "train"), ("evaluation", "test"), ("prediction", "test")):
        for figures in results[kind].values():
            assert figures["sentences"] == results["work"][split]["sentences"]
            assert figures["subtokens"] == results["work"][split]["subtokens"]
            assert len(figures["seconds"]) == 2
            assert figures["sentences_per_second"] > 0
    assert results["work"]["train"]["sentences"] == 16
    for compared in ("times_as_fast", "share_of_memory"):
        assert set(results["evaluation"]["plain_8_bf16"][compared]) == {"ours_fp32", "ours_bf16"}
    assert results["prediction"]["pipeline_1_fp32"]["padding_share"] == 0
    assert set(results["evaluation_share_of_matmul"]) == set(results["matmul_gflops"]) == {"fp32", "bf16"}
    assert all(math.isfinite(number) for number in numbers_of(results))
    text = json.dumps(results)
    assert str(project) not in text
    assert str(encoder_dir.parent) not in text
    assert "Trainer, batch 8" in shown.stdout


@pytest.mark.usefixtures("project")
def test_both_sides_start_from_the_same_weights_and_find_the_same_tags(work):
    ours, others = OurEvaluation(work).run(), [PlainEvaluation(work).run(), PlainEvaluation32(work).run()]
    assert len(ours.tag_ids) > 200
    assert [other.tag_ids for other in others] == [ours.tag_ids] * 2
    rounded = [OurEvaluationInBfloat16(work).run(), PlainEvaluationInBfloat16(work).run()]
    for one in rounded:
        same = [a == b for a, b in zip(one.tag_ids, ours.tag_ids, strict=True)]
        assert sum(same) > 0.95 * len(same), "bfloat16 rounds: all tags but a few are those of float32"
    assert torch.equal(*(load_fresh(work).classifier.weight for _ in range(2)))


def test_sentences_that_need_several_windows_are_left_out(encoder_dir, tmp_path, project):
    """The pipeline would cut them off, and not do the same work."""
    params = project / "params.yaml"
    params.write_text(
        params.read_text().replace("max_length: 256", "max_length: 40").replace("stride: 64", "stride: 4")
    )
    work = Work(tmp_path / "work", encoder_dir)
    facts = benchmark.prepare_work(work, CORPUS, 1_000)
    whole = [sentence.words for sentence in read_sentences(CORPUS / "NER-de-test.tsv")]
    kept = [sentence.words for sentence in read_split(work.raw_file("test"))]
    assert 0 < len(kept) == facts["test"]["sentences"] < len(whole)
    assert len(read_windows(work.tokenized_file("test"))) == len(kept)
    assert max(map(len, kept)) < max(map(len, whole))


def test_operations_are_counted_as_torch_counts_them(work):
    """Its counter sees every matrix product of a real forward pass."""
    model = AutoModelForTokenClassification.from_pretrained(work.tagger_dir, attn_implementation="eager")
    lengths = [7, 30]
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        for length in lengths:
            model(torch.ones(1, length, dtype=torch.long))
    assert benchmark.count_flop(model, lengths) == counter.get_total_flops()


@pytest.mark.usefixtures("project")
def test_the_peak_is_that_of_a_process_of_its_own(work, monkeypatch):
    """Without the Trainer, which evaluation does not need, and whatever this process has loaded."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    peak = benchmark.measure_peak(OurEvaluation, work, 1, {})
    assert 100 < peak < 2_000


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(
            ["--checkpoint", "nowhere"], "--checkpoint: nowhere: no such folder.", id="no-checkpoint"
        ),
        pytest.param(
            ["--checkpoint", ".", "--corpus", "nowhere"], "--corpus: nowhere: no such folder.", id="no-corpus"
        ),
    ],
)
def test_what_is_not_there_is_named(options, message):
    with pytest.raises(benchmark.PipelineError, match=message):
        CliRunner().invoke(benchmark.app, options, catch_exceptions=False)
