"""Learning rates of the heads and by layer."""

import pytest
from transformers import AutoConfig, AutoModelForTokenClassification

from ner.core.errors import PipelineError
from ner.training.learning_rates import group_weights
from tests.ner.training.test_freezing import FAMILIES, build
from tests.support.tiny_encoder import build_tiny_encoder
from tests.support.tiny_training import make_params, make_trainer


@pytest.fixture(scope="module")
def encoder_dir(tmp_path_factory):
    return build_tiny_encoder(tmp_path_factory.mktemp("encoder"), ["Görlitz"])


def rates_of(model, decayed=(), **train):
    """Give the rate and the decay of each weight by its name."""
    groups = group_weights(model, make_params(lr=1.0, weight_decay=0.5, **train).train, decayed)
    found = {id(w): (group["lr"], group["weight_decay"]) for group in groups for w in group["params"]}
    assert sum(len(group["params"]) for group in groups) == len(found), "no weight stands twice"
    return {name: found.get(id(weight)) for name, weight in model.named_parameters()}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_layer_learns_less_than_the_one_above_it_and_a_head_at_its_own_rate(family):
    model = build(family)
    rates = {name: rate for name, (rate, _) in rates_of(model, head_lr_factor=8.0, layer_decay=0.5).items()}
    in_encoder = {f"{model.base_model_prefix}.{name}" for name, _ in model.base_model.named_parameters()}
    assert {rate for name, rate in rates.items() if name not in in_encoder} == {8.0}
    for number, expected in ((0, 0.25), (1, 0.5), (2, 1.0)):
        of_layer = {
            rate for name, rate in rates.items() if f"layer.{number}." in name or f"layers.{number}." in name
        }
        assert of_layer == {expected}
    assert {rate for name, rate in rates.items() if "_embeddings" in name and "rel" not in name} == {0.125}


def test_without_the_settings_all_weights_learn_alike_and_those_named_decay():
    model = build("bert")
    rates = rates_of(model, decayed=["classifier.weight"])
    assert rates.pop("classifier.weight") == (1.0, 0.5)
    assert set(rates.values()) == {(1.0, 0.0)}


def test_a_frozen_weight_is_in_no_group():
    model = build("bert")
    model.classifier.weight.requires_grad_(False)
    assert rates_of(model, layer_decay=0.5)["classifier.weight"] is None


def test_layers_that_share_their_weights_are_refused():
    config = AutoConfig.for_model("albert", hidden_size=32, num_attention_heads=2, intermediate_size=32)
    with pytest.raises(PipelineError, match=r"train\.layer_decay is below 1, and the encoder has no layers"):
        rates_of(AutoModelForTokenClassification.from_config(config), layer_decay=0.5)


def test_the_trainer_learns_at_these_rates_and_decays_no_bias(encoder_dir, tmp_path):
    trainer = make_trainer(encoder_dir, tmp_path, lr=1e-3, head_lr_factor=10, layer_decay=0.5)
    trainer.fit(None)
    groups = trainer.optimizer.param_groups
    assert sorted({group["initial_lr"] for group in groups}) == [2.5e-4, 5e-4, 1e-3, 1e-2]
    assert {group["lr"] for group in groups} == {0.0}, "each falls to nothing"
    biases = {id(w) for name, w in trainer.model.named_parameters() if name.endswith("bias")}
    decays = {group["weight_decay"] for group in groups for w in group["params"] if id(w) in biases}
    assert decays == {0.0}
    assert {group["weight_decay"] for group in groups} == {0.0, 0.01}
