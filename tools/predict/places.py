"""Which files are read and which one is written, and that these are not the same."""

import os
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO

from ner.core.errors import PipelineError
from ner.sources.stores import Place, RemoteFile, describe, list_folder, measure, parse_place
from tools.predict.console import say
from tools.predict.input_rows import STDIN, SUFFIXES, InputFormat, find_format
from tools.predict.output_formats import LINE_FORMATS, OutputFormat

SHOWN_LEFT_OUT = 10
DEVICES = Path("/dev")  # /dev/stdin and /dev/fd/63 may be a file or a pipe
# The endings that tell the format of the output.
OUTPUT_SUFFIXES = {f".{form.value}": form for form in OutputFormat if form is not OutputFormat.TEXT} | {
    ".txt": OutputFormat.TEXT
}


@dataclass(slots=True)
class Inputs:
    """What is read.

    Args:
        files: In order; `-` is standard input.
        folders: Those that were named instead of their files.
        n_hidden: Files and folders in them whose name begins with a dot.
        left_out: Whatever else cannot be read, with the reason.
    """

    files: list[Place] = field(default_factory=list)
    folders: list[Place] = field(default_factory=list)
    n_hidden: int = 0
    left_out: list[tuple[Place, str]] = field(default_factory=list)

    def describe_left_out(self) -> list[str]:
        """Return the lines that name and count what is not read."""
        lines = [f"left out: {path}: {reason}" for path, reason in self.left_out[:SHOWN_LEFT_OUT]]
        counts = [(self.n_hidden, "hidden"), (len(self.left_out), "that cannot be read")]
        told = [f"{n} {what}" for n, what in counts if n]
        return [*lines, f"Left out of the input: {', '.join(told)}"] if told else []


def find_inputs(paths: Sequence[str | Path], form: InputFormat | None) -> Inputs:
    """List the files to read, tell what is left out, and see that the format of each is known.

    Raises:
        PipelineError: If a file is not there, nothing is left to read, or a name tells no format.
    """
    inputs = list_inputs([parse_place(path) for path in paths])
    for line in inputs.describe_left_out():
        say(line)
    for path in inputs.files:
        find_input_format(path, form)  # before the tagger is loaded, and before hours of work
    return inputs


def list_inputs(paths: Sequence[Place]) -> Inputs:
    """Put the files of a folder, sorted by name, in the folder's place.

    Raises:
        PipelineError: If a path is not there, or nothing is left to read.
    """
    inputs = Inputs()
    for path in paths:
        if isinstance(path, RemoteFile):
            _list_remote(path, inputs)
        elif path == STDIN:
            inputs.files.append(path)
        elif path.is_dir():
            inputs.folders.append(path)
            inputs.files += _list_folder(path, inputs)
        elif not path.exists():
            raise PipelineError(f"{path}: no such file.", remedy="correct --file.")
        elif reason := _unreadable(path):
            inputs.left_out.append((path, reason))
        else:
            inputs.files.append(path)
    if paths and not inputs.files:
        problem = "; ".join(inputs.describe_left_out()) or "an empty folder"
        raise PipelineError(f"{', '.join(map(str, paths))}: {problem}.", remedy="name files to tag.")
    return inputs


def _list_remote(place: RemoteFile, inputs: Inputs) -> None:
    found = describe(place)
    if found.type.name == "NotFound":
        raise PipelineError(f"{place}: no such file.", remedy="correct --file.")
    if found.type.name == "File":
        inputs.files.append(replace(place, size=found.size))
        return
    inputs.folders.append(place)
    for file in list_folder(place):
        if any(part.startswith(".") for part in str(file).removeprefix(str(place)).split("/")):
            inputs.n_hidden += 1
        elif file.name.endswith(".gz") and not file.size:
            inputs.left_out.append((file, "0 bytes, which gzip never writes"))
        else:
            inputs.files.append(file)


def _list_folder(folder: Path, inputs: Inputs) -> list[Path]:
    """Return a folder's files, and note what it holds besides."""

    def note(error: OSError) -> None:
        inputs.left_out.append((Path(error.filename), error.strerror or str(error)))

    found = []
    for root, folders, names in os.walk(folder, onerror=note):
        for name in [name for name in folders if name.startswith(".") or (Path(root) / name).is_symlink()]:
            folders.remove(name)
            if name.startswith("."):
                inputs.n_hidden += 1
            else:
                inputs.left_out.append((Path(root) / name, "a link to a folder"))
        for path in (Path(root) / name for name in names):
            if path.name.startswith("."):
                inputs.n_hidden += 1
            elif reason := _unreadable(path, is_in_folder=True):
                inputs.left_out.append((path, reason))
            else:
                found.append(path)
    inputs.left_out.sort(key=str)
    return sorted(found)


def _unreadable(path: Path, *, is_in_folder: bool = False) -> str | None:
    """Return why there is nothing to read: a pipe is read only if it was named itself."""
    try:
        found = path.stat()
    except OSError as error:
        return "a link to nothing" if path.is_symlink() else error.strerror
    if not stat.S_ISREG(found.st_mode):
        return "no regular file" if is_in_folder else None
    if path.name.endswith(".gz") and not found.st_size:
        return "0 bytes, which gzip never writes"
    return None


