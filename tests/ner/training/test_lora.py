"""Low-rank adapters: trained in place of the encoder's weights, and merged into a plain checkpoint."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForTokenClassification, TrainerCallback

from ner.core.errors import PipelineError
from ner.core.params import check_params
from ner.tagging.heads import count_levels
from ner.tagging.model import load_tagger_model
from ner.training import lora as lora_module
from ner.training.lora import add_lora, merge_lora, merged_lora
from ner.training.params import LoraParams
from ner.training.results import save_tagger
from tests.support.tiny_encoder import build_tiny_encoder
from tests.support.tiny_training import make_params, make_trainer

pytestmark = pytest.mark.usefixtures("one_thread")
LORA = {"rank": 2, "alpha": 4, "dropout": 0.0, "modules": ["query", "value"]}
needs_peft = pytest.mark.skipif(
    lora_module.find_spec("peft") is None,
    reason="no peft: pip install -r requirements-lora.txt",
)


@pytest.fixture(scope="module")
def encoder_dir(tmp_path_factory):
    return build_tiny_encoder(tmp_path_factory.mktemp("encoder"), ["Görlitz", "und", "Köln"])


class CutOff(TrainerCallback):
    """Ends a run as a kill would, before a step's checkpoint could be written."""

    def on_optimizer_step(self, _, state, *__, **___):
        """Raise in the middle of the seventh step."""
        if state.global_step == 7:
            raise KeyboardInterrupt


def compute(model):
    with torch.inference_mode():
        return model.eval()(torch.tensor([[2, 6, 7, 6, 3]], device=model.device)).logits.cpu()


@needs_peft
@pytest.mark.parametrize(
    "train",
    [
        pytest.param({}, id="outer"),
        pytest.param({"levels": "both"}, id="both"),
        pytest.param({"gradient_checkpointing": True}, id="gradient-checkpointing"),
        pytest.param({"precision": "bf16"}, id="bf16"),
        pytest.param({"lora": {**LORA, "dropout": 0.1, "modules": ["all-linear"]}}, id="all-linear"),
    ],
)
def test_adapters_learn_and_end_in_a_plain_checkpoint(encoder_dir, tmp_path, train):
    """The encoder's own weights stay until they are merged; a reader of the folder needs no peft."""
    trainer = make_trainer(
        encoder_dir, tmp_path / "steps", **{"lora": LORA, "lr": 0.05, "epochs": 6, **train}
    )
    model = trainer.model
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    trainer.fit(None)
    changed = {name for name, weight in model.named_parameters() if not torch.equal(weight, before[name])}
    assert changed
    assert all("lora_" in name or name.startswith("classifier.") for name in changed)
    assert {name for name in before if "lora_B" in name} <= changed, "each adapter learns"
    assert trainer.best_scores["f1"] == 1.0, "the task can be learnt"

    unmerged = compute(model)
    merge_lora(model)
    torch.testing.assert_close(compute(model), unmerged, rtol=1e-4, atol=1e-5)
    save_tagger(model, encoder_dir, tmp_path / "ner", {})
    plain, found = AutoModelForTokenClassification.from_pretrained(tmp_path / "ner", output_loading_info=True)
    assert not found["missing_keys"]
    assert not found["unexpected_keys"]
    n_levels = count_levels(model)
    assert n_levels == (2 if train.get("levels") == "both" else 1)
    torch.testing.assert_close(compute(plain), compute(model).chunk(n_levels, dim=-1)[0], rtol=0, atol=1e-6)
    torch.testing.assert_close(
        compute(load_tagger_model(tmp_path / "ner")), compute(model), rtol=0, atol=1e-6
    )
    names = load_file(tmp_path / "ner" / "model.safetensors").keys()
    assert not [name for name in names if "lora" in name or "base_layer" in name]
    assert not (tmp_path / "ner" / "adapter_config.json").exists()


@needs_peft
@pytest.mark.parametrize("levels", ["outer", "both"])
def test_a_run_that_was_cut_off_ends_with_the_same_weights(encoder_dir, tmp_path, levels):
    settings = {"lora": {**LORA, "dropout": 0.1}, "levels": levels, "lr": 0.05}
    whole = make_trainer(encoder_dir, tmp_path / "whole", **settings)
    whole.fit(None)
    first = make_trainer(encoder_dir, tmp_path / "steps", checkpoint_steps=2, **settings)
    first.add_callback(CutOff())
    with pytest.raises(KeyboardInterrupt):
        first.fit(None)
    second = make_trainer(encoder_dir, tmp_path / "steps", checkpoint_steps=2, **settings)
    second.fit(tmp_path / "steps" / "checkpoint-6")
    for trainer in (whole, second):
        merge_lora(trainer.model)
    states = [trainer.model.state_dict() for trainer in (whole, second)]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert whole.epoch_losses == second.epoch_losses
    assert (whole.best_scores, whole.best_epoch) == (second.best_scores, second.best_epoch)


