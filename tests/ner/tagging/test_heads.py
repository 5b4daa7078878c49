"""The inner level's head: beside a plain checkpoint of the outer level, decoded by the same rules."""

import json
from itertools import chain

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoModelForTokenClassification

from ner.annotation.labels import TagSet
from ner.core.errors import PipelineError
from ner.tagging.heads import INNER_HEAD, add_inner_head, count_levels, save_heads
from ner.tagging.levels import read_inner_tags
from ner.tagging.model import load_encoder, load_tagger_model
from ner.tagging.tagger import Tagger
from ner.tagging.viterbi import find_best_tags
from ner.training.results import save_tagger
from ner.windows.alignment import IGNORE_ID, NO_WORD, Window, first_subtokens
from ner.windows.tokenized import TokenizedWindow
from tests.support.tiny_encoder import build_tiny_encoder

pytestmark = pytest.mark.usefixtures("one_thread")
TAG_SET = TagSet(("O", "B-LOC", "I-LOC", "B-PER", "I-PER"))
N_TAGS = len(TAG_SET.tags)


@pytest.fixture(scope="module")
def encoder_dir(tmp_path_factory):
    return build_tiny_encoder(tmp_path_factory.mktemp("encoder"), ["Universität", "Hamburg", "in", "Köln"])


def make_model(encoder_dir, seed=1):
    """Give an encoder under two heads whose random weights are large enough to say something."""
    torch.manual_seed(seed)
    model = load_encoder(encoder_dir, TAG_SET)
    add_inner_head(model)
    with torch.no_grad():
        model.classifier.outer.weight.normal_()
        model.classifier.inner.weight.normal_()
    return model.eval()


def make_rows(n_sentences=12):
    """Make sentences of one window each, a word of one to three subtokens; targets of both levels."""
    rows = []
    for number in range(n_sentences):
        n_words = 1 + number % 5
        word_ids = list(chain.from_iterable([word] * (1 + (word + number) % 3) for word in range(n_words)))
        input_ids = [2, *(5 + (7 * number + place) % 20 for place in range(len(word_ids))), 3]
        targets = [[IGNORE_ID, *((word + k) % N_TAGS for word in word_ids), IGNORE_ID] for k in (0, 2)]
        window = Window(0, input_ids, [NO_WORD, *word_ids, NO_WORD])
        rows.append(TokenizedWindow(number, window, *targets))
    return rows, [max(row.window.word_ids) + 1 for row in rows]


def test_both_levels_are_those_of_each_window_by_itself(encoder_dir):
    """Decoded here anew: the inner level's logits follow the outer level's; each is made valid by itself."""
    model = make_model(encoder_dir)
    rows, n_words = make_rows()
    tagged = Tagger(model, subtokens_per_batch=30).tag(rows, n_words)
    loss = n_targets = n_repaired = 0
    for row, words in zip(rows, tagged.sentences, strict=True):
        with torch.inference_mode():
            logits = model(torch.tensor([row.window.input_ids])).logits[0]
        first = [position for position, _ in first_subtokens(row.window.word_ids)]
        levels = (
            (words, row.targets, logits[:, :N_TAGS]),
            (words.inner, row.inner_targets, logits[:, N_TAGS:]),
        )
        for level, targets, part in levels:
            path = find_best_tags(part[first].double().numpy(), TAG_SET.tags)
            assert level.tags == [TAG_SET.tags[number] for number in path]
            assert level.n_repaired == (part[first].argmax(-1) != torch.tensor(path)).sum()
            of_path = part[first].softmax(-1)[torch.arange(len(path)), path]
            assert level.scores == pytest.approx(of_path.tolist(), abs=1e-5)
            loss -= sum(float(part[i].log_softmax(-1)[t]) for i, t in enumerate(targets) if t != IGNORE_ID)
        n_targets += sum(target != IGNORE_ID for target in row.targets)
        n_repaired += words.inner.n_repaired
    assert tagged.n_levels == 2
    assert tagged.loss == pytest.approx(loss / n_targets, rel=1e-5)
    assert n_repaired > 0, "else nothing was repaired"
    assert [words.tags for words in tagged.sentences] != [words.inner.tags for words in tagged.sentences]


