"""Put the tagger into another form: `python -m tools.export --to hub-folder`."""

import os
import shutil
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from stages.ner.errors import PipelineError, run_command

TAGGER_DIR = Path("models/ner")
CARD = Path("metrics/report/MODEL_CARD.md")

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class Form(StrEnum):
    """What the tagger can be exported to."""

    HUB_FOLDER = "hub-folder"


@app.command()
def export(
    to: Annotated[Form, typer.Option(help="hub-folder: model and model card, ready to upload.")],
    output: Annotated[Path, typer.Option(help="Folder to write; one that is there is replaced.")] = Path(
        "models/hub"
    ),
) -> None:
    """Export the tagger of the last run."""
    write_hub_folder(TAGGER_DIR, CARD, output)
    Console().print(f"{to.value}: {output} (hf upload <your name>/<model> {output})", soft_wrap=True)


def write_hub_folder(tagger_dir: Path, card: Path, output: Path) -> None:
    """Copy the tagger and its card (as README.md) into `output`, which appears whole or not at all.

    Raises:
        PipelineError: If tagger or card is missing, or `output` holds something else than an export.
    """
    for path in (tagger_dir / "config.json", card):
        if not path.is_file():
            raise PipelineError(
                f"{path}: no such file.", remedy="make it with dvc repro, or fetch it with dvc pull."
            )
    is_export = all((output / name).is_file() for name in ("run_config.json", "README.md"))
    places = {output.resolve(), *output.resolve().parents}
    if (output.exists() and not is_export) or tagger_dir.resolve() in places:
        raise PipelineError(
            f"{output} is there already and is no earlier export.",
            remedy="name another folder with --output.",
        )
    staging = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(tagger_dir, staging)
        shutil.copyfile(card, staging / "README.md")
        if output.exists():
            shutil.rmtree(output)
        staging.rename(output)
    except OSError as error:
        raise PipelineError(
            f"{output}: {error.strerror}.", remedy="name another folder with --output."
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


if __name__ == "__main__":
    run_command(app)
