"""The tagger: one tag and one score a word, whatever the windows and batches."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from ner.annotation.labels import TagSet
from ner.annotation.spans import decode_spans, encode_tags
from ner.core.errors import PipelineError
from ner.sources.formats.germeval import read_germeval
from ner.tagging.model import WindowCollator, load_encoder
from ner.tagging.scheduling import compute_side_by_side, group_batches
from ner.tagging.tagger import Tagger
from ner.tagging.viterbi import find_best_tags
from ner.windows.alignment import IGNORE_ID, NO_WORD, Window, align_tag_ids, cut_windows, first_subtokens
from ner.windows.tokenized import TokenizedWindow
from ner.windows.tokenizer import WordTokenizer
from tests.support.paths import CORPUS
from tests.support.tiny_encoder import build_tiny_encoder

pytestmark = pytest.mark.usefixtures("one_thread")

TAG_SET = TagSet(("O", "B-LOC", "I-LOC", "B-PER", "I-PER"))
SENTENCES = [sentence.words for sentence in read_germeval(CORPUS / "NER-de-test.tsv")]
N_WORDS = [len(words) for words in SENTENCES]


@pytest.fixture(scope="module")
def encoder_dir(tmp_path_factory):
    words = [word for sentence in SENTENCES for word in sentence]
    return build_tiny_encoder(tmp_path_factory.mktemp("encoder"), words)


@pytest.fixture(scope="module")
def model(encoder_dir):
    """Give an encoder under a head whose random weights are large enough to say something."""
    torch.manual_seed(1)
    model = load_encoder(encoder_dir, TAG_SET)
    with torch.no_grad():
        model.classifier.weight.normal_()
    return model


@pytest.fixture(scope="module")
def tokenizer(encoder_dir):
    return WordTokenizer.load(encoder_dir)


def cut(tokenizer, sentences, max_length, stride):
    """Tokenise as `tokenize_align` does; every word's target is its number modulo the tags."""
    rows = []
    for number, pieces in enumerate(tokenizer.encode(sentences)):
        tag_ids = [word % len(TAG_SET.tags) for word in range(len(pieces))]
        for window in cut_windows(
            pieces, prefix=tokenizer.prefix, suffix=tokenizer.suffix, max_length=max_length, stride=stride
        ):
            targets = align_tag_ids(window, tag_ids, label_all_tokens=False)
            rows.append(TokenizedWindow(number, window, targets))
    return rows


def predict_alone(model, row):
    """Run one window by itself: no batch, no padding, no mask. Shape: (n_subtokens, n_tags)."""
    model.eval()
    with torch.inference_mode():
        return model(torch.tensor([row.window.input_ids])).logits[0]


def test_tags_are_those_of_each_window_by_itself(model, tokenizer):
    """Decoded here anew: first subtoken, the likeliest valid tags, their probabilities."""
    rows = cut(tokenizer, SENTENCES, 64, 16)
    tagged = Tagger(model, subtokens_per_batch=300).tag(rows, N_WORDS)

    assert len(rows) > len(SENTENCES)
    words_logits = [np.full((n, len(TAG_SET.tags)), -np.inf) for n in N_WORDS]
    for one in words_logits:
        one[:, 0] = 0.0  # a word without a subtoken is O
    seen = [np.zeros(n) for n in N_WORDS]
    loss, n_targets = 0.0, 0
    for row, best in zip(rows, tagged.subtoken_tag_ids, strict=True):
        logits = predict_alone(model, row)
        assert best == logits.argmax(-1).tolist()
        for position, word_id in first_subtokens(row.window.word_ids):
            word = row.window.first_word + word_id
            words_logits[row.sentence][word] = logits[position]
            seen[row.sentence][word] = 1.0
            loss -= float(logits[position].log_softmax(-1)[row.targets[position]])
            n_targets += 1
    for words, raw, is_seen in zip(tagged.sentences, words_logits, seen, strict=True):
        path = find_best_tags(raw, TAG_SET.tags)
        assert words.tags == [TAG_SET.tags[number] for number in path]
        assert words.n_repaired == (raw.argmax(-1) != path).sum()
        shares = torch.tensor(raw).softmax(-1).numpy()[np.arange(len(path)), path]
        assert words.scores == pytest.approx(is_seen * shares, abs=1e-5)
    assert tagged.loss == pytest.approx(loss / n_targets, rel=1e-5)
    assert len({tag for words in tagged.sentences for tag in words.tags}) > 2, "else nothing was compared"


