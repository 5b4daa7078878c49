"""The options that an output was begun with, kept beside it: `--resume` goes on with the same alone."""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ner.core.errors import PipelineError
from ner.core.files import write_json
from ner.core.inputs import hash_file
from ner.core.number_types import TaggingPrecision
from ner.sources.stores import Place
from ner.text.text_tagger import Levels
from tools.predict.manifest import hash_model

ANEW = "or leave --resume out to start anew."


@dataclass(frozen=True, slots=True)
class BegunOptions:
    """What decides how a row comes out, the row itself apart.

    Args:
        level: `--level`.
        min_score: `--min-score`.
        precision: `--precision`.
        model: A hash of the tagger's files, or its address.
    """

    level: str
    min_score: float
    precision: str
    model: str

    @classmethod
    def read(
        cls, tagger_dir: Place, *, level: Levels, min_score: float, precision: TaggingPrecision
    ) -> "BegunOptions":
        """Read the tagger's files, or of an object store their address, and note the options."""
        model = str(tagger_dir)
        if isinstance(tagger_dir, Path):  # file by file: a large tagger need not fit into memory twice
            paths = {path.relative_to(tagger_dir).as_posix(): path for path in tagger_dir.rglob("*")}
            hashes = {name: hash_file(path).encode() for name, path in paths.items() if path.is_file()}
            model = hash_model(hashes)
        return cls(level.value, min_score, precision, model)

    def record(self, output: Path) -> None:
        """Write them beside the output; a pipe or device has none."""
        if output.is_file():
            with suppress(PermissionError):  # of the folder, not of the file: no run goes on there
                write_json(place_record(output), asdict(self))

    def check(self, output: Path, tagger_dir: Place) -> None:
        """Compare them with those of the run that began an output.

        Raises:
            PipelineError: Names the option that differs, or says that nothing is known.
        """
        if not output.exists() or not output.stat().st_size:
            return
        record = place_record(output)
        try:
            begun = BegunOptions(**json.loads(record.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise PipelineError(
                f"{output}: the options that it was begun with are not known: {record} is gone or damaged.",
                remedy=f"put that file back, {ANEW}",
            ) from error
        for name in ("level", "min_score", "precision"):
            before, now = getattr(begun, name), getattr(self, name)
            if before != now:
                option = f"--{name.replace('_', '-')}"
                raise PipelineError(
                    f"{output} was begun with {option} {before}, and {option} is {now}.",
                    remedy=f"pass {option} {before}, {ANEW}",
                )
        if begun.model != self.model:
            raise PipelineError(
                f"{output} was begun with another tagger than {tagger_dir} is.",
                remedy=f"name the first one with --model, {ANEW}",
            )


def place_record(output: Path) -> Path:
    """Return where the options of an output stand: hidden, so that a run over its folder leaves it out."""
    return output.with_name(f".{output.name}.options.json")
