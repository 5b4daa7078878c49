"""The encoder's own tokenizer, applied to words that are already split."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from ner.core.errors import PipelineError

ROBERTA_LIKE = {
    "roberta",
    "xlm-roberta",
    "camembert",
    "xlm-roberta-xl",
    "roberta-prelayernorm",
    "xmod",
    "longformer",
    "luke",
    "mpnet",
    "ibert",
    "data2vec-text",
}
BLANK = {"type": "Prepend", "prepend": " "}
NONCHARACTER = "\U0010ffff"  # never a character of a text, as Unicode promises


@dataclass(frozen=True, slots=True)
class WordTokenizer:
    """A fast tokenizer (WordPiece, SentencePiece or byte-level) that takes sentences as lists of words.

    Args:
        tokenizer: The library's tokenizer, without truncation and padding.
        prefix: Special tokens that the encoder expects before a sentence.
        suffix: Special tokens that it expects after one.
        max_length: Most subtokens that the encoder takes, special tokens included; None if it has no limit.
    """

    tokenizer: Tokenizer
    prefix: list[int]
    suffix: list[int]
    max_length: int | None

    @classmethod
    def load(cls, encoder_dir: Path) -> "WordTokenizer":
        """Load `tokenizer.json` from a checkpoint's folder, without torch or transformers.

        Raises:
            PipelineError: If there is none: a slow tokenizer cannot tell which word a subtoken is from.
                Or if it cannot be used.
        """
        path = encoder_dir / "tokenizer.json"
        if not encoder_dir.is_dir():
            raise PipelineError(
                f"{encoder_dir}: no such folder.", remedy="make it with dvc repro, or fetch it with dvc pull."
            )
        if not path.is_file():
            raise PipelineError(
                f"model.checkpoint: {encoder_dir} has no tokenizer.json, so its tokenizer is a slow one.",
                remedy="choose a checkpoint with a fast tokenizer.",
            )
        try:
            definition = json.loads(path.read_text(encoding="utf-8"))
            if is_byte_level(definition.get("pre_tokenizer")):
                add_prefix_space(definition)
            _hide_special_tokens(definition)
            tokenizer = Tokenizer.from_str(json.dumps(definition))
            max_length = _read_max_length(encoder_dir)
        except Exception as error:  # the library has no class of its own for its errors
            raise _unusable(path, str(error)) from error
        tokenizer.no_truncation()  # a checkpoint may bring both along: MiniLM's cuts at 128 and pads to it
        tokenizer.no_padding()
        tokenizer.encode_special_tokens = True  # a word spelt `[SEP]` is a word, also within a word
        try:
            bare = tokenizer.encode(["a"], is_pretokenized=True, add_special_tokens=False).ids
            dressed = tokenizer.encode(["a"], is_pretokenized=True).ids
        except Exception as error:  # as above
            raise _unusable(path, str(error)) from error
        starts = [i for i in range(len(dressed)) if dressed[i : i + len(bare)] == bare]
        if not bare or not starts:
            raise _unusable(path, "it gives the word 'a' no subtoken")
        start = starts[0]
        return cls(tokenizer, dressed[:start], dressed[start + len(bare) :], max_length)

    def encode(self, sentences: Sequence[Sequence[str]]) -> list[list[list[int]]]:
        """Split words into subtokens.

        Args:
            sentences: Words of each sentence. Shape: (n_sentences, n_words).

        Returns:
            Subtoken ids of each word; none for a word that the tokenizer drops, such as a control
            character. Shape: (n_sentences, n_words, n_subtokens of the word).
        """
        encodings = self.tokenizer.encode_batch(
            [list(words) for words in sentences], is_pretokenized=True, add_special_tokens=False
        )
        result = []
        for words, encoding in zip(sentences, encodings, strict=True):
            pieces: list[list[int]] = [[] for _ in words]
            for subtoken, word in zip(encoding.ids, encoding.word_ids, strict=True):
                if word is not None:
                    pieces[word].append(subtoken)
            result.append(pieces)
        return result


def is_byte_level(pre_tokenizer: dict[str, Any] | None) -> bool:
    """Return whether a tokenizer splits bytes, as RoBERTa's does; by that part of its definition."""
    if pre_tokenizer is None:
        return False
    parts = pre_tokenizer.get("pretokenizers", [])
    return pre_tokenizer["type"] == "ByteLevel" or any(is_byte_level(part) for part in parts)


def add_prefix_space(definition: dict[str, Any]) -> None:
    """Let a byte-level tokenizer see each word as in running text, with a blank before it.

    ByteLevel's own `add_prefix_space` would put one before every piece where a pattern splits words
    first, as in the tokenizers of EuroBERT and Llama 3: `Berlin-Reise` as ` Berlin` and ` -Reise`. Nothing is
    changed where it is done already, as in the tokenizer that is saved with a tagger.
    """
    before = definition.get("normalizer")
    if before and before["type"] == "Sequence" and BLANK in before["normalizers"]:
        return
    parts = [before, BLANK]
    definition["normalizer"] = {"type": "Sequence", "normalizers": [part for part in parts if part]}


def _hide_special_tokens(definition: dict[str, Any]) -> None:
    """Rename special tokens in the vocabulary, so that a word that is spelt like one is split as any other.

    Some vocabularies, such as XLM-R's, hold `</s>` as a piece like the others. Ids stay what they are, and so
    does the unknown token: it is what such a word may well become.
    """
    model = definition["model"]
    vocabulary = model.get("vocab") or {}
    unknown = model.get("unk_token")
    if isinstance(vocabulary, list) and model.get("unk_id") is not None:
        unknown = vocabulary[model["unk_id"]][0]
    added = definition.get("added_tokens") or []
    hidden = {token["content"] for token in added if token.get("special")} - {unknown}
    for token in added:
        token["content"] = _hide(token["content"], hidden)
    if isinstance(vocabulary, list):
        model["vocab"] = [[_hide(piece, hidden), score] for piece, score in vocabulary]
    else:
        model["vocab"] = {_hide(piece, hidden): number for piece, number in vocabulary.items()}
    if "merges" in model:  # of byte-pair encoding: as text, or as pairs
        pairs = (pair.split(" ", 1) if isinstance(pair, str) else pair for pair in model["merges"])
        model["merges"] = [list(pair) for pair in pairs if "".join(pair) not in hidden]


def _hide(piece: str, hidden: Collection[str]) -> str:
    return f"{NONCHARACTER}{piece}" if piece in hidden else piece


def _unusable(path: Path, reason: str) -> PipelineError:
    return PipelineError(
        f"model.checkpoint: {path} cannot be used ({reason}).", remedy="choose another checkpoint."
    )


def _read_max_length(encoder_dir: Path) -> int | None:
    """Find how many subtokens the encoder takes, from its tokenizer's settings and its positions."""
    config = json.loads((encoder_dir / "config.json").read_text(encoding="utf-8"))
    settings_file = encoder_dir / "tokenizer_config.json"
    settings = json.loads(settings_file.read_text(encoding="utf-8")) if settings_file.is_file() else {}
    positions = config.get("max_position_embeddings")
    if positions and config.get("model_type") in ROBERTA_LIKE:
        positions -= config.get("pad_token_id", 1) + 1  # these count positions from behind the padding id
    limits = [limit for limit in (positions, settings.get("model_max_length")) if limit and limit > 0]
    return int(min(limits)) if limits and min(limits) < 10**6 else None  # 1e30 stands for "no limit"