def test_predicted_sequences_are_valid(model, tokenizer):
    tagged = Tagger(model, subtokens_per_batch=300).tag(cut(tokenizer, SENTENCES, 64, 16), N_WORDS)
    for words in tagged.sentences:
        assert encode_tags(decode_spans(words.tags), len(words.tags)) == words.tags
    assert sum(words.n_repaired for words in tagged.sentences) > 0, "else nothing was repaired"


@pytest.mark.parametrize("budget", [1, 100, 10_000])
def test_results_do_not_depend_on_the_batches(model, tokenizer, budget):
    """Nor on the order in which these are computed: the longest come first, the corpus's order comes back."""
    rows = cut(tokenizer, SENTENCES, 64, 16)
    expected = Tagger(model, subtokens_per_batch=300).tag(rows, N_WORDS)
    tagged = Tagger(model, subtokens_per_batch=budget).tag(rows, N_WORDS)
    assert tagged.subtoken_tag_ids == expected.subtoken_tag_ids
    assert [words.tags for words in tagged.sentences] == [words.tags for words in expected.sentences]
    for words, others in zip(tagged.sentences, expected.sentences, strict=True):
        assert words.scores == pytest.approx(others.scores, abs=1e-5)
    assert tagged.loss == pytest.approx(expected.loss, rel=1e-5)


@pytest.mark.parametrize(
    ("limit", "sizes"),
    [
        pytest.param(1, [1, 1, 1, 1, 1], id="none-waits"),
        pytest.param(12, [2, 2, 1], id="a-rest"),
        pytest.param(1_000, [5], id="all-wait"),
    ],
)
def test_results_may_wait_on_the_device(limit, sizes):
    """On a GPU those of several batches are copied back at once."""
    row = TokenizedWindow(0, Window(0, [2, 10, 3], [NO_WORD, 0, NO_WORD]), [IGNORE_ID] * 3)
    batches = [[row] * 2] * 5
    groups = list(group_batches(batches, limit))
    assert [len(group) for group in groups] == sizes
    assert [batch for group in groups for batch in group] == batches


@pytest.mark.parametrize("limit", [1, 400, 10**9])
def test_a_device_of_its_own_gives_the_same(model, tokenizer, monkeypatch, limit):
    """The device is a pretence here: what is asked of it is computed on the processor."""
    rows = cut(tokenizer, SENTENCES, 64, 16)
    tagger = Tagger(model, subtokens_per_batch=100)
    expected = tagger.tag(rows, N_WORDS)
    sizes, tag_batch = [], tagger._tag_batch

    def group_and_count(batches, most):
        groups = list(group_batches(batches, most))
        sizes.extend(len(group) for group in groups)
        return groups

    def tag_batch_here(batch):
        with monkeypatch.context() as patch:
            patch.setattr(type(model), "device", torch.device("cpu"))
            return tag_batch(batch)

    monkeypatch.setattr(tagger, "_tag_batch", tag_batch_here)
    monkeypatch.setattr("ner.tagging.tagger.group_batches", group_and_count)
    monkeypatch.setattr("ner.tagging.tagger.SUBTOKENS_ON_GPU", limit)
    monkeypatch.setattr(type(model), "device", torch.device("meta"))
    assert tagger.tag(rows, N_WORDS) == expected
    assert len(sizes) > 5 if limit == 1 else max(sizes) > 1
    assert (limit == 10**9) == (len(sizes) == 1)


@pytest.fixture
def two_threads():
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


