"""What was found, written."""

import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tests.support.capital_tagger import CapitalTagger
from tests.support.corpora import read_sentences
from tools.predict.input_rows import Row
from tools.predict.output_formats import (
    LINE_FORMATS,
    OutputFormat,
    TerminalText,
    format_json,
    make_table,
    read_records,
)

WORDS = Row.of_words(["Der", "\x96", "FC", "B", '"'], source="sport 2014")


def tag(row):
    (tagged,) = CapitalTagger().tag_split([(row.text, row.split())])
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
    assert make_table([tag(row)]).to_pylist()[0]["tokens"] == ["Aha", ".", "So"]
    assert make_table([tag(row)]).to_pylist()[0]["predicted"] == ["B-PER", "O", "B-PER"]
    assert [one["start"] for one in make_table([tag(row)]).to_pylist()[0]["entities"]] == [0, 5]


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


def render(row, *, is_terminal):
    tagger = CapitalTagger()
    console = Console(file=io.StringIO(), soft_wrap=True, force_terminal=is_terminal, no_color=False)
    console.print(TerminalText(tagger.tagger.tag_set).format(tag(row)))
    return console.file.getvalue()


@pytest.mark.parametrize("form", list(LINE_FORMATS))
@pytest.mark.parametrize("n_torn", [0, 1, 5, 9])
def test_whole_records_are_read_back_and_a_torn_one_is_not(form, n_torn):
    rows = [Row.of_words(["#", "Ä"], "q"), Row.of_words(["Bad", "Ems"])]
    written = [LINE_FORMATS[form](row, tag(row)).encode() for row in rows]
    whole = b"".join(written)
    records = list(read_records(io.BytesIO(whole[: len(whole) - n_torn]), form))
    ends = [len(written[0]), len(whole)][: 1 if n_torn else 2]
    assert [end for end, _ in records] == ends
    found = [record for _, record in records]
    expected = [row.text if form is OutputFormat.JSONL else [w.text for w in row.words] for row in rows]
    assert found == expected[: len(ends)]