def find_input_format(path: Place, form: InputFormat | None) -> InputFormat:
    """Find a file's format; a pipe without an ending is text, as standard input is.

    Raises:
        PipelineError: If its name tells nothing, or it is a Parquet file that cannot be read from its end.
    """
    if isinstance(path, RemoteFile):
        return form or find_format(path)
    is_pipe = path == STDIN or not path.is_file()
    if form is None:
        ending = Path(path.name.removesuffix(".gz")).suffix.lower()
        is_stream = is_pipe or path.is_relative_to(DEVICES)
        form = InputFormat.TEXT if is_stream and ending not in SUFFIXES else find_format(path)
    if form is InputFormat.PARQUET and is_pipe:
        name = "standard input" if path == STDIN else path
        raise PipelineError(
            f"{name}: Parquet is read from its end, and a pipe has none.",
            remedy="write it to a file first, and name that with --file.",
        )
    return form


def count_bytes(files: Sequence[Place]) -> int | None:
    """Return the size of all files; None if one of them is a pipe."""
    if any(isinstance(path, Path) and (path == STDIN or not path.is_file()) for path in files):
        return None
    return sum(map(measure, files))


def choose_format(output: Place | None) -> OutputFormat:
    """Find the format from the output's name; without one: text on a terminal, and jsonl in a pipe.

    Raises:
        PipelineError: If the name tells nothing.
    """
    if output is None:
        return OutputFormat.TEXT if sys.stdout and sys.stdout.isatty() else OutputFormat.JSONL
    if output.suffix == ".gz":
        raise PipelineError(
            f"--output {output}: the output is not packed.", remedy="leave .gz out, and run gzip after it."
        )
    if isinstance(output, Path) and output.exists() and not output.is_file() and not output.is_dir():
        return OutputFormat.JSONL  # a pipe, or /dev/null
    form = OUTPUT_SUFFIXES.get(output.suffix.lower())
    if form is None:
        raise PipelineError(
            f"--output {output}: its format cannot be told from its name.",
            remedy=f"pass --format, or name it {', '.join(OUTPUT_SUFFIXES)}.",
        )
    return form


def check_output(output: Place | None, form: OutputFormat, inputs: Inputs, *, resume: bool) -> None:
    """Refuse what cannot be written, before a tagger is loaded.

    Raises:
        PipelineError: Names the option.
    """
    if form is OutputFormat.PARQUET and output is None:
        raise PipelineError("--format parquet needs a file.", remedy="name it with --output.")
    if resume and (output is None or form not in LINE_FORMATS):
        raise PipelineError(
            f"--resume cannot go on with {output or 'standard output'} ({form}).",
            remedy=f"name a file with --output, in one of the formats {', '.join(LINE_FORMATS)}.",
        )
    if resume and isinstance(output, RemoteFile):
        raise PipelineError(
            f"--resume: {output} appears at once, and an earlier run left nothing of it.",
            remedy="leave --resume out, or write parts with --engine ray.",
        )
    check_places(output, inputs)


def check_places(output: Place | None, inputs: Inputs) -> None:
    """Refuse streams that are closed, a folder, and an output that is read.

    Raises:
        PipelineError: Names the option or the stream.
    """
    if isinstance(output, RemoteFile):
        describe(output)  # a refused credential shows before hours of work
    elif output and output.is_dir():
        raise PipelineError(f"--output {output}: a folder.", remedy="name a file in it.")
    if output is None and sys.stdout is None:
        raise PipelineError("standard output is closed.", remedy="name a file with --output.")
    if STDIN in inputs.files and sys.stdin is None:
        raise PipelineError("standard input is closed.", remedy="name a file with --file.")
    check_output_is_no_input(output, inputs)


def check_output_is_no_input(output: Place | None, inputs: Inputs) -> None:
    """Refuse an output that is read too, or that a second run would read.

    Raises:
        PipelineError: If it is.
    """
    if any(_is_same(output, path) for path in inputs.files):
        name = f"--output {output}" if output else "standard output"
        raise PipelineError(f"{name} is also read: it would be lost.", remedy="name another file.")
    for folder in inputs.folders:
        if output and _lies_in(output, folder):
            raise PipelineError(
                f"--output {output} lies in {folder}, which is read: the next run would read it too.",
                remedy="name a file outside of that folder.",
            )


def _is_same(output: Place | None, path: Place) -> bool:
    if isinstance(output, RemoteFile) or isinstance(path, RemoteFile):
        return output == path
    written = _stat(output) if output else _stat_stream(sys.stdout)
    read = _stat_stream(sys.stdin) if path == STDIN else _stat(path)
    return bool(read and written and stat.S_ISREG(written.st_mode) and os.path.samestat(read, written))


def _lies_in(output: Place, folder: Place) -> bool:
    if isinstance(output, Path) and isinstance(folder, Path):
        return output.resolve().is_relative_to(folder.resolve())
    return f"{output}/".startswith(f"{folder}/")


def _stat(path: Path) -> os.stat_result | None:
    return path.stat() if path.exists() else None


def _stat_stream(stream: TextIO | None) -> os.stat_result | None:
    try:
        return os.fstat(stream.fileno()) if stream else None
    except (OSError, ValueError):  # it is closed, or no file of the system
        return None
