"""The same work done by the project's own code and by what people would write without it.

Each class loads what it needs when it is made, outside the clock, and imports only that, so that a process
of its own shows the memory that it takes. `run` does the work once.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from ner.annotation.sentences import read_split, read_tag_set
from ner.core.number_types import TaggingPrecision
from ner.core.params import load_params
from ner.core.run_settings import RunSection
from ner.core.speed import peak_memory_mb
from ner.windows.alignment import IGNORE_ID
from ner.windows.batching import budget_batches, padding_share
from ner.windows.tokenized import TokenizedWindow, read_settings, read_windows

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, TrainingArguments

    from stages.fine_tune import StageParams

PARAMS_FILE = Path("params.yaml")
BATCH_SIZE = 32  # windows in an optimiser step, on both sides


@dataclass(frozen=True, slots=True)
class Work:
    """What all contestants get: the same windows and weights, each sentence one window.

    Args:
        folder: Holds `raw/` and `tokenized/` as the stages write them, for train and test, and `tagger/`,
            a fine-tuned checkpoint, once there is one.
        encoder_dir: The pretrained checkpoint.
    """

    SPLITS: ClassVar = ("train", "test")

    folder: Path
    encoder_dir: Path

    @property
    def tagger_dir(self) -> Path:
        """Where the fine-tuned checkpoint is."""
        return self.folder / "tagger"

    def raw_file(self, split: str) -> Path:
        """Return the sentences of a split."""
        return self.folder / "raw" / f"{split}.parquet"

    def tokenized_file(self, split: str) -> Path:
        """Return the windows of a split."""
        return self.folder / "tokenized" / f"{split}.parquet"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One pass over the work.

    Args:
        seconds: Without loading.
        n_sentences: Windows that the model was given.
        n_subtokens: Their subtokens, special tokens included.
        n_computed: The same with padding.
        tag_ids: Best tag of every subtoken that has a target, in corpus order, where the contestant tells it.
    """

    seconds: float
    n_sentences: int
    n_subtokens: int
    n_computed: int
    tag_ids: list[int] = field(default_factory=list)


class Contestant(Protocol):
    """Does the work, as often as it is told to."""

    def __init__(self, work: Work) -> None: ...

    def run(self) -> Outcome:
        """Do the work once."""


class ForwardMeter:
    """Counts what goes through a model, in the same way for everyone."""

    def __init__(self, model: "PreTrainedModel") -> None:
        self.masks: list[torch.Tensor] = []
        model.register_forward_pre_hook(self._count, with_kwargs=True)

    def _count(self, _module: object, _args: object, kwargs: dict[str, Any]) -> None:
        self.masks.append(kwargs["attention_mask"])  # summed when the clock stands still

    def read(self, seconds: float, tag_ids: list[int] | None = None) -> Outcome:
        """Return what was counted since the last reading."""
        masks, self.masks = self.masks, []
        return Outcome(
            seconds,
            n_sentences=sum(mask.shape[0] for mask in masks),
            n_subtokens=sum(int(mask.sum()) for mask in masks),
            n_computed=sum(mask.numel() for mask in masks),
            tag_ids=tag_ids or [],
        )


class OurTraining:
    """An epoch of stage `fine_tune`, with its own Trainer, settings and order of batches."""

    precision: ClassVar[TaggingPrecision] = "fp32"

    def __init__(self, work: Work) -> None:
        self.work = work
        self.rows = read_windows(work.tokenized_file("train"))
        self.sentences = read_split(work.raw_file("train"))
        self.model = load_fresh(work)

    def run(self) -> Outcome:
        """Train from the same weights as ever; checkpoints count, validation (of a sentence) does not."""
        from ner.tagging.precision import Precision
        from ner.training.arguments import training_arguments
        from ner.training.trainer import WordTrainer

        params = training_params()
        precision = Precision(self.precision, self.precision)
        self.model = load_fresh(self.work)
        meter = ForwardMeter(self.model)
        trainer = WordTrainer(
            self.model,
            training_arguments(
                params.train, params.seed, len(self.rows), self.work.folder / "scratch", precision
            ),
            train_rows=self.rows,
            validation_rows=self.rows[:1],
            sentences=self.sentences[:1],
            checkpoint_steps=load_params(PARAMS_FILE, RunSection).run.checkpoint_steps,
            precision=precision,
            settings=params.train,
        )
        trainer.fit(None)
        meter.masks.pop()  # that of the sentence
        return meter.read(trainer.seconds)

    def save(self) -> None:
        """Write the tagger of the last run to where evaluation and prediction load it."""
        from ner.training.results import save_tagger

        settings = {"tokenize": read_settings(self.work.tokenized_file("train"))}
        save_tagger(self.model, self.work.encoder_dir, self.work.tagger_dir, settings)


