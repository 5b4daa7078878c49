"""Measure speed and memory beside a plain Trainer and `transformers.pipeline`: `python -m bench.benchmark`.

Everyone does the same work in one run, in turns, in float32 and in bfloat16: same sentences, weights and
threads. Prints the medians of several rounds and writes them to `metrics/benchmark.json`, with what describes
the machine.
"""

import logging
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Column, Table
from torch import nn

from bench.contestants import (
    PARAMS_FILE,
    Contestant,
    OurEvaluation,
    OurEvaluationInBfloat16,
    OurPrediction,
    OurPredictionInBfloat16,
    OurPredictionInInt8,
    OurTraining,
    OurTrainingInBfloat16,
    Outcome,
    PipelinePrediction,
    PipelinePrediction32,
    PipelinePrediction32InBfloat16,
    PipelinePredictionInBfloat16,
    PlainEvaluation,
    PlainEvaluation32,
    PlainEvaluation32InBfloat16,
    PlainEvaluationInBfloat16,
    PlainTraining,
    PlainTrainingInBfloat16,
    Work,
)
from ner.annotation.labels import TagSet, label_of, tags_of_labels
from ner.annotation.sentences import Sentence, write_split
from ner.core.command import run_command
from ner.core.errors import PipelineError
from ner.core.files import write_json
from ner.core.params import load_params
from ner.onnx.export import PACKAGES
from ner.sources.conversion import read_splits
from ner.tagging.devices import find_device, has_accelerator, name_device
from ner.text.splitting import split_text
from ner.windows.splits import SplitCounts, check_lengths, tokenize_split
from ner.windows.tokenized import write_windows
from ner.windows.tokenizer import WordTokenizer
from stages.tokenize_align import StageParams

logger = logging.getLogger(__name__)

RESULTS_FILE = Path("metrics/benchmark.json")
OURS = ("ours_fp32", "ours_bf16")  # each other contestant is compared with both
OURS_INT8 = "ours_int8"
CONTESTANTS: Mapping[str, Mapping[str, type[Contestant]]] = {
    "training": {
        "ours_fp32": OurTraining,
        "ours_bf16": OurTrainingInBfloat16,
        "plain_32_fp32": PlainTraining,
        "plain_32_bf16": PlainTrainingInBfloat16,
    },
    "evaluation": {
        "ours_fp32": OurEvaluation,
        "ours_bf16": OurEvaluationInBfloat16,
        "plain_8_fp32": PlainEvaluation,
        "plain_32_fp32": PlainEvaluation32,
        "plain_8_bf16": PlainEvaluationInBfloat16,
        "plain_32_bf16": PlainEvaluation32InBfloat16,
    },
    "prediction": {
        "ours_fp32": OurPrediction,
        "ours_bf16": OurPredictionInBfloat16,
        OURS_INT8: OurPredictionInInt8,
        "pipeline_1_fp32": PipelinePrediction,
        "pipeline_1_bf16": PipelinePredictionInBfloat16,
        "pipeline_32_fp32": PipelinePrediction32,
        "pipeline_32_bf16": PipelinePrediction32InBfloat16,
    },
}
NAMES = {
    "ours_fp32": "this project, fp32",
    "ours_bf16": "this project, bf16",
    OURS_INT8: "this project, ONNX int8",
    "plain_8_fp32": "Trainer, batch 8, fp32",
    "plain_32_fp32": "Trainer, batch 32, fp32",
    "plain_8_bf16": "Trainer, batch 8, bf16",
    "plain_32_bf16": "Trainer, batch 32, bf16",
    "pipeline_1_fp32": "pipeline, one by one, fp32",
    "pipeline_1_bf16": "pipeline, one by one, bf16",
    "pipeline_32_fp32": "pipeline, batch 32, fp32",
    "pipeline_32_bf16": "pipeline, batch 32, bf16",
}
# Arrow's own choice of an allocator, as in a plain script: `ner` makes another for this project.
PLAIN_ENVIRONMENT = {"ARROW_DEFAULT_MEMORY_POOL": ""}
MATRIX_SIZE, N_PRODUCTS = 2_048, 8  # 17 GFLOP a product: large enough for the full speed
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
# What a product's speed in either type depends on, as Linux and its x86-64 and arm64 processors call it.
INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_int8", "bf16", "sve")

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True, slots=True)
class Round:
    """What each needed for the same work, one directly after the other.

    Args:
        matmul: FLOP/s of a plain matrix product just before, by number type.
        outcomes: By contestant.
    """

    matmul: dict[str, float]
    outcomes: dict[str, Outcome]

    def lead(self, ours: str, other: str) -> float:
        """Return how many times as fast as another contestant this project was."""
        return self.outcomes[other].seconds / self.outcomes[ours].seconds


