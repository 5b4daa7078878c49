"""Export the tagger: `ner export --to hub-folder`, or `--to onnx`."""

import shutil
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ner.annotation.counts import score_tags
from ner.annotation.sentences import Sentence, read_split
from ner.core.checkpoint_files import copy_files, list_tagger_files
from ner.core.errors import PipelineError
from ner.core.files import whole_folder
from ner.onnx.export import write_onnx_folder
from ner.onnx.tagger import MODEL, load_text_tagger
from ner.tagging.decoding import TaggedWords
from tools.tables import make_table

TAGGER_DIR = Path("models/ner")
CARD = Path("metrics/report/MODEL_CARD.md")

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class Form(StrEnum):
    """What the tagger can be exported to."""

    HUB_FOLDER = "hub-folder"
    ONNX = "onnx"


OUTPUTS = {Form.HUB_FOLDER: Path("models/hub"), Form.ONNX: Path("models/onnx")}


@app.command()
def export(
    to: Annotated[
        Form,
        typer.Option(help="hub-folder: model and model card, ready to upload. onnx: runs without PyTorch."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(help="Folder to write: models/hub or models/onnx; an earlier export is replaced."),
    ] = None,
    model: Annotated[Path, typer.Option(help="The tagger to export.")] = TAGGER_DIR,
    int8: Annotated[bool, typer.Option("--int8", help="With onnx: weights in int8, faster.")] = False,
    check: Annotated[
        Path | None,
        typer.Option(help="With onnx: tag this split, such as data/raw/test.parquet, and compare."),
    ] = None,
) -> None:
    """Export the tagger of the last run."""
    if to is not Form.ONNX and (int8 or check):
        raise PipelineError(
            f"--int8 and --check belong to --to onnx, not to --to {to}.", remedy="leave them out."
        )
    output = output or OUTPUTS[to]
    console = Console()
    if to is Form.HUB_FOLDER:
        write_hub_folder(model, CARD, output)
        console.print(f"{to.value}: {output} (hf upload <your name>/<model> {output})", soft_wrap=True)
        return
    sentences = read_split(check) if check else []
    check_place(output, proof=MODEL, source=model)
    with whole_folder(output) as staging:
        write_onnx_folder(model, staging, int8=int8)
    console.print(f"{to.value}: {output} (ner predict --model {output})", soft_wrap=True)
    if check:
        console.print(compare_taggers(model, output, sentences))


def write_hub_folder(tagger_dir: Path, card: Path, output: Path) -> None:
    """Copy the tagger and its card (as README.md) into `output`, which appears whole or not at all.

    Raises:
        PipelineError: If tagger or card is missing, or `output` holds something else than an export.
    """
    require_file(card)
    check_place(output, proof="README.md", source=tagger_dir)
    with whole_folder(output) as staging:
        copy_files(tagger_dir, staging, list_tagger_files(tagger_dir, with_weights=True))
        shutil.copyfile(card, staging / "README.md")


def require_file(path: Path) -> None:
    """Check that a file of the pipeline exists.

    Raises:
        PipelineError: If it is missing.
    """
    if not path.is_file():
        raise PipelineError(
            f"{path}: no such file.", remedy="make it with dvc repro, or fetch it with dvc pull."
        )


def check_place(output: Path, *, proof: str, source: Path) -> None:
    """Check that an export would replace nothing except an earlier export.

    Args:
        output: The folder to make; an earlier export that is there may be replaced.
        proof: A file that such an export holds and the tagger itself does not.
        source: The tagger that is exported.

    Raises:
        PipelineError: If the tagger is missing, or `output` holds something else than an export of this kind.
    """
    require_file(source / "config.json")
    if output.is_symlink():
        raise PipelineError(
            f"{output} is a link, to {output.resolve()}.", remedy="name the folder itself with --output."
        )
    is_export = all((output / name).is_file() for name in ("run_config.json", proof))
    places = {output.resolve(), *output.resolve().parents}
    if (output.exists() and not is_export) or source.resolve() in places:
        raise PipelineError(
            f"{output} is there already and is no earlier export.",
            remedy="name another folder with --output.",
        )


def compare_taggers(original: Path, exported: Path, sentences: list[Sentence]) -> Table:
    """Tag a split with both and tabulate agreement on all levels, F1 of the outer one, and speed."""
    words = [sentence.words for sentence in sentences]
    gold = [sentence.outer for sentence in sentences]
    n_words = sum(map(len, words))
    reference: list[list[tuple[str, ...]]] = []
    f1 = 0.0
    table = make_table("model", "words tagged alike", "F1", "difference", "sentences per second")
    for folder in (original, exported):
        tagger = load_text_tagger(folder)
        tagger.tag_words(words[:100])  # the first batches are slower
        started = time.perf_counter()
        found = tagger.tag_words(words)
        seconds = time.perf_counter() - started
        scores = score_tags(gold=gold, predicted=[one.tags for one in found]).overall
        tags = [list(zip(*list_levels(one), strict=True)) for one in found]
        reference, f1 = (reference, f1) if reference else (tags, scores.f1)
        n_alike = sum(
            a == b
            for ours, theirs in zip(tags, reference, strict=True)
            for a, b in zip(ours, theirs, strict=True)
        )
        table.add_row(
            str(folder),
            f"{n_alike} of {n_words}",
            f"{scores.f1:.4f}",
            f"{scores.f1 - f1:+.4f}",
            f"{len(sentences) / seconds:.1f}",
        )
    return table


def list_levels(tagged: TaggedWords) -> list[list[str]]:
    """Return the tags of a sentence on each level that the tagger knows. Shape: (n_levels, n_words)."""
    return [tagged.tags] if tagged.inner is None else [tagged.tags, tagged.inner.tags]
