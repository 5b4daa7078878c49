"""Training that fails for a setting says which, in one line."""

from pathlib import Path

import pytest
import torch
from transformers import TrainerCallback

from ner.core.errors import PipelineError
from ner.training.failures import check_targets
from ner.windows.alignment import IGNORE_ID, NO_WORD, Window
from ner.windows.tokenized import TokenizedWindow
from tests.support.tiny_encoder import build_tiny_encoder
from tests.support.tiny_training import make_rows, make_trainer

pytestmark = pytest.mark.usefixtures("one_thread")
EMPTY = TokenizedWindow(0, Window(0, [2, 3], [NO_WORD, NO_WORD]), [IGNORE_ID, IGNORE_ID])


@pytest.fixture(scope="module")
def encoder_dir(tmp_path_factory):
    return build_tiny_encoder(tmp_path_factory.mktemp("encoder"), ["Görlitz", "und", "Köln"])


class Failing(TrainerCallback):
    """Raises in the middle of the second step."""

    def __init__(self, error):
        self.error = error

    def on_optimizer_step(self, _, state, *__, **___):
        """Raise where the optimiser's state would be made."""
        if state.global_step == 1:
            raise self.error


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(
            RuntimeError(
                "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: "
                "you tried to allocate 2000000000000 bytes. Error code 12 (Cannot allocate memory)\nframe #0"
            ),
            id="cpu",
        ),
        pytest.param(MemoryError(), id="python"),
        pytest.param(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."), id="cuda"),
        pytest.param(RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"), id="apple"),
    ],
)
def test_the_end_of_the_memory_names_the_settings_that_need_less(encoder_dir, tmp_path, error):
    trainer = make_trainer(encoder_dir, tmp_path, gradient_accumulation_steps=2)
    trainer.add_callback(Failing(error))
    with pytest.raises(
        PipelineError, match=f"out of memory on {trainer.args.device} with 2 windows at once"
    ) as refusal:
        trainer.fit(None)
    message = str(refusal.value)
    assert "\n" not in message
    assert "train.gradient_accumulation_steps above 2 or train.batch_size lower" in message
    assert "train.gradient_checkpointing to true, or tokenize.max_length lower" in message


def test_the_real_allocator_is_understood(encoder_dir, tmp_path, monkeypatch):
    """As a batch that is far too large makes it."""
    trainer = make_trainer(encoder_dir, tmp_path)
    monkeypatch.setattr(trainer, "training_step", lambda *_, **__: torch.empty(2**50))
    with pytest.raises(
        PipelineError, match=rf"out of memory on {trainer.args.device} .*allocate.* Remedy: set train\."
    ):
        trainer.fit(None)


def test_another_error_stays_what_it_is(encoder_dir, tmp_path):
    trainer = make_trainer(encoder_dir, tmp_path)
    trainer.add_callback(Failing(RuntimeError("a bug")))
    with pytest.raises(RuntimeError, match="a bug"):
        trainer.fit(None)


@pytest.mark.parametrize(
    ("train", "expected"),
    [
        pytest.param(
            {"lr": 1e30},
            r"train\.lr is 1e\+30: .*no longer a number \(epoch 1, step \d\)\. Remedy: .*smaller train\.lr",
            id="learning-rate",
        ),
        pytest.param(
            {"weight_decay": 1e30},
            r"train\.weight_decay is 1e\+30: .*step \d\)\. Remedy: set a smaller train\.weight_decay",
            id="weight-decay",
        ),
    ],
)
def test_a_loss_that_is_no_number_names_the_step_and_the_setting(encoder_dir, tmp_path, train, expected):
    with pytest.raises(PipelineError, match=expected):
        make_trainer(encoder_dir, tmp_path, warmup_share=0.0, **train).fit(None)


def test_a_corpus_without_any_subtoken_is_refused():
    with pytest.raises(
        PipelineError, match=r"tokenized: .* gives no word of the training split a subtoken.* Remedy"
    ):
        check_targets([EMPTY, EMPTY], Path("data/tokenized"))
    check_targets([EMPTY, *make_rows(1)], Path("data/tokenized"))


def test_a_step_without_any_target_changes_nothing_for_the_worse(encoder_dir, tmp_path):
    """Its mean over no targets was no number, and so was every weight after it."""
    trainer = make_trainer(encoder_dir, tmp_path, batch_size=1)
    trainer.train_dataset[:3] = [EMPTY] * 3
    trainer.fit(None)
    assert all(tensor.isfinite().all() for tensor in trainer.model.state_dict().values())
    assert trainer.train_loss < 2
