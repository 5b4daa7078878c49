"""Sentences cut into pieces that one call of the tagger holds, so that none keeps other requests waiting.

No real sentence is as long; a list without full stops may be. A piece has some words of its neighbours on
both sides, as the windows of a long sentence have, so that only borderline tags depend on the cut.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # torch: seconds that `--help` and an occupied port do without
    from ner.tagging.decoding import TaggedWords
    from ner.text.splitting import Word

CONTEXT_WORDS = 32  # on each side of a piece


@dataclass(eq=False, slots=True)
class Piece:
    """Words that are tagged together: a sentence, or a part of one.

    Args:
        words: With those of its neighbours. Shape: (n_words,).
        n_subtokens: What they cost.
        start: The first word that is its own.
        end: The word behind the last of its own.
    """

    words: "list[Word]"
    n_subtokens: int
    start: int
    end: int
    tagged: "TaggedWords | None" = None


def cut_sentence(
    words: "Sequence[Word]", n_subtokens: int, *, most: int, count: Callable[[Sequence[str]], int]
) -> list[Piece]:
    """Halve a sentence until each part costs no more than a call.

    Args:
        words: The sentence's. Shape: (n_words,).
        n_subtokens: What it costs.
        most: Subtokens of a call. A single word may have more, and is not cut.
        count: Counts the subtokens of words.

    Returns:
        Shape: (n_pieces,).
    """

    def cut(start: int, end: int) -> list[Piece]:
        first, last = max(0, start - CONTEXT_WORDS), min(len(words), end + CONTEXT_WORDS)
        found = list(words[first:last])
        cost = n_subtokens if len(found) == len(words) else count([word.text for word in found])
        if cost <= most or end - start <= CONTEXT_WORDS:  # context of its own length costs too much
            return [Piece(found, cost, start - first, end - first)]
        middle = (start + end) // 2
        return [*cut(start, middle), *cut(middle, end)]

    return cut(0, len(words))


def join_pieces(pieces: Sequence[Piece]) -> "TaggedWords":
    """Return the tags of a sentence: each word's from the piece whose own it is."""
    (tagged, *others) = [(piece, piece.tagged) for piece in pieces if piece.tagged]
    if not others:
        return tagged[1]
    return _join_levels([tagged, *others])


def _join_levels(parts: "Sequence[tuple[Piece, TaggedWords]]") -> "TaggedWords":
    from ner.annotation.spans import repair_tags
    from ner.tagging.decoding import TaggedWords

    tags, n_repaired = repair_tags(
        [tag for piece, found in parts for tag in found.tags[piece.start : piece.end]]
    )
    scores = [score for piece, found in parts for score in found.scores[piece.start : piece.end]]
    inner = [(piece, found.inner) for piece, found in parts if found.inner]
    return TaggedWords(tags, scores, n_repaired, _join_levels(inner) if inner else None)
