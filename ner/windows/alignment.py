"""From words to subtokens and back: windows, targets, and which subtoken speaks for a word."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

IGNORE_ID = -100  # the target that torch's cross-entropy leaves out of the loss
# Word of a subtoken that speaks for none: a special token, or context from a neighbouring window.
NO_WORD = -1


@dataclass(frozen=True, slots=True)
class Window:
    """What the encoder sees at once: a sentence, or a part of one that is longer than the encoder takes.

    Args:
        first_word: Index in the sentence of the first word that this window speaks for.
        input_ids: Subtokens with special tokens. Shape: (n_subtokens,).
        word_ids: Word of each subtoken, counted from `first_word`; `NO_WORD` for a special token and for
            a word that a neighbouring window speaks for. Shape: (n_subtokens,).
    """

    first_word: int
    input_ids: list[int]
    word_ids: list[int]


def cut_windows(
    pieces: Sequence[Sequence[int]],
    *,
    prefix: Sequence[int],
    suffix: Sequence[int],
    max_length: int,
    stride: int,
) -> list[Window]:
    """Cut a sentence at word boundaries into windows that overlap, so that each word has context.

    Two neighbours share at most `stride` subtokens, and each speaks for its half of the shared words:
    every word belongs to exactly one window. A word of more subtokens than a window holds keeps its
    first ones (the caller counts such words: `is_truncated`).

    Args:
        pieces: Subtokens of each word. Shape: (n_words, n_subtokens of the word).
        prefix: Special tokens before a sentence, such as `[CLS]`.
        suffix: Special tokens after it, such as `[SEP]`.
        max_length: Most subtokens in a window, special tokens included.
        stride: Most subtokens that two neighbours share.

    Returns:
        At least one window, also for a sentence without any subtoken.

    Raises:
        ValueError: If the special tokens leave no room for a word: the cutting would never end.
    """
    capacity = max_length - len(prefix) - len(suffix)
    if capacity < 1:
        raise ValueError(f"{len(prefix) + len(suffix)} special tokens leave no room in {max_length}")
    pieces = [piece[:capacity] for piece in pieces]
    ranges = list(_word_ranges([len(piece) for piece in pieces], capacity, stride))
    # Neighbours (a, b) and (c, d) share the words c to b; the middle of those is where the speaker changes.
    middles = [(start + end + 1) // 2 for (_, end), (start, _) in pairwise(ranges)]
    owned = zip([0, *middles], [*middles, len(pieces)], strict=True)
    windows = []
    for (start, end), (first, last) in zip(ranges, owned, strict=True):
        input_ids, word_ids = list(prefix), [NO_WORD] * len(prefix)
        for word in range(start, end):
            input_ids += pieces[word]
            word_ids += [word - first if first <= word < last else NO_WORD] * len(pieces[word])
        windows.append(Window(first, [*input_ids, *suffix], [*word_ids, *[NO_WORD] * len(suffix)]))
    return windows


def is_truncated(piece: Sequence[int], *, n_special: int, max_length: int) -> bool:
    """Return whether a word has more subtokens than a window can hold."""
    return len(piece) > max_length - n_special


def align_tag_ids(window: Window, tag_ids: Sequence[int], *, label_all_tokens: bool) -> list[int]:
    """Assign each word's tag to its first subtoken, or to all of them, and ignore every other position.

    Args:
        window: A part of the sentence.
        tag_ids: Tag id of each word of the sentence. Shape: (n_words,).
        label_all_tokens: Whether later subtokens of a word get its tag too, as in the original notebook.

    Returns:
        Target id of each subtoken. Shape: (n_subtokens,).

    Raises:
        IndexError: If the window names a word that `tag_ids` lacks.
    """
    targets = []
    previous = NO_WORD
    for word_id in window.word_ids:
        if word_id == NO_WORD or (word_id == previous and not label_all_tokens):
            targets.append(IGNORE_ID)
        else:
            targets.append(tag_ids[window.first_word + word_id])
        previous = word_id
    return targets


def first_subtokens(word_ids: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Return position and word of each word's first subtoken: the one whose tag is the word's tag.

    Args:
        word_ids: Word of each subtoken of a window. Shape: (n_subtokens,).
    """
    previous = NO_WORD
    for position, word_id in enumerate(word_ids):
        if word_id not in (NO_WORD, previous):
            yield position, word_id
        previous = word_id


def _word_ranges(lengths: Sequence[int], capacity: int, stride: int) -> Iterator[tuple[int, int]]:
    """Return the words that each window shows, as half-open ranges.

    Args:
        lengths: Subtokens of each word, none above `capacity`. Shape: (n_words,).
        capacity: Most subtokens of a window, without special tokens.
        stride: Most subtokens that two neighbours share.
    """
    start = end = n_subtokens = 0
    while True:
        while end < len(lengths) and n_subtokens + lengths[end] <= capacity:
            n_subtokens += lengths[end]
            end += 1
        yield start, end
        if end == len(lengths):
            return
        # Step back for context, but leave room for the word that did not fit, or nothing would be gained.
        room = min(stride, capacity - lengths[end])
        start, n_subtokens = end, 0
        while n_subtokens + lengths[start - 1] <= room:
            start -= 1
            n_subtokens += lengths[start]
