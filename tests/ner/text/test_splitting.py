"""Running text split as GermEval splits it."""

import re
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.text import splitting
from ner.text.splitting import split_text


def split(text):
    return [[word.text for word in words] for words in split_text(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="empty"),
        pytest.param(" \n\n\t ", [], id="white-space"),
        pytest.param("Es regnet.", ["Es regnet ."], id="period"),
        pytest.param("Die EU-Kommission tagt.", ["Die EU-Kommission tagt ."], id="hyphen"),
        pytest.param("Nord- und Südtirol", ["Nord- und Südtirol"], id="open-hyphen"),
        pytest.param("CDU/CSU, YouTube, km/h", ["CDU/CSU , YouTube , km/h"], id="inner-signs"),
        pytest.param("@anna_b ruft #Köln!", ["@anna_b ruft #Köln !"], id="tweet"),
        pytest.param("RT @a.b: #btw-2025", ["RT @a.b : #btw-2025"], id="retweet"),
        pytest.param("Dr. Maß u.a. in St. Ilgen", ["Dr. Maß u.a. in St. Ilgen"], id="abbreviations"),
        pytest.param("Am 3. Mai. Der 1. FC Jena.", ["Am 3. Mai .", "Der 1. FC Jena ."], id="ordinals"),
        pytest.param("Er kam 1990. Dann ging er.", ["Er kam 1990 .", "Dann ging er ."], id="year"),
        pytest.param("„Wir.“ Sie ging.", ["„ Wir . “", "Sie ging ."], id="german-quotes"),
        pytest.param("»Wir.« Sie ging.", ["» Wir . «", "Sie ging ."], id="guillemets"),
        pytest.param('Er las "Die Zeit".', ['Er las " Die Zeit " .'], id="straight-quotes"),
        pytest.param("Geht's? O’Neill hab' ich.", ["Geht's ?", "O’Neill hab ' ich ."], id="apostrophes"),
        pytest.param("Bundes\u00adtag und Elb\u00ad", ["Bundes\u00adtag und Elb\u00ad"], id="soft-hyphen"),
        pytest.param("Gut 🎉🎉 👩\u200d🔬 👍🏽!", ["Gut 🎉🎉 👩\u200d🔬 👍🏽 !"], id="emoji"),
        pytest.param("1.000,50 Euro um 13:45", ["1.000,50 Euro um 13:45"], id="numbers"),
        pytest.param("https://example.org/a-b?x=1", ["https://example.org/a-b?x=1"], id="address"),
        pytest.param("Eins\n\nZwei", ["Eins", "Zwei"], id="paragraphs"),
        pytest.param("Eine\nZeile, (und) so...", ["Eine Zeile , ( und ) so ..."], id="line-break"),
    ],
)
def test_words_are_those_of_germeval(text, expected):
    assert split(text) == [sentence.split(" ") for sentence in expected]


@pytest.mark.parametrize("sign", ["\u200e", "\u200c", "\u00ad", "\ufeff", "\x96", "\u2060", "\u200b"])
@pytest.mark.parametrize("between", ["{} ", " {} ", " {}"])
def test_an_invisible_character_does_not_part_a_name(sign, between):
    (words,) = split_text(f"Anna{between.format(sign)}Weiß geht.")
    assert [word.text.strip(sign) for word in words if word.text != sign] == ["Anna", "Weiß", "geht", "."]
    assert len(words) == 4


@given(
    st.text(st.sampled_from("aÄß1.,-_@#'’„“»«…!?()🎉\u200d\u00ad\u200b \n\t\r")) | st.text(),
)
def test_every_character_is_in_one_word_at_its_place(text):
    """Offsets slice the text back, from left to right, and nothing but white space is left out."""
    words = [word for sentence in split_text(text) for word in sentence]
    assert all(text[word.start : word.end] == word.text for word in words)
    places = [place for word in words for place in range(word.start, word.end)]
    assert places == sorted(set(places))
    left_out = "".join(c for place, c in enumerate(text) if place not in set(places))
    assert all(sign.isspace() or unicodedata.category(sign) in {"Cc", "Cf"} for sign in left_out)
    assert not any(re.search(r"[ \t\r\n\u200b]", word.text) for word in words)


@pytest.mark.parametrize("separator", ["\n\n", "\r\n\r\n", "\n \t\n\n"], ids=["lf", "crlf", "white-space"])
def test_a_paragraph_is_split_as_if_it_were_alone(separator):
    """With its words at their places in the whole text."""
    paragraphs = ["Am 3.", "„Wir.“ Sie ging.", "  (Dr. Maß)", "Mai 🎉."]
    words = [word for sentence in split_text(separator.join(paragraphs)) for word in sentence]
    alone = [word.text for one in paragraphs for sentence in split_text(one) for word in sentence]
    assert [word.text for word in words] == alone
    assert all(separator.join(paragraphs)[word.start : word.end] == word.text for word in words)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Es regnet heute", [["Es", "regnet"], ["heute"]], id="behind-the-next-blank"),
        pytest.param("Esregnet", [["Esregnet"]], id="a-word-is-never-cut"),
        pytest.param("A b c.\n\nD", [["A", "b", "c", "."], ["D"]], id="short-paragraphs"),
    ],
)
def test_a_paragraph_without_end_is_cut_between_words(text, expected, monkeypatch):
    """Memory is bounded, whatever a line holds."""
    monkeypatch.setattr(splitting, "LONGEST_PIECE", 6)
    assert split(text) == expected


@pytest.mark.parametrize("sign", ["🎉", "(", "a\u00ad", ".", "a. ", "Maler ", "a\n\n"])
def test_time_grows_with_the_text_and_not_with_its_square(sign):
    """A megabyte of signs without a sentence's end took hours."""
    text = sign * (100_000 // len(sign))
    started = time.perf_counter()
    words = [word for sentence in split_text(text) for word in sentence]
    assert "".join(word.text for word in words) == re.sub(r"\s", "", text)
    assert time.perf_counter() - started < 20  # under one second, where the square took 30 to 160
