"""Training in batches of similar length, the best epoch, and runs that go on where they were cut off."""

import json
from itertools import chain
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import TrainerCallback

from ner.core.errors import PipelineError
from ner.training.results import tabulate_epochs
from ner.training.runs import SEAL
from ner.training.sampler import LengthSampler
from ner.training.trainer import mean_loss
from ner.windows.batching import epoch_batches
from tests.support.tiny_encoder import build_tiny_encoder
from tests.support.tiny_training import make_rows, make_trainer

pytestmark = pytest.mark.usefixtures("one_thread")
STEPS_PER_EPOCH = 4  # 13 rows in batches of 4


@pytest.fixture(scope="module")
def encoder_dir(tmp_path_factory):
    return build_tiny_encoder(tmp_path_factory.mktemp("encoder"), ["Görlitz", "und", "Köln"])


class Recorder(TrainerCallback):
    """Keeps the learning rate before each step."""

    def __init__(self):
        self.rates = []

    def on_step_begin(self, *_, **context):
        """Read the rate that this step uses."""
        self.rates.append(context["optimizer"].param_groups[0]["lr"])


class CutOff(TrainerCallback):
    """Ends a run as a kill would, before a step's checkpoint could be written."""

    def __init__(self, step):
        self.step = step

    def on_optimizer_step(self, _, state, *__, **___):
        """Raise in the middle of the step."""
        if state.global_step == self.step:
            raise KeyboardInterrupt


def newest(folder: Path) -> Path:
    return max(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))


def facts_of(trainer):
    """Give everything of a run that the stage writes, but for the clock."""
    return (
        {name: tensor.tolist() for name, tensor in trainer.model.state_dict().items()},
        (trainer.best_scores, trainer.best_epoch, trainer.state.global_step, trainer.train_loss),
        tabulate_epochs(trainer.epoch_losses, trainer.state.log_history).to_dict(),
    )


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
    trainer.fit(None)
    assert computed == [
        batch
        for epoch in range(3)
        for batch in epoch_batches(
            [len(row.window.input_ids) for row in make_rows(13)], 4, seed=42, epoch=epoch
        )
    ]


def test_each_epoch_is_validated_on_words_and_the_best_is_kept(encoder_dir, tmp_path):
    trainer = make_trainer(encoder_dir, tmp_path, lr=0.05)
    trainer.fit(None)
    table = tabulate_epochs(trainer.epoch_losses, trainer.state.log_history)
    assert list(table) == ["epoch", "train_loss", "validation_loss", "precision", "recall", "f1", "accuracy"]
    assert table["epoch"].tolist() == [1, 2, 3]
    assert table["f1"].max() == trainer.best_scores["f1"] == 1.0, "the task can be learnt"
    best = table.sort_values(["f1", "validation_loss"], ascending=[False, True]).iloc[0]
    assert best["epoch"] == trainer.best_epoch
    assert table["accuracy"].max() == 1.0
    assert table["train_loss"].iloc[-1] < table["train_loss"].iloc[0]
    assert trainer.train_loss == pytest.approx(table["train_loss"].mean())
    assert trainer.seconds > 0


def test_both_levels_are_learnt_and_validated(encoder_dir, tmp_path):
    trainer = make_trainer(encoder_dir, tmp_path, lr=0.05, levels="both")
    trainer.fit(None)
    table = tabulate_epochs(trainer.epoch_losses, trainer.state.log_history)
    assert list(table)[-2:] == ["inner_f1", "m1_f1"]
    assert trainer.best_scores == {"f1": 1.0, "inner_f1": 1.0, "m1_f1": 1.0}, "the task can be learnt"
    best = table.sort_values(["m1_f1", "validation_loss"], ascending=[False, True]).iloc[0]
    assert best["epoch"] == trainer.best_epoch


