"""Tag schemes: which one a corpus is written in, and its tags as IOB2.

Whether a tag begins an entity depends on itself and on the tag before it. So the scheme of a corpus shows in
how often each pair of neighbouring tags stands in it, whatever its size.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain

from ner.annotation.labels import OUTSIDE

Pair = tuple[str | None, str]  # a tag and the one before it, None at the beginning of a sentence
OUTSIDE_FORMS = frozenset({"O", "o", "0", "_", ""})


class Scheme(StrEnum):
    """How tags say where an entity begins and ends."""

    IOB1 = "iob1"
    IOB2 = "iob2"
    BIOES = "bioes"
    BILOU = "bilou"
    BMES = "bmes"
    IO = "io"


ALPHABETS = {
    Scheme.IOB2: "BI",
    Scheme.IOB1: "BI",
    Scheme.BIOES: "BIES",
    Scheme.BILOU: "BILU",
    Scheme.BMES: "BMES",
    Scheme.IO: "I",
}
LETTERS = {  # inside an entity, at its end, and on an entity of one word
    Scheme.BIOES: ("I", "E", "S"),
    Scheme.BILOU: ("I", "L", "U"),
    Scheme.BMES: ("M", "E", "S"),
}
BEGINS = frozenset("BSU")  # the letters that begin an entity, whatever stands before
CLOSES = frozenset("ESLU")  # the letters behind which no entity goes on
# Where a tag has its letter: B-PER, B_PER, PER-B, PER_B. A bare label, PER, has none.
STYLES = {
    "B-PER": re.compile(r"(?P<letter>[BIESLUM])-(?P<label>.+)", re.IGNORECASE | re.DOTALL),
    "B_PER": re.compile(r"(?P<letter>[BIESLUM])_(?P<label>.+)", re.IGNORECASE | re.DOTALL),
    "PER-B": re.compile(r"(?P<label>.+)-(?P<letter>[BIESLUM])", re.IGNORECASE | re.DOTALL),
    "PER_B": re.compile(r"(?P<label>.+)_(?P<letter>[BIESLUM])", re.IGNORECASE | re.DOTALL),
}
BARE = "PER"
LETTER_ALONE = "B"  # a corpus of one label that its tags do not name, as BioBERT's
UNNAMED = "ENTITY"  # that label
SHAPES = {**STYLES, LETTER_ALONE: re.compile(r"(?P<letter>[BIESLUM])(?P<label>)", re.IGNORECASE)}


class SchemeError(Exception):
    """The tags of a corpus fit no scheme.

    Args:
        tag: A tag that shows it, to be found in the corpus.
        problem: What is wrong with it, as a sentence.
        remedy: What to do, as an instruction.
    """

    def __init__(self, tag: str, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.tag, self.problem, self.remedy = tag, problem, remedy


@dataclass(slots=True)
class TagReading:
    """How the tags of a corpus are read.

    Args:
        scheme: The scheme that they are written in.
        style: Where the letter stands, a key of `SHAPES`, or `BARE`.
    """

    scheme: Scheme
    style: str
    _known: dict[Pair, tuple[str, bool]] = field(default_factory=dict, repr=False)

    def part(self, tag: str) -> tuple[str, str]:
        """Take a tag apart.

        Returns:
            Its letter (in upper case, I where the tag is a bare label) and its label; both empty outside.

        Raises:
            SchemeError: If the tag is none of this scheme.
        """
        if tag in OUTSIDE_FORMS:
            return "", ""
        if self.style == BARE:
            return "I", tag
        found = SHAPES[self.style].fullmatch(tag)
        if found is None or found["letter"].upper() not in ALPHABETS[self.scheme]:
            raise SchemeError(
                tag,
                f"{tag!r} is no {self.scheme.upper()} tag.",
                f"write {self.describe()} as everywhere else.",
            )
        return found["letter"].upper(), found["label"] or UNNAMED

    def convert(self, previous: str | None, tag: str) -> tuple[str, bool]:
        """Return a tag as IOB2, its label as it stands, and whether it is stray.

        A tag is stray that should continue an entity where there is none of its label: it begins one.
        """
        pair = previous, tag
        if pair not in self._known:
            self._known[pair] = self._convert(previous, tag)
        return self._known[pair]

    def _convert(self, previous: str | None, tag: str) -> tuple[str, bool]:
        letter, label = self.part(tag)
        if not letter:
            return OUTSIDE, False
        before, label_before = self.part(previous) if previous is not None else ("", "")
        if letter in BEGINS:
            return f"B-{label}", False
        if before and before not in CLOSES and label_before == label:
            return f"I-{label}", False
        return f"B-{label}", self.scheme not in (Scheme.IOB1, Scheme.IO)

    def convert_sentence(self, tags: Sequence[str]) -> tuple[list[str], list[int]]:
        """Return a sentence's tags as IOB2, and the positions of stray ones. Shape: (n_words,)."""
        converted, stray = [], []
        known = self._known
        for position, pair in enumerate(zip(chain((None,), tags), tags, strict=False)):
            new, is_stray = known.get(pair) or self.convert(*pair)
            converted.append(new)
            if is_stray:
                stray.append(position)
        return converted, stray

    def describe(self) -> str:
        """Name the tags that the scheme has."""
        if self.style == BARE:
            return "O or the label"
        return "O or " + ", ".join(
            self.style.replace("B", letter, 1) if self.style[0] == "B" else f"{self.style[:-1]}{letter}"
            for letter in ALPHABETS[self.scheme]
        ).replace("PER", "<label>")


