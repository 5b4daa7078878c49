"""The parts of `fine_tune`: order of the batches, warm-up, the best epoch, the table of epochs."""

import json
from itertools import chain
from types import SimpleNamespace

import pytest
import torch
from transformers import TrainerCallback

from stages.fine_tune import (
    BestWeights,
    LengthSampler,
    StageParams,
    WordTrainer,
    save_tagger,
    tabulate_epochs,
    training_arguments,
)
from stages.ner.alignment import IGNORE_ID, NO_WORD, Window
from stages.ner.batching import epoch_batches
from stages.ner.corpus import Sentence
from stages.ner.errors import PipelineError
from stages.ner.labels import TagSet
from stages.ner.params import check_params
from stages.ner.tagger import Tagger, load_encoder
from stages.ner.tokenized import TokenizedWindow
from tests.tiny_encoder import build_tiny_encoder

pytestmark = pytest.mark.usefixtures("one_thread")

TAG_SET = TagSet(("O", "B-LOC", "I-LOC"))
TRAIN = {"lr": 1e-3, "batch_size": 4, "epochs": 3, "weight_decay": 0.01, "warmup_share": 0.1}


@pytest.fixture(scope="module")
def encoder_dir(tmp_path_factory):
    return build_tiny_encoder(tmp_path_factory.mktemp("encoder"), ["Görlitz", "und", "Köln"])


def make_params(path, seed=42, **train):
    return check_params({"seed": seed, "train": {**TRAIN, **train}}, StageParams, path)


def make_rows(n_rows):
    """Make windows of different lengths in which subtoken 6 is a name and subtoken 7 is none."""
    rows = []
    for number in range(n_rows):
        input_ids = [2, *([6, 7] * (1 + number % 5)), 3]
        word_ids = [NO_WORD, *range(len(input_ids) - 2), NO_WORD]
        targets = [IGNORE_ID, *([1, 0] * (1 + number % 5)), IGNORE_ID]
        rows.append(TokenizedWindow(number, Window(0, input_ids, word_ids), targets))
    return rows


def make_sentences(rows):
    """Make the sentences that go with `make_rows`."""
    return [
        Sentence(str(row.sentence), "", ["a"] * len(tags), [TAG_SET.tags[tag] for tag in tags], None)
        for row in rows
        for tags in [row.targets[1:-1]]
    ]


def make_trainer(encoder_dir, tmp_path, n_rows=13, **train):
    params = make_params(tmp_path / "params.yaml", **train)
    torch.manual_seed(params.seed)
    rows = make_rows(n_rows)
    return WordTrainer(
        load_encoder(encoder_dir, TAG_SET),
        training_arguments(params, n_rows, str(tmp_path)),
        train_rows=rows,
        validation_rows=rows[:5],
        sentences=make_sentences(rows[:5]),
    )


class Recorder(TrainerCallback):
    """Keeps the learning rate before each step."""

    def __init__(self):
        self.rates = []

    def on_step_begin(self, *_, **context):
        """Read the rate that this step uses."""
        self.rates.append(context["optimizer"].param_groups[0]["lr"])


def test_the_sampler_yields_the_batches_of_its_epoch():
    lengths = [3 + (7 * number) % 20 for number in range(30)]
    sampler = LengthSampler(lengths, 4, seed=7)
    assert len(sampler) == 30
    for epoch in (0, 1, 5):
        sampler.set_epoch(epoch)
        batches = epoch_batches(lengths, 4, seed=7, epoch=epoch)
        assert list(sampler) == list(sampler) == list(chain(*batches))
        assert sampler.batches(epoch) == batches
    assert sampler.batches(0) != sampler.batches(1)


def test_the_trainer_computes_the_batches_of_each_epoch(encoder_dir, tmp_path):
    """In the sampler's order, so that the same seed gives the same model and little is padded."""
    trainer = make_trainer(encoder_dir, tmp_path)
    computed = []
    collate = trainer.data_collator
    trainer.data_collator = lambda rows: computed.append([row.sentence for row in rows]) or collate(rows)
    trainer.train()
    assert computed == [
        batch
        for epoch in range(3)
        for batch in epoch_batches(
            [len(row.window.input_ids) for row in make_rows(13)], 4, seed=42, epoch=epoch
        )
    ]


def test_each_epoch_is_validated_on_words(encoder_dir, tmp_path):
    trainer = make_trainer(encoder_dir, tmp_path, lr=0.05)
    best = BestWeights()
    trainer.add_callback(best)
    trainer.train()
    table = tabulate_epochs(trainer.state.log_history)
    assert list(table) == ["epoch", "train_loss", "validation_loss", "precision", "recall", "f1", "accuracy"]
    assert table["epoch"].tolist() == [1, 2, 3]
    assert table["f1"].max() == best.f1 == 1.0, "the task can be learnt"
    assert table["f1"].tolist().index(1.0) + 1 == best.epoch
    assert table["accuracy"].max() == 1.0
    assert table["train_loss"].iloc[-1] < table["train_loss"].iloc[0]
    assert trainer.validation_seconds > 0


@pytest.mark.parametrize(
    ("warmup_share", "n_rows", "expected"),
    [
        pytest.param(0.0, 13, 0, id="none"),
        pytest.param(0.1, 13, 2, id="rounded-up"),
        pytest.param(0.5, 16, 6, id="half"),
        pytest.param(0.01, 13, 1, id="one-step-is-no-share-of-one"),
        pytest.param(1.0, 13, 12, id="all"),
    ],
)
def test_warm_up_is_a_share_of_the_steps(tmp_path, warmup_share, n_rows, expected):
    """Of all epochs: thirteen windows in batches of four are four steps, times three."""
    params = make_params(tmp_path / "params.yaml", warmup_share=warmup_share)
    arguments = training_arguments(params, n_rows, str(tmp_path))
    assert arguments.get_warmup_steps(12) == expected


