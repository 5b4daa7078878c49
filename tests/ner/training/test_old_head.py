"""Going on from a tagger: each row of its head is found by its tag's name, or is fresh."""

import json
import logging
import shutil
from functools import partial

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForTokenClassification

from ner.annotation.labels import TagSet
from ner.core.errors import PipelineError
from ner.sources.pretrained import fetch_checkpoint
from ner.sources.trial import SENTENCE, try_checkpoint
from ner.tagging.heads import add_inner_head
from ner.tagging.model import load_encoder
from ner.training.old_head import keep_old_head, match_tags
from ner.training.results import save_tagger
from tests.support.tiny_encoder import build_tiny_encoder

pytestmark = pytest.mark.usefixtures("one_thread")
OLD = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
LOWER = ("o", "b-per", "i-per", "b-loc", "i-loc")


@pytest.fixture(scope="module")
def encoder_dir(tmp_path_factory):
    return build_tiny_encoder(tmp_path_factory.mktemp("encoder"), SENTENCE)


def build(encoder_dir, tags, *, has_inner, seed=1):
    torch.manual_seed(seed)
    model = load_encoder(encoder_dir, TagSet(tags))
    if has_inner:
        add_inner_head(model)
    return model


def save_old(encoder_dir, folder, tags=OLD, *, has_inner=False):
    """Write a tagger whose heads have a row of its own number, that of the inner level negative."""
    model = build(encoder_dir, OLD, has_inner=has_inner)
    head = model.classifier.outer if has_inner else model.classifier
    rows = torch.arange(1.0, 6.0)
    with torch.no_grad():
        head.weight.copy_(rows[:, None].expand_as(head.weight))
        head.bias.copy_(rows)
        if has_inner:
            model.classifier.inner.weight.copy_(-rows[:, None].expand_as(head.weight))
            model.classifier.inner.bias.copy_(-rows)
    save_tagger(model, encoder_dir, folder, {"seed": 1})
    set_config(folder, id2label=dict(enumerate(tags)), label2id={tag: n for n, tag in enumerate(tags)})
    return folder


def set_config(folder, **changes):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | changes), encoding="utf-8")


def fetch(checkpoint, target, *, keeps_head=True):
    fetch_checkpoint(
        str(checkpoint), revision="main", target=target, keeps_head=keeps_head, try_out=try_checkpoint
    )
    return target