def list_pairs(tags: Sequence[str]) -> Iterable[Pair]:
    """List each tag of a sentence with the one before it, for a Counter."""
    return zip(chain((None,), tags), tags, strict=False)


def write_tags(tags: Sequence[str], scheme: Scheme) -> list[str]:
    """Write IOB2 tags in another scheme, as `TagReading.convert_sentence` reads them.

    IO cannot part two entities of one label that touch.

    Args:
        tags: Valid IOB2. Shape: (n_words,).
        scheme: The other scheme.
    """
    inside, last, single = LETTERS.get(scheme, ("I", "I", "B"))
    written = []
    for position, tag in enumerate(tags):
        prefix, label = tag[:1], tag[2:]
        following = tags[position + 1] if position + 1 < len(tags) else OUTSIDE
        goes_on = following == f"I-{label}"
        touches = position > 0 and tags[position - 1][2:] == label and tags[position - 1] != OUTSIDE
        if tag == OUTSIDE:
            written.append(OUTSIDE)
        elif scheme is Scheme.IO:
            written.append(label)
        elif scheme is Scheme.IOB1:
            written.append(tag if prefix == "I" or touches else f"I-{label}")
        elif prefix == "B":
            written.append(f"{'B' if goes_on else single}-{label}")
        else:
            written.append(f"{inside if goes_on else last}-{label}")
    return written


def find_reading(pairs: dict[Pair, int], scheme: Scheme | None = None) -> TagReading:
    """Find out which scheme a corpus is written in.

    Args:
        pairs: How often each tag stands behind each other in the whole corpus.
        scheme: The scheme, where it is known.

    Raises:
        SchemeError: If the tags fit none, or two equally well.
    """
    counts: dict[str, int] = {}
    for (_, tag), n in pairs.items():
        counts[tag] = counts.get(tag, 0) + n
    tags = {tag: n for tag, n in counts.items() if tag not in OUTSIDE_FORMS}
    style = _find_style(tags, scheme)
    if scheme is not None:
        reading = TagReading(scheme, style)
        for tag in tags:
            reading.part(tag)
        return reading
    if style == BARE:
        return TagReading(Scheme.IO, BARE)
    letters = {found["letter"].upper() for tag in tags if (found := SHAPES[style].fullmatch(tag))}
    fitting = _fits(letters)
    if not fitting:
        odd = min(letters, key=lambda one: (not _fits(letters - {one}), _count_letter(tags, style, one), one))
        tag = next(tag for tag in tags if _letter(tag, style) == odd)
        raise SchemeError(
            tag,
            f"{tag!r}: the letters {', '.join(sorted(letters))} are of no one scheme.",
            "write the whole corpus in one of IOB2, BIOES, BILOU and BMES.",
        )
    if letters <= set("BI"):
        return TagReading(_find_iob(pairs, style), style)
    return TagReading(fitting[0], style)


def _fits(letters: set[str]) -> list[Scheme]:
    """List the schemes that have all these letters."""
    return [scheme for scheme, alphabet in ALPHABETS.items() if letters <= set(alphabet)]


def _letter(tag: str, style: str) -> str:
    found = SHAPES[style].fullmatch(tag)
    return found["letter"].upper() if found else ""


def _count_letter(tags: dict[str, int], style: str, letter: str) -> int:
    return sum(n for tag, n in tags.items() if _letter(tag, style) == letter)


def _are_letters(tags: Iterable[str]) -> bool:
    """Return whether tags are the letters of a scheme, which have a B, without a label."""
    letters = {tag.upper() for tag in tags}
    return "B" in letters and bool(_fits(letters))


def _find_style(tags: dict[str, int], scheme: Scheme | None) -> str:
    for style, shape in STYLES.items():
        if all(shape.fullmatch(tag) for tag in tags):
            return style
    if scheme is Scheme.IO:
        return BARE
    if tags and _are_letters(tags):
        return LETTER_ALONE
    lettered = {style: [tag for tag in tags if shape.fullmatch(tag)] for style, shape in STYLES.items()}
    style = max(lettered, key=lambda one: len(lettered[one]))
    if scheme is not None or lettered[style]:
        known = TagReading(scheme or Scheme.IOB2, style)
        odd = min((tag for tag in tags if tag not in lettered[style]), key=lambda tag: (tags[tag], tag))
        raise SchemeError(
            odd,
            f"{odd!r} is no tag like the others, such as {(lettered[style] or ['B-PER'])[0]!r}.",
            f"write {known.describe()}; where the tags are bare labels, set data.scheme to io.",
        )
    return BARE


def _find_iob(pairs: dict[Pair, int], style: str) -> Scheme:
    """Separate IOB1 from IOB2 with faults: by the pairs that each of them rules out."""
    reading = TagReading(Scheme.IOB2, style)
    against_iob2 = against_iob1 = 0
    stray = ""
    for (previous, tag), n in pairs.items():
        letter, label = reading.part(tag)
        before, label_before = reading.part(previous) if previous is not None else ("", "")
        continues = bool(before) and label_before == label
        if letter == "I" and not continues:
            against_iob2 += n
            stray = stray or tag
        elif letter == "B" and not continues:
            against_iob1 += n
    if not against_iob2:
        return Scheme.IOB2
    if not against_iob1:
        return Scheme.IOB1
    if against_iob2 < against_iob1:
        return Scheme.IOB2
    raise SchemeError(
        stray,
        f"{stray!r}: the corpus is neither IOB2 ({against_iob2} tags begin an entity with I-) nor IOB1 "
        f"({against_iob1} begin one with B- that follows none of its label).",
        "set data.scheme to iob2 or iob1.",
    )
