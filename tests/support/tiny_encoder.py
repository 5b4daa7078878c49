"""A two-layer encoder with random weights that tests build in place of a pretrained one."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

SPECIALS = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
MAX_LENGTH = 512  # subtokens, so that the project's own tokenize.max_length fits


def build_tiny_encoder(folder: Path, words: Iterable[str], seed: int = 0) -> Path:
    """Write a BERT of two layers and its tokenizer; the same arguments give the same bytes.

    Args:
        folder: Is made.
        words: Their characters and the words among them that occur three times are the vocabulary, so
            that most words have several subtokens.
        seed: Of the weights.

    Returns:
        `folder`.
    """
    import torch  # seconds that the tests of other modules need not wait
    from transformers import BertConfig, BertModel

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = make_wordpiece(words)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": MAX_LENGTH, **SPECIALS}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2), encoding="utf-8")
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=MAX_LENGTH,
        pad_token_id=0,
    )
    with torch.random.fork_rng():  # whoever builds an encoder keeps their own random numbers
        torch.manual_seed(seed)
        BertModel(config).save_pretrained(folder)
    return folder


def make_wordpiece(words: Iterable[str]) -> Tokenizer:
    """Make BERT's kind of tokenizer: case and accents kept, control characters dropped."""
    counter = Counter(words)
    letters = sorted({letter for word in counter for letter in word})
    frequent = sorted(word for word, n in counter.items() if n >= 3 and len(word) > 1)
    entries = dict.fromkeys([*SPECIALS.values(), *letters, *(f"##{letter}" for letter in letters), *frequent])
    tokenizer = Tokenizer(models.WordPiece({entry: number for number, entry in enumerate(entries)}))
    tokenizer.add_special_tokens(list(SPECIALS.values()))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    before, after = SPECIALS["cls_token"], SPECIALS["sep_token"]
    tokenizer.post_processor = processors.BertProcessing(
        (after, tokenizer.token_to_id(after)), (before, tokenizer.token_to_id(before))
    )
    return tokenizer