def test_the_learning_rate_rises_to_its_peak_and_falls_to_zero(encoder_dir, tmp_path):
    trainer = make_trainer(encoder_dir, tmp_path, warmup_share=0.25)
    recorder = Recorder()
    trainer.add_callback(recorder)
    trainer.train()
    rates = [1e-3 * share for share in (0, 1 / 3, 2 / 3, *(1 - step / 9 for step in range(9)))]
    assert recorder.rates == pytest.approx(rates)


def test_the_trainer_gets_the_parameters(tmp_path):
    params = make_params(tmp_path / "params.yaml", seed=7, weight_decay=0.3)
    arguments = training_arguments(params, 13, str(tmp_path))
    assert (arguments.learning_rate, arguments.weight_decay, arguments.seed) == (1e-3, 0.3, 7)
    assert (arguments.per_device_train_batch_size, arguments.num_train_epochs) == (4, 3)
    assert arguments.save_strategy == "no"
    assert arguments.report_to == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"seed": 2**32}, "seed is 4294967296", id="seed-that-numpy-refuses"),
        pytest.param({"seed": -1}, "seed is -1", id="negative-seed"),
        pytest.param({"warmup_share": 1.5}, r"train\.warmup_share is 1\.5", id="more-than-all-steps"),
        pytest.param({"lr": 0.0}, r"train\.lr is 0\.0", id="no-learning"),
        pytest.param({"epochs": 0}, r"train\.epochs is 0", id="no-epoch"),
        pytest.param({"weight_decay": -0.1}, r"train\.weight_decay is -0\.1", id="negative-decay"),
        pytest.param({"batch_size": 0}, r"train\.batch_size is 0", id="empty-batches"),
    ],
)
def test_a_run_that_cannot_be_is_refused_before_it_starts(tmp_path, change, message):
    with pytest.raises(PipelineError, match=message):
        make_params(tmp_path / "params.yaml", **change)


def test_the_earliest_of_the_best_epochs_is_kept():
    """As it was then: the weights change in place while training goes on."""
    model = torch.nn.Linear(1, 1)
    best = BestWeights()
    for epoch, f1 in enumerate([0.2, 0.7, 0.5, 0.7], start=1):
        with torch.no_grad():
            model.weight.fill_(epoch)
        # The Trainer counts epochs in floats, and not always whole ones.
        state = SimpleNamespace(epoch=epoch - 1e-9)
        best.on_evaluate(None, state, None, metrics={"eval_f1": f1}, model=model)
    assert (best.epoch, best.f1) == (2, 0.7)
    assert best.weights["weight"].item() == 2
    assert best.weights.keys() == {"weight", "bias"}


def test_a_run_that_finds_nothing_keeps_its_first_epoch():
    best = BestWeights()
    model = torch.nn.Linear(1, 1)
    for epoch in (1.0, 2.0):
        best.on_evaluate(None, SimpleNamespace(epoch=epoch), None, metrics={"eval_f1": 0.0}, model=model)
    assert (best.epoch, best.f1) == (1, 0.0)
    assert best.weights


def test_the_table_of_epochs_pairs_the_losses():
    """The Trainer logs training loss, validation and a summary apart."""
    scores = {"eval_precision": 0.5, "eval_recall": 0.25, "eval_f1": 1 / 3, "eval_accuracy": 0.75}
    log = [
        {"loss": 1.5, "grad_norm": 1.0, "learning_rate": 1e-3, "epoch": 1.0, "step": 4},
        {"eval_loss": 1.25, **scores, "epoch": 1.0, "step": 4},
        {"loss": 0.5, "grad_norm": 1.0, "learning_rate": 1e-4, "epoch": 2.0, "step": 8},
        {"eval_loss": 1.0, **scores, "epoch": 2.0, "step": 8},
        {"train_runtime": 3.0, "train_loss": 1.0, "epoch": 2.0, "step": 8},
    ]
    assert tabulate_epochs(log).to_csv(index=False, lineterminator="\n").splitlines() == [
        "epoch,train_loss,validation_loss,precision,recall,f1,accuracy",
        "1,1.5,1.25,0.5,0.25,0.3333333333333333,0.75",
        "2,0.5,1.0,0.5,0.25,0.3333333333333333,0.75",
    ]


def test_a_tagger_is_a_plain_checkpoint_with_the_encoders_tokenizer(encoder_dir, tmp_path):
    """No pickle, and nothing that only its owner may read."""
    tagger_dir = tmp_path / "ner"
    save_tagger(load_encoder(encoder_dir, TAG_SET), encoder_dir, tagger_dir, {"seed": 42})
    assert {path.name for path in tagger_dir.iterdir()} == {
        "config.json",
        "model.safetensors",
        "run_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in tagger_dir.iterdir())
    assert (tagger_dir / "tokenizer.json").read_bytes() == (encoder_dir / "tokenizer.json").read_bytes()
    assert json.loads((tagger_dir / "run_config.json").read_text()) == {"seed": 42}
    config = json.loads((tagger_dir / "config.json").read_text())
    assert config["id2label"] == {"0": "O", "1": "B-LOC", "2": "I-LOC"}
    assert config["label2id"] == {"O": 0, "B-LOC": 1, "I-LOC": 2}
    assert Tagger.load(tagger_dir, subtokens_per_batch=100).tag_set == TAG_SET
