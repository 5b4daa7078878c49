"""A training run of seconds: invented windows, three tags and a two-layer encoder."""

from pathlib import Path

import torch

from ner.annotation.labels import TagSet
from ner.annotation.sentences import Sentence
from ner.core.params import check_params
from ner.tagging.heads import add_inner_head
from ner.tagging.model import load_encoder
from ner.tagging.precision import choose_precision
from ner.training.arguments import training_arguments
from ner.training.freezing import freeze_layers
from ner.training.head_start import start_heads
from ner.training.lora import add_lora
from ner.training.trainer import WordTrainer
from ner.windows.alignment import IGNORE_ID, NO_WORD, Window
from ner.windows.tokenized import TokenizedWindow
from stages.fine_tune import StageParams

TAG_SET = TagSet(("O", "B-LOC", "I-LOC"))
TRAIN = {
    "share": 1.0,
    "lr": 1e-3,
    "head_lr_factor": 1.0,
    "head_bias": "shares",
    "layer_decay": 1.0,
    "batch_size": 4,
    "epochs": 3,
    "patience": None,
    "freeze_layers": 0,
    "lora": None,
    "weight_decay": 0.01,
    "warmup_share": 0.1,
    "precision": "fp32",
    "levels": "outer",
    "gradient_accumulation_steps": 1,
    "gradient_checkpointing": False,
}


def make_params(seed=42, **train) -> StageParams:
    """Check parameters of three epochs in batches of four, changed as asked."""
    return check_params({"seed": seed, "train": {**TRAIN, **train}}, StageParams, Path("params.yaml"))


def make_rows(n_rows) -> list[TokenizedWindow]:
    """Make windows of different lengths in which subtoken 6 is a name and subtoken 7 is none.

    On the inner level it is the other way round.
    """
    rows = []
    for number in range(n_rows):
        input_ids = [2, *([6, 7] * (1 + number % 5)), 3]
        word_ids = [NO_WORD, *range(len(input_ids) - 2), NO_WORD]
        targets = [IGNORE_ID, *([1, 0] * (1 + number % 5)), IGNORE_ID]
        inner_targets = [IGNORE_ID, *([0, 1] * (1 + number % 5)), IGNORE_ID]
        rows.append(TokenizedWindow(number, Window(0, input_ids, word_ids), targets, inner_targets))
    return rows


def make_sentences(rows) -> list[Sentence]:
    """Make the sentences that go with `make_rows`."""
    return [
        Sentence(str(row.sentence), "", ["a"] * (len(row.targets) - 2), *levels)
        for row in rows
        for levels in [
            [[TAG_SET.tags[tag] for tag in targets[1:-1]] for targets in (row.targets, row.inner_targets)]
        ]
    ]


def make_trainer(encoder_dir, checkpoints_dir, n_rows=13, checkpoint_steps=1_000, **train) -> WordTrainer:
    """Make a trainer that is ready to `fit`; equal arguments train equally."""
    params = make_params(**train)
    precision = choose_precision(params.train.precision)
    torch.manual_seed(params.seed)
    rows = make_rows(n_rows)
    model = load_encoder(encoder_dir, TAG_SET)
    if params.train.levels == "both":
        add_inner_head(model)
    if params.train.head_bias == "shares":
        start_heads(model, rows)
    add_lora(model, params.train.lora)
    freeze_layers(model, params.train.freeze_layers)
    return WordTrainer(
        model,
        training_arguments(params.train, params.seed, n_rows, checkpoints_dir, precision),
        train_rows=rows,
        validation_rows=rows[:5],
        sentences=make_sentences(rows[:5]),
        checkpoint_steps=checkpoint_steps,
        precision=precision,
        settings=params.train,
    )
