"""Training in bfloat16 on a CPU: what is computed in it, what is not, and that it is exact to repeat."""

import pytest
import torch
from torch import nn

from ner.core.files import read_json, write_json
from ner.tagging.model import load_encoder
from ner.tagging.precision import Precision
from ner.tagging.tagger import Tagger
from ner.training.linear_layers import linear_layers_in_bfloat16
from ner.training.results import write_results
from tests.ner.training.test_trainer import CutOff, facts_of, newest
from tests.support.tiny_encoder import build_tiny_encoder
from tests.support.tiny_training import TAG_SET, make_rows, make_trainer

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def encoder_dir(tmp_path_factory):
    return build_tiny_encoder(tmp_path_factory.mktemp("encoder"), ["Görlitz", "und", "Köln"])


@pytest.fixture
def model(encoder_dir):
    torch.manual_seed(1)
    return load_encoder(encoder_dir, TAG_SET).eval()


def gradients(model):
    """Compute the gradient of a batch. Shape: (n_weights,)."""
    model.zero_grad()
    ids = torch.tensor([[2, 6, 7, 6, 3], [2, 7, 6, 7, 3]])
    model(ids, labels=ids % len(TAG_SET.tags)).loss.backward()
    return torch.cat([one.grad.flatten() for one in model.parameters() if one.grad is not None])


def test_the_linear_layers_of_the_encoder_alone_are_rounded(model):
    """What every module gives the next is float32, and so are the head's logits and the gradients."""
    given = {}
    for name, module in model.named_modules():
        module.register_forward_hook(lambda _, __, output, name=name: given.update({name: output}))
    expected = gradients(model)
    exact = {name: one for name, one in given.items() if isinstance(one, torch.Tensor)}
    with linear_layers_in_bfloat16(model):
        rounded = gradients(model)
        classes = {name: type(module).__name__ for name, module in model.named_modules()}
    changed = {name for name, kind in classes.items() if kind == "Bfloat16Linear"}
    assert changed == {
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and name != "classifier"
    }
    assert {given[name].dtype for name in exact} == {rounded.dtype} == {torch.float32}
    first = min(name for name in changed if name.endswith("query"))
    assert given[first] is not exact[first]
    assert not torch.equal(given[first], exact[first])
    assert torch.allclose(given[first], exact[first], atol=0.02)
    assert not torch.equal(rounded, expected)
    assert torch.cosine_similarity(rounded, expected, dim=0) > 0.999
    assert {type(module) for name, module in model.named_modules() if name in changed} == {nn.Linear}


def test_the_layers_are_as_before_when_a_step_fails(model):
    with pytest.raises(KeyboardInterrupt), linear_layers_in_bfloat16(model):
        raise KeyboardInterrupt
    assert not [module for module in model.modules() if type(module).__name__ == "Bfloat16Linear"]


def test_a_run_in_bfloat16_repeats_and_resumes_exactly(encoder_dir, tmp_path):
    runs = []
    for precision in ("bf16", "bf16", "fp32"):
        runs.append(make_trainer(encoder_dir, tmp_path / str(len(runs)), precision=precision))
        runs[-1].fit(None)
    whole, again, exact = runs
    assert facts_of(again) == facts_of(whole) != facts_of(exact)
    assert whole.train_loss == pytest.approx(exact.train_loss, rel=0.01)

    first = make_trainer(encoder_dir, tmp_path / "cut", checkpoint_steps=3, precision="bf16")
    first.add_callback(CutOff(8))
    with pytest.raises(KeyboardInterrupt):
        first.fit(None)
    resumed = make_trainer(encoder_dir, tmp_path / "cut", checkpoint_steps=3, precision="bf16")
    resumed.fit(newest(tmp_path / "cut"))
    assert facts_of(resumed) == facts_of(whole)


@pytest.mark.parametrize("tagging", ["fp32", "bf16"])
def test_the_saved_tagger_tags_as_it_was_validated(encoder_dir, tmp_path, monkeypatch, tagging):
    """In its own number type, which it records."""
    monkeypatch.setattr("ner.tagging.precision.is_bfloat16_faster", lambda: True)
    trainer = make_trainer(encoder_dir, tmp_path / "run")
    trainer.precision = Precision("fp32", tagging)
    trainer.fit(None)
    write_results(trainer, encoder_dir, tmp_path, {"seed": 42})
    summary = read_json(tmp_path / "train.json")
    assert summary["environment"]["precision"] == "fp32"
    assert summary["environment"]["tagging_precision"] == tagging
    assert read_json(tmp_path / "tagger/run_config.json")["tagging"] == {"precision": tagging}
    assert read_json(tmp_path / "speed.json")["precision"] == "fp32"
    tagger = Tagger.load(tmp_path / "tagger")
    assert tagger.precision == tagging
    rows = make_rows(13)[:5]
    loss = tagger.tag(rows, [len(row.targets) - 2 for row in rows]).loss
    losses = [entry["eval_loss"] for entry in trainer.state.log_history if "eval_loss" in entry]
    assert loss == losses[trainer.best_epoch - 1]
    write_json(tmp_path / "tagger/run_config.json", {})
    assert Tagger.load(tmp_path / "tagger").precision == "fp32"
