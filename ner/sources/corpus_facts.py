"""What a split of a corpus holds, counted: the keys of `metrics/data.json`."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import Any

from ner.annotation.sentences import Sentence
from ner.annotation.spans import decode_spans


class SplitFacts:
    """What a split holds.

    Args:
        sentences: The split; read to its end.
    """

    def __init__(self, sentences: Iterable[Sentence]) -> None:
        self.n_sentences = self.n_words = 0
        self.outer: Counter[str] = Counter()
        self.inner: Counter[str] = Counter()
        self.has_inner = True
        self.entities_train_lacks = 0
        digest = hashlib.sha256()
        for sentence in sentences:
            self.n_sentences += 1
            self.n_words += len(sentence.words)
            self.outer.update(span.label for span in decode_spans(sentence.outer))
            self.inner.update(span.label for span in decode_spans(sentence.inner or []))
            self.has_inner &= sentence.inner is not None
            digest.update(("\n".join(sentence.words) + "\n\n").encode())
        self.sha256 = digest.hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return the keys of `metrics/data.json`; `sha256` is that of the words, one a line."""
        facts = {
            "sentences": self.n_sentences,
            "words": self.n_words,
            "entities": self.outer.total(),
            "entities_by_label": dict(self.outer),
            "entities_train_lacks": self.entities_train_lacks,
            "sha256": self.sha256,
        }
        return {**facts, "nested_entities": self.inner.total()} if self.has_inner else facts
