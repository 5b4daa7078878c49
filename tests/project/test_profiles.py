"""Every file in profiles/ can stand in for params.yaml."""

import pytest

from ner.core.params import load_params, read_yaml
from ner.core.run_settings import RunSection
from stages import download, evaluate, fine_tune, report, tokenize_align
from tests.support.pipeline_clone import ROOT

MODELS = [
    download.CorpusStageParams,
    download.CheckpointStageParams,
    tokenize_align.StageParams,
    fine_tune.StageParams,
    evaluate.StageParams,
    report.StageParams,
    RunSection,
]
SEARCH = ROOT / "profiles/search.yaml"  # the ranges of `ner search`, not a set of parameters
FILES = [ROOT / "params.yaml", *sorted(set((ROOT / "profiles").glob("*.yaml")) - {SEARCH})]


def keys(content: dict, prefix: str = "") -> set[str]:
    """List all keys with their sections."""
    return {
        name
        for key, value in content.items()
        for name in (keys(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key})
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_file_has_the_keys_of_params_yaml(path):
    assert keys(read_yaml(path)) == keys(read_yaml(ROOT / "params.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_file_loads_through_the_models_of_the_stages(path):
    """And no top-level key is one that no stage reads."""
    read = set()
    for model in MODELS:
        load_params(path, model)
        read |= set(model.model_fields)
    assert read == set(read_yaml(path))


def test_germeval14_is_the_experiment_of_the_notebook():
    """The notebook's TrainingArguments, checkpoint and corpus."""
    profile = read_yaml(ROOT / "profiles/germeval14.yaml")
    assert (
        profile["train"].items()
        >= {
            "lr": 2e-5,
            "batch_size": 32,
            "epochs": 5,
            "weight_decay": 0.01,
            "warmup_share": 0.0,
            "head_lr_factor": 1,
            "head_bias": "zeros",
            "layer_decay": 1,
            "gradient_accumulation_steps": 1,
        }.items()
    )
    assert profile["tokenize"]["label_all_tokens"] is True
    assert profile["model"] == {
        "checkpoint": "bert-base-multilingual-cased",
        "revision": "main",
        "head": "new",
    }
    source = read_yaml(ROOT / profile["data"]["source"])
    assert (source["dataset"], source["revision"]) == ("GermanEval/germeval_14", "refs/convert/parquet")


ENCODERS = {
    "gbert-base": "deepset/gbert-base",
    "geberta-base": "ikim-uk-essen/geberta-base",
    "gelectra-large": "deepset/gelectra-large",
    "xlm-r-large": "FacebookAI/xlm-roberta-large",
    "modern-gbert": "LSX-UniWue/ModernGBERT_134M",
}


@pytest.mark.parametrize(("name", "checkpoint"), list(ENCODERS.items()))
def test_the_encoders_have_the_recipe_of_the_field(name, checkpoint):
    """First subtoken, up to 20 epochs, warm-up 0.1, no weight decay, and a source that a reader can open."""
    path = ROOT / f"profiles/{name}.yaml"
    profile = read_yaml(path)
    assert profile["model"]["checkpoint"] == checkpoint
    assert profile["data"]["source"] == "data/germeval14.yaml"
    assert profile["tokenize"]["label_all_tokens"] is False
    train = profile["train"]
    assert (train["epochs"], train["warmup_share"], train["weight_decay"]) == (20, 0.1, 0.0)
    assert 1e-5 <= train["lr"] <= 5e-5
    assert train["batch_size"] in (16, 32)
    text = path.read_text(encoding="utf-8")
    assert "Published: F1" in text
    assert "stefan-it/gerturax-fine-tuner" in text
    assert "not run here" in text
