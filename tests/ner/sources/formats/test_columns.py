"""Columns: found in the values, by a header or as the user says, or refused with file, line and remedy."""

import pytest

from ner.annotation.sentences import Sentence
from ner.core.errors import PipelineError
from ner.sources.conversion import read_splits
from ner.sources.formats.column_layouts import find_layout
from ner.sources.formats.columns import Layout, format_columns, read_columns
from ner.sources.formats.lines import read_lines
from ner.text.splitting import split_text

ANNA = [(["Änne", "Köster", "geht"], ["B-PER", "I-PER", "O"]), (["Ulm"], ["B-LOC"])]
PLAIN = "Änne B-PER\nKöster I-PER\ngeht O\n\nUlm B-LOC\n"


def read(folder, content, columns=None):
    path = folder / "dev.conll"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    layout = find_layout([text for _, text in read_lines(path)], path, columns)
    return [(sentence.words, sentence.outer) for sentence in read_columns(path, layout)]


def four(separator):
    """Write CoNLL-2003's four columns."""
    rows = ["Änne NNP I-NP B-PER", "Köster NNP I-NP I-PER", "geht VBZ B-VP O", "", "Ulm NNP B-NP B-LOC", ""]
    return "\n".join(rows).replace(" ", separator)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(PLAIN, id="blank"),
        pytest.param(PLAIN.replace(" ", "\t"), id="tab"),
        pytest.param(PLAIN.replace(" ", "     "), id="aligned-with-blanks"),
        pytest.param(PLAIN.replace(" ", "\u00a0"), id="no-break-space"),
        pytest.param(PLAIN.replace(" ", " \t"), id="blank-before-the-tab"),
        pytest.param(PLAIN.replace(" ", "\t "), id="blank-behind-the-tab"),
        pytest.param(PLAIN.replace(" ", "\t\t"), id="two-tabs"),
        pytest.param(PLAIN.replace("Köster I-PER", "Köster\tI-PER\t"), id="another-separator-in-a-line"),
        pytest.param(PLAIN.replace(" ", ","), id="comma"),
        pytest.param(PLAIN.replace("\n", "\r\n").removesuffix("\r\n"), id="windows-and-no-final-line-end"),
        pytest.param(PLAIN.replace("\n", "\r"), id="old-mac"),
        pytest.param("\ufeff" + PLAIN, id="byte-order-mark"),
        pytest.param(PLAIN.encode("utf-16"), id="utf-16"),
        pytest.param("\n" + PLAIN.replace("\n\n", "\n\n \n\t\n\u00a0\n") + "\n\n", id="many-empty-lines"),
        pytest.param(PLAIN.replace("\n\n", "\n   \n"), id="blanks-part-sentences"),
        pytest.param("-DOCSTART- O\n\n" + PLAIN, id="document"),
        pytest.param("-DOCSTART- O\n" + PLAIN, id="document-within-a-sentence"),
        pytest.param("-DOCSTART-,O\n\n" + PLAIN.replace(" ", ","), id="document-by-commas"),
        pytest.param('"-DOCSTART-","O"\n\n' + PLAIN.replace(" ", ","), id="document-in-quotation-marks"),
        pytest.param("O -DOCSTART-\n\nB-PER Änne\nI-PER Köster\nO geht\n\nB-LOC Ulm\n",
                     id="document-behind-its-tag"),
        pytest.param("# newdoc\n# text = Änne O\n" + PLAIN, id="comments"),
        pytest.param(four(" "), id="conll-2003"),
        pytest.param(four("\t"), id="conll-2003-tabs"),
        pytest.param("-DOCSTART- -X- -X- O\n\n" + four(" "), id="conll-2003-document"),
        pytest.param("-DOCSTART- -X- O\n" + PLAIN.replace(" ", " -X- _ "), id="label-studio"),
        pytest.param(PLAIN.replace(" ", " NE "), id="three"),
        pytest.param("token tag\n" + PLAIN, id="header"),
        pytest.param("# a = b\nTOKEN\tNE-COARSE-LIT\n" + PLAIN.replace(" ", "\t"), id="hipe-header"),
        pytest.param("word\tner\tpos\n" + PLAIN.replace(" O", "\tO\tB-x").replace("-PER", "-PER\tI-x")
                     .replace("-LOC", "-LOC\tB-x").replace(" ", "\t"), id="header-says-which-of-two"),
        pytest.param("# sent_id = 1\n1\tÄnne\tB-PER\t-\tme\n2\tKöster\tI-PER\t-\tme\n3\tgeht\tO\t-\tme\n\n"
                     "1\tUlm\tB-LOC\t-\tme\n", id="uner"),
        pytest.param("1-2\tx\tx\tx\tx\tx\tx\tx\tx\t_\n1\tÄnne\t_\tX\t_\t_\t0\t_\t_\tNER=B-PER|A=b\n"
                     "2\tKöster\t_\tX\t_\t_\t0\t_\t_\tNER=I-PER\n3\tgeht\t_\tX\t_\t_\t0\t_\t_\t_\n\n"
                     "1\tUlm\t_\tX\t_\t_\t0\t_\t_\tNER=B-LOC\n", id="conll-u"),
        pytest.param("B-PER Änne\nI-PER Köster\nO geht\n\nB-LOC Ulm\n", id="tag-first"),
    ],
)  # fmt: skip
def test_the_word_and_the_tag_are_found(tmp_path, content):
    assert read(tmp_path, content) == ANNA


