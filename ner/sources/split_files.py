"""Which file of a folder is which split, told by its name."""

import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ner.annotation.sentences import SPLITS
from ner.core.errors import PipelineError

logger = logging.getLogger(__name__)

ALIASES = {
    "train": "train",
    "training": "train",
    "dev": "validation",
    "devel": "validation",
    "development": "validation",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "testa": "validation",
    "test": "test",
    "testb": "test",
    "eval": "test",
}
SUFFIXES = (
    ".conll", ".txt", ".tsv", ".bio", ".iob", ".iob2", ".bioes", ".conllu", ".conllup", ".csv", ".json",
    ".jsonl", ".parquet",
)  # fmt: skip
ARCHIVES = frozenset({".zip", ".gz", ".tar", ".tgz", ".xz", ".bz2", ".7z"})
NO_CORPUS = frozenset(
    {"readme", "license", "licence", "changelog", "citation", "requirements", "notes", "labels"}
)
NAME_PARTS = re.compile(r"[^\W_]+")
EXAMPLES = {
    "train": "train.conll, train.tsv, NER-de-train.tsv, train.jsonl",
    "validation": "dev.conll, valid.tsv, NER-de-dev.tsv, validation.jsonl",
    "test": "test.conll, test.tsv, NER-de-test.tsv, test.jsonl",
}


def find_split_files(folder: Path) -> dict[str, list[Path]]:
    """Find the files of each split in a folder.

    A file is known by `train`, `dev`, `valid`, `test` and the like in its name (`eng.testa`,
    `de-train-2.tsv`) or in that of its folder. Several files of a split are read in the order of their
    names. Where no name says a split, all files are `train`, from which the others are cut. Beside files of
    all splits such a one is left out with a warning.

    Returns:
        The files of each split that there is.

    Raises:
        PipelineError: If there is no corpus, or a file's place in it cannot be told.
    """
    named: dict[str, list[Path]] = {}
    unnamed = []
    for path in sorted(folder.iterdir(), key=lambda one: one.name):
        split = name_split(path)
        if path.is_dir():
            if split is not None:
                named.setdefault(split, []).extend(_list_files(path))
        elif split is not None:
            named.setdefault(split, []).append(path)
        elif _is_corpus_file(path):
            unnamed.append(path)
    if not named and unnamed:
        named = {"train": unnamed}
    elif unnamed and len(named) < len(SPLITS):
        missing = ", ".join(split for split in SPLITS if split not in named)
        raise PipelineError(
            f"{unnamed[0]}: which split this is cannot be told, and there is no {missing}.",
            remedy="rename it after its split, for example dev.conll or test.tsv, or move it elsewhere.",
        )
    for path in unnamed if len(named) == len(SPLITS) else ():
        logger.warning("%s is left out: its name says no split, and all are there", path)
    if not named.get("train"):
        raise PipelineError(
            f"{folder}: the train split is missing.", remedy=f"add one of {EXAMPLES['train']} there."
        )
    for split, files in named.items():
        _check_one_corpus(folder, split, files)
    return {split: named[split] for split in SPLITS if named.get(split)}


def name_split(path: Path) -> str | None:
    """Find a split by the name of a file or folder; None where it says none, or two."""
    if path.is_dir():
        return ALIASES.get(path.name.lower())
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES and ALIASES.get(suffix[1:]) is None:
        return None
    name = path.name.lower().removesuffix(suffix if suffix in SUFFIXES else "")
    found = {ALIASES[part] for part in NAME_PARTS.findall(name) if part in ALIASES}
    return found.pop() if len(found) == 1 else None


def check_splits(folder: Path, splits: Iterable[str], shares: Mapping[str, float]) -> None:
    """Refuse a split that is neither there nor to be cut from train.

    Raises:
        PipelineError: Names the split and the setting that cuts it.
    """
    for split in SPLITS:
        if split not in splits and not shares.get(split):
            raise PipelineError(
                f"{folder}: the {split} split is missing.",
                remedy=f"add one of {EXAMPLES[split]} there, or set data.{split}_share to cut it from train.",
            )


def _list_files(folder: Path) -> list[Path]:
    return sorted((path for path in folder.iterdir() if _is_corpus_file(path)), key=lambda one: one.name)


def _is_corpus_file(path: Path) -> bool:
    parts = set(NAME_PARTS.findall(path.stem.lower()))
    return path.is_file() and path.suffix.lower() in SUFFIXES and not parts & NO_CORPUS


def _check_one_corpus(folder: Path, split: str, files: list[Path]) -> None:
    """Refuse what looks like one split in two formats, or under two names."""
    stems: dict[tuple[Path, str], Path] = {}
    for path in files:
        twin = stems.setdefault((path.parent, path.stem), path)
        if twin is not path and path.suffix.lower() in SUFFIXES:
            _refuse_twins(folder, split, sorted((twin, path), reverse=True))
    bare = [path for path in files if path.parent == folder and ALIASES.get(path.stem.lower())]
    others = [path for path in files if path.parent == folder and path not in bare]
    if len(bare) > 1 or (bare and any(not re.search(r"\d", path.stem) for path in others)):
        _refuse_twins(folder, split, [*bare, *others][:2])


def _refuse_twins(folder: Path, split: str, twins: list[Path]) -> None:
    names = " and ".join(path.name for path in twins)
    raise PipelineError(
        f"{folder}: {names} are both the {split} split.", remedy="keep one of them in the folder."
    )
