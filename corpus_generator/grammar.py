"""German from rules: draw a phrase, inflect it, and read its markup as words with tags.

The notation of the rules is explained at the head of `phrases.yaml`.
"""

import random
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path

from ruamel.yaml import YAML

from ner.annotation.spans import Span, encode_tags

# The rows of a list that one split keeps to itself, by their place among twenty. By place and not by chance,
# so that corpora of every size and seed hold the same names and the same sentence patterns apart.
RESERVED_NAMES = {"dev": {5, 12, 18}, "test": {1, 4, 8, 11, 15, 17}}
RESERVED_SENTENCES = {"dev": {6, 16}, "test": {1, 5, 9, 13, 17}}
RESERVED_NAME_SHARE = 0.3  # of what dev and test draw from a list of names
FREQUENCY_OFFSET = 4  # the name at place r of a list weighs 1 / (r + this): few are frequent, as in print
MAX_DRAWS = 20  # for a phrase unlike those kept in its line; a short list may have no other
PLAIN_QUOTES_SHARE = 0.3  # of the sentences write " for both „ and “

# Article and adjective ending by case and gender ("p" is the plural). "ein" and "einen" are the nominative
# and the accusative with the indefinite article, "bare" is the nominative without any.
DECLENSION = {
    "nom": {"m": ("der", "e"), "f": ("die", "e"), "n": ("das", "e"), "p": ("die", "en")},
    "acc": {"m": ("den", "en"), "f": ("die", "e"), "n": ("das", "e"), "p": ("die", "en")},
    "dat": {"m": ("dem", "en"), "f": ("der", "en"), "n": ("dem", "en"), "p": ("den", "en")},
    "gen": {"m": ("des", "en"), "f": ("der", "en"), "n": ("des", "en"), "p": ("der", "en")},
    "ein": {"m": ("ein", "er"), "f": ("eine", "e"), "n": ("ein", "es"), "p": ("", "e")},
    "einen": {"m": ("einen", "en"), "f": ("eine", "e"), "n": ("ein", "es"), "p": ("", "e")},
    "bare": {"m": ("", "er"), "f": ("", "e"), "n": ("", "es"), "p": ("", "e")},
}
GENDERS = "mfnp"
PREFIXES = {"der": "m", "die": "f", "das": "n", "die*": "p", "m": "m", "f": "f", "n": "n"}
CONTRACTIONS = {
    ("an", "dem"): "am",
    ("an", "das"): "ans",
    ("bei", "dem"): "beim",
    ("in", "dem"): "im",
    ("in", "das"): "ins",
    ("von", "dem"): "vom",
    ("zu", "dem"): "zum",
    ("zu", "der"): "zur",
}
ARTICLE_MARK = "·"  # before an article that inflection put in: only such a one moves and contracts

LINE = re.compile(r"(?:(?P<weight>\d+)x )?(?:(?P<prefix>der|die\*?|das|m|f|n): )?(?P<text>.+)")
NUMBER = re.compile(r"(\d+)-(\d+)")
SLOT = re.compile(
    r"(?:(?P<keep>\w+)(?P<silent>:?)=)?(?P<rule>\w+)(?:\.(?P<part>\w+))?(?:@(?P<like>\w+))?(?::(?P<case>\w+))?"
)
BY_GENDER = re.compile(r"(\w+)\?(.*)")
MARKUP = re.compile(r"<(?P<label>\w+) |(?P<end>>)|(?P<word>[^\s<>]+)")
ONLY_MARKUP = re.compile(r"(?:<\w+ )*>*")