@pytest.mark.usefixtures("two_threads")
def test_batches_side_by_side_give_what_they_give_one_by_one(model, tokenizer, monkeypatch):
    """To the last bit: each is computed by one thread, as on a machine with one core."""
    rows = cut(tokenizer, SENTENCES, 64, 16)
    tagger = Tagger(model, subtokens_per_batch=100)
    threads, tag_batch = [], tagger._tag_batch

    def tag_batch_and_count(batch):
        threads.append((threading.current_thread().name, torch.get_num_threads()))
        return tag_batch(batch)

    monkeypatch.setattr(tagger, "_tag_batch", tag_batch_and_count)
    side_by_side = [tagger.tag(rows, N_WORDS) for _ in range(3)]
    assert {n for _, n in threads} == {1}
    assert threading.main_thread().name not in dict(threads)
    torch.set_num_threads(1)
    assert side_by_side == [tagger.tag(rows, N_WORDS)] * 3


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(
    ("n_batches", "threads_of_each"),
    [
        pytest.param(0, [], id="nothing"),
        pytest.param(1, [2], id="one-batch-has-all-threads"),
        pytest.param(2, [1, 1], id="one-each"),
        pytest.param(5, [1] * 5, id="more-batches"),
    ],
)
def test_the_threads_are_shared_by_the_batches(n_batches, threads_of_each):
    batches = [[number] for number in range(n_batches)]
    results = compute_side_by_side(lambda batch: (batch, torch.get_num_threads()), batches)
    assert results == list(zip(batches, threads_of_each, strict=True))
    assert torch.get_num_threads() == 2, "what is computed next has them all again"
    with ThreadPoolExecutor() as pool:
        assert pool.submit(torch.get_num_threads).result() == 2, "in a new thread too"


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_fails_in_a_batch_ends_the_others(monkeypatch, error):
    """They are not computed to their end first, and the threads are given back."""
    started, cancelled = [], threading.Event()
    shut_down = ThreadPoolExecutor.shutdown

    def cancel(pool, **options):
        shut_down(pool, wait=False, **options)
        cancelled.set()
        shut_down(pool)

    def fail(batch):
        started.append(batch)
        if batch > 0:
            cancelled.wait()
        raise error(batch)

    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", cancel)
    with pytest.raises(error):
        compute_side_by_side(fail, list(range(1_000)))
    assert len(started) <= 3, "one in each thread, and the next of the first"
    assert torch.get_num_threads() == 2


def test_padding_is_measured(model, tokenizer):
    rows = cut(tokenizer, SENTENCES, 64, 16)
    assert Tagger(model, subtokens_per_batch=1).tag(rows, N_WORDS).padding_share == 0
    lengths = [len(row.window.input_ids) for row in rows]
    together = Tagger(model, subtokens_per_batch=10_000).tag(rows, N_WORDS)
    assert together.padding_share == pytest.approx(1 - sum(lengths) / (len(rows) * max(lengths)))


@pytest.mark.parametrize(("max_length", "stride"), [(512, 0), (64, 16), (24, 0), (24, 20)])
def test_every_word_has_one_tag_and_one_score(model, tokenizer, max_length, stride):
    """Also in a sentence of several windows, and where a word has no subtoken."""
    rows = cut(tokenizer, SENTENCES, max_length, stride)
    tagged = Tagger(model, subtokens_per_batch=300).tag(rows, N_WORDS)
    assert [len(words.tags) for words in tagged.sentences] == N_WORDS
    for words, sentence in zip(tagged.sentences, SENTENCES, strict=True):
        assert all(tag in TAG_SET.tags for tag in words.tags)
        for word, tag, score in zip(sentence, words.tags, words.scores, strict=True):
            assert (tag, score) == ("O", 0.0) if word == "\x96" else 0 < score <= 1


def test_a_word_without_subtoken_is_outside_and_unseen(model, tokenizer):
    words = ["\x96", "Görlitz", "\x96", "\x96", "Köln"]
    seen = ["Görlitz", "Köln"]
    tagger = Tagger(model, subtokens_per_batch=300)
    (tagged,) = tagger.tag(cut(tokenizer, [words], 64, 0), [len(words)]).sentences
    (expected,) = tagger.tag(cut(tokenizer, [seen], 64, 0), [len(seen)]).sentences
    assert [tagged.tags[word] for word in (0, 2, 3)] == ["O"] * 3
    assert [tagged.scores[word] for word in (0, 2, 3)] == [0.0] * 3
    assert [tagged.scores[word] for word in (1, 4)] == expected.scores


def test_a_sentence_without_any_subtoken_keeps_its_place(model, tokenizer):
    sentences = [["Köln"], ["\x96", "\x96"], ["Jena"]]
    tagged = Tagger(model, subtokens_per_batch=300).tag(cut(tokenizer, sentences, 64, 0), [1, 2, 1])
    assert tagged.sentences[1].tags == ["O", "O"]
    assert tagged.sentences[0].scores[0] > 0 < tagged.sentences[2].scores[0]


