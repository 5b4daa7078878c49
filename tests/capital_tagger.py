"""A text tagger for tests that are not about the encoder: every capitalised word is a name of its own."""

from types import SimpleNamespace

from stages.ner.decoding import TaggedWords
from stages.ner.labels import TagSet
from stages.ner.text_tagger import TextTagger


class CapitalTagger(TextTagger):
    """Tags by the first letter; the score is 0.9, of a word of one letter 0.3.

    `words_per_call` tells what was tagged together.
    """

    def __init__(self):
        tag_set = TagSet(("O", "B-PER", "I-PER", "B-LOC", "I-LOC"))
        super().__init__(SimpleNamespace(tag_set=tag_set), None, max_length=128, stride=32)
        self.words_per_call = []

    def tag_words(self, sentences):
        """Tag as the class says."""
        self.words_per_call.append(sum(map(len, sentences)))
        return [
            TaggedWords(
                ["B-PER" if word[:1].isupper() else "O" for word in words],
                [0.9 if len(word) > 1 else 0.3 for word in words],
                0,
            )
            for words in sentences
        ]
