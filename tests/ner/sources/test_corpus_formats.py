"""GermEval's TSV and two-column CoNLL: read exactly, or refused with file, line and remedy."""

from collections import Counter

import pytest
from ner.sources.corpus_formats import find_split_files, read_conll, read_germeval

from ner.annotation.sentences import Sentence
from ner.annotation.spans import decode_spans
from ner.core.errors import PipelineError
from tests.support.paths import CORPUS


def read(folder, content, reader=read_germeval):
    path = folder / "dev.tsv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(reader(path))


def message_for(folder, content, reader=read_germeval):
    """Give the one line that the user sees, without the folder."""
    with pytest.raises(PipelineError) as refusal:
        read(folder, content, reader)
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
        pytest.param("1 a O O\n", "dev.tsv:1: 1 columns, not 4.", id="blanks-for-tabs"),
        pytest.param("1\ta\tO\tO\n \n", "dev.tsv:2: 1 columns, not 4.", id="line-of-blanks"),
        pytest.param("# text\n1\ta\tO\tO\n", "dev.tsv:1: 1 columns, not 4.", id="comment-without-tab"),
        pytest.param("1\ta\tLOC\tO\n", "dev.tsv:1: 'LOC' is no IOB2 tag.", id="bare-label"),
        pytest.param("1\ta\tO\tE-LOC\n", "dev.tsv:1: 'E-LOC' is no IOB2 tag.", id="another-scheme"),
        pytest.param("1\ta\tB-\tO\n", "dev.tsv:1: 'B-' is no IOB2 tag.", id="no-label"),
        pytest.param("1\ta\tO \tO\n", "dev.tsv:1: 'O ' is no IOB2 tag.", id="blank-after-the-tag"),
        pytest.param("1\ta\tB-A B\tO\n", "dev.tsv:1: 'B-A B' is no IOB2 tag.", id="blank-in-the-label"),
        pytest.param("1\ta\t\tO\n", "dev.tsv:1: '' is no IOB2 tag.", id="no-outer-tag"),
        pytest.param("1\ta\tO\t\t\n", "dev.tsv:1: '' is no IOB2 tag.", id="no-inner-tag"),
        pytest.param("1\ta\tO\tO\r\r\n", r"dev.tsv:1: 'O\r' is no IOB2 tag.", id="two-carriage-returns"),
        pytest.param(
            "1\ta\tI-LOC\tO\n", "dev.tsv:1: I-LOC continues nothing: the tag before it is O.", id="orphan"
        ),
        pytest.param(
            "1\ta\tB-LOC\tI-LOC\n",
            "dev.tsv:1: I-LOC continues nothing: the tag before it is O.",
            id="orphan-on-the-inner-level",
        ),
        pytest.param(
            "1\ta\tB-LOC\tO\n2\tb\tO\tO\n3\tc\tI-LOC\tO\n",
            "dev.tsv:3: I-LOC continues nothing: the tag before it is O.",
            id="orphan-after-a-gap",
        ),
        pytest.param(
            "1\ta\tB-PER\tO\n2\tb\tI-LOC\tO\n",
            "dev.tsv:2: I-LOC continues nothing: the tag before it is B-PER.",
            id="other-label",
        ),
        pytest.param(
            "1\ta\tB-LOC\tO\n2\tb\tI-LOCderiv\tO\n",
            "dev.tsv:2: I-LOCderiv continues nothing: the tag before it is B-LOC.",
            id="label-that-begins-alike",
        ),
        pytest.param(
            "1\ta\tB-LOC\tO\n\n1\tb\tI-LOC\tO\n",
            "dev.tsv:3: I-LOC continues nothing: the tag before it is O.",
            id="name-across-sentences",
        ),
        pytest.param("1\t\tO\tO\n", "dev.tsv:1: the word is empty.", id="empty-word"),
        pytest.param("#\tx\n\n1\ta\tO\tO\n", "dev.tsv:1: a header without a sentence.", id="header-alone"),
        pytest.param("1\ta\tO\tO\n\n#\tx", "dev.tsv:3: a header without a sentence.", id="header-at-the-end"),
        pytest.param("#\tx\n#\ty\n1\ta\tO\tO\n", "dev.tsv:2: 2 columns, not 4.", id="two-headers"),
        pytest.param("\n1\ta\tO\tO\n", "dev.tsv:1: an empty sentence: ", id="empty-line-first"),
        pytest.param(
            "1\ta\tO\tO\n\n\n\n1\tb\tO\tO\n", "dev.tsv:3: an empty sentence: ", id="two-empty-lines"
        ),
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
        pytest.param("", "dev.tsv:1: the file holds no sentence.", id="empty-file"),
        pytest.param("\r\n\n", "dev.tsv:1: the file holds no sentence.", id="empty-lines-alone"),
        pytest.param("\ufeff", "dev.tsv:1: the file holds no sentence.", id="byte-order-mark-alone"),
        pytest.param(
            "1\ta\tO\tO\n2\tKöln\tO\tO\n".encode("latin-1"),
            "dev.tsv:2: byte 4 of the line (0xf6) is not UTF-8.",
            id="latin-1",
        ),
        pytest.param(
            "1\ta\tO\tO\n".encode("utf-16"), "dev.tsv:1: byte 1 of the line (0xff) is not UTF-8.", id="utf-16"
        ),
    ],
)
def test_anything_else_is_refused_with_its_line(tmp_path, content, problem):
    assert message_for(tmp_path, content).startswith(problem)