class OurTrainingInBfloat16(OurTraining):
    """The same in bfloat16."""

    precision = "bf16"


class PlainTraining:
    """An epoch of the Trainer as Hugging Face's token-classification example sets it up."""

    precision: ClassVar[TaggingPrecision] = "fp32"

    def __init__(self, work: Work) -> None:
        from datasets import Dataset
        from transformers import AutoTokenizer, DataCollatorForTokenClassification

        self.work = work
        self.dataset = Dataset.from_dict(list_columns(read_windows(work.tokenized_file("train"))))
        self.collator = DataCollatorForTokenClassification(AutoTokenizer.from_pretrained(work.encoder_dir))

    def run(self) -> Outcome:
        """Train from the same weights as ever."""
        from transformers import PrinterCallback, Trainer

        params = training_params()
        model = load_fresh(self.work)
        meter = ForwardMeter(model)
        trainer = Trainer(
            model,
            plain_arguments(
                self.work,
                per_device_train_batch_size=BATCH_SIZE,
                num_train_epochs=1,
                save_strategy="epoch",  # as ours does
                seed=params.seed,
                learning_rate=params.train.lr,
                weight_decay=params.train.weight_decay,
                warmup_steps=params.train.warmup_share,  # a fraction is a share of all steps
                bf16=self.precision == "bf16",
            ),
            train_dataset=self.dataset,
            data_collator=self.collator,
        )
        trainer.remove_callback(PrinterCallback)
        started = time.perf_counter()
        trainer.train()
        return meter.read(time.perf_counter() - started)


class PlainTrainingInBfloat16(PlainTraining):
    """The same under autocast."""

    precision = "bf16"


class OurEvaluation:
    """The tagger as stage `evaluate` uses it: sorted by length, a budget of subtokens, F1 on words."""

    precision: ClassVar[TaggingPrecision] = "fp32"

    def __init__(self, work: Work) -> None:
        from ner.tagging.tagger import Tagger

        budget = load_params(PARAMS_FILE, RunSection).run.subtokens_per_batch
        self.tagger = Tagger.load(work.tagger_dir, subtokens_per_batch=budget, precision=self.precision)
        self.rows = read_windows(work.tokenized_file("test"))
        self.sentences = read_split(work.raw_file("test"))
        self.meter = ForwardMeter(self.tagger.model)

    def run(self) -> Outcome:
        """Tag the test split and score it."""
        from ner.annotation.counts import score_tags

        started = time.perf_counter()
        tagged = self.tagger.tag(self.rows, [len(sentence.words) for sentence in self.sentences])
        score_tags(
            gold=[sentence.outer for sentence in self.sentences],
            predicted=[words.tags for words in tagged.sentences],
        )
        seconds = time.perf_counter() - started
        tag_ids = [
            best
            for row, ids in zip(self.rows, tagged.subtoken_tag_ids, strict=True)
            for target, best in zip(row.targets, ids, strict=True)
            if target != IGNORE_ID
        ]
        return self.meter.read(seconds, tag_ids)


class OurEvaluationInBfloat16(OurEvaluation):
    """The same in bfloat16."""

    precision = "bf16"


