"""What was found, written."""

import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ner.annotation.labels import TagSet, tags_of_labels
from ner.annotation.spans import Span, encode_tags
from ner.tagging.decoding import TaggedWords
from ner.text.text_tagger import TaggedText
from tests.support.capital_tagger import CapitalTagger
from tests.support.corpora import read_sentences
from tools.predict.input_rows import Row
from tools.predict.output_formats import (
    LINE_FORMATS,
    OutputFormat,
    TerminalText,
    format_json,
    hold_line,
    make_schema,
    make_table,
    read_records,
)

WORDS = Row.of_words(["Der", "\x96", "FC", "B", '"'], source="sport 2014")


def tag(row, n_levels=1):
    (tagged,) = CapitalTagger(n_levels).tag_split([(row.text, row.split())])
    return tagged


def test_json_holds_the_text_and_its_entities():
    row = Row("in Ems \x9b31m\u2028 u")
    assert json.loads(format_json(row, tag(row))) == {
        "text": row.text,
        "entities": [{"start": 3, "end": 6, "label": "PER", "text": "Ems", "score": 0.9}],
    }
    assert format_json(row, tag(row)).removesuffix("\n").isprintable()


def test_json_of_words_has_the_tag_of_each():
    value = json.loads(format_json(WORDS, tag(WORDS)))
    assert value["tokens"] == [word.text for word in WORDS.words]
    assert value["predicted"] == ["B-PER", "O", "B-PER", "I-PER", "O"]


@pytest.mark.parametrize("form", [OutputFormat.CONLL, OutputFormat.TSV])
def test_the_readers_of_corpora_read_what_is_written(form, tmp_path):
    path = tmp_path / "a"
    path.write_text(LINE_FORMATS[form](WORDS, tag(WORDS)), encoding="utf-8", newline="\n")
    (sentence,) = read_sentences(path)
    assert sentence.words == [word.text for word in WORDS.words]
    assert sentence.outer == ["B-PER", "O", "B-PER", "I-PER", "O"]
    assert sentence.source == ("sport 2014" if form is OutputFormat.TSV else "")


def test_parquet_holds_entities_and_words():
    row = Row("Aha. So")
    assert make_table([tag(row)], 1).to_pylist()[0]["tokens"] == ["Aha", ".", "So"]
    assert make_table([tag(row)], 1).to_pylist()[0]["predicted"] == ["B-PER", "O", "B-PER"]
    assert [one["start"] for one in make_table([tag(row)], 1).to_pylist()[0]["entities"]] == [0, 5]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("in Bad Ems", "in [Bad Ems PER 0.90]", id="names"),
        pytest.param("[bold]ja[/bold] :smile:", "[bold]ja[/bold] :smile:", id="markup-of-rich"),
        pytest.param("a\x1b[31m\x07\x7f\x9b", "a␛[31m␇␡\ufffd", id="ansi"),
        pytest.param("a\u202eb", "ab", id="direction"),
        pytest.param("a\n\tb", "a\n        b", id="line-end-and-tab"),
    ],
)
def test_a_terminal_shows_names_and_obeys_nothing(text, shown):
    assert render(Row(text), is_terminal=False) == shown + "\n"


@given(st.text())
def test_no_text_sends_a_control_character_to_a_terminal(text):
    shown = render(Row(text), is_terminal=False)
    assert not [c for c in shown if unicodedata.category(c) == "Cc" and c not in "\n\t"]


def test_a_terminal_has_colours():
    assert "\x1b[" in render(Row("in Ems"), is_terminal=True)


def render(row, *, is_terminal, tagged=None):
    tag_set = TagSet(tags_of_labels(["LOC", "LOCderiv", "ORG", "OTH", "PER"]))
    console = Console(file=io.StringIO(), soft_wrap=True, force_terminal=is_terminal, no_color=False)
    console.print(TerminalText(tag_set).format(tagged or tag(row)))
    return console.file.getvalue()


@pytest.mark.parametrize("form", list(LINE_FORMATS))
@pytest.mark.parametrize("n_torn", [0, 1, 5, 9])
@pytest.mark.parametrize("n_levels", [1, 2])
def test_whole_records_are_read_back_and_a_torn_one_is_not(form, n_torn, n_levels):
    rows = [Row.of_words(["#", "Ä"], "q"), Row.of_words(["Bad", "Ems"])]
    written = [LINE_FORMATS[form](row, tag(row, n_levels)).encode() for row in rows]
    whole = b"".join(written)
    records = list(read_records(io.BytesIO(whole[: len(whole) - n_torn]), form))
    ends = [len(written[0]), len(whole)][: 1 if n_torn else 2]
    assert [end for end, _ in records] == ends
    found = [record for _, record in records]
    expected = [row.text if form is OutputFormat.JSONL else [w.text for w in row.words] for row in rows]
    assert found == expected[: len(ends)]


SENTENCE = "Der Chef der Deutschen Bank und die Universität Hamburg"
NESTED = Row.of_words(SENTENCE.split())
OUTER = encode_tags([Span(3, 5, "ORG"), Span(7, 9, "ORG")], 9)


