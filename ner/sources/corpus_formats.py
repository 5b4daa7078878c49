"""Corpus files as people keep them: GermEval's TSV and two-column CoNLL, read exactly or not at all."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ner.annotation.labels import is_printable_label
from ner.annotation.sentences import Sentence
from ner.core.errors import PipelineError

TAG_SHAPE = re.compile(r"O|[BI]-\S+")
HEADER = "#\t"
Reader = Callable[[Path], Iterator[Sentence]]
SPLIT_NAMES = {"train": "train", "validation": "dev", "test": "test"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a word stands, for the messages of errors."""

    path: Path
    line: int

    def error(self, problem: str, remedy: str) -> PipelineError:
        """Give the error that names this place."""
        return PipelineError(f"{self.path}:{self.line}: {problem}", remedy=remedy)


def find_split_files(folder: Path) -> dict[str, tuple[Path, Reader]]:
    """Find the file of each split and the function that reads its format.

    Args:
        folder: Holds `NER-de-{train,dev,test}.tsv` or `{train,dev,test}.tsv` (GermEval's four columns),
            or `{train,dev,test}.conll` (word and tag).

    Raises:
        PipelineError: If a split has no file, or more than one.
    """
    files: dict[str, tuple[Path, Reader]] = {}
    for split, name in SPLIT_NAMES.items():
        readers: dict[str, Reader] = {
            f"NER-de-{name}.tsv": read_germeval,
            f"{name}.tsv": read_germeval,
            f"{name}.conll": read_conll,
        }
        found = [(folder / file, reader) for file, reader in readers.items() if (folder / file).is_file()]
        if not found:
            raise PipelineError(
                f"{folder}: the {split} split is missing.", remedy=f"add one of {', '.join(readers)} there."
            )
        if len(found) > 1:
            names = " and ".join(path.name for path, _ in found)
            raise PipelineError(
                f"{folder}: {names} are both the {split} split.", remedy="keep one of them in the folder."
            )
        files[split] = found[0]
    return files


def read_germeval(path: Path) -> Iterator[Sentence]:
    """Read the GermEval 2014 format.

    A sentence is a header line (`#`, source, date), then a line a word: its number, the word, its outer
    and its inner tag, separated by tabs. An empty line ends a sentence. Trailing empty columns and CRLF
    line ends are fine; a quotation mark is a word like any other.

    Yields:
        The sentences in order. `source` is what follows `#`, its columns joined by blanks, trailing
        blank included: the same text as in the `GermanEval/germeval_14` dataset.

    Raises:
        PipelineError: Names file and line of whatever else is found.
    """
    for number, lines in enumerate(_paragraphs(path)):
        place, first = lines[0]
        source = ""
        if first.startswith(HEADER):
            source = " ".join(first.split("\t")[1:])
            lines = lines[1:]
            if not lines:
                raise place.error("a header without a sentence.", "remove it, or add the sentence's words.")
        rows = [_germeval_columns(line, place, word) for word, (place, line) in enumerate(lines, start=1)]
        places = [place for place, _ in lines]
        outer, inner = [row[1] for row in rows], [row[2] for row in rows]
        check_tags(outer, places)
        check_tags(inner, places)
        yield Sentence(
            id=str(number), source=source, words=[row[0] for row in rows], outer=outer, inner=inner
        )


def read_conll(path: Path) -> Iterator[Sentence]:
    """Read two columns, a word and its IOB2 tag, separated by a tab or blanks; an empty line ends a sentence.

    Raises:
        PipelineError: Names file and line of whatever else is found.
    """
    for number, lines in enumerate(_paragraphs(path)):
        places = [place for place, _ in lines]
        rows = [_conll_columns(line, place) for place, line in lines]
        outer = [tag for _, tag in rows]
        check_tags(outer, places)
        yield Sentence(id=str(number), source="", words=[word for word, _ in rows], outer=outer, inner=None)


def check_tags(tags: Sequence[str], places: Sequence[Place]) -> None:
    """Refuse a tag of unknown shape, or an `I-` that continues no entity.

    Args:
        tags: Shape: (n_words,).
        places: Where each tag stands. Shape: (n_words,).

    Raises:
        PipelineError: At the first such tag.
    """
    previous = "O"
    for tag, place in zip(tags, places, strict=True):
        if not TAG_SHAPE.fullmatch(tag):
            raise place.error(f"{tag!r} is no IOB2 tag.", "write O, B-<label> or I-<label>.")
        if not is_printable_label(tag[2:]):
            raise place.error(
                f"the label of {tag!r} is no name.",
                "write visible characters alone, and begin with none of = + - @.",
            )
        if tag.startswith("I-") and previous[2:] != tag[2:]:
            raise place.error(
                f"{tag} continues nothing: the tag before it is {previous}.",
                f"write B-{tag[2:]} where the entity begins (IOB2).",
            )
        previous = tag


def _germeval_columns(line: str, place: Place, number: int) -> list[str]:
    columns = line.split("\t")
    while len(columns) > 4 and columns[-1] == "":
        columns.pop()
    if len(columns) != 4:
        raise place.error(
            f"{len(columns)} columns, not 4.",
            "write number, word, outer tag and inner tag, separated by tabs (two columns: name it .conll).",
        )
    if columns[0] != str(number):  # a word is missing, or the empty line between two sentences
        raise place.error(
            f"{columns[0]!r} stands where the number of word {number} should.",
            "number the words of each sentence from 1, and put an empty line between sentences.",
        )
    if not columns[1]:
        raise place.error("the word is empty.", "write the word in column 2, or remove the line.")
    return columns[1:]


def _conll_columns(line: str, place: Place) -> tuple[str, str]:
    line = line.rstrip("\t ")
    columns = re.split(r"\t" if "\t" in line else r" +", line)
    if len(columns) != 2 or not all(columns):
        raise place.error(
            f"{len(columns)} columns, not 2." if len(columns) != 2 else "the word is empty.",
            "write a word and its tag, separated by one tab or blank.",
        )
    return columns[0], columns[1]


def _paragraphs(path: Path) -> Iterator[list[tuple[Place, str]]]:
    """Split a file at its empty lines; LF and CRLF alone end a line, since words hold U+0085 and the like.

    Raises:
        PipelineError: If the file is empty or not UTF-8, or an empty line stands where a sentence should.
    """
    lines: list[tuple[Place, str]] = []
    blank: Place | None = None  # an empty line that ends no sentence: only the file's end may follow
    is_empty = True
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            place = Place(path, number)
            text = _decode(raw, place)
            if text and blank:
                raise blank.error(
                    "an empty sentence: no word stands above this empty line.", "remove the line."
                )
            if text:
                lines.append((place, text))
                is_empty = False
            elif lines:
                yield lines
                lines = []
            else:
                blank = blank or place
    if lines:
        yield lines
    if is_empty:
        raise PipelineError(
            f"{path}:1: the file holds no sentence.", remedy="add sentences, or another file."
        )


def _decode(raw: bytes, place: Place) -> str:
    if place.line == 1:
        raw = raw.removeprefix(b"\xef\xbb\xbf")  # a byte order mark, as Windows editors write it, is no text
    try:
        return raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise place.error(
            f"byte {error.start + 1} of the line (0x{raw[error.start]:02x}) is not UTF-8.",
            "save the file as UTF-8, for example with iconv -f latin1 -t utf-8.",
        ) from error