class PlainEvaluation:
    """`Trainer.evaluate` in corpus order with seqeval on subtokens, as the example and the notebook do it."""

    batch_size = 8  # what the Trainer does if nobody tells it otherwise
    precision: ClassVar[TaggingPrecision] = "fp32"

    def __init__(self, work: Work) -> None:
        from datasets import Dataset
        from transformers import (
            AutoModelForTokenClassification,
            AutoTokenizer,
            DataCollatorForTokenClassification,
            PrinterCallback,
            Trainer,
        )

        self.tags = read_tag_set(work.raw_file("test")).tags
        self.tag_ids: list[int] = []
        model = AutoModelForTokenClassification.from_pretrained(work.tagger_dir)
        self.meter = ForwardMeter(model)
        self.trainer = Trainer(
            model,
            plain_arguments(work, per_device_eval_batch_size=self.batch_size, bf16=self.precision == "bf16"),
            eval_dataset=Dataset.from_dict(list_columns(read_windows(work.tokenized_file("test")))),
            data_collator=DataCollatorForTokenClassification(AutoTokenizer.from_pretrained(work.tagger_dir)),
            compute_metrics=self._compute_metrics,
        )
        self.trainer.remove_callback(PrinterCallback)

    def run(self) -> Outcome:
        """Tag the test split and score it."""
        started = time.perf_counter()
        self.trainer.evaluate()
        return self.meter.read(time.perf_counter() - started, self.tag_ids)

    def _compute_metrics(self, found: Any) -> dict[str, float]:  # noqa: ANN401 - the Trainer's own
        from seqeval.metrics import f1_score

        logits, targets = found
        best = logits.argmax(axis=2)
        rows = [
            [(b, t) for b, t in zip(*row, strict=True) if t != IGNORE_ID]
            for row in zip(best.tolist(), targets.tolist(), strict=True)
        ]
        self.tag_ids = [b for row in rows for b, _ in row]
        predicted, gold = ([[self.tags[pair[side]] for pair in row] for row in rows] for side in (0, 1))
        return {"f1": f1_score(gold, predicted, zero_division=0)}


class PlainEvaluation32(PlainEvaluation):
    """The same with larger batches, which pad more."""

    batch_size = 32


class PlainEvaluationInBfloat16(PlainEvaluation):
    """Batches of 8 under autocast."""

    precision = "bf16"


class PlainEvaluation32InBfloat16(PlainEvaluation32):
    """Batches of 32 under autocast."""

    precision = "bf16"


class OurPrediction:
    """`TextTagger` on sentences that are split into words."""

    precision: ClassVar[TaggingPrecision] = "fp32"

    def __init__(self, work: Work) -> None:
        from ner.tagging.tagger import Tagger
        from ner.text.text_tagger import TextTagger

        budget = load_params(PARAMS_FILE, RunSection).run.subtokens_per_batch
        tagger = Tagger.load(work.tagger_dir, subtokens_per_batch=budget, precision=self.precision)
        self.tagger = TextTagger.around(tagger, work.tagger_dir)
        self.sentences = [sentence.words for sentence in read_split(work.raw_file("test"))]
        self.meter = ForwardMeter(tagger.model)

    def run(self) -> Outcome:
        """Tokenise, tag and decode."""
        started = time.perf_counter()
        self.tagger.tag_words(self.sentences)
        return self.meter.read(time.perf_counter() - started)


class OurPredictionInBfloat16(OurPrediction):
    """The same in bfloat16."""

    precision = "bf16"