CONLL = [
    Sentence("0", "", ["Änne", "Köster"], ["B-PER", "I-PER"], None),
    Sentence("1", "", ["."], ["O"], None),
]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("Änne B-PER\nKöster I-PER\n\n. O\n", id="blank"),
        pytest.param("Änne\tB-PER\nKöster\tI-PER\n\n.\tO\n", id="tab"),
        pytest.param("Änne    B-PER\nKöster  I-PER\n\n.       O\n", id="aligned-with-blanks"),
        pytest.param("Änne B-PER \nKöster I-PER\t\n\n. O\n", id="trailing-blank-and-tab"),
        pytest.param("Änne B-PER\r\nKöster I-PER\r\n\r\n. O", id="windows-line-ends-and-no-final-newline"),
        pytest.param("\ufeffÄnne B-PER\nKöster I-PER\n\n. O\n\n\n", id="mark-and-empty-lines-at-the-end"),
    ],
)
def test_conll_is_a_word_and_its_tag(tmp_path, content):
    assert read(tmp_path, content, read_conll) == CONLL


@pytest.mark.parametrize(
    ("line", "word"),
    [
        pytest.param('" O', '"', id="quotation-mark"),
        pytest.param("# O", "#", id="number-sign"),
        pytest.param("a\u2028b\x85 O", "a\u2028b\x85", id="separators"),
        pytest.param("10\u00a0000 O", "10\u00a0000", id="no-break-space-separates-nothing"),
        pytest.param("New York\tO", "New York", id="blank-within-where-tabs-separate"),
    ],
)
def test_a_conll_word_is_read_exactly(tmp_path, line, word):
    assert read(tmp_path, f"{line}\n", read_conll)[0].words == [word]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param("a O\nb\n", "dev.tsv:2: 1 columns, not 2.", id="no-tag"),
        pytest.param("New York O\n", "dev.tsv:1: 3 columns, not 2.", id="blank-in-the-word"),
        pytest.param("a\t\tO\n", "dev.tsv:1: 3 columns, not 2.", id="two-tabs"),
        pytest.param("-DOCSTART- -X- O O\n", "dev.tsv:1: 4 columns, not 2.", id="conll-2003"),
        pytest.param("a O\n \nb O\n", "dev.tsv:2: 1 columns, not 2.", id="line-of-blanks"),
        pytest.param("\tO\n", "dev.tsv:1: the word is empty.", id="no-word-before-a-tab"),
        pytest.param(" O\n", "dev.tsv:1: the word is empty.", id="no-word-before-a-blank"),
        pytest.param("# comment\na O\n", "dev.tsv:1: 'comment' is no IOB2 tag.", id="comment"),
        pytest.param("a\t O\n", "dev.tsv:1: ' O' is no IOB2 tag.", id="blank-after-the-tab"),
        pytest.param("a O\nb I-LOC\n", "dev.tsv:2: I-LOC continues nothing", id="orphan"),
        pytest.param("a O\n\n\nb O\n", "dev.tsv:3: an empty sentence: ", id="two-empty-lines"),
        pytest.param("", "dev.tsv:1: the file holds no sentence.", id="empty-file"),
        pytest.param(b"\xe4 O\n", "dev.tsv:1: byte 1 of the line (0xe4) is not UTF-8.", id="latin-1"),
    ],
)
def test_anything_but_two_columns_is_refused_with_its_line(tmp_path, content, problem):
    assert message_for(tmp_path, content, read_conll).startswith(problem)