def test_the_best_epoch_of_both_levels_is_that_of_the_best_m1(encoder_dir, tmp_path, monkeypatch):
    trainer = make_trainer(encoder_dir, tmp_path, levels="both")
    epochs = iter([(0.5, 0.1), (0.4, 0.3), (0.6, 0.2)])

    def score():
        outer, both = next(epochs)
        names = ("precision", "recall", "accuracy", "loss", "inner_f1")
        return {"eval_f1": outer, "eval_m1_f1": both, **{f"eval_{name}": 0.5 for name in names}}

    monkeypatch.setattr(trainer, "_score_validation", score)
    trainer.fit(None)
    assert trainer.best_epoch == 2
    assert trainer.best_scores == {"f1": 0.4, "inner_f1": 0.5, "m1_f1": 0.3}


def test_an_inner_head_leaves_the_fresh_outer_one_as_it_is(encoder_dir, tmp_path):
    """Its weights are drawn after all others, so that the levels start from the same outer head."""
    outer = make_trainer(encoder_dir, tmp_path).model.state_dict()
    both = make_trainer(encoder_dir, tmp_path, levels="both").model.state_dict()
    assert both["classifier.outer.weight"].tolist() == outer["classifier.weight"].tolist()
    inner = both["classifier.inner.weight"]
    assert inner.shape == outer["classifier.weight"].shape
    assert 0.01 < inner.std().item() < 0.03


@pytest.mark.parametrize(
    ("f1_by_epoch", "best"),
    [
        pytest.param([0.2, 0.7, 0.7], 2, id="the-earliest-of-equals"),
        pytest.param([0.0, 0.0, 0.0], 1, id="nothing-found"),
        pytest.param([0.1, 0.2, 0.3], 3, id="the-last"),
    ],
)
def test_the_weights_of_the_best_epoch_end_up_in_the_model(
    encoder_dir, tmp_path, monkeypatch, f1_by_epoch, best
):
    """As they were then: the model's own change in place while training goes on."""
    trainer = make_trainer(encoder_dir, tmp_path)
    seen = []

    def score():
        seen.append(trainer.model.classifier.weight.tolist())
        names = ("precision", "recall", "accuracy", "loss")
        return {"eval_f1": f1_by_epoch[len(seen) - 1], **{f"eval_{name}": 0.5 for name in names}}

    monkeypatch.setattr(trainer, "_score_validation", score)
    trainer.fit(None)
    assert (trainer.best_epoch, trainer.best_scores["f1"]) == (best, f1_by_epoch[best - 1])
    assert trainer.model.classifier.weight.tolist() == seen[best - 1]
    assert seen[0] != seen[1] != seen[2]


@pytest.mark.parametrize(
    ("losses", "best"),
    [
        pytest.param([2.0, 1.0, 0.5], 3, id="it-still-learns"),
        pytest.param([2.0, 1.0, 1.5], 2, id="it-learnt"),
        pytest.param([1.0, 1.0, 1.0], 1, id="the-earliest-of-equals"),
    ],
)
@pytest.mark.parametrize("cut_off", [None, 2, STEPS_PER_EPOCH + 2])
def test_of_equal_f1_the_lower_loss_is_kept_also_by_a_run_that_resumes(
    encoder_dir, tmp_path, monkeypatch, losses, best, cut_off
):
    def make():
        trainer = make_trainer(encoder_dir, tmp_path, checkpoint_steps=1)

        def score():
            names = ("f1", "precision", "recall", "accuracy")
            loss = losses[round(trainer.state.epoch) - 1]
            return {"eval_loss": loss, **{f"eval_{name}": 0.0 for name in names}}

        monkeypatch.setattr(trainer, "_score_validation", score)
        return trainer

    trainer = make()
    if cut_off:
        trainer.add_callback(CutOff(cut_off))
        with pytest.raises(KeyboardInterrupt):
            trainer.fit(None)
        trainer = make()
    trainer.fit(newest(tmp_path) if cut_off else None)
    assert (trainer.best_epoch, trainer.best_loss) == (best, losses[best - 1])


F1_BY_EPOCH = [0.2, 0.5, 0.4, 0.5, 0.6, 0.1, 0.9]