def test_text_without_targets_is_tagged_on_both_levels(encoder_dir):
    rows, n_words = make_rows()
    bare = [TokenizedWindow(row.sentence, row.window, [IGNORE_ID] * len(row.targets)) for row in rows]
    tagger = Tagger(make_model(encoder_dir), subtokens_per_batch=30)
    tagged = tagger.tag(bare, n_words)
    for one, other in zip(tagged.sentences, tagger.tag(rows, n_words).sentences, strict=True):
        assert (one.tags, one.scores, one.inner.tags) == (other.tags, other.scores, other.inner.tags)
        assert one.label_quality is None, "no tag of a corpus to judge"
    assert tagged.loss == 0.0


def test_no_windows_are_no_words_on_both_levels(encoder_dir):
    tagged = Tagger(make_model(encoder_dir)).tag([TokenizedWindow(0, Window(0, [], []), [])], [1])
    assert tagged.sentences[0].inner.tags == ["O"]


def test_a_run_config_without_sections_is_one_line(tmp_path):
    (tmp_path / "run_config.json").write_text("[]", encoding="utf-8")
    with pytest.raises(
        PipelineError, match=r"it holds no sections.* Remedy: restore the tagger: dvc checkout"
    ):
        read_inner_tags(tmp_path)


def test_the_folder_is_a_plain_checkpoint_of_the_outer_level(encoder_dir, tmp_path):
    """For whoever has transformers alone; with this project both levels come back."""
    model = make_model(encoder_dir)
    save_tagger(model, encoder_dir, tmp_path, {"seed": 1})
    assert count_levels(model) == 2, "saving leaves the model as it was"
    assert json.loads((tmp_path / "run_config.json").read_text()) == {
        "seed": 1,
        "inner_tags": list(TAG_SET.tags),
    }
    assert load_file(tmp_path / INNER_HEAD).keys() == {"weight", "bias"}
    batch = torch.tensor([[2, 7, 9, 3]])
    logits = model(batch).logits
    plain, found = AutoModelForTokenClassification.from_pretrained(tmp_path, output_loading_info=True)
    assert not found["missing_keys"]
    assert not found["unexpected_keys"]
    torch.testing.assert_close(plain.eval()(batch).logits, logits[:, :, :N_TAGS], rtol=0, atol=1e-6)
    torch.testing.assert_close(load_tagger_model(tmp_path).eval()(batch).logits, logits, rtol=0, atol=1e-6)


def test_a_tagger_of_the_outer_level_has_no_file_for_the_inner_one(encoder_dir, tmp_path):
    torch.manual_seed(1)
    save_tagger(load_encoder(encoder_dir, TAG_SET), encoder_dir, tmp_path, {"seed": 1})
    assert not (tmp_path / INNER_HEAD).exists()
    assert json.loads((tmp_path / "run_config.json").read_text()) == {"seed": 1}
    model = load_tagger_model(tmp_path)
    assert count_levels(model) == 1
    assert Tagger(model).tag(*make_rows()).sentences[0].inner is None


def drop(folder):
    (folder / INNER_HEAD).unlink()


def cut_short(folder):
    (folder / INNER_HEAD).write_bytes((folder / INNER_HEAD).read_bytes()[:100])


def shrink(folder):
    save_file({"weight": torch.zeros(3, 32), "bias": torch.zeros(3)}, folder / INNER_HEAD)


def rename_tag(folder):
    path = folder / "run_config.json"
    path.write_text(path.read_text().replace("B-LOC", "B-ORG"))


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        pytest.param(drop, r"inner_head\.safetensors: cannot be loaded", id="missing"),
        pytest.param(cut_short, r"inner_head\.safetensors: cannot be loaded", id="cut-short"),
        pytest.param(shrink, r"inner_head\.safetensors: cannot be loaded", id="another-shape"),
        pytest.param(rename_tag, r"run_config\.json: inner_tags are not the tags", id="other-tags"),
    ],
)
def test_a_damaged_inner_head_is_refused(encoder_dir, tmp_path, damage, problem):
    save_tagger(make_model(encoder_dir), encoder_dir, tmp_path, {})
    damage(tmp_path)
    with pytest.raises(PipelineError, match=rf"{problem}.* Remedy: restore the folder"):
        load_tagger_model(tmp_path)


def test_a_model_without_a_linear_head_gets_no_second_one(encoder_dir):
    model = load_encoder(encoder_dir, TAG_SET)
    model.classifier = nn.Sequential(model.classifier)
    with pytest.raises(PipelineError, match=r"no linear layer. Remedy: set train.levels to outer"):
        add_inner_head(model)
    assert count_levels(model) == 1


def test_saving_that_fails_leaves_the_model_as_it_was(encoder_dir, tmp_path):
    model = make_model(encoder_dir)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        save_heads(model, tmp_path / "file" / "ner")
    assert count_levels(model) == 2
