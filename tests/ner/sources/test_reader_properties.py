"""The readers of corpus files on whatever hypothesis thinks of."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ner.sources.corpus_formats import read_conll, read_germeval

from corpus_generator.make_sample import format_germeval
from ner.annotation.labels import is_printable_label
from ner.annotation.sentences import Sentence
from ner.annotation.spans import Span, decode_spans, encode_tags
from ner.core.errors import PipelineError

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


@quickly
@given(sentences=corpora())
def test_what_is_written_as_germeval_is_read_back(path, sentences):
    path.write_bytes(format_germeval(sentences).encode())
    assert list(read_germeval(path)) == sentences


@quickly
@given(sentences=corpora())
def test_what_is_written_as_conll_is_read_back(path, sentences):
    kept = [sentence for sentence in sentences if all(word.strip("\t \r") for word in sentence.words)]
    lines = ["".join(f"{w}\t{t}\n" for w, t in zip(s.words, s.outer, strict=True)) for s in kept]
    path.write_bytes("\n".join(lines).encode())
    if kept:
        read = list(read_conll(path))
        assert [(s.words, s.outer, s.inner) for s in read] == [(s.words, s.outer, None) for s in kept]


def read_or_refuse(reader, path):
    """Give the sentences, or the line that says why there are none."""
    try:
        return list(reader(path)), None
    except PipelineError as error:
        return [], str(error)


pieces = st.sampled_from(
    [
        b"1",
        b"2",
        b"\t",
        b"\n",
        b"\r\n",
        b"#\t",
        b"O",
        b"B-",
        b"I-",
        b"LOC",
        b" ",
        b"\xef\xbb\xbf",
        b"\xc2\x85",
    ]
)


@settings(quickly, max_examples=400)
@given(content=st.lists(pieces | st.binary(min_size=1, max_size=3), max_size=30).map(b"".join))
@example(content=b"1\ta\tB-\x1b\tO\n")
@pytest.mark.parametrize("reader", [read_germeval, read_conll])
def test_any_bytes_are_read_or_refused_in_one_line_that_names_the_place(path, reader, content):
    path.write_bytes(content)
    sentences, refusal = read_or_refuse(reader, path)
    if refusal:
        assert re.match(rf"{re.escape(str(path))}:\d+: .*\. Remedy: ", refusal)
        assert refusal.isprintable()
        return
    assert sentences
    for sentence in sentences:
        assert all(sentence.words)
        for level in (sentence.outer, sentence.inner):
            if level is not None:
                assert encode_tags(decode_spans(level), len(sentence.words)) == level
                assert all(is_printable_label(tag[2:]) for tag in level)
