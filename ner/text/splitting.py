"""Running German text as sentences of words, each with its place: `text[word.start:word.end]` is the word.

syntok finds the ends of sentences and takes punctuation off words. It also takes words apart where GermEval
does not (`EU-Kommission`, `YouTube`, `z.B.`, `@name`): such parts are joined again here.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from syntok import segmenter
from syntok.tokenizer import Token

HYPHENS = "-\u00ad\u2010\u2011"  # the second is the soft hyphen, which a reader does not see
APOSTROPHES = "'\u2019\u00b4\u02bc"
GERMAN_QUOTES = str.maketrans("“«", "””")  # syntok takes both for opening ones, as in English and French
SIGILS = "@#"
SYMBOLS = {"So", "Sk", "Mn", "Me", "Cf"}  # an emoji may be several of these, joined by invisible characters
INVISIBLE = {"Cc", "Cf"}
WORD_LIKE = re.compile(r"\w")
SIGN = re.compile(r"\.\.\.|.", re.DOTALL)
ORDINAL_DIGITS = 2  # `1990.` ends a sentence more often than it is an ordinal
LONGEST_PIECE = 2**16  # characters that syntok sees at once, which bounds the memory of its tokens
BLANK = re.compile(r"\s")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text: the characters `start` to `end` (`end` not included)."""

    text: str
    start: int
    end: int


def check_unicode(text: str) -> str:
    """Refuse what JSON and a command line can hold, but no text: half of a surrogate pair.

    Raises:
        ValueError: If there is one.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"character {error.start + 1} cannot be written in UTF-8") from error
    return text


def split_text(text: str) -> list[list[Word]]:
    """Split a text into sentences and these into words.

    Args:
        text: Any text; an empty line ends a sentence.

    Returns:
        The words of each sentence from left to right. Characters that are in none of them are white space,
        and invisible ones that stand alone: a direction mark between two words would part a name.
        Shape: (n_sentences, n_words of the sentence).
    """
    return [
        [Word(text[start:end], start, end) for start, end in ranges]
        for offset, piece in _split_pieces(text)
        for ranges in _split_piece(piece, offset)
    ]


def _split_pieces(text: str) -> Iterator[tuple[int, str]]:
    """Yield the paragraphs with their places; one longer than `LONGEST_PIECE` is cut behind white space.

    Each goes to syntok alone: before a paragraph of a text, syntok puts as many blanks as characters precede.
    """
    for offset, paragraph in segmenter.preprocess_with_offsets(text):
        start = 0
        while len(paragraph) - start > LONGEST_PIECE:
            blank = BLANK.search(paragraph, start + LONGEST_PIECE)
            if blank is None:
                break
            yield offset + start, paragraph[start : blank.end()]
            start = blank.end()
        yield offset + start, paragraph[start:]


def _split_piece(piece: str, offset: int) -> Iterator[list[tuple[int, int]]]:
    """Yield the words of each sentence of a piece as ranges of the text's characters."""
    for paragraph in segmenter.analyze(piece.translate(GERMAN_QUOTES)):
        for tokens in _join_at_ordinals(
            [token for token in sentence if token.value] for sentence in paragraph
        ):
            words = _join_parts(piece, tokens)
            if visible := [(start, end) for start, end in words if not _is_invisible(piece[start:end])]:
                yield [(offset + start, offset + end) for start, end in visible]


def _is_invisible(word: str) -> bool:
    """Return whether a word is control and format characters alone."""
    return not word.isprintable() and all(unicodedata.category(sign) in INVISIBLE for sign in word)


def _join_at_ordinals(sentences: Iterable[list[Token]]) -> list[list[Token]]:
    """Take back the ends that syntok sees in `am 3. Mai` and `der 1. FC Köln`; leave out empty sentences."""
    joined: list[list[Token]] = []
    for tokens in filter(None, sentences):
        ending = [token.value for token in joined[-1][-2:]] if joined else []
        if (
            len(ending) == 2
            and ending[0].isdecimal()
            and len(ending[0]) <= ORDINAL_DIGITS
            and ending[1] == "."
        ):
            joined[-1] += tokens
        else:
            joined.append(tokens)
    return joined


def _join_parts(text: str, tokens: Sequence[Token]) -> list[tuple[int, int]]:
    """Return the words of a sentence as ranges of characters."""
    parts: list[tuple[int, int]] = []
    for token in tokens:
        if WORD_LIKE.search(token.value):
            parts.append((token.offset, token.offset + len(token.value)))
        else:  # syntok leaves signs among white space together: `👍!` is two words
            parts += [(token.offset + m.start(), token.offset + m.end()) for m in SIGN.finditer(token.value)]
    # Looked up once: a sentence may have 100,000 parts.
    last_letter = max((end for _, end in parts if text[end - 1].isalnum()), default=0)
    ranges: list[tuple[int, int]] = []
    for part in parts:
        if ranges and _is_one_word(text, ranges[-1], part, is_last=part[1] >= last_letter):
            ranges[-1] = ranges[-1][0], part[1]
        else:
            ranges.append(part)
    return ranges


def _is_one_word(text: str, left: tuple[int, int], right: tuple[int, int], *, is_last: bool) -> bool:
    """Return whether two neighbouring parts are one word in GermEval's manner."""
    gap = text[left[1] : right[0]]
    if any(character not in HYPHENS + "_" for character in gap):
        return False
    before, after, part = text[left[1] - 1], text[right[0]], text[slice(*right)]
    if after.isalnum():
        # `EU-Kommission`, `YouTube`, `z.B.`, `@name`; a bracket, a quotation mark or a comma parts words.
        return before.isalnum() or before in HYPHENS + "_." + APOSTROPHES or text[slice(*left)] in SIGILS
    if before.isalnum() or before == ".":
        # `geht's`, `Ost-` in `Ost- und Westküste`, `Dr.`; the period that ends a sentence is its own word.
        is_abbreviation = part == "." and before.isalnum() and not is_last
        return is_abbreviation or part in HYPHENS or (after in APOSTROPHES and len(part) > 1)
    return all(unicodedata.category(character) in SYMBOLS for character in before + after)
