"""Fresh heads that expect each tag as often as the training split has it."""

import pytest
import torch

from ner.tagging.heads import add_inner_head, find_heads
from ner.tagging.model import load_encoder
from ner.training.head_start import log_shares, start_heads
from tests.support.tiny_encoder import build_tiny_encoder
from tests.support.tiny_training import TAG_SET, make_rows


@pytest.fixture(scope="module")
def encoder_dir(tmp_path_factory):
    return build_tiny_encoder(tmp_path_factory.mktemp("encoder"), ["Görlitz"])


@pytest.mark.parametrize(
    ("targets", "shares"),
    [
        pytest.param(
            [[-100, 0, 0, 0, -100], [-100, 1, -100]], [4 / 7, 2 / 7, 1 / 7], id="counts-and-one-each"
        ),
        pytest.param([[-100], []], [1 / 3, 1 / 3, 1 / 3], id="no-targets"),
        pytest.param([[2] * 7], [0.1, 0.1, 0.8], id="a-tag-that-never-occurs-stays-possible"),
    ],
)
def test_a_share_is_a_smoothed_count(targets, shares):
    assert log_shares(targets, 3).exp().tolist() == pytest.approx(shares)


def test_each_level_starts_at_its_own_shares_and_keeps_its_weights(encoder_dir):
    model = load_encoder(encoder_dir, TAG_SET)
    add_inner_head(model)
    before = [head.weight.clone() for head in find_heads(model)[1]]
    rows = [make_rows(1)[0] for _ in range(8)]  # one B-LOC and one O on either level
    rows[0].targets[1] = 0
    start_heads(model, rows)
    outer, inner = find_heads(model)[1]
    assert outer.bias.exp().tolist() == pytest.approx([10 / 19, 8 / 19, 1 / 19])
    assert inner.bias.exp().tolist() == pytest.approx([9 / 19, 9 / 19, 1 / 19])
    assert all(torch.equal(a, head.weight) for a, head in zip(before, (outer, inner), strict=True))


def test_a_head_without_biases_stays_as_it_is(encoder_dir):
    model = load_encoder(encoder_dir, TAG_SET)
    model.classifier.bias = None
    start_heads(model, make_rows(2))
    assert model.classifier.bias is None