def give_f1(trainer, f1_by_epoch=F1_BY_EPOCH):
    """Let each epoch's validation find what the list says."""

    def score():
        names = ("precision", "recall", "accuracy", "loss")
        f1 = f1_by_epoch[len(trainer.epoch_losses)]
        return {"eval_f1": f1, **{f"eval_{name}": 0.5 for name in names}}

    trainer._score_validation = score


@pytest.mark.parametrize(
    ("patience", "n_epochs", "best"),
    [
        pytest.param(None, 7, 7, id="none"),
        pytest.param(1, 3, 2, id="one-worse-epoch"),
        pytest.param(2, 4, 2, id="equal-is-not-better"),
        pytest.param(3, 7, 7, id="better-in-time"),
    ],
)
def test_training_ends_when_patience_is_over(encoder_dir, tmp_path, patience, n_epochs, best):
    trainer = make_trainer(encoder_dir, tmp_path, epochs=7, patience=patience)
    give_f1(trainer)
    trainer.fit(None)
    table = tabulate_epochs(trainer.epoch_losses, trainer.state.log_history)
    assert table["f1"].tolist() == F1_BY_EPOCH[:n_epochs]
    assert (trainer.best_epoch, trainer.state.global_step) == (best, n_epochs * STEPS_PER_EPOCH)


@pytest.mark.parametrize("step", [5, 8, 9, 12, 13, 16])
def test_a_resumed_run_keeps_the_count_of_its_patience(encoder_dir, tmp_path, step):
    """The last checkpoint is the one at which patience was over: nothing is left to train."""
    settings = {"epochs": 7, "patience": 2, "checkpoint_steps": 1}
    whole = make_trainer(encoder_dir, tmp_path / "steps", **settings)
    whole.args.save_total_limit = None
    give_f1(whole)
    whole.fit(None)
    assert newest(tmp_path / "steps").name == "checkpoint-16"
    resumed = make_trainer(encoder_dir, tmp_path / "again", **settings)
    give_f1(resumed)
    resumed.fit(tmp_path / "steps" / f"checkpoint-{step}")
    assert facts_of(resumed) == facts_of(whole)


def test_the_learning_rate_rises_to_its_peak_and_falls_to_zero(encoder_dir, tmp_path):
    trainer = make_trainer(encoder_dir, tmp_path, warmup_share=0.25)
    recorder = Recorder()
    trainer.add_callback(recorder)
    trainer.fit(None)
    rates = [1e-3 * share for share in (0, 1 / 3, 2 / 3, *(1 - step / 9 for step in range(9)))]
    assert recorder.rates == pytest.approx(rates)


@pytest.mark.parametrize(
    ("levels", "cut_off"),
    [
        *(pytest.param("outer", step, id=f"outer-{step}") for step in range(1, 3 * STEPS_PER_EPOCH)),
        *(pytest.param("both", step, id=f"both-{step}") for step in (3, 4, 7)),
    ],
)
def test_a_run_that_was_cut_off_ends_as_if_it_had_not_been(encoder_dir, tmp_path, levels, cut_off):
    """Within an epoch, at its end, in the next; every step of the run."""
    settings = {"lr": 0.02, "levels": levels}
    whole = make_trainer(encoder_dir, tmp_path / "whole", **settings)
    whole.fit(None)

    first = make_trainer(encoder_dir, tmp_path / "steps", checkpoint_steps=1, **settings)
    first.add_callback(CutOff(cut_off))
    with pytest.raises(KeyboardInterrupt):
        first.fit(None)
    assert newest(tmp_path / "steps").name == f"checkpoint-{cut_off}"
    torch.manual_seed(0)  # a new process starts with other random numbers
    second = make_trainer(encoder_dir, tmp_path / "steps", checkpoint_steps=1, **settings)
    second.fit(newest(tmp_path / "steps"))
    assert facts_of(second) == facts_of(whole)


def test_a_finished_run_that_starts_again_has_nothing_left_to_do(encoder_dir, tmp_path):
    """Its result may have been lost between the last step and the outputs."""
    first = make_trainer(encoder_dir, tmp_path, lr=0.02)
    first.fit(None)
    second = make_trainer(encoder_dir, tmp_path, lr=0.02)
    recorder = Recorder()
    second.add_callback(recorder)
    second.fit(newest(tmp_path))
    assert recorder.rates == []
    assert facts_of(second) == facts_of(first)