def test_the_best_tag_of_the_first_subtoken_is_the_words(model):
    """Later subtokens and the context of a neighbouring window have no say."""
    rows = [
        TokenizedWindow(0, Window(0, [2, 10, 11, 12, 3], [NO_WORD, 0, 0, 1, NO_WORD]), [IGNORE_ID] * 5),
        TokenizedWindow(0, Window(2, [2, 12, 13, 3], [NO_WORD, NO_WORD, 0, NO_WORD]), [IGNORE_ID] * 4),
    ]
    tagged = Tagger(model, subtokens_per_batch=300).tag(rows, [3])
    shares = [predict_alone(model, row).softmax(-1) for row in rows]
    of_words = torch.stack([shares[row][position] for row, position in ((0, 1), (0, 3), (1, 2))])
    path = find_best_tags(of_words.log().double().numpy(), TAG_SET.tags)
    (words,) = tagged.sentences
    assert words.tags == [TAG_SET.tags[number] for number in path]
    assert words.scores == pytest.approx(of_words[torch.arange(3), path].tolist())
    assert tagged.loss == 0.0, "no target, no loss"


def test_nothing_to_tag(model):
    tagged = Tagger(model, subtokens_per_batch=300).tag([], [])
    assert (tagged.sentences, tagged.subtoken_tag_ids, tagged.loss, tagged.padding_share) == (
        [],
        [],
        0.0,
        0.0,
    )


@pytest.mark.parametrize("is_training", [True, False])
def test_tagging_is_without_dropout_and_leaves_the_mode_alone(model, tokenizer, is_training):
    """The Trainer goes on training after an epoch is validated."""
    rows = cut(tokenizer, SENTENCES, 64, 16)
    model.train(is_training)
    one = Tagger(model, subtokens_per_batch=300).tag(rows, N_WORDS)
    assert model.training is is_training
    assert Tagger(model, subtokens_per_batch=300).tag(rows, N_WORDS) == one


def test_a_batch_is_padded_on_the_right():
    rows = [
        TokenizedWindow(0, Window(0, [2, 7, 3], [NO_WORD, 0, NO_WORD]), [IGNORE_ID, 4, IGNORE_ID]),
        TokenizedWindow(1, Window(0, [2, 3], [NO_WORD, NO_WORD]), [IGNORE_ID, IGNORE_ID]),
    ]
    batch = {name: tensor.tolist() for name, tensor in WindowCollator(1)(rows).items()}
    assert batch == {
        "input_ids": [[2, 7, 3], [2, 3, 1]],
        "attention_mask": [[1, 1, 1], [1, 1, 0]],
        "labels": [[IGNORE_ID, 4, IGNORE_ID], [IGNORE_ID] * 3],
    }
    assert WindowCollator(None)(rows)["input_ids"].tolist() == [[2, 7, 3], [2, 3, 0]]


def test_a_saved_tagger_tags_as_before(model, tokenizer, tmp_path):
    rows = cut(tokenizer, SENTENCES, 64, 16)
    expected = Tagger(model, subtokens_per_batch=300).tag(rows, N_WORDS)
    model.save_pretrained(tmp_path)
    tagger = Tagger.load(tmp_path, subtokens_per_batch=300)
    assert tagger.tag_set == TAG_SET
    tagged = tagger.tag(rows, N_WORDS)
    assert [words.tags for words in tagged.sentences] == [words.tags for words in expected.sentences]


def test_an_encoder_gets_a_head_for_the_tags_of_the_corpus(encoder_dir):
    model = load_encoder(encoder_dir, TAG_SET)
    assert model.config.id2label == dict(enumerate(TAG_SET.tags))
    assert model.config.label2id == {tag: number for number, tag in enumerate(TAG_SET.tags)}
    assert model.classifier.out_features == len(TAG_SET.tags)
    weights = load_file(encoder_dir / "model.safetensors")
    assert torch.equal(
        model.bert.embeddings.word_embeddings.weight, weights["embeddings.word_embeddings.weight"]
    )


def test_a_checkpoint_in_half_precision_is_trained_in_full(encoder_dir, tmp_path):
    weights = {name: tensor.half() for name, tensor in weights_of(encoder_dir).items()}
    copy_checkpoint(encoder_dir, tmp_path, weights, dtype="float16")
    assert {tensor.dtype for tensor in load_encoder(tmp_path, TAG_SET).parameters()} == {torch.float32}


