"""Texts whose entities are given by characters, cut into sentences of words with tags."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from ner.annotation.spans import Span
from ner.sources.formats.lines import Place
from ner.sources.formats.raw import RawSentence, encode_levels


class PlacedWord(Protocol):
    """A word of a text: the characters `start` to `end` (`end` not included)."""

    @property
    def start(self) -> int:
        """Its first character."""

    @property
    def end(self) -> int:
        """The character behind its last."""


SplitText = Callable[[str], Sequence[Sequence[PlacedWord]]]  # words of each sentence of a text
Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class AnnotatedText:
    """A text and its entities.

    Args:
        text: As it was annotated.
        spans: First character, the one behind the last, and label of each entity.
        words: Characters of each word where the annotation has them; None: as `split_text` splits.
    """

    text: str
    spans: list[tuple[int, int, str]]
    words: list[Range] | None = None


def cut_text(annotated: AnnotatedText, place: Place, split_text: SplitText) -> Iterator[RawSentence]:
    """Cut a text into sentences; a span that ends in a word takes the whole of it.

    Sentences that an entity runs across are joined.

    Raises:
        PipelineError: At a span outside the text, or without a word.
    """
    text = annotated.text
    sentences = [[(word.start, word.end) for word in words] for words in split_text(text)]
    if annotated.words is not None:
        sentences = _group_words(annotated.words, sentences, text)
    spans = [_trim(span, text, place) for span in annotated.spans]
    begins_document = True
    for words in _join_sentences(sentences, spans):
        inside = [span for span in spans if span[0] < words[-1][1] and span[1] > words[0][0]]
        placed: dict[Span, None] = {}
        n_widened = 0
        for start, end, label in inside:
            covered = [n for n, (first, last) in enumerate(words) if first < end and last > start]
            if covered:
                n_widened += words[covered[0]][0] < start or words[covered[-1]][1] > end
                placed[Span(covered[0], covered[-1] + 1, label)] = None
                spans = [span for span in spans if span != (start, end, label)]
        outer, inner, too_deep = encode_levels(list(placed), len(words))
        yield RawSentence(
            words=[text[start:end] for start, end in words],
            outer=outer,
            inner=inner,
            path=place.path,  # type: ignore[arg-type]
            lines=[place.line] * len(words),
            begins_document=begins_document,
            n_widened=n_widened,
            too_deep=tuple(text[words[one.start][0] : words[one.end - 1][1]] for one in too_deep),
        )
        begins_document = False
    if spans:
        start, end, label = spans[0]
        raise place.error(
            f"the {label} from character {start} to {end} holds no word: {text[start:end]!r}.",
            "remove it from the annotation.",
        )


def _trim(span: tuple[int, int, str], text: str, place: Place) -> tuple[int, int, str]:
    start, end, label = span
    if not 0 <= start < end <= len(text):
        raise place.error(
            f"the {label} from character {start} to {end} is not in the text, which has {len(text)}.",
            "fix it; characters are counted from 0, and the end is the one behind the last.",
        )
    piece = text[start:end]
    if not piece.strip():
        around = text[max(0, start - 20) : end + 20]
        raise place.error(
            f"the {label} from character {start} to {end} holds blanks alone, in {around!r}.",
            "remove it from the annotation.",
        )
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip()), label


def _group_words(
    words: Sequence[Range], sentences: Sequence[Sequence[Range]], text: str
) -> list[list[Range]]:
    """Cut words that came with the annotation into the sentences of the splitter."""
    ends = [sentence[0][0] for sentence in sentences[1:] if sentence]
    grouped: list[list[Range]] = [[]]
    at = 0
    for word in sorted(words):
        if not text[slice(*word)].strip():
            continue
        while at < len(ends) and word[0] >= ends[at]:
            at += 1
            grouped.append([])
        grouped[-1].append(word)
    return [group for group in grouped if group]


def _join_sentences(
    sentences: Sequence[Sequence[Range]], spans: Sequence[tuple[int, int, str]]
) -> Iterator[list[Range]]:
    """Join the sentences between which an entity lies."""
    joined: list[Range] = []
    for words in filter(None, sentences):
        if joined:
            left, right = joined[-1][1], words[0][0]
            if not any(start < left and end > right for start, end, _ in spans):
                yield joined
                joined = []
        joined = [*joined, *words]
    if joined:
        yield joined
