"""GermEval's four columns: read exactly, or refused with file, line and remedy."""

from collections import Counter

import pytest

from ner.annotation.sentences import Sentence
from ner.annotation.spans import decode_spans
from ner.core.errors import PipelineError
from ner.sources.formats.germeval import read_germeval
from tests.support.corpora import read_sentences


def read(folder, content):
    path = folder / "dev.tsv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_sentences(path))


def message_for(folder, content):
    """Give the one line that the user sees, without the folder."""
    path = folder / "dev.tsv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(PipelineError) as refusal:
        list(read_germeval(path))
    message = str(refusal.value)
    assert "\n" not in message
    problem, remedy = message.split(" Remedy: ")
    assert remedy.endswith(".")
    return problem.replace(f"{folder}/", "")


TWO_SENTENCES = [
    Sentence("0", "http://example.org [2026-11-22] ", ["Die", "Universität", "Jena"],
             ["O", "B-ORG", "I-ORG"], ["O", "O", "B-LOC"]),
    Sentence("1", "", ["Sorbisch", "."], ["B-OTH", "O"], ["O", "O"]),
]  # fmt: skip
PLAIN = (
    "#\thttp://example.org\t[2026-11-22]\t\n"
    "1\tDie\tO\tO\n2\tUniversität\tB-ORG\tO\n3\tJena\tI-ORG\tB-LOC\n"
    "\n"
    "1\tSorbisch\tB-OTH\tO\n2\t.\tO\tO\n"
)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(PLAIN, id="plain"),
        pytest.param(PLAIN.replace("\n", "\r\n"), id="windows-line-ends"),
        pytest.param(PLAIN.removesuffix("\n"), id="no-final-newline"),
        pytest.param(PLAIN.replace("\n", "\r\n").removesuffix("\n"), id="file-ends-in-a-carriage-return"),
        pytest.param(PLAIN + "\n", id="sentence-ended-by-an-empty-line"),
        pytest.param(PLAIN + "\n\n\r\n\n", id="empty-lines-at-the-end"),
        pytest.param("\ufeff" + PLAIN, id="byte-order-mark"),
        pytest.param(PLAIN.encode("utf-16"), id="utf-16"),
        pytest.param(PLAIN.replace("\n", "\r"), id="old-mac-line-ends"),
        pytest.param("\n" + PLAIN, id="empty-line-first"),
        pytest.param(PLAIN.replace("\n\n", "\n\n \n\t\t\t\n\u00a0\n"), id="several-lines-of-blanks"),
        pytest.param(PLAIN.replace("3\tJena", "3\t\tO\tO\n4\tJena"), id="an-empty-word-without-a-tag"),
        pytest.param(PLAIN.replace("Jena\tI-ORG\tB-LOC", "Jena\tI-ORG\tB-LOC\t"), id="fifth-column-empty"),
        pytest.param(PLAIN.replace("\tO\n", "\tO\t\t\t\n"), id="trailing-tabs"),
    ],
)
def test_what_editors_do_to_a_file_changes_no_sentence(tmp_path, content):
    assert read(tmp_path, content) == TWO_SENTENCES


@pytest.mark.parametrize(
    "word",
    [
        pytest.param('"', id="quotation-mark"),
        pytest.param('"Das', id="opening-quotation-mark"),
        pytest.param("'", id="apostrophe"),
        pytest.param("#", id="number-sign"),
        pytest.param("Aus\u00adwir\u00adkungen", id="soft-hyphens"),
        pytest.param("\x96", id="c1-control-character"),
        pytest.param("a\x85b", id="next-line"),
        pytest.param("a\u2028b\u2029", id="line-and-paragraph-separator"),
        pytest.param("a\x0bb\x0cc\x1cd\x1ee", id="separators-that-splitlines-knows"),
        pytest.param("a\rb", id="carriage-return-within"),
        pytest.param("New York", id="blank-within"),
        pytest.param("\u00a0", id="no-break-space"),
        pytest.param("Ma\u0308dchen", id="not-composed"),
        pytest.param("\\N", id="backslash"),
        pytest.param("NA", id="what-pandas-takes-for-nothing"),
    ],
)
def test_a_word_is_read_exactly(tmp_path, word):
    (sentence,) = read(tmp_path, f"1\t{word}\tO\tO\n2\t.\tO\tO\n")
    assert sentence.words == [word, "."]


