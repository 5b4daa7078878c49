"""Columns in text files: a line a word, its tag in one of the columns, an empty line behind a sentence.

Two-column CoNLL, CoNLL-2003's four, CoNLL-U, UNER, Label Studio's `word -X- _ TAG` and HIPE-2022 are this.
`column_layouts` finds out which column is which.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ner.annotation.labels import OUTSIDE
from ner.annotation.schemes import OUTSIDE_FORMS
from ner.annotation.sentences import Sentence
from ner.core.errors import PipelineError
from ner.sources.formats.lines import TABS_AND_BLANKS, UTF8, Place, read_lines
from ner.sources.formats.paragraphs import Paragraph, split_paragraphs
from ner.sources.formats.raw import RawSentence, raise_errors

SHOWN_SIGNS = 60
WORD_NAMES = frozenset({"token", "word", "form", "text", "tokens", "words", "wort"})
TAG_NAMES = (
    "ne-coarse-lit", "ner", "ner_tag", "ner-tag", "ner_tags", "tag", "tags", "label", "labels", "ne", "iob",
    "bio", "entity",
)  # fmt: skip
DOCUMENT = "-DOCSTART-"
KEY_VALUE = re.compile(r"#+\s+[^\s=]+\s*=")  # `# sent_id = 1`
NEW_DOCUMENT = re.compile(r"#\s*(newdoc\b|[\w:.-]*document_id\s*=)")
NEW_PARAGRAPH = re.compile(r"#\s+newpar\b")
SENTENCE_END = "EndOfSentence"  # a flag of HIPE-2022, whose empty lines part documents
NUMBER_OF_PART = re.compile(r"\d+[-.]\d+")  # CoNLL-U: `3-4`, two words that are written as one; `8.1`, none
SEPARATORS = {"\t": "a tab", " ": "blanks", "\u00a0": "a no-break space", ",": "a comma"}


@dataclass(frozen=True, slots=True)
class Layout:
    """Which column is which.

    Args:
        n_columns: Columns of a line.
        separator: What stands between two of them: a key of `SEPARATORS`.
        word: Index of the word's column.
        tag: Index of the tag's column, None where there are only words.
        number: Index of the column that numbers the words of a sentence, None where there is none.
        key: The tag is the value of this key in its column, as in CoNLL-U's `NER=B-PER|SpaceAfter=No`.
        flags: Index of the column whose flags say where a sentence ends, as in HIPE-2022; None: no column.
        sentence: Index of the column whose cell changes where a sentence begins, and may be empty within it;
            None: no column.
        has_header: Whether the first line of a file may name the columns.
        is_loose: Whether a line may also have the word alone.
    """

    n_columns: int
    separator: str
    word: int
    tag: int | None
    number: int | None = None
    key: str | None = None
    flags: int | None = None
    sentence: int | None = None
    has_header: bool = False
    is_loose: bool = False

    def describe(self) -> str:
        """Say in words what is taken for what."""
        columns = (
            f"{self.n_columns} column{'s' if self.n_columns > 1 else ''} by {SEPARATORS[self.separator]}"
        )
        key = f" under {self.key}=" if self.key else ""
        tag = "" if self.tag is None else f", tag: {self.tag}"
        return f"{columns}, {{word: {self.word}{tag}}}{key}"

    def split(self, text: str) -> list[str] | None:
        """Split a line into its columns; None where it has another number of them.

        A line may have blanks where the others have a tab, or the other way round.
        """
        if self.separator == ",":
            try:
                return self._fit(next(csv.reader([text]), []))
            except csv.Error:  # a quotation mark is left open, or a carriage return stands in a cell
                return None
        cells = text.split(self.separator)
        if len(cells) == self.n_columns and (self.separator == "\t" or (all(cells) and "\t" not in text)):
            return cells
        stripped = text.rstrip("\t ")
        for candidate in (
            stripped.split("\t"),
            text.split("\t"),
            [cell for cell in stripped.split(" ") if cell],
            TABS_AND_BLANKS.split(stripped),
            [cell.strip(" ") for cell in stripped.split("\u00a0") if cell.strip(" ")],
        ):
            if len(candidate) == self.n_columns:
                return candidate
        while self.separator == "\t" and len(cells) > self.n_columns and not cells[-1]:
            cells.pop()
        return self._fit(cells)

    def _fit(self, cells: list[str]) -> list[str] | None:
        return cells if len(cells) == self.n_columns else None


def read_columns(path: Path, layout: Layout, encoding: str = UTF8) -> Iterator[RawSentence]:
    """Read a file of columns.

    `-DOCSTART-` and `# newdoc` begin a document and are no words; other comments are left out.

    Raises:
        PipelineError: Names file and line of what is no row of `layout`.
    """
    return raise_errors(parse_columns(read_lines(path, encoding), path, layout))


def parse_columns(
    lines: Iterable[tuple[int, str | PipelineError]], path: Path, layout: Layout
) -> Iterator[RawSentence | PipelineError]:
    """Read lines of columns; a sentence that cannot be read comes out as the error that says why."""
    begins_document = True
    is_first = True
    for block in split_paragraphs(lines if layout.sentence is None else _part_sentences(lines, layout)):
        if isinstance(block, PipelineError):
            yield block
            is_first = False
            continue
        if is_first and layout.has_header:
            begun = next((n for n, (_, text) in enumerate(block) if not is_comment(text, layout)), None)
            if begun is not None and is_header(layout.split(block[begun][1]) or ()):
                block = block[:begun] + block[begun + 1 :]
        is_first = False
        try:
            for sentence in _parse_block(block, path, layout):
                if sentence is None:
                    begins_document = True
                elif sentence.words:
                    sentence.begins_document = begins_document
                    begins_document = False
                    yield sentence
        except PipelineError as error:
            yield error


def format_columns(sentences: Iterable[Sentence], separator: str = "\t") -> str:
    """Write sentences as a word and its outer tag a line, and an empty line behind each."""
    return keep_mark("".join(format_sentence(one.words, one.outer, separator) for one in sentences))


def keep_mark(text: str) -> str:
    """Let a file whose first word begins with U+FEFF be read back: readers take the first one for a mark."""
    return f"\ufeff{text}" if text.startswith("\ufeff") else text


def format_sentence(words: Iterable[str], tags: Iterable[str], separator: str = "\t") -> str:
    """Write a sentence as a word and its tag a line, and the empty line behind it."""
    return "".join(f"{word}{separator}{tag}\n" for word, tag in zip(words, tags, strict=True)) + "\n"


def is_comment(text: str, layout: Layout) -> bool:
    """Return whether a line is a comment: `# key = value`, `# newdoc`, or `# ` and no row of the layout.

    Where rows begin with a number, `#` begins nothing else.
    """
    if text[0] != "#":
        return False
    if layout.number == 0:
        return True
    if text[1:2] not in (" ", "#", ""):
        return False
    if layout.separator == "\t" and "\t" in text:
        return False
    if KEY_VALUE.match(text) or NEW_DOCUMENT.match(text) or NEW_PARAGRAPH.match(text):
        return True
    if len(text) == 1:  # a word that is `#`, or a line where something is missing
        return False
    return layout.split(text) is None and not (layout.is_loose and text == "#")


def is_header(cells: Iterable[str]) -> bool:
    """Return whether the cells of a line name the columns."""
    names = {cell.strip().lower() for cell in cells}
    return bool(names & WORD_NAMES) and any(name in names for name in TAG_NAMES)


def begins_document(text: str, layout: Layout) -> bool:
    """Return whether a line is `-DOCSTART-`, whatever stands in its other columns."""
    if text.startswith(DOCUMENT) and not text[len(DOCUMENT) :][:1].strip():
        return True
    cells = layout.split(text)
    return layout.number is None and cells is not None and cells[layout.word].strip(" ") == DOCUMENT


def _part_sentences(
    lines: Iterable[tuple[int, str | PipelineError]], layout: Layout
) -> Iterator[tuple[int, str | PipelineError]]:
    """Put an empty line before each sentence that begins by its column."""
    last = ""
    for number, text in lines:
        cells = layout.split(text) if isinstance(text, str) else None
        begun = cells[layout.sentence].strip() if cells and layout.sentence is not None else ""
        if begun and begun != last:
            last = begun
            yield number, ""
        yield number, text


def _parse_block(block: Paragraph, path: Path, layout: Layout) -> Iterator[RawSentence | None]:
    """Read the sentences of a block; None stands for the beginning of a document."""
    words: list[str] = []
    tags: list[str] = []
    lines: list[int] = []
    n_empty = 0
    last_number: int | None = None
    split, n_columns, word_at, tag_at = layout.split, layout.n_columns, layout.word, layout.tag
    flags_at, is_ended = layout.flags, False
    for line, text in block:
        if text[0] == "#" and is_comment(text, layout):
            if NEW_DOCUMENT.match(text):
                yield None
            continue
        if DOCUMENT in text and begins_document(text, layout):
            yield RawSentence(words, tags, path, lines, n_empty_words=n_empty)
            yield None
            words, tags, lines, n_empty = [], [], [], 0
            continue
        cells = split(text)
        if cells is None:
            if layout.is_loose and not TABS_AND_BLANKS.search(text.strip("\t ")):
                cells = [text.strip("\t ")] * n_columns
            else:
                raise _wrong_columns(text, Place(path, line), layout)
        if layout.number is not None:
            number = cells[layout.number]
            if NUMBER_OF_PART.fullmatch(number):
                continue
            if not number.isdecimal() or (last_number is not None and int(number) != last_number + 1):
                raise Place(path, line).error(
                    f"{number!r} stands where the number of a word should.",
                    "number the words of a sentence one by one, and put an empty line between sentences.",
                )
            last_number = int(number)
        word = cells[word_at].strip(" ")
        tag = OUTSIDE if tag_at is None else cells[tag_at].strip(" ")
        if layout.key:
            tag = find_value(tag, layout.key)
        if is_ended and not tag.startswith("I-"):  # which an entity runs across, where an abbreviation ends
            yield RawSentence(words, tags, path, lines, n_empty_words=n_empty)
            words, tags, lines, n_empty = [], [], [], 0
        is_ended = False
        if not word:
            if tag not in OUTSIDE_FORMS:
                raise Place(path, line).error(
                    "the word is empty, and has a tag.", "write the word, or remove the line."
                )
            n_empty += 1
        else:
            words.append(word)
            tags.append(tag)
            lines.append(line)
        if flags_at is not None and SENTENCE_END in cells[flags_at].split("|"):
            is_ended = True
    yield RawSentence(words, tags, path, lines, n_empty_words=n_empty)


def find_value(cell: str, key: str) -> str:
    """Return the value of a key in CoNLL-U's `key=value|key=value`; `O` where it is not there."""
    for part in cell.split("|"):
        name, _, value = part.partition("=")
        if name == key:
            return value
    return OUTSIDE


def _wrong_columns(text: str, place: Place, layout: Layout) -> PipelineError:
    shape = TABS_AND_BLANKS if layout.separator in " \t" else re.compile(layout.separator)
    cells = text.split("\t") if "\t" in text else shape.split(text.strip(" "))
    number = "" if layout.number is None else "its number, "
    tag = f" ({OUTSIDE} outside entities)" if len(cells) == 1 else ""
    return place.error(
        f"{text.strip()[:SHOWN_SIGNS]!r} has {len(cells)} column{'s' if len(cells) != 1 else ''}, "
        f"not {layout.n_columns}.",
        f"write {number}a word and its tag{tag} as in the other lines ({layout.describe()}), or remove it.",
    )