@dataclass(frozen=True, slots=True)
class Phrase:
    """A drawn phrase before it is inflected.

    Args:
        text: Words with the markup of names and the marks of endings.
        gender: `m`, `f`, `n` or `p` (plural).
        has_article: Whether it stands with the definite article.
        parts: What its row drew and kept, and the row's columns.
    """

    text: str
    gender: str = "n"
    has_article: bool = False
    parts: Mapping[str, "Phrase"] = field(default_factory=dict)

    def inflect(self, case: str) -> str:
        """Write the phrase in a case of `DECLENSION`, or in small letters."""
        if case == "lower":
            return self.inflect("bare").lower()
        article, ending = DECLENSION[case if self.has_article else "bare"][self.gender]
        text = self.text.replace("~", ending)
        text = re.sub(r"\^(\w+)", r"\1" if self.has_article and case == "gen" else "", text)
        if case == "gen" and not self.has_article:
            text = re.sub(
                r"(\w)(>*)$", lambda end: end[1] + ("’" if end[1] in "sßxz" else "s") + end[2], text
            )
        return f"{ARTICLE_MARK}{article} {text}" if article else text


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of another phrase in a line."""

    rule: str
    is_capital: bool
    keep: str | None
    is_silent: bool
    part: str | None
    like: str | None
    case: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several texts: by chance, or by the gender of what was kept as `by`."""

    options: Sequence["Text"]
    by: str | None


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number from `low` to `high`."""

    low: int
    high: int


Text = tuple[str | Slot | Choice | Number, ...]


@dataclass(frozen=True, slots=True)
class GrammarRow:
    """One line of a rule.

    Args:
        columns: The text of each column; the first is the phrase itself, the others are its other forms.
        gender: Of the phrase.
        has_article: Whether the phrase stands with the definite article.
        carrier: The slot that is the whole phrase and gives it gender and article, where there is one.
        weight: How often it is drawn beside the other rows.
    """

    columns: Mapping[str, Text]
    gender: str
    has_article: bool
    carrier: Slot | None
    weight: float


class Rule:
    """The rows that a slot draws from.

    Args:
        rows: All of them.
        reserved_places: Which places among twenty a split keeps to itself.
    """

    def __init__(self, rows: Sequence[GrammarRow], reserved_places: Mapping[str, set[int]]) -> None:
        self.rows: dict[str | None, list[GrammarRow]] = defaultdict(list)
        for place, row in enumerate(rows):
            self.rows[find_owner(place, reserved_places)].append(row)
        self.weights = {
            owner: list(accumulate(row.weight for row in rows)) for owner, rows in self.rows.items()
        }

    def draw(self, split: str, rng: random.Random) -> GrammarRow:
        """Draw a row for a split."""
        owner = split if split in self.weights and rng.random() < RESERVED_NAME_SHARE else None
        return rng.choices(self.rows[owner], cum_weights=self.weights[owner])[0]


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line of `sentences.yaml`; `split` is the only split that may use it (None: all may)."""

    name: str
    text: Text
    has_names: bool
    split: str | None


@dataclass(frozen=True, slots=True)
class Grammar:
    """The rules and the sentence patterns."""

    rules: Mapping[str, Rule]
    patterns: Sequence[Pattern]

    @classmethod
    def load(cls, folder: Path) -> "Grammar":
        """Read `names.yaml`, `phrases.yaml` and `sentences.yaml`."""
        names, phrases, sentences = (
            YAML(typ="safe").load((folder / f"{kind}.yaml").read_text(encoding="utf-8"))
            for kind in ("names", "phrases", "sentences")
        )
        rules = {name: parse_names(source) for name, source in names.items()}
        rules |= {name: parse_phrases(source) for name, source in phrases.items()}
        return cls(rules, [pattern for section in sentences.items() for pattern in parse_section(*section)])


def parse_names(source: str | Mapping[str, str]) -> Rule:
    """Parse a list or a table of names: the first are frequent, and some are reserved."""
    rows = parse_rows(source, separator=", ")
    rows = [replace(row, weight=1 / (place + FREQUENCY_OFFSET)) for place, row in enumerate(rows)]
    return Rule(rows, RESERVED_NAMES)


def parse_phrases(source: str | Mapping[str, str]) -> Rule:
    """Parse the lines or the table of a phrase."""
    return Rule(parse_rows(source, separator="\n"), {})


def parse_rows(source: str | Mapping[str, str], separator: str) -> list[GrammarRow]:
    """Parse the rows of a list (text) or of a table (`columns` and `rows`)."""
    if isinstance(source, str):
        return [parse_row(line, ["text"]) for line in source.strip().split(separator)]
    return [parse_row(line, source["columns"].split(" / ")) for line in source["rows"].strip().splitlines()]


def find_owner(place: int, reserved_places: Mapping[str, set[int]]) -> str | None:
    """Find the split that keeps the row at this place of its list to itself."""
    return next((split for split, places in reserved_places.items() if place % 20 in places), None)