def test_the_head_of_another_task_gives_way(model, tmp_path):
    model.save_pretrained(tmp_path)
    other = TagSet(("O", "B-EVENT", "I-EVENT"))
    loaded = load_encoder(tmp_path, other)
    assert Tagger(loaded, subtokens_per_batch=300).tag_set == other
    assert loaded.classifier.out_features == 3
    assert torch.equal(
        loaded.bert.encoder.layer[1].output.dense.weight, model.bert.encoder.layer[1].output.dense.weight
    )


@pytest.mark.parametrize("n_tags", [len(TAG_SET.tags), 3], ids=["as-many-tags", "other-tags"])
def test_the_head_is_fresh_whatever_the_checkpoint_was_fine_tuned_for(encoder_dir, tmp_path, n_tags):
    """Equal numbers of tags must not keep the old head: its tags may stand in another order."""
    torch.manual_seed(1)
    load_encoder(encoder_dir, TagSet((*TAG_SET.tags[:n_tags],))).save_pretrained(tmp_path)
    drawn = []
    for folder in (encoder_dir, tmp_path):
        torch.manual_seed(7)
        head = load_encoder(folder, TAG_SET).classifier
        drawn.append((head.weight.tolist(), head.bias.tolist(), torch.rand(1).item()))
    assert drawn[0] == drawn[1], "head, and the random numbers that training goes on with"


def test_a_tagger_stays_as_it_was_when_its_file_is_replaced(model, tmp_path):
    """Weights that are mapped into memory would change, or end the process where the file is cut short."""
    model.save_pretrained(tmp_path)
    tagger = Tagger.load(tmp_path)
    size = (tmp_path / "model.safetensors").stat().st_size
    with (tmp_path / "model.safetensors").open("r+b") as file:
        file.write(bytes(size))
        file.truncate(100)
    for name, tensor in tagger.model.state_dict().items():
        assert torch.equal(tensor.cpu(), model.state_dict()[name])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", ["classifier.bias", "bert.embeddings.LayerNorm.weight"])
def test_weights_that_are_no_numbers_are_refused(model, tmp_path, name, value):
    """Such a tagger finds no entity and ends well."""
    model.save_pretrained(tmp_path)
    weights = weights_of(tmp_path)
    weights[name][1] = value
    copy_checkpoint(tmp_path, tmp_path, weights)
    with pytest.raises(PipelineError, match=rf"damaged: {name} holds NaN or infinity\. Remedy: copy"):
        Tagger.load(tmp_path)
    if name.startswith("bert"):
        with pytest.raises(PipelineError, match=rf"damaged: {name}"):
            load_encoder(tmp_path, TAG_SET)


def test_large_weights_whose_sum_overflows_are_taken(model, tmp_path):
    model.save_pretrained(tmp_path)
    weights = weights_of(tmp_path)
    weights["classifier.bias"].fill_(3e38)
    copy_checkpoint(tmp_path, tmp_path, weights)
    assert Tagger.load(tmp_path).model.classifier.bias[0].item() == pytest.approx(3e38)


def test_weights_in_int8_are_refused(encoder_dir, tmp_path):
    weights = weights_of(encoder_dir)
    name = "encoder.layer.0.output.dense.weight"
    weights[name] = weights[name].to(torch.int8)
    copy_checkpoint(encoder_dir, tmp_path, weights)
    with pytest.raises(
        PipelineError, match=rf"{name} is of the type I8, as in a quantised .* Remedy: choose"
    ):
        load_encoder(tmp_path, TAG_SET)


def test_whole_numbers_that_are_no_weights_are_taken(encoder_dir, tmp_path):
    """Older checkpoints store the positions."""
    weights = {**weights_of(encoder_dir), "embeddings.position_ids": torch.arange(8)[None]}
    copy_checkpoint(encoder_dir, tmp_path, weights)
    load_encoder(tmp_path, TAG_SET)


@pytest.mark.parametrize("prefix", ["", "bert."])
def test_a_configuration_with_fewer_layers_than_the_weights_is_refused(encoder_dir, tmp_path, prefix):
    weights = {f"{prefix}{name}": tensor for name, tensor in weights_of(encoder_dir).items()}
    copy_checkpoint(encoder_dir, tmp_path, weights, num_hidden_layers=1)
    with pytest.raises(PipelineError, match=r"16 of its weights are left out by config\.json.*layer\.1\."):
        load_encoder(tmp_path, TAG_SET)


