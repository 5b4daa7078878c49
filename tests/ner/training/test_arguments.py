"""The arguments of the Trainer, and what a run writes."""

import json

import pytest

from ner.core.errors import PipelineError
from ner.tagging.model import load_encoder
from ner.tagging.precision import Precision
from ner.tagging.tagger import Tagger
from ner.training.arguments import training_arguments
from ner.training.results import save_tagger, tabulate_epochs
from tests.support.tiny_encoder import build_tiny_encoder
from tests.support.tiny_training import TAG_SET, make_params

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def encoder_dir(tmp_path_factory):
    return build_tiny_encoder(tmp_path_factory.mktemp("encoder"), ["Görlitz", "und", "Köln"])


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
    params = make_params(warmup_share=warmup_share)
    arguments = training_arguments(params.train, params.seed, n_rows, tmp_path, Precision())
    assert arguments.get_warmup_steps(12) == expected


def test_the_trainer_gets_the_parameters(tmp_path):
    params = make_params(seed=7, weight_decay=0.3)
    arguments = training_arguments(params.train, params.seed, 13, tmp_path, Precision())
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
        pytest.param({"share": 0.0}, r"train\.share is 0\.0", id="no-sentences"),
        pytest.param({"share": 1.5}, r"train\.share is 1\.5", id="more-than-all-sentences"),
        pytest.param({"head_lr_factor": 0}, r"train\.head_lr_factor is 0", id="heads-that-learn-nothing"),
        pytest.param({"layer_decay": 0}, r"train\.layer_decay is 0", id="layers-that-learn-nothing"),
        pytest.param({"layer_decay": 1.1}, r"train\.layer_decay is 1\.1", id="lower-layers-that-learn-more"),
        pytest.param({"freeze_layers": -1}, r"train\.freeze_layers is -1", id="no-such-layer"),
        pytest.param({"patience": 0}, r"train\.patience is 0", id="no-patience"),
        pytest.param({"weight_decay": -0.1}, r"train\.weight_decay is -0\.1", id="negative-decay"),
        pytest.param({"batch_size": 0}, r"train\.batch_size is 0", id="empty-batches"),
        pytest.param({"precision": "int8"}, r"train\.precision is 'int8' .*'fp32'", id="precision"),
    ],
)
def test_a_run_that_cannot_be_is_refused_before_it_starts(change, message):
    with pytest.raises(PipelineError, match=message):
        make_params(**change)


def test_the_table_of_epochs_pairs_the_losses():
    """The Trainer's own losses, which start again when a run resumes, are not looked at."""
    scores = {"eval_precision": 0.5, "eval_recall": 0.25, "eval_f1": 1 / 3, "eval_accuracy": 0.75}
    log = [
        {"loss": 9.0, "grad_norm": 1.0, "learning_rate": 1e-3, "epoch": 1.0, "step": 4},
        {"eval_loss": 1.25, **scores, "epoch": 1.0, "step": 4},
        {"loss": 9.0, "grad_norm": 1.0, "learning_rate": 1e-4, "epoch": 2.0, "step": 8},
        {"eval_loss": 1.0, **scores, "epoch": 2.0, "step": 8},
        {"train_runtime": 3.0, "train_loss": 1.0, "epoch": 2.0, "step": 8},
    ]
    assert tabulate_epochs([1.5, 0.5], log).to_csv(index=False, lineterminator="\n").splitlines() == [
        "epoch,train_loss,validation_loss,precision,recall,f1,accuracy",
        "1,1.5,1.25,0.5,0.25,0.3333333333333333,0.75",
        "2,0.5,1.0,0.5,0.25,0.3333333333333333,0.75",
    ]


def test_a_batch_that_cannot_be_shared_out_is_refused(tmp_path):
    message = r"train.batch_size is 4, which 3 parts .* Remedy: set train.batch_size to a multiple of 3"
    with pytest.raises(PipelineError, match=message):
        training_arguments(make_params(gradient_accumulation_steps=3).train, 1, 13, tmp_path, Precision())


def test_a_batch_is_computed_in_the_parts_asked_for(tmp_path):
    params = make_params(gradient_accumulation_steps=2, gradient_checkpointing=True)
    arguments = training_arguments(params.train, params.seed, 13, tmp_path, Precision())
    assert (arguments.per_device_train_batch_size, arguments.gradient_accumulation_steps) == (2, 2)
    assert arguments.activation_checkpointing


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
