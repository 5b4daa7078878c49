"""What is replaced, and by which placeholder."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.tagging.decoding import TaggedWords
from ner.text.splitting import split_text
from ner.text.text_tagger import TaggedText
from tools.redact.redaction import (
    KnownNames,
    Mention,
    Placeholders,
    list_mentions,
    merge_mentions,
    replace_mentions,
)


def tagged(text, tags, scores):
    """Make a text of one sentence with the tags that a tagger could give it."""
    (words,) = split_text(text)
    return TaggedText(text, [words], [TaggedWords(tags.split(), scores, 0)])


BOTH_LEVELS = TaggedText(
    "Uni Ulm lobt Bonn und Köln .",
    split_text("Uni Ulm lobt Bonn und Köln ."),
    [
        TaggedWords(
            ["B-ORG", "I-ORG", *"OOOOO"],
            [0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9],
            0,
            TaggedWords(["O", "B-LOC", "O", "B-LOC", *"OOO"], [0.9, 0.9, 0.9, 0.6, 0.9, 0.2, 0.1], 0),
        )
    ],
)


@pytest.mark.parametrize(
    ("labels", "min_outside", "expected"),
    [
        pytest.param([], 0.0, ["Uni Ulm ORG", "Ulm LOC", "Bonn LOC"], id="an inner entity alone"),
        pytest.param(["LOC"], 0.0, ["Ulm LOC", "Bonn LOC"], id="inner entities of a label"),
        pytest.param(["LOC"], 0.5, ["Ulm LOC", "Bonn LOC", "Köln UNSURE"], id="unsure of the inner level"),
    ],
)
def test_entities_of_both_levels_are_listed(labels, min_outside, expected):
    """An inner entity may stand where the tagger found no outer one around it."""
    found = list_mentions(BOTH_LEVELS, labels=labels, min_outside=min_outside)
    assert [f"{BOTH_LEVELS.text[one.start : one.end]} {one.label}" for one in found] == expected


UNSURELY = tagged("Frau Ilg , Ulm Erz", "O B-PER O O O", [0.9, 0.1, 0.2, 0.4, 0.0])


@pytest.mark.parametrize(
    ("labels", "min_outside", "expected"),
    [
        pytest.param([], 0.0, ["Ilg PER"], id="a name of any score"),
        pytest.param([], 0.3, ["Ilg PER", "Erz UNSURE"], id="a word that the tagger did not see"),
        pytest.param([], 0.5, ["Ilg PER", "Ulm Erz UNSURE"], id="unsure words side by side, no comma"),
        pytest.param(["LOC"], 0.0, [], id="another label"),
        pytest.param(["P"], 0.0, ["Ilg PER"], id="labels that begin so"),
    ],
)
def test_names_and_unsure_words_are_listed(labels, min_outside, expected):
    found = list_mentions(UNSURELY, labels=labels, min_outside=min_outside)
    assert [f"{UNSURELY.text[one.start : one.end]} {one.label}" for one in found] == expected


@pytest.mark.parametrize(
    ("name", "label", "text", "expected"),
    [
        pytest.param("Anna Weber", "PER", "Weber kam, Anna auch.", ["Weber", "Anna"], id="words alone"),
        pytest.param("Anna Weber", "PER", "Ja, Anna\n Weber!", ["Anna\n Weber"], id="another blank"),
        pytest.param("Weber", "PER", "Webers Haus, WEBER und Weber's", ["Weber"] * 3, id="forms"),
        pytest.param("Weber", "PER", "Weberei, Ofenweber, weber", [], id="other words"),
        pytest.param("Weber", "PER", "die Weber-Straße", ["Weber"], id="half of a compound"),
        pytest.param("Hans", "PER", "Hans", ["Hans"], id="an s that is none of a genitive"),
        pytest.param("Ida von Ilg", "PER", "von I. Ilg", ["Ilg"], id="no small words"),
        pytest.param("Bad Ems", "LOC", "Bad an der Ems, Bad Ems", ["Bad Ems"], id="places only whole"),
        pytest.param("Ilg-Orth", "PER", "Ilg Orth", ["Ilg", "Orth"], id="other signs between words"),
        pytest.param("7", "LOC", "7 von 7", [], id="a number alone"),
        pytest.param("Ulm", "LOC", "", [], id="empty"),
    ],
)
def test_other_mentions_of_a_name_are_found(name, label, text, expected):
    names = KnownNames()
    names.add(name, label)
    found = [text[one.start : one.end] for one in names.find(text)]
    assert [one.upper() for one in found] == [one.upper() for one in expected]
    assert found == expected or "WEBER" in found


def test_mentions_that_overlap_become_one():
    mentions = [Mention(0, 3, "UNSURE"), Mention(2, 4, "PER"), Mention(3, 9, "LOC"), Mention(9, 10, "PER")]
    assert merge_mentions(mentions) == [Mention(0, 9, "LOC"), Mention(9, 10, "PER")]


def test_the_same_text_has_the_same_number_and_a_taken_number_is_left_out():
    numbers = Placeholders(is_numbered=True, texts=["Siehe [PER_1] und [1]."])
    names = [("PER", "Ilg"), ("PER", "Orth"), ("PER", "Ilg"), ("LOC", "Ilg")]
    assert [numbers.choose(*one) for one in names] == ["[PER_2]", "[PER_3]", "[PER_2]", "[LOC_1]"]
    assert numbers.originals == {"[PER_2]": "Ilg", "[PER_3]": "Orth", "[LOC_1]": "Ilg"}


@given(st.lists(st.text("[]_PER1 ab", min_size=1), min_size=1), st.data())
def test_the_mapping_leads_back_to_the_text(texts, data):
    """And the offsets are those of the placeholders."""
    placeholders = Placeholders(is_numbered=True, texts=texts)
    for text in texts:
        edges = data.draw(st.lists(st.integers(0, len(text)), unique=True).map(sorted))
        mentions = [Mention(a, b, "PER") for a, b in zip(edges[::2], edges[1::2], strict=False)]
        redacted, placed = replace_mentions(text, mentions, placeholders)
        assert [redacted[one.start : one.end] for one in placed] == [one.placeholder for one in placed]
        restored = redacted
        for one in reversed(placed):
            original = placeholders.originals[one.placeholder]
            restored = restored[: one.start] + original + restored[one.end :]
        assert restored == text
