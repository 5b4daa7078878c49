"""The files of a checkpoint that a tagger needs, by name; nothing else is copied on or published."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from ner.core.errors import PipelineError

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
SHARD = re.compile(r"model-\d+-of-\d+\.safetensors")
TOKENIZER_SETTINGS = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
TOKENIZER = re.compile(
    r"tokenizer\.json|vocab\.txt|vocab\.json|merges\.txt|[^/]+\.model"
)  # .model: SentencePiece
OURS = ("run_config.json", "inner_head.safetensors")
KEPT_HEAD = "kept_head.json"  # beside an encoder whose old head is trained on: the tags of its rows
# Where DVC and the Hub's client keep contents under their hash: they may put links to them into a folder.
STORED = re.compile(r".*/(files/md5/[0-9a-f]{2}/[0-9a-f]{30}|blobs/[0-9a-f]{40}(?:[0-9a-f]{24})?)")


def is_tokenizer(name: str) -> bool:
    """Return whether a file belongs to a tokenizer."""
    return name in TOKENIZER_SETTINGS or bool(TOKENIZER.fullmatch(name))


def is_weights(name: str) -> bool:
    """Return whether a file holds weights, or lists the files that do."""
    return name in (WEIGHTS, INDEX) or bool(SHARD.fullmatch(name))


def list_tagger_files(tagger_dir: Path, *, with_weights: bool) -> list[str]:
    """List what a tagger consists of; a chat template, a pickle or a note beside it is no part."""
    names = sorted(path.name for path in tagger_dir.iterdir())
    return [
        name
        for name in names
        if name == CONFIG or name in OURS or is_tokenizer(name) or (with_weights and is_weights(name))
        if with_weights or not name.endswith(".safetensors")
    ]


def copy_files(source: Path, target: Path, names: Iterable[str]) -> None:
    """Copy files of one folder into another.

    Raises:
        PipelineError: If one is a link to a file elsewhere, which may be a private key.
    """
    names = list(names)
    root = source.resolve()
    for name in names:
        real = (source / name).resolve()
        if root not in real.parents and not STORED.fullmatch(real.as_posix()):
            raise PipelineError(
                f"{source / name}: it is a link that leaves its folder, to {real}.",
                remedy="put the file itself there, if it belongs to the checkpoint; else remove the link.",
            )
    for name in names:
        shutil.copyfile(source / name, target / name)