def test_the_head_of_a_language_model_is_passed_over(encoder_dir, tmp_path):
    """Also one with numbered parts, which are no layers of the encoder."""
    weights = {f"bert.{name}": tensor for name, tensor in weights_of(encoder_dir).items()}
    weights |= {"cls.predictions.bias": torch.zeros(3), "head.layers.0.dense.weight": torch.zeros(2, 2)}
    copy_checkpoint(encoder_dir, tmp_path, weights)
    load_encoder(tmp_path, TAG_SET)


def weights_of(folder):
    return load_file(folder / "model.safetensors")


def copy_checkpoint(source, target, weights, **config):
    """Write a checkpoint with other weights or another configuration."""
    values = {**json.loads((source / "config.json").read_text()), **config}
    (target / "config.json").write_text(json.dumps(values))
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("rename", "config", "message"),
    [
        pytest.param(
            lambda name: f"other.{name}", {}, r"its weights lack \d\d that", id="names-of-another-model"
        ),
        pytest.param(
            lambda name: name.replace("layer.1.", "layer.9."),
            {},
            "its weights lack 16 that",
            id="layer-missing",
        ),
        pytest.param(
            lambda name: name,
            {"num_hidden_layers": 3},
            "its weights lack 16 that",
            id="configuration-has-a-layer-more",
        ),
        pytest.param(
            lambda name: name,
            {"vocab_size": 7},
            r"its weights lack 1 that .* bert\.embeddings\.word_embeddings\.weight",
            id="vocabulary-of-another-size",
        ),
    ],
)
def test_an_encoder_that_would_be_random_in_part_is_refused(encoder_dir, tmp_path, rename, config, message):
    """Transformers fills in random weights and says so in a table that nobody reads."""
    weights = {rename(name): tensor for name, tensor in weights_of(encoder_dir).items()}
    copy_checkpoint(encoder_dir, tmp_path, weights, **config)
    with pytest.raises(PipelineError, match=message):
        load_encoder(tmp_path, TAG_SET)


def test_a_tagger_without_a_head_is_refused(encoder_dir):
    with pytest.raises(PipelineError, match=r"its weights lack 2 that .* classifier\.bias"):
        Tagger.load(encoder_dir, subtokens_per_batch=300)


@pytest.mark.parametrize(
    ("config", "weights"),
    [
        pytest.param(None, None, id="no-files"),
        pytest.param('{"model_type": "bert"}', None, id="no-weights"),
        pytest.param('{"model_type": "bert"}', b"", id="empty-weights"),
        pytest.param('{"model_type": "bert"}', b"no safetensors", id="weights-of-another-format"),
        pytest.param('{"model_type": "unheard-of"}', b"no safetensors", id="unknown-architecture"),
        pytest.param('{"model_type": "clip"}', b"no safetensors", id="no-text-encoder"),
        pytest.param("{}", b"no safetensors", id="no-architecture"),
    ],
)
def test_what_transformers_cannot_load_is_refused_in_one_line(tmp_path, config, weights):
    if config:
        (tmp_path / "config.json").write_text(config)
    if weights is not None:
        (tmp_path / "model.safetensors").write_bytes(weights)
    with pytest.raises(
        PipelineError, match=r"transformers cannot load it as a tagger \(\S.*\)\. Remedy: "
    ) as refusal:
        load_encoder(tmp_path, TAG_SET)
    assert str(refusal.value).startswith(f"{tmp_path}: ")
    assert "\n" not in str(refusal.value)


def test_a_window_without_any_subtoken_is_passed_over(model):
    """A tokenizer without special tokens gives a sentence of control characters nothing to compute."""
    empty = TokenizedWindow(0, Window(0, [], []), [])
    tagged = Tagger(model, subtokens_per_batch=64).tag([empty], [2])
    assert (tagged.sentences[0].tags, tagged.loss) == (["O", "O"], 0.0)


def test_no_tagger_at_all_is_one_line(tmp_path):
    with pytest.raises(PipelineError, match=r"nowhere: no such folder\. Remedy: train a tagger"):
        Tagger.load(tmp_path / "nowhere", subtokens_per_batch=64)
