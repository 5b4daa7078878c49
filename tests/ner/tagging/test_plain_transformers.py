"""The tagger's folder for whoever has transformers alone."""

import json
from functools import partial

import pytest
import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel

from ner.annotation.labels import TagSet, tags_of_labels
from ner.annotation.spans import Span, encode_tags
from ner.tagging.model import WindowCollator, load_encoder
from ner.text.splitting import split_text
from ner.text.text_tagger import TextTagger
from ner.training.results import save_tagger
from ner.windows.alignment import align_tag_ids, cut_windows
from ner.windows.tokenized import TokenizedWindow
from ner.windows.tokenizer import WordTokenizer
from tests.support.tiny_encoder import build_tiny_encoder

# One sentence each, and no hyphen or sign inside a word: there BERT's own splitting, which transformers'
# pipeline goes by, takes apart what is one word in GermEval. The spans count words.
TEXTS = {
    "Änne Köster las am Abend in Görlitz aus ihrem Roman.": [Span(0, 2, "PER"), Span(6, 7, "LOC")],
    "Die bayerische Regierung lehnte den Vorschlag ab.": [Span(1, 2, "LOCderiv")],
    "Am Montag öffnete die Universität Göttingen ihre Türen.": [Span(4, 6, "ORG")],
    "In Zürich tagte der Rat der Neuen Bank.": [Span(1, 2, "LOC"), Span(4, 8, "ORG")],
    "Sie liest den Spiegel (Hamburg) und „Die Zeit“.": [
        Span(3, 4, "OTH"),
        Span(5, 6, "LOC"),
        Span(9, 11, "OTH"),
    ],
    "Der Maler Özgür Weiß fährt nach Jena.": [Span(2, 4, "PER"), Span(6, 7, "LOC")],
    "Berlin, Bonn und Köln Hamburg.": [Span(n, n + 1, "LOC") for n in (0, 2, 4, 5)],
    "Die SPD verhandelt mit Peter Müller!": [Span(1, 2, "ORG"), Span(4, 6, "PER")],
    "Siemens": [Span(0, 1, "ORG")],
    "Es regnete den ganzen Tag.": [],
}


WORDS = [[word.text for word in split_text(text)[0]] for text in TEXTS]
# What tokenizers are trained on: no word begins with the mark of a blank alone, where transformers parts it.
LINES = [" ".join(words) for words in WORDS] + [f"{word[0]} " * 50 for words in WORDS for word in words]
SPECIALS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
GPT2_PATTERN = r"'s|'t| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def make_byte_level(*, has_pattern):
    """Make RoBERTa's kind of tokenizer, or ModernBERT's, where a pattern splits and nothing trims offsets."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if has_pattern:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(GPT2_PATTERN), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=420, special_tokens=SPECIALS, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(LINES, trainer)
    if has_pattern:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
        )
    else:
        ends = ("</s>", 2), ("<s>", 0)
        tokenizer.post_processor = processors.RobertaProcessing(*ends, add_prefix_space=False)
    return tokenizer


def make_sentencepiece():
    """Make XLM-R's kind of tokenizer: the first letters of each word are a piece, and each letter is."""
    words = {word for words in WORDS for word in words}
    starts, letters = (
        sorted({f"▁{word[:2]}" for word in words}),
        sorted({sign for word in words for sign in word}),
    )
    pieces = [
        *((name, 0.0) for name in SPECIALS),
        *((one, -1.0) for one in starts),
        *((one, -3.0) for one in letters),
    ]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=SPECIALS.index("<unk>")))
    tokenizer.add_special_tokens(SPECIALS)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


