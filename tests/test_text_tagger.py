"""The tagger on running text."""

from stages.ner.predictions import read_predictions
from stages.ner.text import split_text
from stages.ner.text_tagger import TextTagger

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
    tagger = TextTagger.load(finished_clone.root / "models/ner", subtokens_per_batch=8192)
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
