"""Where the encoder comes from: a folder, an installed package or the Hub.

Only configuration, safetensors and tokenizer are taken, never a pickle, and each is checked here,
so that a broken checkpoint is noticed before a later stage spends time on it.
"""

import hashlib
import json
import logging
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from safetensors import SafetensorError, safe_open

from ner.core.checkpoint_files import (
    CONFIG,
    INDEX,
    OURS,
    SHARD,
    TOKENIZER,
    TOKENIZER_SETTINGS,
    WEIGHTS,
    copy_files,
    is_weights,
)
from ner.core.errors import PipelineError
from ner.core.files import whole_folder
from ner.sources.hub import ask_hub, download_files
from ner.sources.kept_head import record_head

logger = logging.getLogger(__name__)

# The classes that a generative model is published as. XLM and Flaubert are encoders though they end in
# `WithLMHeadModel`, and XLNet reads both ways.
GENERATIVE = re.compile(r".*ForCausalLM|.*ForConditionalGeneration|(?!XLNet).*(?<!With)LMHeadModel")
PICKLE = re.compile(r"[^/]*model[^/]*\.(bin|pt|pth|ckpt|h5|msgpack)")


@dataclass(frozen=True, slots=True)
class CheckpointOrigin:
    """What was fetched; holds no path or time, so that the same checkpoint gives the same record.

    Args:
        checkpoint: The parameter as written.
        kind: Where it points.
        revision: The Hub's commit, None elsewhere.
        weights_sha256: Hash of model.safetensors, or of the shards one after the other.
        n_weight_bytes: Size of the same.
    """

    checkpoint: str
    kind: Literal["folder", "package", "hub"]
    revision: str | None
    weights_sha256: str
    n_weight_bytes: int


def fetch_checkpoint(
    checkpoint: str,
    *,
    revision: str,
    target: Path,
    keeps_head: bool = False,
    try_out: Callable[[Path, str], None] | None = None,
) -> CheckpointOrigin:
    """Copy a pretrained encoder and its tokenizer into `target`, which appears whole or not at all.

    Args:
        checkpoint: A folder, `package://<installed package>/<folder>` or a Hub id; `#sha256=<hash>`
            behind it pins the weights.
        revision: Branch, tag or commit on the Hub; `main` for anything else.
        target: Folder to make or replace.
        keeps_head: Whether its head is trained on: the tags of the head's rows are then recorded.
        try_out: Is given the whole checkpoint and its name for a message, and raises where it is of no use.

    Raises:
        PipelineError: If the checkpoint cannot be found, is not whole, is not what was pinned, is a
            generative model, has no head to keep, or is refused by `try_out`.
    """
    source, pin = _parse_checkpoint(checkpoint)
    place = f"model.checkpoint is {source!r}"
    with whole_folder(target) as staging:
        kind, commit = _copy_checkpoint(source, revision, staging, place, OURS if keeps_head else ())
        weights = _check_checkpoint(staging, place)
        digest = _hash_weights(weights)
        if pin not in (None, digest):
            raise PipelineError(
                f"{place}: its weights have the SHA-256 {digest}, not {pin}.",
                remedy="find out why before you trust them; then correct the hash behind #sha256=.",
            )
        if not (staging / "tokenizer.json").is_file():
            _convert_tokenizer(staging, place)
        if keeps_head:
            record_head(staging, place)
        if try_out:
            try_out(staging, place)
        n_bytes = sum(path.stat().st_size for path in weights)
    return CheckpointOrigin(checkpoint, kind, commit, digest, n_bytes)


def _parse_checkpoint(checkpoint: str) -> tuple[str, str | None]:
    """Split off the hash of the weights."""
    source, mark, fragment = checkpoint.partition("#")
    pin = re.fullmatch(r"sha256=([0-9a-f]{64})", fragment)
    if mark and not pin:
        raise PipelineError(
            f"model.checkpoint is {checkpoint!r}: {'#' + fragment!r} is no hash.",
            remedy="write #sha256= and 64 digits of 0-9 and a-f, or leave the fragment out; dvc's -S needs "
            "inner quotes: -S \"model.checkpoint='package://...#sha256=...'\".",
        )
    return source, pin and pin.group(1)


def _copy_checkpoint(
    source: str, revision: str, staging: Path, place: str, wanted: Collection[str]
) -> tuple[Literal["folder", "package", "hub"], str | None]:
    """Copy what is needed, and of `wanted` what there is, into `staging` and tell where from."""
    is_package = source.startswith("package://")
    is_path = source.startswith((".", "/", "~")) or source.count("/") > 1  # a Hub id has one slash at most
    if not (is_package or is_path or (source and Path(source).exists())):
        repo = ask_hub(source, repo_type="model", revision=revision, parameter="model.checkpoint")
        download_files(repo, _choose_files((file.name for file in repo.files), place, wanted), staging)
        return "hub", repo.commit
    if revision != "main":
        raise PipelineError(
            f"model.revision is {revision!r}, but {place}, which has no revisions.",
            remedy="set model.revision to main, or model.checkpoint to a Hub id.",
        )
    folder = _find_in_package(source, place) if is_package else _find_folder(source, place)
    names = (path.name for path in folder.iterdir() if path.is_file())
    copy_files(folder, staging, _choose_files(names, place, wanted))
    return "package" if is_package else "folder", None


def _find_folder(source: str, place: str) -> Path:
    """Check that a folder is there."""
    folder = Path(source).expanduser() if source.startswith("~/") else Path(source)
    if folder.is_dir():
        return folder
    if folder.is_file():
        raise PipelineError(f"{place}, a file.", remedy="name the folder that holds the checkpoint.")
    if source.startswith("../"):
        remedy = "correct it, and write it as an absolute path: queued runs work in another folder."
    else:
        remedy = "correct the path; a relative one starts at the project's root folder."
    raise PipelineError(f"{place}: there is no such folder.", remedy=remedy)