@app.command()
def benchmark(
    checkpoint: Annotated[Path, typer.Option(help="Folder of a pretrained encoder.")] = Path(
        "models/pretrained"
    ),
    corpus: Annotated[Path, typer.Option(help="Folder of TSV or CoNLL files, as data.source.")] = Path(
        "data/sample"
    ),
    sentences: Annotated[int, typer.Option(min=1, help="Sentences of train and of test to work on.")] = 500,
    rounds: Annotated[int, typer.Option(min=1, help="How often each does the work.")] = 3,
) -> None:
    """Measure training, evaluation and prediction beside what one would write without this project."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # processes of their own read it too
    logging.getLogger("stages").setLevel(logging.WARNING)
    turns: dict[str, list[Round]] = {}
    with tempfile.TemporaryDirectory() as folder:
        work = Work(Path(folder), checkpoint)
        described = {**prepare_work(work, corpus, sentences), "rounds": rounds}
        for kind, classes in CONTESTANTS.items():
            contestants = {name: one(work) for name, one in classes.items() if is_available(name)}
            turns[kind] = take_turns(contestants, rounds)
            if isinstance(trained := contestants[OURS[0]], OurTraining):
                trained.save()
        peaks = {
            name: measure_peak(one, work, rounds, {} if name in OURS else PLAIN_ENVIRONMENT)
            for name, one in CONTESTANTS["evaluation"].items()
        }
        evaluation = OurEvaluation(work)
        n_flop = count_flop(evaluation.tagger.model, [len(row.window.input_ids) for row in evaluation.rows])
    results = {
        "machine": describe_machine(),
        "work": described,
        **{
            kind: summarize_rounds(some, peaks if kind == "evaluation" else {})
            for kind, some in turns.items()
        },
        "matmul_gflops": {
            name: round(median(one.matmul[name] for one in turns["evaluation"]) / 1e9, 1) for name in DTYPES
        },
        "evaluation_share_of_matmul": {
            name: round(
                median(
                    n_flop / one.outcomes[f"ours_{name}"].seconds / one.matmul[name]
                    for one in turns["evaluation"]
                ),
                3,
            )
            for name in DTYPES
        },
    }
    write_json(RESULTS_FILE, results)
    print_results(results)


def prepare_work(work: Work, corpus: Path, n_sentences: int) -> dict[str, Any]:
    """Write the first sentences of train and test, and their windows, as the stages do.

    Returns:
        What describes the work, without paths.

    Raises:
        PipelineError: If corpus or checkpoint cannot be used.
    """
    for option, folder in (("--checkpoint", work.encoder_dir), ("--corpus", corpus)):
        if not folder.is_dir():
            raise PipelineError(
                f"{option}: {folder}: no such folder.",
                remedy="name another one, or make the default checkpoint: dvc repro download_checkpoint",
            )
    params = load_params(PARAMS_FILE, StageParams).tokenize
    tokenizer = WordTokenizer.load(work.encoder_dir)
    check_lengths(params, tokenizer)
    picked = {}
    for split, read in read_splits(corpus, split_text).items():
        if split in Work.SPLITS:
            picked[split] = pick_sentences(read(), tokenizer, params.max_length, n_sentences)
            if not picked[split]:
                raise PipelineError(
                    f"{corpus}: no sentence of {split} fits into {params.max_length} subtokens.",
                    remedy="set a larger tokenize.max_length in params.yaml, or name another corpus.",
                )
    tags = {tag for some in picked.values() for sentence in some for tag in sentence.outer}
    tag_set = TagSet(tags_of_labels(label for tag in tags if (label := label_of(tag))))
    described = {}
    for split, some in picked.items():
        write_split(work.raw_file(split), some, tag_set, has_inner=False)
        counts = SplitCounts()
        rows = tokenize_split(work.raw_file(split), tokenizer, params, counts)
        write_windows(work.tokenized_file(split), rows, params.model_dump())
        described[split] = {name: counts.counts[name] for name in ("sentences", "words", "subtokens")}
    return {"checkpoint": work.encoder_dir.resolve().name, "corpus": corpus.resolve().name, **described}


def pick_sentences(
    sentences: Iterator[Sentence], tokenizer: WordTokenizer, max_length: int, n: int
) -> list[Sentence]:
    """Take the first sentences that fit into one window: the pipeline would cut off the others."""
    room = max_length - len(tokenizer.prefix) - len(tokenizer.suffix)
    picked: list[Sentence] = []
    while len(picked) < n and (batch := list(islice(sentences, n))):
        pieces = tokenizer.encode([sentence.words for sentence in batch])
        lengths = [sum(map(len, words)) for words in pieces]
        picked += [one for one, length in zip(batch, lengths, strict=True) if 0 < length <= room]
    return picked[:n]


def take_turns(contestants: Mapping[str, Contestant], n_rounds: int) -> list[Round]:
    """Let each do the work once a round; each round begins with another one.

    Raises:
        RuntimeError: If they did not tag the same sentences: a mistake of this tool.
    """
    turns = []
    for number in range(n_rounds):
        start = number % len(contestants)
        names = [*contestants][start:] + [*contestants][:start]
        matmul = {name: measure_matmul(dtype) for name, dtype in DTYPES.items()}
        one = Round(matmul, {name: contestants[name].run() for name in names})
        if len({outcome.n_sentences for outcome in one.outcomes.values()}) > 1:
            raise RuntimeError(f"not the same work: {one.outcomes}")
        seconds = ", ".join(f"{NAMES[name]} {one.outcomes[name].seconds:.1f} s" for name in contestants)
        logger.info("round %d of %d: %s", number + 1, n_rounds, seconds)
        turns.append(one)
    return turns


def is_available(contestant: str) -> bool:
    """Return whether the packages that a contestant needs are installed."""
    return contestant != OURS_INT8 or all(find_spec(name) for name in PACKAGES)


def measure_matmul(dtype: torch.dtype) -> float:
    """Measure how fast this device multiplies two large matrices. Unit: FLOP/s."""
    device = find_device()
    one, other = torch.rand(2, MATRIX_SIZE, MATRIX_SIZE, device=device).to(dtype)
    seconds = []
    for _ in range(N_PRODUCTS):
        started = time.perf_counter()
        torch.mm(one, other)
        if device.type != "cpu":
            torch.accelerator.synchronize()
        seconds.append(time.perf_counter() - started)
    return 2 * MATRIX_SIZE**3 / median(seconds)


def measure_peak(
    contestant: type[Contestant], work: Work, n_rounds: int, environment: Mapping[str, str]
) -> float:
    """Let one do the work in processes of its own, which import only what it needs.

    Args:
        contestant: Who does it.
        work: What to do.
        n_rounds: How many processes, one after the other.
        environment: Their environment variables, beside those of this process.

    Returns:
        Median of their peaks in MiB: how memory is cut into pieces differs by a tenth from one to the next.
    """
    names = (contestant.__module__, contestant.__name__)
    command = (sys.executable, "-m", *names, str(work.folder), str(work.encoder_dir))
    peaks = []
    for _ in range(n_rounds):
        done = subprocess.run(  # noqa: S603 - ours
            command, env=os.environ | environment, stdout=subprocess.PIPE, text=True, check=True
        )
        peaks.append(float(done.stdout.splitlines()[-1]))
    logger.info("%s: peaks of %s MiB", contestant.__name__, ", ".join(f"{peak:.0f}" for peak in peaks))
    return median(peaks)


def count_flop(model: nn.Module, lengths: Sequence[int]) -> int:
    """Count the operations that windows cost, padding not counted.

    Each subtoken meets every weight of the linear layers in one multiplication and one addition. In each
    layer's attention it is multiplied with all subtokens of its window twice, for the weights and for the
    sum: 2 * 2 * length * hidden size. What is no matrix product is left out: less than a hundredth.

    Args:
        model: A transformer whose layers are not shared.
        lengths: Subtokens of each window. Shape: (n_windows,).
    """
    n_weights = sum(layer.weight.numel() for layer in model.modules() if isinstance(layer, nn.Linear))
    config: Any = model.config
    attention = 2 * 2 * config.hidden_size * config.num_hidden_layers
    return sum(length * (2 * n_weights + attention * length) for length in lengths)


def summarize_rounds(turns: Sequence[Round], peaks: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    """Return the medians of the rounds by contestant, and how many times as fast as it each of ours was."""
    results: dict[str, dict[str, Any]] = {}
    for name, outcome in turns[0].outcomes.items():
        seconds = [one.outcomes[name].seconds for one in turns]
        results[name] = {
            "sentences": outcome.n_sentences,
            "subtokens": outcome.n_subtokens,
            "padding_share": round(1 - outcome.n_subtokens / outcome.n_computed, 4),
            "seconds": [round(value, 3) for value in seconds],
            "sentences_per_second": round(outcome.n_sentences / median(seconds), 1),
        }
        if name in peaks:
            results[name]["peak_memory_mb"] = round(peaks[name])
        if name not in (*OURS, OURS_INT8):
            results[name]["times_as_fast"] = {
                ours: round(median(one.lead(ours, name) for one in turns), 2) for ours in OURS
            }
            if name in peaks:
                results[name]["share_of_memory"] = {
                    ours: round(peaks[ours] / peaks[name], 2) for ours in OURS
                }
    return results


def describe_machine() -> dict[str, Any]:
    """Return what the figures depend on, without naming the machine or its folders."""
    from ner.training.results import ENVIRONMENT  # seconds that a wrong option need not take

    return {
        "processor": find_processor(),
        "instructions": find_instructions(),
        "logical_cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "accelerator": name_device() if has_accelerator() else "none",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version(name) for name in ENVIRONMENT},
    }


def find_processor() -> str:
    """Name the processor's model; Linux tells it in a file alone."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()


