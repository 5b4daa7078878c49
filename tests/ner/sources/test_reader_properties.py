"""The readers of corpus files on whatever hypothesis thinks of."""

import json
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ner.annotation.labels import is_printable_label
from ner.annotation.schemes import Scheme, write_tags
from ner.annotation.sentences import Sentence
from ner.annotation.spans import Span, decode_spans, encode_tags
from ner.core.errors import PipelineError
from ner.sources.conversion import read_splits
from ner.sources.formats import doccano, label_studio, spans_jsonl
from ner.sources.formats.germeval import format_germeval, read_germeval
from ner.sources.formats.offsets import AnnotatedText
from ner.text.splitting import split_text

quickly = settings(derandomize=True, max_examples=150, deadline=None)

words = st.text(st.characters(exclude_characters="\t\n", exclude_categories=["Cs"]), min_size=1, max_size=8)
labels = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4).filter(is_printable_label)


@st.composite
def tags(draw, n_words):
    """Draw valid IOB2 tags."""
    spans, start = [], 0
    while start < n_words:
        end = draw(st.integers(start + 1, n_words))
        if draw(st.booleans()):
            spans.append(Span(start, end, draw(labels)))
        start = end
    return encode_tags(spans, n_words)


@st.composite
def corpora(draw):
    """Draw a few sentences with both levels, as `format_germeval` can write them."""
    sentences = []
    for number in range(draw(st.integers(1, 4))):
        drawn = draw(st.lists(words, min_size=1, max_size=6))
        source = draw(st.sampled_from(["", "http://example.org [2026-11-22] "]))
        levels = draw(tags(len(drawn))), draw(tags(len(drawn)))
        sentences.append(Sentence(str(number), source, drawn, *levels))
    return sentences


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Give a file that every example overwrites."""
    return tmp_path_factory.mktemp("corpus") / "dev.tsv"


def read_back(path, text):
    path.write_bytes(text.encode())
    return list(read_splits(path, split_text)["train"]())


@quickly
@given(sentences=corpora())
def test_what_is_written_as_germeval_is_read_back(path, sentences):
    path.write_bytes(format_germeval(sentences).encode())
    assert [(s.words, s.outer, s.inner, s.source) for s in read_germeval(path)] == [
        (s.words, s.outer, s.inner, s.source) for s in sentences
    ]


plain_words = st.text(
    st.characters(categories=["L", "N", "P"], exclude_characters='#,"'), min_size=1, max_size=8
)
plain_labels = st.sampled_from(["PER", "LOC", "Multi-part", "a.b/c"])


@st.composite
def plain_sentences(draw, may_touch=True):
    """Draw sentences of visible words; a first one says which scheme it is."""
    sentences = []
    for _ in range(draw(st.integers(0, 4))):
        drawn = draw(st.lists(plain_words, min_size=1, max_size=6))
        spans, start = [], 0
        while start < len(drawn):
            end = draw(st.integers(start + 1, len(drawn)))
            if draw(st.booleans()):
                spans.append(Span(start, end, draw(plain_labels)))
                end += not may_touch
            start = end
        sentences.append((drawn, encode_tags(spans, len(drawn))))
    telling = ["Aa", "Bb", "Cc", "d", "Ee", "Ff"]
    return [(telling, ["B-PER", "I-PER", "I-PER", "O", "B-LOC", "B-LOC" if may_touch else "O"]), *sentences]


@quickly
@given(
    data=st.data(), separator=st.sampled_from(["\t", " ", "   ", " NN "]), end=st.sampled_from(["\n", "\r\n"])
)
@pytest.mark.parametrize("scheme", list(Scheme))
def test_any_corpus_in_any_scheme_comes_back_as_the_same_spans(path, scheme, data, separator, end):
    sentences = data.draw(plain_sentences(may_touch=scheme is not Scheme.IO))
    blocks = [
        end.join(f"{w}{separator}{t}" for w, t in zip(words, write_tags(tags, scheme), strict=True)) + end
        for words, tags in sentences
    ]
    read = read_back(path, end.join(blocks))
    assert [(s.words, decode_spans(s.outer)) for s in read] == [(w, decode_spans(t)) for w, t in sentences]


@quickly
@given(data=st.data(), mixed=st.randoms(use_true_random=False))
def test_lines_with_other_separators_than_the_rest_are_read(path, data, mixed):
    """A tab here, blanks there, one or more empty lines."""
    sentences = data.draw(plain_sentences())
    text = ""
    for words, tags in sentences:
        for word, tag in zip(words, tags, strict=True):
            text += f"{word}{mixed.choice([chr(9), ' ', '  ', ' ' + chr(9)])}{tag}\n"
        text += mixed.choice(["\n", "\n\n", " \n", "\t\n\n"])
    assert [(s.words, s.outer) for s in read_back(path, text)] == sentences


@quickly
@given(data=st.data())
@pytest.mark.parametrize("module", [doccano, spans_jsonl, label_studio], ids=lambda module: module.NAME)
def test_any_text_with_spans_comes_back_as_the_same_spans(tmp_path_factory, module, data):
    sentences = data.draw(plain_sentences())
    records, expected = [], []
    for words, tags in sentences:
        words = ["".join(sign for sign in word if sign.isalpha()) or "x" for word in words]
        text = " ".join(words)
        starts = [len(" ".join(words[:n])) + (n > 0) for n in range(len(words))]
        spans = [
            (starts[span.start], starts[span.end - 1] + len(words[span.end - 1]), span.label)
            for span in decode_spans(tags)
        ]
        records.append(json.dumps(module.format_record(AnnotatedText(text, spans))))
        expected += [(text[start:end], label) for start, end, label in spans]
    path = tmp_path_factory.mktemp("texts") / "train.jsonl"
    path.write_text("\n".join(records), encoding="utf-8")
    found = [
        (" ".join(s.words[span.start : span.end]), span.label)
        for s in read_splits(path, split_text)["train"]()
        for span in decode_spans(s.outer)
    ]
    assert found == expected


def read_or_refuse(path):
    """Give the sentences, or the line that says why there are none."""
    try:
        return list(read_splits(path, split_text)["train"]()), None
    except PipelineError as error:
        return [], str(error)


SIGNS = ["1", "2", "\t", "\n", "\r\n", "\r", " ", "\u00a0", "\u0085", "|", "{", "}", "[", "]", "\ufeff"]
PARTS = ["#\t", "# a = b", "O", "B-", "I-", "E-", "LOC", "1-1", "-DOCSTART-", '"text": "a b"']
RECORDS = ['{"text": "a b", "label": [[0, 1, "X"]]}', "#FORMAT=WebAnno TSV 3.3\n#T_SP=NamedEntity|value\n"]
pieces = st.sampled_from([*(text.encode() for text in (*SIGNS, *PARTS, *RECORDS)), b"\xff\xfe"])


@settings(quickly, max_examples=400)
@given(content=st.lists(pieces | st.binary(min_size=1, max_size=3), max_size=30).map(b"".join))
@example(content=b"1\ta\tB-\x1b\tO\n")
@example(content=b"[" * 5_000)
@pytest.mark.parametrize("name", ["train.tsv", "train.conll", "train.jsonl", "train.json"])
def test_any_bytes_are_read_or_refused_in_one_line_that_names_the_place(tmp_path_factory, name, content):
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(content)
    sentences, refusal = read_or_refuse(path)
    if refusal:
        assert re.match(rf"{re.escape(str(path))}(:\d+)?: .*\. Remedy: ", refusal)
        assert refusal.isprintable()
        return
    assert sentences
    for sentence in sentences:
        assert all(sentence.words)
        for level in (sentence.outer, sentence.inner):
            if level is not None:
                assert encode_tags(decode_spans(level), len(sentence.words)) == level
                assert all(is_printable_label(tag[2:]) for tag in level)
