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

    Args:
        n_levels: With 2, the last word of a name of several is one of the inner level, a LOC.
    """

    def __init__(self, n_levels=1, **options):
        tag_set = TagSet(("O", "B-PER", "I-PER", "B-LOC", "I-LOC"))
        super().__init__(
            SimpleNamespace(tag_set=tag_set, n_levels=n_levels), None, max_length=128, stride=32, **options
        )
        self.words_per_call = []

    def tag_words(self, sentences):
        """Tag as the class says."""
        self.words_per_call.append(sum(map(len, sentences)))
        return [tag_runs(words, has_inner=self.n_levels > 1) for words in sentences]


def tag_runs(words, *, has_inner):
    """Tag the words of a sentence."""
    runs = list_runs(words)
    scores = [0.9 if len(word) > 1 else 0.3 for word in words]
    last = [Span(run.end - 1, run.end, "LOC") for run in runs if run.end - run.start > 1]
    inner = TaggedWords(encode_tags(last, len(words)), scores, 0) if has_inner else None
    return TaggedWords(encode_tags(runs, len(words)), scores, 0, inner)


def list_runs(words):
    """Give the runs of capitalised words."""
    spans = []
    for is_printable_label, run in groupby(range(len(words)), lambda i: words[i][:1].isupper()):
        places = list(run)
        spans += [Span(places[0], places[-1] + 1, "PER")] if is_printable_label else []
    return spans