class OurPredictionInInt8:
    """The tagger's ONNX export with int8 weights, on ONNX Runtime."""

    def __init__(self, work: Work) -> None:
        from ner.onnx.export import write_onnx_folder
        from ner.onnx.tagger import load_text_tagger

        folder = work.folder / "onnx"
        folder.mkdir(exist_ok=True)
        write_onnx_folder(work.tagger_dir, folder, int8=True)
        self.tagger = load_text_tagger(folder)
        self.sentences = [sentence.words for sentence in read_split(work.raw_file("test"))]
        self.rows = read_windows(work.tokenized_file("test"))

    def run(self) -> Outcome:
        """Tokenise, tag and decode."""
        from ner.onnx.tagger import BUDGET

        started = time.perf_counter()
        self.tagger.tag_words(self.sentences)
        seconds = time.perf_counter() - started
        lengths = [len(row.window.input_ids) for row in self.rows]  # no PyTorch module to count on
        padding = padding_share(lengths, budget_batches(lengths, BUDGET))
        return Outcome(seconds, len(lengths), sum(lengths), round(sum(lengths) / (1 - padding)))


class PipelinePrediction:
    """`transformers.pipeline`, a sentence a call, names put together from whole words."""

    batch_size = 1
    precision: ClassVar[TaggingPrecision] = "fp32"

    def __init__(self, work: Work) -> None:
        import torch
        from transformers import pipeline

        self.tag = pipeline(
            "token-classification",
            str(work.tagger_dir),
            aggregation_strategy="first",
            dtype=torch.bfloat16 if self.precision == "bf16" else torch.float32,
        )
        self.texts = [" ".join(sentence.words) for sentence in read_split(work.raw_file("test"))]
        self.meter = ForwardMeter(self.tag.model)

    def run(self) -> Outcome:
        """Tokenise, tag and decode."""
        started = time.perf_counter()
        if self.batch_size == 1:
            for text in self.texts:
                self.tag(text)
        else:
            self.tag(self.texts, batch_size=self.batch_size)
        return self.meter.read(time.perf_counter() - started)


class PipelinePredictionInBfloat16(PipelinePrediction):
    """A sentence a call, weights in bfloat16."""

    precision = "bf16"


class PipelinePrediction32(PipelinePrediction):
    """Batches of 32 in corpus order."""

    batch_size = 32


class PipelinePrediction32InBfloat16(PipelinePrediction32):
    """The same, weights in bfloat16."""

    precision = "bf16"


def training_params() -> "StageParams":
    """Read the settings of training, for one epoch of batches of the plain Trainer's size."""
    from stages.fine_tune import StageParams

    params = load_params(PARAMS_FILE, StageParams)
    train = params.train.model_copy(update={"batch_size": BATCH_SIZE, "epochs": 1})
    return params.model_copy(update={"train": train})


def plain_arguments(work: Work, **settings: Any) -> "TrainingArguments":  # noqa: ANN401
    """Leave the Trainer's settings at their defaults, but let it print nothing."""
    from transformers import TrainingArguments

    from ner.tagging.devices import has_accelerator

    settings.setdefault("save_strategy", "no")
    return TrainingArguments(
        output_dir=str(work.folder / "scratch"),
        report_to="none",
        disable_tqdm=True,
        use_cpu=not has_accelerator(),  # else the Trainer refuses bf16 there
        dataloader_pin_memory=has_accelerator(),  # else a warning
        **settings,
    )


def load_fresh(work: Work) -> "PreTrainedModel":
    """Load the encoder under the same fresh head, each time."""
    from transformers import set_seed

    from ner.tagging.model import load_encoder

    set_seed(training_params().seed)
    return load_encoder(work.encoder_dir, read_tag_set(work.raw_file("train")))


def list_columns(rows: Sequence[TokenizedWindow]) -> dict[str, list[list[int]]]:
    """Rename the columns of windows as the Trainer's collator and model expect."""
    return {
        "input_ids": [row.window.input_ids for row in rows],
        "attention_mask": [[1] * len(row.window.input_ids) for row in rows],
        "labels": [row.targets for row in rows],
    }


def main() -> None:
    """Do the work once and print the peak of this process, which has done nothing else. Unit: MiB."""
    name, folder, encoder_dir = sys.argv[1:]
    contestant: type[Contestant] = globals()[name]
    contestant(Work(Path(folder), Path(encoder_dir))).run()
    sys.stdout.write(f"\n{peak_memory_mb()}")


if __name__ == "__main__":
    main()