def find_instructions() -> list[str]:
    """List the instructions of the processor that number types depend on; none where no file tells."""
    facts = Path("/proc/cpuinfo")
    text = facts.read_text(encoding="utf-8") if facts.is_file() else ""
    flags = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    return [name for name in INSTRUCTIONS if flags and name in flags[1].split()]


def print_results(results: Mapping[str, Any]) -> None:
    """Show the medians as a table."""
    work, machine = results["work"], results["machine"]
    table = Table(
        "work",
        Column("by", no_wrap=True),
        *(
            Column(name, justify="right")
            for name in ("sentences/s", "fp32 lead", "bf16 lead", "padding", "memory")
        ),
        title=f"{work['checkpoint']} on {work['corpus']}, medians of {work['rounds']} rounds",
        caption=f"{machine['processor']}, {machine['threads']} threads, torch {machine['torch']}",
    )
    for kind in CONTESTANTS:
        for name, found in results[kind].items():
            table.add_row(
                kind if name == OURS[0] else "",
                NAMES[name],
                f"{found['sentences_per_second']:.1f}",
                *(f"{found['times_as_fast'][one]:.2f} x" if "times_as_fast" in found else "" for one in OURS),
                f"{found['padding_share']:.1%}",
                f"{found['peak_memory_mb']} MB" if "peak_memory_mb" in found else "",
            )
        table.add_section()
    console = Console()
    console.print(table)
    for name in DTYPES:
        console.print(
            f"Our evaluation in {name} reaches {results['evaluation_share_of_matmul'][name]:.0%} of the "
            f"{results['matmul_gflops'][name]:.0f} GFLOP/s of a plain matrix product.",
            soft_wrap=True,
        )
    console.print(f"All figures: {RESULTS_FILE}", soft_wrap=True)


if __name__ == "__main__":
    run_command(app)