@needs_peft
def test_adapters_in_frozen_layers_are_not_trained(encoder_dir, tmp_path):
    trainer = make_trainer(encoder_dir, tmp_path / "steps", lora=LORA, freeze_layers=1, lr=0.05)
    trainer.fit(None)
    merge_lora(trainer.model)
    before = load_file(encoder_dir / "model.safetensors")
    changed = {
        name
        for name, weight in trainer.model.base_model.state_dict().items()
        if not torch.equal(weight.cpu(), before[name])
    }
    assert changed == {f"encoder.layer.1.attention.self.{name}.weight" for name in LORA["modules"]}


@needs_peft
def test_validation_computes_with_the_merged_weights_and_leaves_the_others(encoder_dir, tmp_path):
    trainer = make_trainer(encoder_dir, tmp_path / "steps", lora=LORA, lr=0.05)
    trainer.fit(None)
    model = trainer.model
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    with merged_lora(model):
        merged = compute(model)
    assert all(torch.equal(before[name], weight) for name, weight in model.state_dict().items())
    merge_lora(model)
    assert torch.equal(compute(model), merged)


@needs_peft
@pytest.mark.parametrize(
    ("family", "modules"),
    [
        ("bert", ["query", "value"]),
        ("xlm-roberta", ["attention.self.query"]),
        ("electra", ["query", "dense"]),
        ("deberta-v2", ["query_proj", "value_proj"]),
        ("modernbert", ["Wqkv"]),
        ("distilbert", ["q_lin"]),
    ],
)
def test_only_the_named_layers_of_the_encoder_get_adapters(family, modules):
    """Never the head, which may have layers of the same name."""
    sizes = {
        "hidden_size": 32, "dim": 32, "num_attention_heads": 2, "n_heads": 2, "intermediate_size": 32,
        "hidden_dim": 32, "vocab_size": 20, "pad_token_id": 0,
    }  # fmt: skip
    config = AutoConfig.for_model(family)
    for name, size in sizes.items():
        if hasattr(config, name):
            setattr(config, name, size)
    model = AutoModelForTokenClassification.from_config(config)
    head = {
        name for name, _ in model.named_parameters() if not name.startswith(f"{model.base_model_prefix}.")
    }
    add_lora(model, LoraParams(**{**LORA, "modules": modules}))
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    adapters = trained - head
    assert trained > head
    assert {name.partition(".lora_")[0].endswith(tuple(modules)) for name in adapters} == {True}
    assert len(adapters) % (2 * config.num_hidden_layers) == 0
    merge_lora(model)
    assert not [name for name in model.state_dict() if "lora" in name or "base_layer" in name]


@needs_peft
def test_a_layer_that_the_encoder_lacks_is_refused(encoder_dir, tmp_path):
    with pytest.raises(
        PipelineError,
        match=r"names 'q_proj', and the encoder has no such linear layer. Remedy: "
        r"choose of dense, key, query, value, or write \[all-linear\]",
    ):
        make_trainer(encoder_dir, tmp_path, lora={**LORA, "modules": ["query", "q_proj"]})


def test_without_peft_one_line_says_what_to_install(encoder_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(lora_module, "find_spec", lambda _: None)
    with pytest.raises(
        PipelineError, match=r"peft is not installed. Remedy: pip install -r requirements-lora"
    ):
        make_trainer(encoder_dir, tmp_path, lora=LORA)


def test_without_the_setting_peft_is_not_asked_for(encoder_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(lora_module, "find_spec", lambda _: pytest.fail("peft was looked for"))
    trainer = make_trainer(encoder_dir, tmp_path)
    before = trainer.model.state_dict().keys()
    merge_lora(trainer.model)
    assert trainer.model.state_dict().keys() == before


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param({"rank": 0}, r"train\.lora\.rank is 0 ", id="rank-0"),
        pytest.param({"rank": 2.5}, r"train\.lora\.rank is 2\.5 ", id="rank-a-fraction"),
        pytest.param({"alpha": 0}, r"train\.lora\.alpha is 0 ", id="alpha-0"),
        pytest.param({"dropout": 1.0}, r"train\.lora\.dropout is 1\.0 ", id="dropout-1"),
        pytest.param({"modules": []}, r"train\.lora\.modules is \[\] ", id="no-modules"),
        pytest.param({"modules": "query"}, r"train\.lora\.modules is 'query' ", id="modules-a-text"),
        pytest.param({"r": 8}, r"train\.lora\.r is no parameter", id="peft's-name"),
    ],
)
def test_a_setting_without_a_meaning_is_one_line(change, problem):
    with pytest.raises(PipelineError, match=rf"^params.yaml: {problem}.* Remedy: ") as refusal:
        make_params(lora={**LORA, **change})
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("value", [True, 8, "query"])
def test_a_value_that_is_no_section_is_one_line(value):
    with pytest.raises(PipelineError, match=r"^params.yaml: train\.lora is .* Remedy: "):
        make_params(lora=value)


def test_a_key_that_is_missing_is_named():
    rest = {name: value for name, value in LORA.items() if name != "alpha"}
    with pytest.raises(PipelineError, match=r"train\.lora\.alpha is missing"):
        check_params(
            rest and {"seed": 1, "train": make_params().train.model_dump() | {"lora": rest}},
            type(make_params()),
            Path("params.yaml"),
        )