def _find_in_package(source: str, place: str) -> Path:
    """Find a folder of an installed package, which is not imported: that may take seconds."""
    package, _, inner = source.removeprefix("package://").partition("/")
    spec = find_spec(package) if re.fullmatch(r"[A-Za-z]\w*", package) else None
    if spec is None or not spec.submodule_search_locations:
        raise PipelineError(
            f"{place}: no package {package!r} is installed.",
            remedy="write package://<name as in `import`>/<folder>, and pin the package in requirements.txt.",
        )
    folder = Path(spec.submodule_search_locations[0]) / inner
    if not folder.is_dir():
        raise PipelineError(
            f"{place}: package {package!r} has no folder {inner!r}.",
            remedy="correct what follows the package's name.",
        )
    return folder


def _choose_files(names: Iterable[str], place: str, wanted: Collection[str]) -> list[str]:
    """Choose configuration, weights, tokenizer and `wanted` from the files at the root of a checkpoint."""
    present = sorted(names)
    weights = [WEIGHTS] if WEIGHTS in present else [name for name in present if SHARD.fullmatch(name)]
    tokenizer = [name for name in present if TOKENIZER.fullmatch(name)]
    if "config.json" not in present:
        raise PipelineError(
            f"{place}: it has no config.json.", remedy="choose a checkpoint in the format of transformers."
        )
    if not weights:
        pickles = [name for name in present if PICKLE.fullmatch(name)]
        found = f" but {', '.join(pickles)}, which can run code when it is read" if pickles else ""
        raise PipelineError(
            f"{place}: it has no {WEIGHTS}{found}.",
            remedy="load it once with transformers where you trust it and save_pretrained() it to a folder.",
        )
    if not tokenizer:
        raise PipelineError(
            f"{place}: it has no tokenizer.", remedy="put its tokenizer.json beside the weights."
        )
    index = [INDEX] if weights != [WEIGHTS] and INDEX in present else []
    settings = [name for name in (CONFIG, *TOKENIZER_SETTINGS, *wanted) if name in present]
    return [*settings, *index, *weights, *tokenizer]


def _check_checkpoint(folder: Path, place: str) -> list[Path]:
    """Check that the copied files are whole and return those of the weights, sorted."""
    remedy = "copy or download the checkpoint again; in a Git clone, run `git lfs pull`."
    for path in sorted(folder.iterdir()):
        try:
            if path.suffix == ".json":
                json.loads(path.read_text(encoding="utf-8"))
            elif path.suffix == ".txt":
                path.read_text(encoding="utf-8")
            elif path.suffix == ".safetensors":
                safe_open(path, framework="numpy")  # reads and checks the header
        except (
            ValueError,
            RecursionError,
            SafetensorError,
        ) as error:  # not UTF-8, not JSON, or not as long as its header says
            raise PipelineError(f"{place}: {path.name} is not whole ({error}).", remedy=remedy) from error
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if not isinstance(config, dict) or "model_type" not in config:
        raise PipelineError(
            f"{place}: its config.json is not that of an encoder.", remedy="choose an encoder such as BERT."
        )
    if _is_generative(config):
        raise PipelineError(
            f"{place}: it is a generative model, of the type {config['model_type']!r}, which reads from left "
            "to right: no word knows what follows it.",
            remedy="choose an encoder such as BERT, RoBERTa or XLM-R.",
        )
    weights = sorted(path for path in folder.glob("*.safetensors") if is_weights(path.name))
    if weights != [folder / WEIGHTS]:
        index = json.loads((folder / INDEX).read_text("utf-8")) if (folder / INDEX).is_file() else {}
        listed = index.get("weight_map") if isinstance(index, dict) else None
        files = listed.values() if isinstance(listed, dict) else []
        if {str(name) for name in files} != {path.name for path in weights}:
            raise PipelineError(f"{place}: its weights are not those that {INDEX} lists.", remedy=remedy)
    return weights


def _is_generative(config: Mapping[str, object]) -> bool:
    """Return whether a configuration is that of a decoder, by itself or behind an encoder."""
    architectures = config.get("architectures")
    names = [str(name) for name in architectures] if isinstance(architectures, list) else []
    return bool(
        config.get("is_decoder") or config.get("is_encoder_decoder") or any(map(GENERATIVE.fullmatch, names))
    )


def _hash_weights(weights: Iterable[Path]) -> str:
    """Hash files one after the other, as `cat model*.safetensors | sha256sum` does."""
    digest = hashlib.sha256()
    for path in weights:
        with path.open("rb") as stream:
            while block := stream.read(2**20):
                digest.update(block)
    return digest.hexdigest()


def _convert_tokenizer(folder: Path, place: str) -> None:
    """Write tokenizer.json from an older format."""
    from transformers import AutoTokenizer  # three seconds, which other checkpoints need not wait

    logging.getLogger("transformers").setLevel(logging.ERROR)  # each way that it tries takes many lines
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, ImportError, TypeError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise PipelineError(
            f"{place}: its tokenizer cannot be converted ({reason}).",
            remedy="save it as tokenizer.json where transformers can load it, with save_pretrained().",
        ) from error
    if not tokenizer.is_fast or set(tokenizer.get_vocab()) <= set(tokenizer.all_special_tokens):
        raise PipelineError(
            f"{place}: its tokenizer is a slow one, which does not tell the word of a subtoken.",
            remedy="choose a checkpoint with a tokenizer.json.",
        )
    tokenizer.save_pretrained(folder)
    logger.info("%s: tokenizer.json was made from its older format", place)