@pytest.mark.parametrize(
    ("header", "source"),
    [
        pytest.param("#\thttp://example.org\t[2026]\t\n", "http://example.org [2026] ", id="as-published"),
        pytest.param("#\thttp://example.org\t[2026]\n", "http://example.org [2026]", id="no-tab-at-the-end"),
        pytest.param("#\t\n", "", id="empty"),
        pytest.param("", "", id="none"),
    ],
)
def test_the_source_is_what_the_header_says(tmp_path, header, source):
    (sentence,) = read(tmp_path, f"{header}1\ta\tO\tO\n")
    assert sentence.source == source


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param("1\ta\tO\n", "dev.tsv:1: 3 columns, not 4.", id="three-columns"),
        pytest.param("1\ta\tO\tO\n2\tb\tO\tO\tO\n", "dev.tsv:2: 5 columns, not 4.", id="five-columns"),
        pytest.param(
            "1\t\tB-LOC\tO\n", "dev.tsv:1: the word is empty, and has a tag.", id="a-tag-on-an-empty-word"
        ),
        pytest.param("#\tx\n\n1\ta\tO\tO\n", "dev.tsv:1: a header without a sentence.", id="header-alone"),
        pytest.param("1\ta\tO\tO\n\n#\tx", "dev.tsv:3: a header without a sentence.", id="header-at-the-end"),
        pytest.param("#\tx\n#\ty\n1\ta\tO\tO\n", "dev.tsv:2: 2 columns, not 4.", id="two-headers"),
        pytest.param(
            "1\ta\tO\tO\n1\tb\tO\tO\n",
            "dev.tsv:2: '1' stands where the number of word 2 should.",
            id="no-empty-line-between-sentences",
        ),
        pytest.param(
            "1\ta\tO\tO\n#\tx\ty\t\n1\tb\tO\tO\n",
            "dev.tsv:2: '#' stands where the number of word 2 should.",
            id="no-empty-line-before-a-header",
        ),
        pytest.param(
            "1\ta\tO\tO\n3\tc\tO\tO\n",
            "dev.tsv:2: '3' stands where the number of word 2 should.",
            id="word-lost",
        ),
        pytest.param(
            "a\tO\tO\tO\n", "dev.tsv:1: 'a' stands where the number of word 1 should.", id="no-number"
        ),
        pytest.param(
            "1\ta\tO\tO\n2\tKöln\tO\tO\n".encode("latin-1"),
            "dev.tsv:2: byte 4 of the line (0xf6) is not UTF-8.",
            id="latin-1",
        ),
    ],
)
def test_anything_else_is_refused_with_its_line(tmp_path, content, problem):
    assert message_for(tmp_path, content).startswith(problem)


@pytest.mark.parametrize(
    ("name", "n_sentences", "n_words", "n_outer", "n_inner"),
    [
        pytest.param("NER-de-dev.tsv", 2_200, 41_653, 2_674, 212, id="dev"),
        pytest.param("NER-de-test.tsv", 5_100, 96_499, 6_178, 515, id="test"),
    ],
)
def test_the_official_files_have_the_published_counts(shared, name, n_sentences, n_words, n_outer, n_inner):
    sentences = list(read_germeval(shared / "germeval14" / name))
    assert len(sentences) == n_sentences
    assert sum(len(sentence.words) for sentence in sentences) == n_words
    assert sum(len(decode_spans(sentence.outer)) for sentence in sentences) == n_outer
    assert sum(len(decode_spans(sentence.inner)) for sentence in sentences) == n_inner


def test_the_official_test_file_has_the_published_count_of_each_label(shared):
    sentences = read_germeval(shared / "germeval14" / "NER-de-test.tsv")
    assert Counter(span.label for sentence in sentences for span in decode_spans(sentence.outer)) == {
        "LOC": 1706, "LOCderiv": 561, "LOCpart": 109, "ORG": 1150, "ORGderiv": 8, "ORGpart": 172,
        "OTH": 697, "OTHderiv": 39, "OTHpart": 42, "PER": 1639, "PERderiv": 11, "PERpart": 44,
    }  # fmt: skip