KINDS = {
    "wordpiece": (None, {}),
    "byte-level": (partial(make_byte_level, has_pattern=False), {"tokenizer_class": "RobertaTokenizer"}),
    "byte-level-pattern": (
        partial(make_byte_level, has_pattern=True),
        {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<pad>", "add_prefix_space": False},
    ),
    "sentencepiece": (make_sentencepiece, {"tokenizer_class": "XLMRobertaTokenizer"}),
}


def build_encoder(folder, kind):
    """Write an encoder of two layers with a tokenizer of a kind."""
    build_tiny_encoder(folder, " ".join(TEXTS).split())
    make, settings = KINDS[kind]
    if make:
        tokenizer = make()
        tokenizer.save(str(folder / "tokenizer.json"))
        (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
        config = BertConfig.from_pretrained(folder, vocab_size=tokenizer.get_vocab_size())
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=KINDS)
def tagger_dir(request, tmp_path_factory, one_thread):  # noqa: ARG001 - a fixture for its effect
    """Let a tiny encoder learn the sentences by heart."""
    folder = tmp_path_factory.mktemp(request.param)
    encoder = build_encoder(folder / "encoder", request.param)
    tag_set = TagSet(tags_of_labels(span.label for spans in TEXTS.values() for span in spans))
    tokenizer = WordTokenizer.load(encoder)
    limits = {"max_length": 128, "stride": 32}
    rows = []
    for number, (text, spans) in enumerate(TEXTS.items()):
        (words,) = split_text(text)
        (pieces,) = tokenizer.encode([[word.text for word in words]])
        (window,) = cut_windows(pieces, prefix=tokenizer.prefix, suffix=tokenizer.suffix, **limits)
        tag_ids = [tag_set.id_of(tag) for tag in encode_tags(spans, len(words))]
        rows.append(TokenizedWindow(number, window, align_tag_ids(window, tag_ids, label_all_tokens=False)))
    torch.manual_seed(0)
    model = load_encoder(encoder, tag_set)
    batch = WindowCollator(model.config.pad_token_id)(rows)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(120):
        optimiser.zero_grad()
        model(**batch).loss.backward()
        optimiser.step()
    save_tagger(model, encoder, folder / "ner", {"tokenize": {**limits, "label_all_tokens": False}})
    return folder / "ner"


def load_both(tagger_dir):
    from transformers import pipeline  # seconds that collecting the tests need not take

    theirs = pipeline("token-classification", model=str(tagger_dir), aggregation_strategy="first")
    return theirs, TextTagger.load(tagger_dir, subtokens_per_batch=1024)


@pytest.mark.filterwarnings("ignore:Tokenizer does not support real words")
@pytest.mark.usefixtures("one_thread")
def test_transformers_own_pipeline_finds_the_same_names(tagger_dir):
    """Names of several subtokens and words, neighbours with one label, punctuation beside a name.

    Of WordPiece in running text. Other tokenizers do not tell transformers where a word ends before
    punctuation: there the words are parted by blanks, or given as a list.
    """
    theirs, ours = load_both(tagger_dir)
    is_wordpiece = tagger_dir.parent.name.startswith("wordpiece")
    for text, words, spans in zip(TEXTS, WORDS, TEXTS.values(), strict=True):
        spaced = " ".join(words)
        for given in (text, spaced) if is_wordpiece else (spaced,):
            (placed,) = split_text(given)
            assert [word.text for word in placed] == words
            learnt = [(placed[s.start].start, placed[s.end - 1].end, s.label) for s in spans]
            (names,) = ours.tag_texts([given])
            assert [(name.start, name.end, name.label) for name in names] == learnt
            assert [(one["start"], one["end"], one["entity_group"]) for one in theirs(given)] == learnt
        listed = theirs([words], is_split_into_words=True)[0]
        assert [(one["start"], one["end"], one["entity_group"]) for one in listed] == learnt


def test_the_saved_tokenizer_gives_the_subtokens_of_training(tagger_dir):
    """Read again by this project, and by transformers from words that are parted by blanks."""
    from transformers import AutoTokenizer

    encoder, tagger = WordTokenizer.load(tagger_dir.parent / "encoder"), WordTokenizer.load(tagger_dir)
    assert encoder.encode(WORDS) == tagger.encode(WORDS)
    plain = AutoTokenizer.from_pretrained(tagger_dir)
    for words, pieces in zip(WORDS, encoder.encode(WORDS), strict=True):
        wanted = [*encoder.prefix, *(piece for word in pieces for piece in word), *encoder.suffix]
        assert plain(" ".join(words))["input_ids"] == wanted
        assert plain(words, is_split_into_words=True)["input_ids"] == wanted
    if tagger_dir.parent.name.startswith("wordpiece"):
        original = tagger_dir.parent / "encoder/tokenizer.json"
        assert (tagger_dir / "tokenizer.json").read_bytes() == original.read_bytes()
