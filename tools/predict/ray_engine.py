"""Tagging on several processes or machines, by Ray Data.

Ray schedules; its tasks call what one process calls, so that the rows are the same. The files that are
read, the model and the output must lie where every machine sees them.
"""

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from ner.core.errors import PipelineError
from ner.core.number_types import TaggingPrecision
from ner.onnx.tagger import load_text_tagger
from ner.text.text_tagger import Levels
from tools.predict.input_rows import InputFormat, Row, read_rows
from tools.predict.output_formats import make_table

MEND = "fix it, or leave --engine ray out and pass --skip-bad-lines."  # a task's count of them would be lost
ROWS_PER_BLOCK = 1_000  # tagged together, sorted by length
ROWS_PER_FILE = 100_000
CPUS_BESIDE_TAGGERS = 2  # for reading and writing: with none left, the taggers would wait for ever
PROJECT = Path(__file__).resolve().parents[2]


class TaskError(Exception):
    """Problem and remedy of a `PipelineError`, which Ray cannot send from one process to another."""


@contextmanager
def sendable_errors() -> Iterator[None]:
    """Turn a `PipelineError` into one that Ray can send."""
    try:
        yield
    except PipelineError as error:
        raise TaskError(*str(error).split(" Remedy: ", 1)) from None


class RayTagger:
    """A process that holds a tagger.

    Args:
        tagger_dir: The tagger's folder.
        levels: Which levels to give, of those that the tagger knows.
        min_score: Names below are left out.
        subtokens_per_batch: Most subtokens in a batch; None: set for the CPU or GPU.
        precision: Number type to compute in; auto: the tagger's own.
    """

    def __init__(
        self,
        tagger_dir: str,
        levels: str,
        min_score: float,
        subtokens_per_batch: int | None,
        precision: TaggingPrecision,
    ) -> None:
        with sendable_errors():
            self.tagger = load_text_tagger(
                Path(tagger_dir), subtokens_per_batch=subtokens_per_batch, precision=precision, levels=levels
            )
        self.min_score = min_score

    def __call__(self, block: pa.Table) -> pa.Table:
        """Tag the rows of a block."""
        rows = [
            Row.of_words(words) if words else Row(text)
            for text, words in zip(block["text"].to_pylist(), block["words"].to_pylist(), strict=True)
        ]
        tagged = self.tagger.tag_split([(row.text, row.split()) for row in rows])
        return make_table([one.without_doubtful(self.min_score) for one in tagged], self.tagger.n_levels)


def read_blocks(path: Path, form: InputFormat | None) -> Iterator[pa.Table]:
    """Read a file's rows as Ray passes them on.

    Raises:
        PipelineError: At the first row that cannot be read.
    """
    block: list[Row] = []
    for row in read_rows(path, form):
        if isinstance(row, PipelineError):
            raise PipelineError(str(row).partition(" Remedy: ")[0], remedy=MEND)
        block.append(row)
        if len(block) == ROWS_PER_BLOCK:
            yield _make_block(block)
            block = []
    if block:
        yield _make_block(block)


def tag_with_ray(
    files: Sequence[Path],
    form: InputFormat | None,
    output: Path,
    *,
    tagger_dir: Path,
    levels: Levels,
    min_score: float,
    subtokens_per_batch: int | None,
    precision: TaggingPrecision,
    workers: int,
    address: str | None,
) -> None:
    """Tag files into a folder of Parquet files, whose names sort in the order of the rows.

    A file is read by one task, so that many files are read faster than one.

    Args:
        files: Shape: (n_files,).
        form: Their format; None: by their names.
        output: The folder.
        tagger_dir: The tagger's folder.
        levels: Which levels to give, of those that the tagger knows.
        min_score: Names below are left out.
        subtokens_per_batch: Most subtokens in a batch; None: set for the CPU or GPU.
        precision: Number type to compute in; auto: the tagger's own.
        workers: How many processes tag.
        address: A cluster's; None: this machine alone.

    Raises:
        PipelineError: If Ray is absent or the cluster too small, the folder is not empty, or a row cannot
            be read.
    """
    # Ray's own processes report on the terminal what is no fault; what fails comes back as an exception.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
        from ray.data import ActorPoolStrategy, DataContext
    except ImportError as error:
        raise PipelineError("ray is not installed.", remedy="pip install -r requirements-ray.txt") from error
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise PipelineError(f"--output {output} is there already.", remedy="name a new folder.")
    # Each machine of a cluster imports the code that this one runs.
    environment = {
        "py_modules": [str(PROJECT / name) for name in ("ner", "tools")],
        "env_vars": {"OMP_NUM_THREADS": "1"},
    }
    n_cpus = None if address else workers + CPUS_BESIDE_TAGGERS
    ray.init(
        address=address or "local",
        num_cpus=n_cpus,
        include_dashboard=None if address else False,
        runtime_env=environment,
        logging_level=logging.ERROR,
        log_to_driver=False,
    )
    try:
        if ray.cluster_resources().get("CPU", 0) < workers + CPUS_BESIDE_TAGGERS:
            raise PipelineError(
                f"--workers {workers}: the cluster has too few CPUs for them, and "
                f"{CPUS_BESIDE_TAGGERS} more to read and write.",
                remedy="start fewer, or a larger cluster.",
            )
        context = DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = sys.stderr.isatty()
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # errors come back as exceptions
        items = ray.data.from_items([str(path.resolve()) for path in files], override_num_blocks=len(files))
        rows = items.map_batches(
            _read_items, fn_kwargs={"form": form}, batch_size=1, batch_format="pyarrow"
        ).repartition(target_num_rows_per_block=ROWS_PER_BLOCK)  # else a file would go to one tagger
        rows.map_batches(
            RayTagger,
            fn_constructor_args=(
                str(tagger_dir.resolve()),
                levels.value,
                min_score,
                subtokens_per_batch,
                precision,
            ),
            batch_size=ROWS_PER_BLOCK,
            batch_format="pyarrow",
            compute=ActorPoolStrategy(size=workers),
        ).write_parquet(str(output.resolve()), min_rows_per_file=ROWS_PER_FILE)
    except ray.exceptions.RayError as error:
        cause: Any = error
        while cause is not None and type(cause) is not TaskError:  # Ray derives a class of its own from it
            cause = getattr(cause, "cause", None) or cause.__cause__
        if cause is None:
            raise
        problem, remedy = cause.args
        # Behind our line Ray appends advice on its own retries.
        raise PipelineError(problem.splitlines()[0], remedy=remedy) from error
    finally:
        ray.shutdown()


def _read_items(items: pa.Table, form: InputFormat | None) -> Iterator[pa.Table]:
    for path in items["item"].to_pylist():
        with sendable_errors():
            yield from read_blocks(Path(path), form)


def _make_block(rows: Sequence[Row]) -> pa.Table:
    columns: dict[str, Any] = {
        "text": [row.text for row in rows],
        "words": [[word.text for word in row.words] if row.words else None for row in rows],
    }
    return pa.table(columns, schema=pa.schema({"text": pa.string(), "words": pa.list_(pa.string())}))
