"""Tagging on several processes or machines, by Ray.

The driver cuts the input into parts and gives each worker one at a time; workers read, tag and write by
themselves, so that no row passes through the driver. The input and the output must lie where every machine
sees them: in a shared folder, or in an object store.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ner.core.errors import PipelineError, summarise_error
from ner.onnx.tagger import refuse_folder
from ner.sources.stores import Place, measure, read_folder, remove_leftovers
from ner.windows.run_config import RUN_CONFIG
from tools.predict.console import say, show_progress
from tools.predict.input_rows import Meter, find_format
from tools.predict.manifest import Job, begin, hash_model, read_record, write_bad_lines
from tools.predict.ranges import is_splittable, plan_parts
from tools.predict.ray_pool import Need, Pool, choose_workers
from tools.predict.ray_worker import Summary, WorkerSettings

PARTS_PER_WORKER = 16  # the last ones keep all workers busy to the end
LEAST_PART_BYTES = 2**17  # some 1,000 sentences, which are tagged together, sorted by length
MOST_PART_BYTES = 2**24  # some 140,000 sentences: what a worker that dies loses
STARTS = 3  # Ray waits half a minute for its own processes: too short on a machine that has other work
PROJECT = Path(__file__).resolve().parents[2]


def tag_with_ray(
    files: Sequence[Place],
    settings: WorkerSettings,
    *,
    model: Place,
    workers: int | None,
    cpus_per_worker: int,
    address: str | None,
    resume: bool,
) -> None:
    """Tag files into a folder of Parquet files, whose names sort in the order of the rows.

    Args:
        files: Shape: (n_files,).
        settings: What every part is tagged with, and the folder.
        model: The tagger's folder.
        workers: How many processes tag; None: as many as there is room for.
        cpus_per_worker: CPU cores of each.
        address: A cluster's; None: this machine alone.
        resume: Whether to go on with a folder that is there.

    Raises:
        PipelineError: If Ray is absent or the cluster too small, the folder is not to be resumed, or a row
            cannot be read.
    """
    tagger = read_model(model)
    sizes = [measure(place) for place in files]
    tell_unsplittable(files, sizes, settings)
    with ray_cluster(workers, cpus_per_worker, address) as ray:
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        need = choose_workers(nodes, workers, cpus_per_worker)
        job, finished = begin(
            settings.output, describe_job(files, sizes, settings, tagger, need), resume=resume
        )
        if finished:
            say(f"{len(finished)} parts are there already: their input is checked by hash.")
        say_workers(need)
        pool = Pool(need, settings, str(model), ray.put(tagger))
        del tagger

        def plan() -> Iterator[Any]:
            return plan_parts(zip(files, sizes, strict=True), settings.form, job.part_bytes)

        summaries: dict[int, Summary] = {}
        n_rows = 0
        meter = Meter(sum(sizes))
        with show_progress(meter, is_shown=True) as advance:
            for part, summary in pool.run((part, part.number in finished) for part in plan()):
                n_rows += summary.n_rows
                if settings.is_skipping:
                    summaries[part.number] = summary
                meter.add(part.n_bytes)
                advance(n_rows)
    remove_leftovers(settings.output)
    report_bad_lines(settings.output, plan(), summaries)
    say(f"{n_rows} rows in {settings.output}")


@contextmanager
def ray_cluster(workers: int | None, cpus_per_worker: int, address: str | None) -> Iterator[Any]:
    """Connect to a cluster, or start one on this machine, and yield the package `ray`.

    Raises:
        PipelineError: If Ray is absent or the cluster cannot be reached.
    """
    # Ray's own processes report on the terminal what is no fault; what fails comes back as an exception.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
    except ImportError as error:
        raise PipelineError("ray is not installed.", remedy="pip install -r requirements-ray.txt") from error
    # Each machine of a cluster imports the code that this one runs.
    environment = {
        "py_modules": [str(PROJECT / name) for name in ("ner", "tools")],
        "env_vars": {"OMP_NUM_THREADS": str(cpus_per_worker)},
    }
    try:
        for trial in range(STARTS):
            try:
                ray.init(
                    address=address or "local",
                    num_cpus=None if address or not workers else workers * cpus_per_worker,
                    include_dashboard=None if address else False,
                    runtime_env=environment,
                    logging_level=logging.ERROR,
                    log_to_driver=False,
                )
                break
            except Exception as error:
                if "timed out during startup" not in str(error) or trial + 1 == STARTS:
                    raise
                ray.shutdown()
    except Exception as error:  # Ray raises this very class where a start takes too long
        where = f"--ray-address {address}" if address else "Ray on this machine"
        raise PipelineError(
            f"{where}: {summarise_error(error).rstrip('.')}.",
            remedy="start it with ray start --head, and set RAY_AUTH_MODE=token if it wants Ray's token."
            if address
            else "try again when the machine has less to do.",
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def read_model(folder: Place) -> dict[str, bytes]:
    """Read a tagger's files, which each machine gets once from this one.

    Raises:
        PipelineError: If the folder holds no tagger.
    """
    files = read_folder(folder)
    if RUN_CONFIG not in files:
        raise refuse_folder(folder)
    return files


def describe_job(
    files: Sequence[Place],
    sizes: Sequence[int],
    settings: WorkerSettings,
    tagger: dict[str, bytes],
    need: Need,
) -> Job:
    """Return what this run tags with what."""
    share = sum(sizes) // (need.n_workers * PARTS_PER_WORKER)
    return Job(
        files=[[str(place), size] for place, size in zip(files, sizes, strict=True)],
        model=hash_model(tagger),
        settings={
            "input_format": settings.form,
            "level": settings.levels,
            "min_score": settings.min_score,
            "precision": settings.precision,
            "skip_bad_lines": settings.is_skipping,
        },
        part_bytes=min(max(share, LEAST_PART_BYTES), MOST_PART_BYTES),
    )


def tell_unsplittable(files: Sequence[Place], sizes: Sequence[int], settings: WorkerSettings) -> None:
    """Say which large files one worker must read alone."""
    for place, size in zip(files, sizes, strict=True):
        if size > MOST_PART_BYTES and not is_splittable(place, settings.form or find_format(place)):
            say(f"{place}: one worker tags all of it, since such a file cannot be split.")


def say_workers(need: Need) -> None:
    """Say how many workers there are, and what each has."""
    gpu = " and a GPU" if need.n_gpus else ""
    say(f"Workers: {need.n_workers}, each with {need.n_cpus} CPU{'s' * (need.n_cpus > 1)}{gpu}")


def report_bad_lines(output: Place, parts: Iterator[Any], summaries: dict[int, Summary]) -> None:
    """Write and count the lines that were skipped, by file and line."""
    n_bad = sum(summary.n_bad for summary in summaries.values())
    if not n_bad:
        return
    path = write_bad_lines(output, list_bad_lines(output, parts, summaries))
    say(f"Bad lines that were skipped: {n_bad}, listed in {path}")


def list_bad_lines(
    output: Place, parts: Iterator[Any], summaries: dict[int, Summary]
) -> Iterator[dict[str, Any]]:
    """Yield the bad lines in the order of the input; a part's lines are counted from its file's beginning."""
    n_before = 0
    for part in parts:
        summary = summaries[part.number]
        bad_lines = read_record(output, part.number).bad_lines if summary.n_bad else []
        for number, piece in enumerate(part.pieces):
            if not piece.start:
                n_before = 0
            for which, line, reason in bad_lines:
                if which == number:
                    yield {"file": str(piece.place), "line": n_before + line, "reason": reason}
            n_before += summary.n_lines[number]