def parse_row(line: str, columns: Sequence[str]) -> GrammarRow:
    """Parse one line of a rule."""
    match = LINE.fullmatch(line.strip())
    if match is None:
        raise ValueError(f"an empty line among rows with the columns {columns}")
    texts = [parse_text(text) for text in match["text"].split(" / ")]
    prefix = match["prefix"] or ""
    slots = [
        node for node in texts[0] if isinstance(node, Slot) and node.case == "nom" and not node.is_silent
    ]
    markup = [node for node in texts[0] if isinstance(node, str) and ONLY_MARKUP.fullmatch(node)]
    is_carried = not prefix and len(slots) == 1 and len(slots) + len(markup) == len(texts[0])
    return GrammarRow(
        columns=dict(zip(columns, texts, strict=True)),
        gender=PREFIXES.get(prefix, "n"),
        has_article=prefix.startswith("d"),
        carrier=slots[0] if is_carried else None,
        weight=int(match["weight"] or 1),
    )


def parse_section(section: str, source: str) -> Iterator[Pattern]:
    """Parse a section of the sentence patterns and settle which split may use which."""
    for place, line in enumerate(source.strip().splitlines()):
        yield Pattern(
            name=f"{section}-{place + 1:02}",
            text=parse_text(line),
            has_names=not section.startswith("plain"),
            split=find_owner(place, RESERVED_SENTENCES),
        )


def parse_text(line: str) -> Text:
    """Parse the notation inside one line."""
    return tuple(parse_brackets(piece) if piece[0] in "{[" else piece for piece in cut_pieces(line))


def parse_brackets(piece: str) -> Slot | Choice | Number:
    """Parse `[words]` and what braces can hold."""
    inside = piece[1:-1]
    if piece.startswith("["):
        return Choice([parse_text(inside), ()], by=None)
    if number := NUMBER.fullmatch(inside):
        return Number(int(number[1]), int(number[2]))
    if slot := SLOT.fullmatch(inside):
        return Slot(
            rule=slot["rule"][0].lower() + slot["rule"][1:],
            is_capital=slot["rule"][0].isupper(),
            keep=slot["keep"],
            is_silent=bool(slot["silent"]),
            part=slot["part"],
            like=slot["like"],
            case=slot["case"] or "nom",
        )
    by_gender = BY_GENDER.fullmatch(inside)
    options = cut_options(by_gender[2] if by_gender else inside)
    return Choice([parse_text(option) for option in options], by=by_gender[1] if by_gender else None)


def cut_pieces(line: str) -> list[str]:
    """Cut a line into its bracketed pieces, brackets included, and the words between them."""
    pieces = [""]
    depth = 0
    for sign in line:
        if sign in "{[":
            if depth == 0:
                pieces.append("")
            depth += 1
        pieces[-1] += sign
        if sign in "}]":
            depth -= 1
            if depth == 0:
                pieces.append("")
    if depth:
        raise ValueError(f"brackets do not match: {line}")
    return [piece for piece in pieces if piece]


def cut_options(line: str) -> list[str]:
    """Cut at each `|` that stands outside brackets."""
    options = [""]
    for piece in cut_pieces(line):
        first, *others = [piece] if piece[0] in "{[" else piece.split("|")
        options[-1] += first
        options.extend(others)
    return options


