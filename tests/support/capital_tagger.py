"""A text tagger for tests that are not about the encoder: a run of capitalised words is a name."""

from itertools import groupby
from types import SimpleNamespace

from ner.annotation.labels import TagSet
from ner.annotation.spans import Span, encode_tags
from ner.tagging.decoding import TaggedWords
from ner.text.text_tagger import TextTagger


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
                encode_tags(list_runs(words), len(words)), [0.9 if len(w) > 1 else 0.3 for w in words], 0
            )
            for words in sentences
        ]


def list_runs(words):
    """Give the runs of capitalised words."""
    spans = []
    for is_printable_label, run in groupby(range(len(words)), lambda i: words[i][:1].isupper()):
        places = list(run)
        spans += [Span(places[0], places[-1] + 1, "PER")] if is_printable_label else []
    return spans
