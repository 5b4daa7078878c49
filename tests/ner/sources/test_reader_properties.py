"""The readers of corpus files on whatever hypothesis thinks of."""

import io
import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ner.annotation.labels import is_printable_label
from ner.annotation.schemes import Scheme, write_tags
from ner.annotation.sentences import Sentence
from ner.annotation.spans import Span, decode_spans, encode_tags
from ner.core.errors import PipelineError
from ner.sources.conversion import read_splits
from ner.sources.formats import doccano, germeval, label_studio, spans_jsonl
from ner.sources.formats.brat import format_brat
from ner.sources.formats.columns import format_sentence
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


def write_numbered(sentences):
    return "\n".join(
        "".join(f"{n}\t{w}\t{t}\t-\t-\n" for n, (w, t) in enumerate(zip(*pair, strict=True), start=1))
        for pair in sentences
    )


def write_conllu(sentences):
    return "\n".join(
        "".join(
            f"{n}\t{w}\t_\t_\t_\t_\t0\t_\t_\tNER={t}|SpaceAfter=No\n"
            for n, (w, t) in enumerate(zip(*pair, strict=True), start=1)
        )
        for pair in sentences
    )


def write_csv(sentences):
    blocks = ("".join(f'"{w}",{t}\n' for w, t in zip(*pair, strict=True)) for pair in sentences)
    return "token,tag\n" + "\n".join(blocks)


def write_wikiner(sentences):
    return "".join(" ".join(f"{w}|NN|{t}" for w, t in zip(*pair, strict=True)) + "\n" for pair in sentences)


def write_tokens(sentences):
    return "\n".join(json.dumps({"tokens": words, "ner_tags": tags}) for words, tags in sentences)


def write_parquet(sentences):
    buffer = io.BytesIO()
    words, tags = zip(*sentences, strict=True)
    pq.write_table(pa.table({"tokens": list(words), "tags": list(tags)}), buffer)
    return buffer.getvalue()


TAGGED_FORMATS = {
    "conll2003.txt": lambda sentences: (
        "-DOCSTART- -X- -X- O\n\n"
        + "\n".join(format_sentence(*pair, separator=" NN _ ") for pair in sentences)
    ),
    "label_studio.conll": lambda sentences: (
        "-DOCSTART- -X- O\n" + "\n".join(format_sentence(*pair, separator=" -X- _ ") for pair in sentences)
    ),
    "uner.iob2": write_numbered,
    "misc.conllu": write_conllu,
    "header.csv": write_csv,
    "germeval.tsv": lambda sentences: "".join(germeval.format_sentence(*pair) for pair in sentences),
    "wikiner.txt": write_wikiner,
    "tokens.jsonl": write_tokens,
    "rows.parquet": write_parquet,
}


@settings(quickly, max_examples=8)
@given(data=st.data())
@pytest.mark.parametrize("scheme", list(Scheme))
@pytest.mark.parametrize("name", TAGGED_FORMATS)
def test_any_scheme_comes_back_from_any_format_as_the_same_spans(tmp_path_factory, name, scheme, data):
    sentences = data.draw(plain_sentences(may_touch=scheme is not Scheme.IO))
    content = TAGGED_FORMATS[name]([(words, write_tags(tags, scheme)) for words, tags in sentences])
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    read = list(read_splits(path, split_text)["train"]())
    assert [(s.words, decode_spans(s.outer)) for s in read] == [(w, decode_spans(t)) for w, t in sentences]


STYLES_OF_TAGS = {
    "underscore": lambda letter, label: f"{letter}_{label}",
    "letter-behind": lambda letter, label: f"{label}-{letter}",
    "letter-behind-an-underscore": lambda letter, label: f"{label}_{letter}",
    "small-letters": lambda letter, label: f"{letter.lower()}-{label}",
    "no-label": lambda letter, _: letter,
}


@settings(quickly, max_examples=12)
@given(data=st.data(), outside=st.sampled_from(["O", "o", "0", "_"]))
@pytest.mark.parametrize("scheme", [one for one in Scheme if one is not Scheme.IO])
@pytest.mark.parametrize("style", STYLES_OF_TAGS)
def test_any_style_of_tags_comes_back_as_the_same_spans(path, scheme, style, data, outside):
    sentences = data.draw(plain_sentences())
    if style == "no-label":
        sentences = [
            (words, ["O" if tag == "O" else f"{tag[:2]}ENTITY" for tag in tags]) for words, tags in sentences
        ]

    def write(tag):
        return outside if tag == "O" else STYLES_OF_TAGS[style](tag[0], tag[2:])

    text = "".join(
        format_sentence(words, [write(tag) for tag in write_tags(tags, scheme)]) for words, tags in sentences
    )
    read = read_back(path, text)
    assert [(s.words, decode_spans(s.outer)) for s in read] == [(w, decode_spans(t)) for w, t in sentences]


def write_webanno(sentences):
    """Write the layer of named entities, each entity with a number of its own."""
    lines = ["#FORMAT=WebAnno TSV 3.3", "#T_SP=webanno.custom.NamedEntity|identifier|value", ""]
    entity = 0
    for sentence, (words, tags) in enumerate(sentences, start=1):
        lines += ["", f"#Text={' '.join(words)}"]
        for word, tag in enumerate(tags):
            entity += tag[0] == "B"
            value = "_\t_" if tag == "O" else f"*[{entity}]\t{tag[2:]}[{entity}]"
            lines.append(f"{sentence}-{word + 1}\t0-1\t{words[word]}\t{value}\t")
    return "\n".join(lines) + "\n"


@quickly
@given(data=st.data())
def test_any_corpus_of_webanno_comes_back_as_the_same_spans(tmp_path_factory, data):
    sentences = data.draw(plain_sentences())
    path = tmp_path_factory.getbasetemp() / "webanno.tsv"
    path.write_text(write_webanno(sentences), encoding="utf-8")
    read = list(read_splits(path, split_text)["train"]())
    assert [(s.words, s.outer) for s in read] == sentences


@quickly
@given(data=st.data())
def test_any_annotation_of_brat_comes_back_as_the_same_spans(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "brat.txt"
    annotated = join_words(data.draw(plain_sentences()))
    path.write_text(annotated.text, encoding="utf-8")
    path.with_suffix(".ann").write_text(format_brat(annotated), encoding="utf-8")
    assert list_entities(path) == [
        (annotated.text[start:end], label) for start, end, label in annotated.spans
    ]


def join_words(sentences):
    """Make one text of sentences, their words of letters alone, and place their entities in it."""
    text, spans = "", []
    for words, tags in sentences:
        starts, ends = [], []
        for word in words:
            text += " " if text else ""
            starts.append(len(text))
            text += "".join(sign for sign in word if sign.isalpha()) or "x"
            ends.append(len(text))
        spans += [(starts[span.start], ends[span.end - 1], span.label) for span in decode_spans(tags)]
    return AnnotatedText(text, spans)


def list_entities(path):
    return [
        (" ".join(s.words[span.start : span.end]), span.label)
        for s in read_splits(path, split_text)["train"]()
        for span in decode_spans(s.outer)
    ]


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
    texts = [join_words([sentence]) for sentence in sentences]
    path = tmp_path_factory.getbasetemp() / "texts.jsonl"
    path.write_text("\n".join(json.dumps(module.format_record(one)) for one in texts), encoding="utf-8")
    assert list_entities(path) == [
        (one.text[start:end], label) for one in texts for start, end, label in one.spans
    ]


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