class Writer:
    """Draws sentences for one split.

    Args:
        grammar: What to draw from.
        split: Says which reserved rows may be drawn: `train`, `dev` or `test`.
        seed: Decides what is drawn, together with the split.
    """

    def __init__(self, grammar: Grammar, split: str, seed: int) -> None:
        self.rules = grammar.rules
        self.split = split
        self.rng = random.Random(f"{seed} {split}")  # noqa: S311 - it invents sentences and guards no secret

    def write(self, pattern: Pattern) -> tuple[list[str], list[str], list[str]]:
        """Write a sentence from a pattern: its words, their outer tags and their inner tags."""
        text = self.expand(pattern.text, {}, {})
        if self.rng.random() < PLAIN_QUOTES_SHARE:
            text = text.replace("„", '"').replace("“", '"')
        return read_markup(text)

    def draw(self, name: str) -> Phrase:
        """Draw a row of a rule and fill its slots."""
        row = self.rules[name].draw(self.split, self.rng)
        kept: dict[str, Phrase] = {}
        drawn: dict[str, Phrase] = {}
        (main, text), *others = row.columns.items()
        if row.carrier:
            phrase = self.fill(row.carrier, kept, drawn)
            gender, has_article = phrase.gender, phrase.has_article
            words = "".join(node if isinstance(node, str) else phrase.text for node in text)
            drawn = {**phrase.parts, **drawn}
        else:
            gender, has_article = row.gender, row.has_article
            words = self.expand(text, kept, drawn)
        forms = {column: Phrase(self.expand(form, kept, drawn)) for column, form in others}
        return Phrase(words, gender, has_article, {**drawn, **kept, main: Phrase(words), **forms})

    def expand(self, text: Text, kept: dict[str, Phrase], drawn: dict[str, Phrase]) -> str:
        """Fill a text's slots and settle its choices; add what was kept and drawn on the way."""
        written = []
        for node in text:
            match node:
                case str():
                    written.append(node)
                case Number():
                    written.append(str(self.rng.randint(node.low, node.high)))
                case Choice():
                    place = (
                        GENDERS.index(kept[node.by].gender)
                        if node.by
                        else self.rng.randrange(len(node.options))
                    )
                    written.append(self.expand(node.options[place], kept, drawn))
                case Slot():
                    words = self.fill(node, kept, drawn).inflect(node.case)
                    if not node.is_silent:
                        written.append(capitalise(words) if node.is_capital else words)
        return "".join(written)

    def fill(self, slot: Slot, kept: dict[str, Phrase], drawn: dict[str, Phrase]) -> Phrase:
        """Take what was kept under the slot's name, or draw a phrase (to be kept: unlike the others)."""
        if slot.keep is None and slot.rule in kept:
            return choose_form(kept[slot.rule], slot, kept)
        taken = {phrase.text for phrase in kept.values()} if slot.keep else set()
        for _ in range(MAX_DRAWS):
            drawn[slot.rule] = self.draw(slot.rule)
            phrase = choose_form(drawn[slot.rule], slot, kept)
            if phrase.text not in taken:
                break
        if slot.keep:
            kept[slot.keep] = phrase
        return phrase


def choose_form(phrase: Phrase, slot: Slot, kept: Mapping[str, Phrase]) -> Phrase:
    """Choose the form of a phrase that a slot asks for."""
    if slot.part:
        return phrase.parts[slot.part]
    if slot.like:
        return phrase.parts[kept[slot.like].gender]
    return phrase


def capitalise(text: str) -> str:
    """Write the first word with a capital, past the markup and the quotation mark before it."""
    return re.sub(r"^((?:<\w+ |·|[„\"] )*)(\w)", lambda start: start[1] + start[2].upper(), text.lstrip())


def read_markup(text: str) -> tuple[list[str], list[str], list[str]]:
    """Read the words of a sentence and their tags on both levels; a name three levels deep has none."""
    text = re.sub(rf"((?:<\w+ )+)({ARTICLE_MARK}\w+ )", r"\2\1", text)
    text = re.sub(rf"(\w+) {ARTICLE_MARK}(\w+)", contract, text).replace(ARTICLE_MARK, "")
    text = re.sub(
        r" , (?=[,.;!?])", " ", text
    )  # a clause that was put in ends where the sentence has its own mark
    words: list[str] = []
    levels: tuple[list[Span], ...] = ([], [], [])
    opened: list[tuple[int, str]] = []
    for piece in MARKUP.finditer(capitalise(text)):
        if piece["label"]:
            opened.append((len(words), piece["label"]))
        elif piece["end"]:
            start, label = opened.pop()
            levels[len(opened)].append(Span(start, len(words), label))
        else:
            words.append(piece["word"])
    return words, encode_tags(levels[0], len(words)), encode_tags(levels[1], len(words))


def contract(match: re.Match[str]) -> str:
    """Contract a preposition with the article after it, where German does."""
    preposition, article = match[1], match[2]
    short = CONTRACTIONS.get((preposition.lower(), article), f"{preposition} {article}")
    return preposition[0] + short[1:]
