"""A foreign checkpoint computes one sentence when it is fetched, or is refused in one line."""

import json
import shutil
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from ner.annotation.labels import TagSet
from ner.core.errors import PipelineError
from ner.sources.pretrained import fetch_checkpoint
from ner.sources.trial import SENTENCE, try_checkpoint
from ner.tagging.model import load_encoder
from tests.support.tiny_encoder import build_tiny_encoder

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def encoder_dir(tmp_path_factory):
    return build_tiny_encoder(tmp_path_factory.mktemp("encoder"), SENTENCE)


@pytest.fixture
def checkpoint(encoder_dir, tmp_path):
    """Give a copy to spoil."""
    shutil.copytree(encoder_dir, tmp_path / "encoder")
    return tmp_path / "encoder"


def set_config(folder, **changes):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | changes), encoding="utf-8")


def explain_refusal(folder):
    with pytest.raises(PipelineError) as refusal:
        try_checkpoint(folder, "model.checkpoint is 'x'")
    message = str(refusal.value)
    assert "\n" not in message
    assert message.startswith("model.checkpoint is 'x': ")
    assert "Remedy: " in message
    return message


def test_a_sound_checkpoint_passes_and_stays_as_it_was(checkpoint):
    before = {path.name: path.read_bytes() for path in checkpoint.iterdir()}
    try_checkpoint(checkpoint, "model.checkpoint is 'x'")
    assert {path.name: path.read_bytes() for path in checkpoint.iterdir()} == before


def test_one_that_was_fine_tuned_for_a_task_passes(checkpoint):
    load_encoder(checkpoint, TagSet(("O", "B-X", "I-X", "B-Y"))).save_pretrained(checkpoint)
    try_checkpoint(checkpoint, "model.checkpoint is 'x'")


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(
            {"quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True}}, id="8bit"
        ),
        pytest.param({"quantization_config": {"quant_method": "gptq", "bits": 4}}, id="gptq"),
        pytest.param({"hidden_size": 0}, id="no-width"),
        pytest.param({"hidden_size": "wide"}, id="width-in-text"),
        pytest.param({"num_attention_heads": 0}, id="no-heads"),
        pytest.param({"hidden_act": {}}, id="activation-a-mapping"),
        pytest.param({"hidden_act": "unheard-of"}, id="activation-unknown"),
        pytest.param({"pad_token_id": 10**6}, id="padding-beyond-the-vocabulary"),
        pytest.param({"pad_token_id": -5}, id="padding-negative"),
        pytest.param({"pad_token_id": "none"}, id="padding-in-text"),
        pytest.param({"attn_implementation": "flash_attention_2"}, id="flash-attention"),
        pytest.param({"attn_implementation": "kernels-community/flash-attn"}, id="a-kernel-of-the-hub"),
        pytest.param({"id2label": ["O", "B-X"]}, id="labels-a-list"),
        pytest.param({"layer_norm_eps": None}, id="epsilon-empty"),
        pytest.param({"model_type": "clip"}, id="no-text-encoder"),
    ],
)
def test_an_odd_configuration_is_one_line(checkpoint, config):
    set_config(checkpoint, **config)
    assert "transformers cannot compute with it (" in explain_refusal(checkpoint)


def test_a_configuration_that_is_nested_too_deep_is_one_line(checkpoint):
    text = (checkpoint / "config.json").read_text(encoding="utf-8").rstrip().removesuffix("}")
    deep = '{"a": ' * 10_000 + "1" + "}" * 10_000
    (checkpoint / "config.json").write_text(f'{text}, "deep": {deep}}}', encoding="utf-8")
    with pytest.raises(PipelineError, match=r"config\.json is not whole|cannot compute with it") as refusal:
        fetch_checkpoint(
            str(checkpoint), revision="main", target=checkpoint.parent / "pretrained", try_out=try_checkpoint
        )
    assert "\n" not in str(refusal.value)


def test_a_tokenizer_that_is_larger_than_the_embedding_is_refused(checkpoint):
    weights = load_file(checkpoint / "model.safetensors")
    table = weights["embeddings.word_embeddings.weight"]
    weights["embeddings.word_embeddings.weight"] = table[:-1].clone()
    save_file(weights, checkpoint / "model.safetensors", metadata={"format": "pt"})
    set_config(checkpoint, vocab_size=len(table) - 1)
    message = explain_refusal(checkpoint)
    assert f"counts subtokens up to {len(table) - 1}, but it has {len(table) - 1} embeddings" in message


def test_special_tokens_that_no_sentence_gets_may_lack_an_embedding(checkpoint):
    """Such as a padding token that was added later."""
    tokenizer = Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
    tokenizer.add_special_tokens(["<added>"])
    tokenizer.save(str(checkpoint / "tokenizer.json"))
    try_checkpoint(checkpoint, "model.checkpoint is 'x'")


def test_weights_that_are_no_numbers_are_refused(checkpoint):
    weights = load_file(checkpoint / "model.safetensors")
    weights["encoder.layer.1.output.dense.bias"][3] = torch.nan
    save_file(weights, checkpoint / "model.safetensors", metadata={"format": "pt"})
    assert "its weights hold NaN or infinity" in explain_refusal(checkpoint)


def test_a_checkpoint_that_is_refused_does_not_appear(checkpoint):
    set_config(checkpoint, num_attention_heads=0)
    with pytest.raises(PipelineError, match="cannot compute with it"):
        fetch_checkpoint(
            str(checkpoint), revision="main", target=checkpoint.parent / "pretrained", try_out=try_checkpoint
        )
    assert [path.name for path in checkpoint.parent.iterdir()] == ["encoder"]
    assert sys.getrecursionlimit() == 1000