def test_checkpoints_are_few_and_whole(encoder_dir, tmp_path):
    """Two are kept; a pickle that runs code is not among the files, since each loads with weights only."""
    make_trainer(encoder_dir, tmp_path, checkpoint_steps=3).fit(None)
    folders = sorted(tmp_path.iterdir())
    assert [folder.name for folder in folders] == ["checkpoint-12", "checkpoint-9"]
    for folder in folders:
        assert json.loads((folder / SEAL).read_text()).keys() == {path.name for path in folder.iterdir()} - {
            SEAL
        }


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"gradient_accumulation_steps": 2}, id="accumulation"),
        pytest.param({"gradient_accumulation_steps": 4}, id="one-window-at-a-time"),
        pytest.param({"gradient_checkpointing": True}, id="activations-computed-twice"),
    ],
)
def test_saving_memory_changes_the_result_in_the_last_digits_alone(encoder_dir, tmp_path, change):
    """Rows have unequal numbers of targets, so a mean of means would show."""
    settings = {"lr": 0.01, "epochs": 2}
    trainers = [
        make_trainer(encoder_dir, tmp_path / str(i), **settings, **c) for i, c in enumerate([{}, change])
    ]
    for trainer in trainers:
        for module in trainer.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0  # its random numbers depend on how the batch is cut
        trainer.fit(None)
    plain, saving = trainers
    assert saving.epoch_losses == pytest.approx(plain.epoch_losses, rel=1e-4)
    assert saving.state.global_step == plain.state.global_step
    for name, tensor in plain.model.state_dict().items():
        torch.testing.assert_close(saving.model.state_dict()[name], tensor, atol=2e-4, rtol=1e-3)


def test_the_loss_is_the_mean_over_all_targets():
    logits = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1))
    targets = torch.tensor([[1, 2, -100], [3, -100, -100]])
    loss = mean_loss({"logits": logits}, targets, torch.tensor(3))
    assert loss.item() == pytest.approx(cross_entropy(logits.flatten(0, 1), targets.flatten()).item())


def test_the_loss_of_two_levels_is_the_sum_of_both_means():
    logits = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(1))
    outer, inner = (
        torch.tensor([[1, 2, -100], [3, -100, -100]]),
        torch.tensor([[0, 2, -100], [1, -100, -100]]),
    )
    loss = mean_loss({"logits": logits}, torch.stack([outer, inner], dim=-1), torch.tensor(6))
    expected = sum(
        cross_entropy(part.flatten(0, 1), targets.flatten()).item()
        for part, targets in ((logits[:, :, :4], outer), (logits[:, :, 4:], inner))
    )
    assert loss.item() == pytest.approx(expected)


def test_a_full_disk_ends_in_one_line_and_the_checkpoint_before_is_kept(encoder_dir, tmp_path, monkeypatch):
    trainer = make_trainer(encoder_dir, tmp_path, checkpoint_steps=1)

    def fail(folder):
        if folder.name == "checkpoint-3":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("ner.training.trainer.seal_checkpoint", fail)
    with pytest.raises(PipelineError, match=r"checkpoint-3: .*No space left on device.* Remedy: make room"):
        trainer.fit(None)
    assert newest(tmp_path).name == "checkpoint-2"


def test_a_process_that_is_lost_while_saving_is_no_full_disk(encoder_dir, tmp_path, monkeypatch):
    """The processes wait for each other there; `end_together` says what has happened."""
    trainer = make_trainer(encoder_dir, tmp_path)
    lost = RuntimeError("[gloo/transport/tcp/pair.cc:538] Connection closed by peer [127.0.0.1]:29500")

    def wait():
        raise lost

    monkeypatch.setattr(trainer.accelerator, "wait_for_everyone", wait)
    with pytest.raises(RuntimeError) as raised:
        trainer.fit(None)
    assert raised.value is lost