@pytest.mark.parametrize(
    ("old", "tags", "kept", "line"),
    [
        pytest.param(
            OLD, OLD, [1, 2, 3, 4, 5], "kept: O, B-PER, I-PER, B-LOC, I-LOC; new: none; dropped: none",
            id="the-same",
        ),
        pytest.param(
            OLD, ("O", "B-LOC", "I-LOC", "B-PER", "I-PER"), [1, 4, 5, 2, 3],
            "kept: O, B-LOC, I-LOC, B-PER, I-PER; new: none; dropped: none", id="another-order",
        ),
        pytest.param(
            OLD, ("O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER"), [1, 4, 5, None, None, 2, 3],
            "new: B-ORG, I-ORG; dropped: none", id="more",
        ),
        pytest.param(
            OLD, ("O", "B-LOC", "I-LOC"), [1, 4, 5], "new: none; dropped: B-PER, I-PER", id="fewer"
        ),
        pytest.param(
            OLD, ("O", "B-LOC", "I-LOC", "B-ORG", "I-ORG"), [1, 4, 5, None, None],
            "new: B-ORG, I-ORG; dropped: B-PER, I-PER", id="as-many-others",
        ),
        pytest.param(
            LOWER, ("O", "B-LOC", "I-LOC"), [1, 4, 5],
            "kept: O (o), B-LOC (b-loc), I-LOC (i-loc); new: none; dropped: b-per, i-per", id="lower-case",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("has_inner", [False, True], ids=["outer", "both"])
def test_rows_go_to_the_tags_of_their_name_and_the_others_are_fresh(
    encoder_dir, tmp_path, caplog, has_inner, old, tags, kept, line
):
    """A fresh row is the one that `new` draws."""
    checkpoint = save_old(encoder_dir, tmp_path / "old", old, has_inner=has_inner)
    if has_inner:
        run_config = {"inner_tags": list(old)}
        (checkpoint / "run_config.json").write_text(json.dumps(run_config), encoding="utf-8")
    pretrained = fetch(checkpoint, tmp_path / "pretrained")
    fresh = build(pretrained, tags, has_inner=has_inner)
    model = build(pretrained, tags, has_inner=has_inner)
    with caplog.at_level(logging.INFO):
        keep_old_head(model, pretrained)
    old_head, drawn_head = model.classifier, fresh.classifier
    levels = [(1, old_head, drawn_head)]
    if has_inner:
        levels = [(1, old_head.outer, drawn_head.outer), (-1, old_head.inner, drawn_head.inner)]
    for sign, head, drawn in levels:
        for number, row in enumerate(kept):
            if row is None:
                assert torch.equal(head.weight[number], drawn.weight[number])
                assert head.bias[number] == drawn.bias[number]
            else:
                assert head.weight[number].tolist() == [sign * row] * 32
                assert head.bias[number] == sign * row
    lines = [message for message in caplog.messages if message.startswith("model.head keep")]
    assert len(lines) == 1 + has_inner
    assert all(message.endswith(line) for message in lines)
    encoders = [
        {k: v for k, v in one.state_dict().items() if k.startswith("bert.")} for one in (model, fresh)
    ]
    assert all(torch.equal(encoders[0][name], encoders[1][name]) for name in encoders[0])


def test_new_draws_every_row_and_brings_no_old_head(encoder_dir, tmp_path):
    checkpoint = save_old(encoder_dir, tmp_path / "old", has_inner=True)
    pretrained = fetch(checkpoint, tmp_path / "pretrained", keeps_head=False)
    assert not {"kept_head.json", "inner_head.safetensors", "run_config.json"} & {
        path.name for path in pretrained.iterdir()
    }
    model = build(pretrained, OLD, has_inner=True)
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    keep_old_head(model, pretrained)
    assert all(torch.equal(before[name], weight) for name, weight in model.named_parameters())
    bare = build(encoder_dir, OLD, has_inner=True)
    assert torch.equal(model.classifier.outer.weight, bare.classifier.outer.weight)


@pytest.mark.parametrize(
    ("was_both", "is_both", "line"),
    [
        pytest.param(True, False, "inner level: its head is dropped", id="dropped"),
        pytest.param(False, True, "inner level: the checkpoint has no head for it", id="fresh"),
    ],
)
def test_a_level_of_one_side_alone_is_said(encoder_dir, tmp_path, caplog, was_both, is_both, line):
    pretrained = fetch(save_old(encoder_dir, tmp_path / "old", has_inner=was_both), tmp_path / "pretrained")
    model = build(pretrained, OLD, has_inner=is_both)
    inner = model.classifier.inner.weight.clone() if is_both else None
    with caplog.at_level(logging.INFO):
        keep_old_head(model, pretrained)
    assert any(line in message for message in caplog.messages)
    outer = model.classifier.outer if is_both else model.classifier
    assert outer.bias.tolist() == [1, 2, 3, 4, 5]
    assert inner is None or torch.equal(model.classifier.inner.weight, inner)


@pytest.mark.parametrize("family", ["modernbert", "roberta", "electra", "deberta-v2", "distilbert"])
def test_the_heads_of_other_families_are_kept_whole(tmp_path, family):
    """ModernBERT's has layers before the last one, which belong to it too."""
    sizes = {
        "hidden_size": 32, "dim": 32, "embedding_size": 16, "num_hidden_layers": 1, "n_layers": 1,
        "num_attention_heads": 2, "n_heads": 2, "intermediate_size": 32, "hidden_dim": 32, "vocab_size": 20,
        "pad_token_id": 0,
    }  # fmt: skip
    known = filter(partial(hasattr, AutoConfig.for_model(family)), sizes)
    config = AutoConfig.for_model(family, **{name: sizes[name] for name in known})
    config.id2label, config.label2id = dict(enumerate(OLD)), {tag: n for n, tag in enumerate(OLD)}
    foreign = AutoModelForTokenClassification.from_config(config)
    with torch.no_grad():
        for name, weight in foreign.named_parameters():
            if not name.startswith(foreign.base_model_prefix):
                weight.normal_()
    foreign.save_pretrained(tmp_path)
    (tmp_path / "kept_head.json").write_text(json.dumps({"tags": OLD, "inner_tags": None}), encoding="utf-8")
    model = build(tmp_path, OLD, has_inner=False)
    drawn = {
        name
        for name, weight in model.named_parameters()
        if not torch.equal(weight, foreign.get_parameter(name))
    }
    assert drawn, "new draws a head of its own"
    keep_old_head(model, tmp_path)
    assert all(torch.equal(weight, foreign.get_parameter(name)) for name, weight in model.named_parameters())


def drop_head(folder):
    weights = load_file(folder / "model.safetensors")
    kept = {name: weight for name, weight in weights.items() if not name.startswith("classifier")}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def narrow(folder):
    weights = load_file(folder / "model.safetensors")
    weights["classifier.weight"] = weights["classifier.weight"][:3].clone()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        pytest.param(drop_head, r"no head for tags \(its weights lack classifier.bias", id="no-weights"),
        pytest.param(narrow, r"no head for tags \(its weights lack classifier.weight", id="another-size"),
        pytest.param(
            partial(set_config, architectures=["BertForMaskedLM"]),
            r"no head for tags \(it was saved as BertForMaskedLM", id="another-task",
        ),
        pytest.param(
            partial(set_config, id2label=None),
            r"no head for tags \(its config.json names no tags",
            id="no-names",
        ),
        pytest.param(
            partial(set_config, id2label={str(n): f"LABEL_{n}" for n in range(5)}),
            r"whose tags have no names in its config.json \(LABEL_0, ", id="generic-names",
        ),
    ],
)  # fmt: skip
def test_a_checkpoint_without_such_a_head_is_refused_before_training(encoder_dir, tmp_path, spoil, problem):
    checkpoint = save_old(encoder_dir, tmp_path / "old")
    spoil(checkpoint)
    with pytest.raises(PipelineError, match=problem) as refusal:
        fetch(checkpoint, tmp_path / "pretrained")
    message = str(refusal.value)
    assert message.startswith(f"model.checkpoint is {str(checkpoint)!r}")
    assert "and model.head is keep. Remedy: " in message
    assert "set model.head to new" in message
    assert "\n" not in message
    assert not (tmp_path / "pretrained").exists()


def test_a_bare_encoder_is_refused(encoder_dir, tmp_path):
    with pytest.raises(
        PipelineError, match=r"no head for tags \(it was saved as BertModel\).* Remedy: set model"
    ):
        fetch(encoder_dir, tmp_path / "pretrained")


def test_a_head_without_a_tag_of_the_corpus_is_refused(encoder_dir, tmp_path):
    pretrained = fetch(save_old(encoder_dir, tmp_path / "old"), tmp_path / "pretrained")
    model = build(pretrained, ("O", "B-GENE", "I-GENE"), has_inner=False)
    with pytest.raises(
        PipelineError, match=r"has no tag of the corpus: it has O, B-PER.*O, B-GENE.* Remedy: "
    ):
        keep_old_head(model, pretrained)


def test_exact_names_win_and_two_of_another_case_are_not_guessed():
    matches = match_tags(["O", "B-Per", "B-LOC"], ["O", "B-PER", "B-Per", "b-loc", "B-Loc"])
    assert matches.rows == {0: 0, 1: 2}
    assert matches.new == ["B-LOC"]
    assert matches.dropped == ["B-PER", "b-loc", "B-Loc"]


def test_a_pinned_hash_of_both_levels_is_that_of_the_outer_checkpoint(encoder_dir, tmp_path):
    """The inner head beside it is no part of the weights that `#sha256=` names."""
    both = save_old(encoder_dir, tmp_path / "both", has_inner=True)
    hashes = {
        fetch_checkpoint(
            str(both), revision="main", target=tmp_path / "pretrained", keeps_head=keeps
        ).weights_sha256
        for keeps in (True, False)
    }
    assert len(hashes) == 1
    shutil.rmtree(tmp_path / "pretrained")
