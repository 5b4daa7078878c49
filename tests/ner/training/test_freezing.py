"""Layers that are not trained."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForTokenClassification

from ner.core.errors import PipelineError
from ner.training.freezing import freeze_layers
from tests.support.tiny_encoder import build_tiny_encoder
from tests.support.tiny_training import make_trainer

pytestmark = pytest.mark.usefixtures("one_thread")
TINY = {
    "hidden_size": 32,
    "embedding_size": 16,  # ELECTRA's
    "dim": 32,  # DistilBERT's
    "num_hidden_layers": 3,
    "n_layers": 3,
    "num_attention_heads": 2,
    "n_heads": 2,
    "intermediate_size": 32,
    "hidden_dim": 32,
    "vocab_size": 20,
    "pad_token_id": 0,
}
# One of each family that profiles/ names, and DistilBERT.
FAMILIES = ("bert", "xlm-roberta", "electra", "deberta-v2", "modernbert", "distilbert")


def build(family):
    config = AutoConfig.for_model(family)
    for name, value in TINY.items():
        if hasattr(config, name):
            setattr(config, name, value)
    return AutoModelForTokenClassification.from_config(config)


@pytest.mark.parametrize("family", FAMILIES)
def test_embeddings_and_the_lowest_layers_are_frozen_and_nothing_else(family):
    model = build(family)
    freeze_layers(model, 2)
    frozen = {name for name, weight in model.named_parameters() if not weight.requires_grad}
    trained = {name for name, _ in model.named_parameters()} - frozen
    assert all(
        any(part in name for part in ("embeddings", "layer.0", "layer.1", "layers.0", "layers.1"))
        for name in frozen
    )
    assert any("word_embeddings" in name or "tok_embeddings" in name for name in frozen)
    assert {name.split(".")[0] for name in trained} >= {"classifier"}
    for number, expected in ((0, frozen), (1, frozen), (2, trained)):
        layer = {
            name for name in frozen | trained if f"layer.{number}." in name or f"layers.{number}." in name
        }
        assert layer
        assert layer <= expected


def test_none_is_frozen_by_default():
    model = build("bert")
    freeze_layers(model, 0)
    assert all(weight.requires_grad for weight in model.parameters())


@pytest.mark.parametrize(
    ("family", "message"),
    [
        pytest.param("bert", "train.freeze_layers is 4, and the encoder has 3 layers", id="too-many"),
        pytest.param("albert", "is 4, and the encoder has no layers of its own", id="one-shared-by-all"),
    ],
)
def test_layers_that_there_are_not_are_refused(family, message):
    with pytest.raises(PipelineError, match=rf"{message}.* Remedy: "):
        freeze_layers(build(family), 4)


@pytest.mark.parametrize("gradient_checkpointing", [False, True])
def test_frozen_weights_stay_and_the_others_learn(tmp_path, gradient_checkpointing):
    encoder_dir = build_tiny_encoder(tmp_path / "encoder", ["Görlitz"])
    trainer = make_trainer(
        encoder_dir, tmp_path / "steps", freeze_layers=1, gradient_checkpointing=gradient_checkpointing
    )
    before = {name: weight.clone() for name, weight in trainer.model.named_parameters()}
    trainer.fit(None)
    changed = {
        name for name, weight in trainer.model.named_parameters() if not torch.equal(weight, before[name])
    }
    assert not [name for name in changed if "embeddings" in name or "layer.0." in name]
    assert {"classifier.weight", "bert.encoder.layer.1.output.dense.weight"} <= changed