def tag_nested(*inner, row=NESTED):
    """Tag the sentence by hand: both its names, and what lies in them."""
    nested = TaggedWords(encode_tags(inner, 9), [0.98] * 9, 0)
    return TaggedText(SENTENCE, row.split(), [TaggedWords(OUTER, [0.97] * 9, 0, nested)])


DERIVED, CITY = Span(3, 4, "LOCderiv"), Span(8, 9, "LOC")


@pytest.mark.parametrize(
    ("inner", "shown"),
    [
        pytest.param(
            [DERIVED, CITY],
            "Der Chef der [[Deutschen LOCderiv 0.98] Bank ORG 0.97] und die "
            "[Universität [Hamburg LOC 0.98] ORG 0.97]",
            id="inside",
        ),
        pytest.param(
            [Span(7, 8, "OTH"), CITY],
            "Der Chef der [Deutschen Bank ORG 0.97] und die "
            "[[Universität OTH 0.98] [Hamburg LOC 0.98] ORG 0.97]",
            id="two-inside",
        ),
        pytest.param(
            [Span(7, 9, "LOC")],
            "Der Chef der [Deutschen Bank ORG 0.97] und die [[Universität Hamburg LOC 0.98] ORG 0.97]",
            id="as-long",
        ),
        pytest.param(
            [Span(1, 2, "PER")],
            "Der [Chef PER 0.98] der [Deutschen Bank ORG 0.97] und die [Universität Hamburg ORG 0.97]",
            id="outside-any",
        ),
        pytest.param(
            [Span(2, 4, "PER"), Span(4, 8, "LOC"), CITY],
            "Der Chef der [Deutschen Bank ORG 0.97] und die [Universität [Hamburg LOC 0.98] ORG 0.97] "
            "(also [der Deutschen PER 0.98]) (also [Bank und die Universität LOC 0.98])",
            id="across-a-border",
        ),
        pytest.param(
            [Span(2, 6, "LOC")],
            "Der Chef der [Deutschen Bank ORG 0.97] und die [Universität Hamburg ORG 0.97] "
            "(also [der Deutschen Bank und LOC 0.98])",
            id="around",
        ),
    ],
)
def test_text_nests_brackets_and_never_breaks_them(inner, shown):
    assert render(NESTED, is_terminal=False, tagged=tag_nested(*inner)) == shown + "\n"


def test_json_tells_the_level_of_each_entity():
    value = json.loads(format_json(NESTED, tag_nested(DERIVED, CITY)))
    assert [(one["text"], one["level"], one["score"]) for one in value["entities"]] == [
        ("Deutschen Bank", "outer", 0.97),
        ("Deutschen", "inner", 0.98),
        ("Universität Hamburg", "outer", 0.97),
        ("Hamburg", "inner", 0.98),
    ]
    assert value["predicted"] == OUTER
    assert value["predicted_inner"] == encode_tags([DERIVED, CITY], 9)
    assert list(value) == ["text", "entities", "tokens", "predicted", "predicted_inner"]


def test_the_fourth_column_of_germeval_is_the_inner_level_and_conll_holds_the_outer_one(tmp_path):
    tagged = tag_nested(DERIVED, CITY)
    for form, inner in ((OutputFormat.TSV, encode_tags([DERIVED, CITY], 9)), (OutputFormat.CONLL, None)):
        path = tmp_path / f"x.{form}"
        path.write_text(LINE_FORMATS[form](NESTED, tagged), encoding="utf-8", newline="\n")
        (sentence,) = read_sentences(path)
        assert (sentence.outer, sentence.inner) == (OUTER, inner)


def test_parquet_holds_both_levels_where_both_are_known():
    table = make_table([tag_nested(CITY), tag(Row(" "), 2)], 2)
    assert table.schema == make_schema(2)
    assert table["predicted_inner"].to_pylist() == [encode_tags([CITY], 9), []]
    assert table["score_inner"].to_pylist()[0] == pytest.approx([0.98] * 9)
    assert [one["level"] for one in table["entities"].to_pylist()[0]] == ["outer", "outer", "inner"]


def test_a_tagger_of_one_level_writes_what_it_always_wrote():
    """The keys and columns that programs read; no `level`, no inner tags."""
    value = json.loads(format_json(WORDS, tag(WORDS)))
    assert list(value) == ["text", "entities", "tokens", "predicted"]
    assert list(value["entities"][0]) == ["start", "end", "label", "text", "score"]
    table = make_table([tag(WORDS)], 1)
    assert table.schema.names == ["text", "entities", "tokens", "predicted", "score"]
    assert [field.name for field in table.schema.field("entities").type.value_type] == [
        "start",
        "end",
        "label",
        "text",
        "score",
    ]


@pytest.mark.parametrize(
    ("word", "held"),
    [
        pytest.param("\n", "_", id="line-end"),
        pytest.param("a\tb", "a_b", id="tab"),
        pytest.param("  ", "__", id="blanks"),
        pytest.param("New York", "New York", id="blank-within"),
    ],
)
def test_a_word_stays_one_column_of_one_line(word, held):
    assert hold_line(word) == held
