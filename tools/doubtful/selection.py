"""Choose the sentences of which the tagger is least sure, no two of them nearly alike."""

import heapq
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, count, pairwise

from ner.annotation.spans import Span, decode_spans
from ner.tagging.decoding import TaggedWords
from ner.text.splitting import Word
from ner.text.text_tagger import TaggedText

CANDIDATES_PER_PICK = 50  # are kept in memory, since some are left out as near-duplicates
NUMBER = re.compile(r"\d+")
LEAST_SCORE = 1e-6  # a logarithm's argument; a best tag never has so little


class Measure(StrEnum):
    """What of a word is averaged over the sentence's words, so that long sentences are not preferred.

    `probability` is minus the logarithm of the tag's probability: MNLP, the measure of Shen et al. (2018),
    Deep Active Learning for Named Entity Recognition. `margin` is 1 minus the
    tag's lead over all other tags together.
    """

    PROBABILITY = "probability"
    MARGIN = "margin"


@dataclass(frozen=True, slots=True)
class RankedSentence:
    """A sentence as it is given to annotators.

    Args:
        text: The sentence alone.
        words: Its words, places counted in `text`. Shape: (n_words,).
        tags: What the tagger says of them on the outer level. Shape: (n_words,).
        doubt: Mean over its words, outer level, 0 where all are sure; more is less sure.
        inner: As `tags`, of the inner level; None where the outer one alone is given. Shape: (n_words,).
    """

    text: str
    words: list[Word]
    tags: list[str]
    doubt: float
    inner: list[str] | None = None

    @property
    def spans(self) -> list[Span]:
        """The entities of all levels by their place, an inner one behind the outer one that it lies in."""
        levels = [self.tags, self.inner or []]
        return sorted(chain.from_iterable(map(decode_spans, levels)), key=lambda one: (one.start, -one.end))


def measure_doubt(tagged: TaggedWords, measure: Measure) -> float:
    """Measure how unsure the tagger is of a sentence; words that it did not see count for nothing.

    Returns:
        The mean over the words that have a subtoken; 0 if none has.
    """
    seen = [max(score, LEAST_SCORE) for score in tagged.scores if score > 0]
    if not seen:
        return 0.0
    of_words = (
        [-math.log(score) for score in seen]
        if measure is Measure.PROBABILITY
        else [1 - (2 * score - 1) for score in seen]
    )
    return math.fsum(of_words) / len(seen)


def cut_sentences(tagged: TaggedText, measure: Measure, min_words: int) -> Iterator[RankedSentence]:
    """Yield the sentences of a text that have at least `min_words` words."""
    for words, one in zip(tagged.sentences, tagged.tagged, strict=True):
        if len(words) < min_words:
            continue
        start = words[0].start
        yield RankedSentence(
            text=tagged.text[start : words[-1].end],
            words=[Word(word.text, word.start - start, word.end - start) for word in words],
            tags=one.tags,
            doubt=measure_doubt(one, measure),
            inner=one.inner.tags if one.inner else None,
        )


def pick_doubtful(
    sentences: Iterable[RankedSentence], top: int, max_overlap: float
) -> tuple[list[RankedSentence], int, int]:
    """Choose the most doubtful sentences, of near-duplicates the most doubtful one.

    Args:
        sentences: All sentences, read once.
        top: How many to choose at most.
        max_overlap: Two sentences of which a larger share of the pairs of neighbouring words is the same are
            near-duplicates (Jaccard's index, upper and lower case and all numbers alike), 0 to 1.

    Returns:
        The least sure first, of equals the earlier; how many sentences there were; and how many of them were
        left out as near-duplicates.
    """
    seen: set[int] = set()
    numbers = count()
    n_same = 0
    heap: list[tuple[float, int, RankedSentence]] = []  # the surest on top
    for one in sentences:
        number = next(numbers)
        key = hash(one.text)
        if key in seen:
            n_same += 1
            continue
        seen.add(key)
        entry = (one.doubt, -number, one)
        if len(heap) < top * CANDIDATES_PER_PICK:
            heapq.heappush(heap, entry)
        else:
            heapq.heappushpop(heap, entry)
    picked: list[RankedSentence] = []
    pairs_of_picked: list[frozenset[tuple[str, str]]] = []
    for _, _, one in sorted(heap, reverse=True):
        if len(picked) == top:
            break
        pairs = word_pairs(one.words)
        if any(overlap(pairs, other) > max_overlap for other in pairs_of_picked):
            n_same += 1
            continue
        picked.append(one)
        pairs_of_picked.append(pairs)
    return picked, next(numbers), n_same


def normalise(words: Sequence[Word]) -> list[str]:
    """Make words alike that differ in case or in their numbers alone."""
    return [NUMBER.sub("0", word.text.casefold()) for word in words]


def word_pairs(words: Sequence[Word]) -> frozenset[tuple[str, str]]:
    """List the pairs of neighbouring words, with the sentence's edges."""
    return frozenset(pairwise(["", *normalise(words), ""]))


def overlap(left: frozenset[tuple[str, str]], right: frozenset[tuple[str, str]]) -> float:
    """Return which share of all pairs both have, 0 to 1."""
    smaller, larger = sorted((len(left), len(right)))
    if not smaller:
        return 0.0
    n_both = len(left & right)
    return n_both / (smaller + larger - n_both)