@pytest.mark.parametrize(
    ("names", "readers"),
    [
        pytest.param(
            ["NER-de-train.tsv", "NER-de-dev.tsv", "NER-de-test.tsv"], [read_germeval] * 3, id="as-published"
        ),
        pytest.param(["train.tsv", "dev.tsv", "test.tsv"], [read_germeval] * 3, id="short-names"),
        pytest.param(
            ["train.conll", "dev.conll", "NER-de-test.tsv"],
            [read_conll, read_conll, read_germeval],
            id="each-by-its-format",
        ),
    ],
)
def test_the_name_of_a_file_tells_its_split_and_format(tmp_path, names, readers):
    for name in (*names, "README.md"):
        (tmp_path / name).touch()
    found = find_split_files(tmp_path)
    assert list(found) == ["train", "validation", "test"]
    assert [path.name for path, _ in found.values()] == names
    assert [reader for _, reader in found.values()] == readers


@pytest.mark.parametrize(
    ("names", "message"),
    [
        pytest.param(
            ["train.tsv", "test.tsv"],
            "the validation split is missing. Remedy: add one of NER-de-dev.tsv, dev.tsv, dev.conll there.",
            id="missing",
        ),
        pytest.param([], "the train split is missing. Remedy: add one of NER-de-train.tsv, ", id="no-files"),
        pytest.param(["train.tsv", "dev.tsv", "valid.tsv"], "the test split is missing.", id="other-name"),
        pytest.param(["train.tsv/", "dev.tsv", "test.tsv"], "the train split is missing.", id="a-folder"),
        pytest.param(
            ["train.tsv", "dev.tsv", "dev.conll", "test.tsv"],
            "dev.tsv and dev.conll are both the validation split. Remedy: keep one of them in the folder.",
            id="two-for-one-split",
        ),
    ],
)
def test_a_folder_has_one_file_a_split(tmp_path, names, message):
    for name in names:
        if name.endswith("/"):
            (tmp_path / name).mkdir()
        else:
            (tmp_path / name).touch()
    with pytest.raises(PipelineError) as refusal:
        find_split_files(tmp_path)
    assert str(refusal.value).startswith(f"{tmp_path}: {message}")


def test_the_invented_corpus_is_read_whole():
    splits = {split: list(reader(path)) for split, (path, reader) in find_split_files(CORPUS).items()}
    for split, sentences in splits.items():
        path = find_split_files(CORPUS)[split][0]
        lines = path.read_text(encoding="utf-8").split("\n")
        words = [line.split("\t")[1] for line in lines if line and not line.startswith("#")]
        assert [word for sentence in sentences for word in sentence.words] == words
        assert [sentence.id for sentence in sentences] == [str(n) for n in range(len(sentences))]


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
