"""Which characters of a text a placeholder replaces, and which placeholder."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count, pairwise

from ner.annotation.labels import OUTSIDE
from ner.text.text_tagger import TaggedText

UNSURE = "UNSURE"  # label of words that the tagger takes for no name, but not surely
PERSON = "PER"  # what labels of persons begin with: PER, PERpart, PERSON
WORD = re.compile(r"\w+")
SHORTEST_WORD = 2  # letters; an initial alone says little, and would hit every single letter


@dataclass(frozen=True, slots=True, order=True)
class Mention:
    """Characters `start` to `end` of a text (`end` not included) that must not be read."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Placed:
    """A placeholder at the characters `start` to `end` of the redacted text (`end` not included)."""

    start: int
    end: int
    label: str
    placeholder: str


def list_mentions(tagged: TaggedText, *, labels: Sequence[str], min_outside: float) -> list[Mention]:
    """List what the tagger found on any level, whatever its score, and the words that it left out unsurely.

    Args:
        tagged: A text and its tags.
        labels: What the labels to replace begin with; none: all labels.
        min_outside: A word tagged `O` on all levels, on one with a lower probability, is replaced too.

    Returns:
        From left to right; one of the inner level may lie in another. Shape: (n_mentions,).
    """
    mentions = [
        Mention(one.start, one.end, one.label)
        for one in tagged.entities
        if not labels or one.label.startswith(tuple(labels))
    ]
    for words, one in zip(tagged.sentences, tagged.tagged, strict=True):
        is_open = False  # whether the word before was unsure
        levels = [one] if one.inner is None else [one, one.inner]
        for position, word in enumerate(words):
            is_outside = all(level.tags[position] == OUTSIDE for level in levels)
            score = min(level.scores[position] for level in levels)
            is_unsure = is_outside and score < min_outside and any(map(str.isalnum, word.text))
            if is_unsure and is_open:
                mentions[-1] = Mention(mentions[-1].start, word.end, UNSURE)
            elif is_unsure:
                mentions.append(Mention(word.start, word.end, UNSURE))
            is_open = is_unsure
    return sorted(mentions)


class KnownNames:
    """The names that were found in any text, to find their other mentions.

    Also single words of a person's name are names: the tagger may find `Anna Weber` and miss `Weber`. Names
    are found as they are written or in capitals, with or without the `s` of a genitive.
    """

    def __init__(self) -> None:
        # By a name's first word: its words and the signs between them, with the label.
        self._names: dict[str, dict[tuple[tuple[str, ...], tuple[str, ...]], str]] = defaultdict(dict)

    def add(self, text: str, label: str) -> None:
        """Learn a name that was found."""
        self._add(text, label)
        if label.upper().startswith(PERSON):
            for word in WORD.findall(text):
                if len(word) >= SHORTEST_WORD and word[0].isupper():
                    self._add(word, label)

    def _add(self, text: str, label: str) -> None:
        for form in (text, text.upper()):
            words, gaps, _ = _split(form)
            if any(map(str.isalpha, form)) and words:
                self._names[words[0]].setdefault((words, gaps), label)

    def find(self, text: str) -> list[Mention]:
        """List all mentions of the names, from left to right, without overlaps."""
        words, gaps, places = _split(text)
        found: list[Mention] = []
        for position, (start, _) in enumerate(places):
            if found and start < found[-1].end:
                continue
            best = Mention(start, start, "")
            for first in {words[position], _without_genitive(words[position])}:
                for (name, between), label in self._names.get(first, {}).items():
                    last = position + len(name) - 1
                    if (
                        last < len(words)
                        and name[:-1] == words[position:last]
                        and between == gaps[position:last]
                        and name[-1] in (words[last], _without_genitive(words[last]))
                    ):
                        best = max(best, Mention(start, places[last][0] + len(name[-1]), label))
            if best.label:
                found.append(best)
        return found


def _split(text: str) -> tuple[tuple[str, ...], tuple[str, ...], list[tuple[int, int]]]:
    """Return the words of a text, what stands between two of them, blanks apart, and their places."""
    places = [found.span() for found in WORD.finditer(text)]
    gaps = ("".join(text[left[1] : right[0]].split()) for left, right in pairwise(places))
    return tuple(text[start:end] for start, end in places), tuple(gaps), places


def _without_genitive(word: str) -> str:
    return word[:-1] if word[-1] in "sS" else word


def merge_mentions(mentions: Iterable[Mention]) -> list[Mention]:
    """Join mentions that overlap; the label is that of the longest, `UNSURE` only if all are unsure.

    Returns:
        From left to right, without overlaps. Shape: (n_mentions,).
    """
    merged: list[Mention] = []
    for one in sorted(mentions):
        if merged and one.start < merged[-1].end:
            left = merged[-1]
            longest = max(left, one, key=lambda each: (each.label != UNSURE, each.end - each.start))
            merged[-1] = Mention(left.start, max(left.end, one.end), longest.label)
        else:
            merged.append(one)
    return merged


class Placeholders:
    """Makes the placeholders: `[PER]`, or `[PER_1]`, the same one for the same text under the same label.

    Args:
        is_numbered: Whether each name has a placeholder of its own.
        texts: All texts; a placeholder that stands in one of them is not given to a name.
    """

    def __init__(self, *, is_numbered: bool, texts: Iterable[str]) -> None:
        self.is_numbered = is_numbered
        self.originals: dict[str, str] = {}  # by numbered placeholder: what leads back to the names
        self._by_name: dict[tuple[str, str], str] = {}
        self._numbers: dict[str, count[int]] = defaultdict(lambda: count(1))
        self._taken = {found for text in texts for found in re.findall(r"\[[^\[\]\s]+_\d+\]", text)}

    def choose(self, label: str, text: str) -> str:
        """Return the placeholder of a name."""
        if not self.is_numbered:
            return f"[{label}]"
        if (label, text) not in self._by_name:
            candidates = (f"[{label}_{number}]" for number in self._numbers[label])
            placeholder = next(one for one in candidates if one not in self._taken)
            self._by_name[label, text] = placeholder
            self.originals[placeholder] = text
        return self._by_name[label, text]


def replace_mentions(
    text: str, mentions: Sequence[Mention], placeholders: Placeholders
) -> tuple[str, list[Placed]]:
    """Put a placeholder in the place of each mention.

    Args:
        text: The text.
        mentions: From left to right, without overlaps. Shape: (n_mentions,).
        placeholders: Chooses them.

    Returns:
        The redacted text, and where its placeholders stand. Shape: (n_mentions,).
    """
    parts: list[str] = []
    placed = []
    length = done = 0
    for one in mentions:
        placeholder = placeholders.choose(one.label, text[one.start : one.end])
        parts += [text[done : one.start], placeholder]
        length += one.start - done
        placed.append(Placed(length, length + len(placeholder), one.label, placeholder))
        length += len(placeholder)
        done = one.end
    return "".join([*parts, text[done:]]), placed