@pytest.mark.parametrize(
    ("line", "word"),
    [
        pytest.param('" O', '"', id="quotation-mark"),
        pytest.param("# O", "#", id="number-sign"),
        pytest.param("#Ulm O", "#Ulm", id="hashtag"),
        pytest.param("a\u2028b\x85 O", "a\u2028b\x85", id="separators"),
        pytest.param("10\u00a0000 O", "10\u00a0000", id="no-break-space-separates-nothing"),
        pytest.param("New York\tO", "New York", id="blank-within-where-tabs-separate"),
    ],
)
def test_a_word_is_read_exactly(tmp_path, line, word):
    assert read(tmp_path, f"Ulm B-LOC\n{line}\n")[0][0] == ["Ulm", word]


@pytest.mark.parametrize("word", ["Ems", "\ufeffEms", "\ufeff\ufeffEms"])
def test_a_first_word_comes_back_with_its_marks(tmp_path, word):
    path = tmp_path / "train.conll"
    path.write_text(format_columns([Sentence("0", "", [word], ["B-LOC"], None)]), encoding="utf-8")
    assert [one.words for one in read_columns(path, Layout(2, "\t", 0, 1))] == [[word]]


def test_an_empty_word_without_a_tag_is_left_out(tmp_path):
    assert read(tmp_path, "Änne\tB-PER\n\tO\n") == [(["Änne"], ["B-PER"])]


def test_the_columns_may_be_said(tmp_path):
    content = four(" ").replace("NNP", "B-XY")
    assert read(tmp_path, content, {"word": 0, "tag": -1}) == ANNA


@pytest.mark.parametrize("columns", [None, {"word": 0, "tag": 1}], ids=["header", "said"])
def test_flags_end_the_sentences_of_hipe_but_within_an_entity(tmp_path, columns):
    """There an abbreviation ends more often than a sentence."""
    rows = [
        "Bad O _",
        "Dr. B-PER EndOfSentence",
        "Abt I-PER _",
        ". O X|EndOfSentence",
        "Ulm B-LOC _",
        "",
        "Ja O _",
    ]
    content = "\n".join(["TOKEN NE-COARSE-LIT MISC", *rows]).replace(" ", "\t") + "\n"
    assert [words for words, _ in read(tmp_path, content, columns)] == [
        ["Bad", "Dr.", "Abt", "."],
        ["Ulm"],
        ["Ja"],
    ]


def test_the_columns_of_germeval_may_be_said(tmp_path):
    """The inner level, say: header lines are comments then."""
    content = (
        "#\thttp://example.org\t[2009]\n1\tUni\tB-ORG\tO\n2\tUlm\tI-ORG\tB-LOC\n\n#\ta\tb\tc\n1\t#\tO\tO\n"
    )
    assert read(tmp_path, content, {"word": 1, "tag": 3}) == [
        (["Uni", "Ulm"], ["O", "B-LOC"]),
        (["#"], ["O"]),
    ]


@pytest.mark.parametrize(
    ("content", "columns", "problem"),
    [
        pytest.param("a O\nb\n", None, "dev.conll:2: 'b' has 1 column, not 2.", id="no-tag"),
        pytest.param(
            "a O\nNew York O\n",
            None,
            "dev.conll:2: 'New York O' has 3 columns, not 2.",
            id="blank-in-the-word",
        ),
        pytest.param("a O\n\tB-PER\nb O\n", None, "dev.conll:2: ", id="a-tag-without-a-word"),
        pytest.param("a b c\n", None, "dev.conll: which of 3 columns has the tags", id="no-tags"),
        pytest.param("a\nb\n", None, "dev.conll:1: 1 column: ", id="words-alone"),
        pytest.param(
            "a B-X B-Y\nb O I-Y\n", None, "column 1 or in column 2: 'a' is 'B-X' .* 'B-Y'", id="two"
        ),
        pytest.param("a O\n", {"word": 0, "tag": 2}, "data.columns.tag is 2, .* has 2 columns", id="too-far"),
        pytest.param("a O\n", {"word": 0, "tag": -2}, "word and tag in column 0", id="one-for-both"),
        pytest.param(b"a O\n\xe4 O\n", None, "dev.conll:2: byte 1 of the line", id="latin-1"),
        pytest.param("1 a x O\n3 b x B-X\n", None, "dev.conll:2: '3' stands where", id="a-word-lost"),
    ],
)
def test_what_cannot_be_told_is_refused_with_its_place(tmp_path, content, columns, problem):
    with pytest.raises(PipelineError, match=f"{problem}.* Remedy: "):
        read(tmp_path, content, columns)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("1\tUlm\tLOC\tO\n2\tist\tO\tO\n", ["B-LOC", "O"], id="germeval-with-bare-labels"),
        pytest.param("Ulm LOC O\nist O O\n", ["B-LOC", "O"], id="a-column-of-o-behind-the-labels"),
        pytest.param("Ulm NP LOC\nist O O\nda O O\n", ["B-LOC", "O", "O"], id="chunks-before-them"),
        pytest.param("Ulm LOC NP\nist O O\nda O O\n", ["B-LOC", "O", "O"], id="chunks-behind-them"),
    ],
)
def test_labels_without_letters_are_found(tmp_path, content, expected):
    (tmp_path / "train.conll").write_text(content, encoding="utf-8")
    (read,) = read_splits(tmp_path / "train.conll", split_text)["train"]()
    assert read.outer == expected
