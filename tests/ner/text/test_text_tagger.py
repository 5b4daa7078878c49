"""The tagger on running text."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ner.evaluation.predictions import read_predictions
from ner.onnx.tagger import load_text_tagger
from ner.text.splitting import split_text
from ner.text.text_tagger import TextTagger
from tests.support.capital_tagger import CapitalTagger
from tools.predict.input_rows import Row

LONG = "Der Maler Özgür Weiß aus Görlitz fährt nach Jena, " * 40


def test_words_of_the_corpus_get_the_tags_and_scores_that_evaluate_gave_them(finished_clone):
    """One decoder: the sentence of 200 words and the word without a subtoken among them."""
    tagger = TextTagger.load(finished_clone.root / "models/ner", subtokens_per_batch=8192)
    predictions = read_predictions(finished_clone.root / "data/predictions/test.parquet")
    tagged = tagger.tag_words([one.words for one in predictions])
    assert [one.tags for one in tagged] == [one.predicted for one in predictions]
    for one, prediction in zip(tagged, predictions, strict=True):
        assert max(abs(a - b) for a, b in zip(one.scores, prediction.scores, strict=True)) < 1e-5


def test_names_of_a_text_are_whole_words_at_their_place(finished_clone, monkeypatch):
    """A text far longer than the encoder takes, and one without any word."""
    folder = finished_clone.root / "models/ner"
    tagger = TextTagger.load(folder, subtokens_per_batch=8192, levels="outer")
    tag_words = tagger.tag_words

    def tag_capitals(sentences):
        """Let every capitalised word be a name, whatever this tiny tagger learnt."""
        for one, words in zip(found := tag_words(sentences), sentences, strict=True):
            assert len(one.tags) == len(words)
            one.tags[:] = ["B-PER" if word[0].isupper() else "O" for word in words]
        return found

    monkeypatch.setattr(tagger, "tag_words", tag_capitals)
    names, none = tagger.tag_texts([LONG, " \n"])
    assert none == []
    capitals = [word for sentence in split_text(LONG) for word in sentence if word.text[0].isupper()]
    assert [(name.start, name.end) for name in names] == [(word.start, word.end) for word in capitals]
    assert all(LONG[name.start : name.end] == name.text and 0 <= name.score <= 1 for name in names)


PIECES = st.sampled_from(
    [
        "@JensSpahn",
        "#CDU",
        "EU-Kommission",
        "Bundes\u00adtag",
        "🇪🇺",
        "👩\u200d🔬",
        "Ä",
        ". ",
        "\n",
        " ",
        "“",
        "\x1b[1m",
    ]
)


@example(["Bad\n  Ems"])
@given(st.lists(st.text() | st.lists(PIECES).map("".join), max_size=4))
def test_a_name_is_what_its_offsets_cut_out_of_the_text(texts):
    """For whatever text: hashtags, emoji, soft hyphens, control characters."""
    for text, names in zip(texts, CapitalTagger().tag_texts(texts), strict=True):
        assert [name.text for name in names] == [text[name.start : name.end] for name in names]
        assert all(name.text[0].isupper() for name in names)
        assert all(left.end <= right.start for left, right in pairwise(names))


def test_a_text_of_100000_characters_is_tagged_whole(finished_clone):
    """One sentence and many: each word is in one window, whatever the encoder can take."""
    tagger = TextTagger.load(finished_clone.root / "models/ner", subtokens_per_batch=8192)
    text = ("Der Maler Özgür Weiß aus Görlitz fährt nach Jena" + " und weiter" * 4000 + ". ") * 2 + "Jena!"
    assert len(text) > 80_000
    (tagged,) = tagger.tag_split([(text, split_text(text))])
    assert [len(words) for words in tagged.sentences] == [len(one.tags) for one in tagged.tagged]
    assert sum(len(words) for words in tagged.sentences) == len(
        text.replace(".", " .").replace("!", " !").split()
    )
    assert tagged.entities
    assert all(text[name.start : name.end] == name.text for name in tagged.entities)


def test_doubtful_names_are_left_out_and_the_others_keep_their_scores():
    row = Row("X und Ems")
    (tagged,) = CapitalTagger().tag_split([(row.text, row.split())])
    assert [name.text for name in tagged.entities] == ["X", "Ems"]
    assert [name.text for name in tagged.without_doubtful(0.5).entities] == ["Ems"]
    assert tagged.without_doubtful(0.5).tagged[0].tags == ["O", "O", "B-PER"]
    assert tagged.without_doubtful(0.3).entities == tagged.entities


NESTED = "die Universität Hamburg und Y X in Ems"


@pytest.mark.parametrize(
    ("n_levels", "levels", "expected"),
    [
        pytest.param(
            2,
            "both",
            [
                ("Universität Hamburg", "PER", "outer"),
                ("Hamburg", "LOC", "inner"),
                ("Y X", "PER", "outer"),
                ("X", "LOC", "inner"),
                ("Ems", "PER", "outer"),
            ],
            id="both",
        ),
        pytest.param(
            2,
            "outer",
            [("Universität Hamburg", "PER", None), ("Y X", "PER", None), ("Ems", "PER", None)],
            id="outer-alone-as-a-tagger-of-one-level",
        ),
        pytest.param(
            1,
            "both",
            [("Universität Hamburg", "PER", None), ("Y X", "PER", None), ("Ems", "PER", None)],
            id="a-tagger-of-one-level",
        ),
    ],
)
def test_entities_of_both_levels_come_by_their_place(n_levels, levels, expected):
    (names,) = CapitalTagger(n_levels, levels=levels).tag_texts([NESTED])
    assert [(name.text, name.label, name.level) for name in names] == expected


def test_doubtful_names_are_left_out_on_both_levels():
    row = Row(NESTED)
    (tagged,) = CapitalTagger(2).tag_split([(row.text, row.split())])
    kept = tagged.without_doubtful(0.5)
    assert [(name.text, name.level) for name in kept.entities] == [
        ("Universität Hamburg", "outer"),
        ("Hamburg", "inner"),
        ("Ems", "outer"),
    ]
    assert [sum(tag != "O" for tag in one.tags) for one in (kept.tagged[0], kept.tagged[0].inner)] == [3, 1]


def test_a_tagger_on_disk_gives_the_outer_level_alone_where_that_is_wanted(finished_clone):
    folder = finished_clone.root / "models/ner"
    both, outer = (load_text_tagger(folder, levels=levels) for levels in ("both", "outer"))
    assert (both.n_levels, outer.n_levels) == (2, 1)
    (found,), (flat,) = (tagger.tag_words([LONG.split()]) for tagger in (both, outer))
    assert found.inner is not None
    assert flat == replace(found, inner=None)
