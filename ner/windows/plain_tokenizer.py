"""The tokenizer that is saved with a tagger: with transformers alone it splits words as training did.

Training sees each word by itself, with a blank before it. A byte-level tokenizer, as RoBERTa's, splits the
first word of a text otherwise; and a word of SentencePiece's begins, by its offsets, at the blank before it.
"""

import json
from pathlib import Path
from typing import Any

from ner.core.files import read_json, write_json
from ner.windows.tokenizer import add_prefix_space, is_byte_level

GENERIC_CLASS = "PreTrainedTokenizerFast"  # takes tokenizer.json as it is; others build parts of their own
# What the classes of RoBERTa, XLM-R and their kind know without their settings.
SPECIAL_TOKENS = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "mask_token": "<mask>",
}


def adapt_tokenizer(folder: Path) -> None:
    """Rewrite a copied tokenizer so that transformers' pipeline gets the subtokens and places of training.

    WordPiece needs nothing and stays as it is, byte for byte.

    Args:
        folder: Has `tokenizer.json` and perhaps `tokenizer_config.json`.
    """
    path = folder / "tokenizer.json"
    definition = json.loads(path.read_text(encoding="utf-8"))
    splitting = definition.get("pre_tokenizer")
    if is_byte_level(splitting):
        add_prefix_space(definition)
        _trim_offsets(definition)
    elif splitting and splitting["type"] == "Metaspace":
        definition["pre_tokenizer"] = {
            "type": "Sequence",  # split at blanks first: they are then in no word's place
            "pretokenizers": [{"type": "WhitespaceSplit"}, {**splitting, "prepend_scheme": "always"}],
        }
    else:
        return
    path.write_text(json.dumps(definition, ensure_ascii=False, indent=2), encoding="utf-8")
    settings = _read_settings(folder)
    settings.pop("add_prefix_space", None)  # would be added once more
    known = {token["content"] for token in definition.get("added_tokens") or []}
    defaults = {name: token for name, token in SPECIAL_TOKENS.items() if token in known}
    write_json(folder / "tokenizer_config.json", {**defaults, **settings, "tokenizer_class": GENERIC_CLASS})


def _trim_offsets(definition: dict[str, Any]) -> None:
    """Leave the blank before a word out of its place."""
    processor = definition.get("post_processor")
    parts = (processor or {}).get("processors", [processor] if processor else [])
    for part in parts:
        if "trim_offsets" in part:  # the first word's blank is none of the text's: nothing to leave out
            part["add_prefix_space"] = True
    if not any(part.get("trim_offsets") for part in parts):
        trimming = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
        definition["post_processor"] = {"type": "Sequence", "processors": [trimming, *parts]}


def _read_settings(folder: Path) -> dict[str, Any]:
    names = ("special_tokens_map.json", "tokenizer_config.json")  # the second one wins
    settings: dict[str, Any] = {}
    for path in (folder / name for name in names):
        if path.is_file():
            settings |= read_json(path)
    return settings
