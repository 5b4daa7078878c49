"""Files and folders that appear whole or not at all."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import Any

import psutil

from ner.core.errors import PipelineError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path` and rename it to `path` on success only.

    Args:
        path: The file to make; its folder is made too.

    Yields:
        The name to write to. It is removed if the block raises, and `path` stays as it was.
    """
    with _named_in_errors(path) as temporary:
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path` that replaces it on success only.

    Args:
        path: The folder to make or replace.

    Yields:
        An empty folder to fill. It is removed if the block raises, and `path` stays as it was.
    """
    with _named_in_errors(path) as temporary:
        try:
            temporary.mkdir()
            yield temporary
            if path.is_dir():
                shutil.rmtree(path)
            temporary.rename(path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _named_in_errors(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; an error that names it, or nothing, names `path` instead."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        yield temporary
    except OSError as error:
        named = error.filename2 or error.filename
        if named is None or str(named).startswith(str(temporary)):
            error.filename, error.filename2 = str(path), None
        raise


def _remove_leftovers(path: Path) -> None:
    """Remove what a process that was killed left of the same file or folder."""
    for leftover in path.parent.glob(f".{escape(path.name)}.*.part"):
        owner = leftover.name.split(".")[-2]
        if not owner.isdecimal() or psutil.pid_exists(int(owner)):
            continue
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, with the same line ends on every platform."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
    """Write JSON with sorted keys and a final newline, so that diffs are small.

    Raises:
        ValueError: If a number is not finite: NaN is not JSON, and a metric that is NaN is a bug.
    """
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """Read a JSON file that a stage wrote.

    Raises:
        PipelineError: If it is no JSON, for example for the markers of a merge.
    """
    remedy = "make it again with dvc repro -f, or take one side of a merge: git checkout --ours."
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise PipelineError(f"{path}:{error.lineno}: not valid JSON: {error.msg}.", remedy=remedy) from error
    except RecursionError as error:
        raise PipelineError(f"{path}: not valid JSON: nested too deep.", remedy=remedy) from error
    except UnicodeDecodeError as error:
        raise PipelineError(f"{path}: byte {error.start + 1} is not UTF-8.", remedy=remedy) from error
