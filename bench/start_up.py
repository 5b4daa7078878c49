"""Measure what `dvc repro` costs before any work is done: `python -m bench.start_up`.

Runs a copy of the project, in a temporary folder, on 20 sentences with an encoder cut to two layers and a
single epoch: what is left are interpreters, imports and DVC itself. Then runs it again, with nothing to do.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from ruamel.yaml import YAML

from ner.annotation.sentences import Sentence
from ner.core.command import run_command
from ner.core.errors import PipelineError
from ner.core.files import write_text
from ner.sources.conversion import read_splits
from ner.sources.formats.columns import format_columns
from ner.text.splitting import split_text

N_SENTENCES, N_LAYERS = 20, 2
RESULTS = ("dvc.lock", "metrics/")  # of the project's own run

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def start_up(
    checkpoint: Annotated[Path, typer.Option(help="Folder of a pretrained encoder.")] = Path(
        "models/pretrained"
    ),
    corpus: Annotated[Path, typer.Option(help="Folder of TSV or CoNLL files.")] = Path("data/sample"),
) -> None:
    """Measure the fixed cost of each stage, and of `dvc repro` with nothing to do."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        copy_project(project)
        cut_corpus(corpus, project / "corpus")
        cut_encoder(checkpoint, project / "encoder")
        set_params(project / "params.yaml")
        stages = time_repro(project)
        nothing = time_repro(project)
    table = Table("stage", "seconds", title="The fixed cost of dvc repro")
    for stage, seconds in stages.items():
        table.add_row(stage, f"{seconds:.1f}")
    table.add_section()
    table.add_row("together", f"{sum(stages.values()):.1f}")
    table.add_row("again, nothing to do", f"{sum(nothing.values()):.1f}")
    Console().print(table)


def copy_project(folder: Path) -> None:
    """Copy the files that Git knows, but no results, into a folder of its own."""
    command = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - fixed
    for name in filter(None, listed.split("\0")):
        if not name.startswith(RESULTS) and Path(name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(name, folder / name)
    subprocess.run(("git", "init", "--quiet"), cwd=folder, check=True)  # noqa: S607 - as a user's shell


def cut_corpus(corpus: Path, folder: Path) -> None:
    """Write the first sentences of each split as CoNLL."""
    for split, read in read_splits(corpus, split_text).items():
        sentences: list[Sentence] = list(islice(read(), N_SENTENCES))
        write_text(folder / f"{split}.conll", format_columns(sentences))


def cut_encoder(checkpoint: Path, folder: Path) -> None:
    """Write a checkpoint with its first layers alone."""
    if not (checkpoint / "config.json").is_file():
        raise PipelineError(
            f"--checkpoint: {checkpoint} is no checkpoint.", remedy="make it: dvc repro download_checkpoint"
        )
    from transformers import AutoModel  # seconds that a wrong option need not take
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call] # else a table of the layers cut off
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    AutoModel.from_pretrained(checkpoint, num_hidden_layers=N_LAYERS).save_pretrained(folder)
    for path in checkpoint.iterdir():
        if path.name != "config.json" and path.suffix in {".json", ".txt"}:
            shutil.copyfile(path, folder / path.name)


def set_params(path: Path) -> None:
    """Let the copy use the small corpus and encoder, for one epoch."""
    yaml = YAML()
    params = yaml.load(path)
    params["data"]["source"] = "corpus"
    params["model"]["checkpoint"] = "encoder"
    params["train"]["epochs"] = 1
    yaml.dump(params, path)


def time_repro(project: Path) -> dict[str, float]:
    """Run `dvc repro` and time the lines in which it names a stage; what comes before is `dvc`.

    Raises:
        PipelineError: If it fails.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "DVC_SITE_CACHE_DIR": str(project.parent / "site-cache")}
    environment.pop("DVC_ROOT", None)
    started = time.perf_counter()
    process = subprocess.Popen(
        ("dvc", "repro"),  # noqa: S607 - as a user's shell finds it
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    seconds, stage, lines = {"dvc": 0.0}, "dvc", []
    for line in process.stdout or ():
        lines.append(line)
        if found := re.match(r"Running stage '(\w+)'", line):
            now = time.perf_counter()
            seconds[stage] = now - started
            started, stage = now, found[1]
    status = process.wait()
    seconds[stage] = time.perf_counter() - started
    if status:
        raise PipelineError(f"dvc repro ended with {status}: {''.join(lines[-3:])}", remedy="see above.")
    return seconds


if __name__ == "__main__":
    run_command(app)
