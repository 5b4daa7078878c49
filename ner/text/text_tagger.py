"""The tagger on running text: entities by their characters, whole words each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain
from pathlib import Path
from statistics import mean
from typing import Literal, Protocol

from ner.annotation.labels import TagSet
from ner.annotation.spans import Span, decode_spans, encode_tags
from ner.core.number_types import TaggingPrecision
from ner.tagging.decoding import TaggedWords
from ner.text.splitting import Word, split_text
from ner.windows.alignment import IGNORE_ID, cut_windows
from ner.windows.run_config import read_window_settings
from ner.windows.tokenized import TokenizedWindow
from ner.windows.tokenizer import WordTokenizer

Level = Literal["outer", "inner"]
WORDS_PER_CALL = 2**18  # whose windows are in memory at once; no ordinary text is as long


class Levels(StrEnum):
    """Which levels a tagger of both gives; one that knows the outer level alone gives that."""

    BOTH = "both"
    OUTER = "outer"


class TaggedSentences(Protocol):
    """What a window tagger gives back, as far as texts need it."""

    @property
    def sentences(self) -> list[TaggedWords]:
        """In the order of the input. Shape: (n_sentences,)."""


class WindowTagger(Protocol):
    """Encoder and head, whatever computes them: PyTorch or ONNX Runtime."""

    tag_set: TagSet
    n_levels: int  # 1: the outer one alone, or 2

    def tag(self, rows: Sequence[TokenizedWindow], n_words: Sequence[int]) -> TaggedSentences:
        """Tag every word of the sentences that `rows` are windows of."""


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity found in a text: the characters `start` to `end` (`end` not included).

    Args:
        score: Mean probability of the tags of its words, from 0 to 1.
        level: `inner` if it may lie inside another; None where the outer level alone was looked for.
    """

    text: str
    label: str
    start: int
    end: int
    score: float
    level: Level | None = None


@dataclass(frozen=True, slots=True)
class TaggedText:
    """A text and what the tagger says of it.

    Args:
        text: As it was given.
        sentences: Its words. Shape: (n_sentences, n_words).
        tagged: Their tags. Shape: (n_sentences,).
    """

    text: str
    sentences: list[list[Word]]
    tagged: list[TaggedWords]

    @property
    def entities(self) -> list[Entity]:
        """The entities by their place, `text[entity.start:entity.end]` each. Shape: (n_entities,).

        An inner entity follows the outer one that it lies in.
        """
        found = []
        for words, tagged in zip(self.sentences, self.tagged, strict=True):
            found += _list_entities(self.text, words, tagged, "outer" if tagged.inner else None)
            if tagged.inner:
                found += _list_entities(self.text, words, tagged.inner, "inner")
        return sorted(found, key=lambda one: (one.start, -one.end, one.level == "inner"))

    def without_doubtful(self, min_score: float) -> "TaggedText":
        """Leave out the entities whose score is below `min_score`: their words become `O`."""
        return replace(self, tagged=[_drop_doubtful(tagged, min_score) for tagged in self.tagged])


class TextTagger:
    """Tags words and texts as the corpus was tagged: same tokenizer, same windows, same decoder.

    Args:
        tagger: Encoder and head.
        tokenizer: The encoder's own.
        max_length: Most subtokens in a window, as in training.
        stride: Most subtokens that two windows share, as in training.
        levels: Which levels to give, of those that the tagger knows.
    """

    def __init__(
        self,
        tagger: WindowTagger,
        tokenizer: WordTokenizer,
        *,
        max_length: int,
        stride: int,
        levels: Levels | str = Levels.BOTH,
    ) -> None:
        self.tagger, self.tokenizer = tagger, tokenizer
        self.max_length, self.stride = max_length, stride
        self.n_levels = 1 if Levels(levels) is Levels.OUTER else tagger.n_levels

    @classmethod
    def load(
        cls,
        tagger_dir: Path,
        *,
        subtokens_per_batch: int | None = None,
        precision: TaggingPrecision = "auto",
        levels: Levels | str = Levels.BOTH,
    ) -> "TextTagger":
        """Load a fine-tuned tagger with the window settings of its training.

        Raises:
            PipelineError: If the folder is no checkpoint that transformers can load.
        """
        from ner.tagging.tagger import Tagger  # torch, which the tagger on ONNX Runtime does without

        tagger = Tagger.load(tagger_dir, subtokens_per_batch=subtokens_per_batch, precision=precision)
        return cls.around(tagger, tagger_dir, levels=levels)

    @classmethod
    def around(
        cls, tagger: WindowTagger, tagger_dir: Path, *, levels: Levels | str = Levels.BOTH
    ) -> "TextTagger":
        """Add the tokenizer and the window settings of its training to a window tagger.

        Args:
            tagger: Encoder and head.
            tagger_dir: The folder that they come from.
            levels: Which levels to give, of those that the tagger knows.
        """
        tokenizer = WordTokenizer.load(tagger_dir)
        settings = read_window_settings(tagger_dir, tokenizer)
        return cls(tagger, tokenizer, max_length=settings.max_length, stride=settings.stride, levels=levels)

    def split(self, text: str) -> list[list[Word]]:
        """Split a text into sentences of words. Shape: (n_sentences, n_words)."""
        return split_text(text)

    def count_subtokens(self, sentences: Sequence[Sequence[str]]) -> list[int]:
        """Count the subtokens of sentences, without those that overlapping windows repeat.

        Args:
            sentences: Shape: (n_sentences, n_words).
        """
        return [sum(map(len, pieces)) for pieces in self.tokenizer.encode(sentences)]

    def tag_words(self, sentences: Sequence[Sequence[str]]) -> list[TaggedWords]:
        """Tag sentences that are already split into words. Shape of both: (n_sentences, n_words)."""
        rows = [
            TokenizedWindow(number, window, [IGNORE_ID] * len(window.input_ids))
            for number, pieces in enumerate(self.tokenizer.encode(sentences))
            for window in cut_windows(
                pieces,
                prefix=self.tokenizer.prefix,
                suffix=self.tokenizer.suffix,
                max_length=self.max_length,
                stride=self.stride,
            )
        ]
        tagged = self.tagger.tag(rows, [len(words) for words in sentences]).sentences
        return tagged if self.n_levels > 1 else [replace(one, inner=None) for one in tagged]

    def tag_split(self, texts: Sequence[tuple[str, list[list[Word]]]]) -> list[TaggedText]:
        """Tag texts that are already split into sentences and words.

        Args:
            texts: Each text with the words of its sentences. Shape: (n_texts,).
        """
        sentences = [[word.text for word in words] for _, split in texts for words in split]
        tagged = chain.from_iterable(map(self.tag_words, group_sentences(sentences, WORDS_PER_CALL)))
        return [TaggedText(text, split, [next(tagged) for _ in split]) for text, split in texts]

    def tag_texts(self, texts: Sequence[str]) -> list[list[Entity]]:
        """Find the entities in running texts.

        Args:
            texts: Shape: (n_texts,).

        Returns:
            Entities by their place, `text[entity.start:entity.end]` each, an inner one behind the outer one
            that it lies in. Shape: (n_texts, n_entities).
        """
        return [tagged.entities for tagged in self.tag_split([(text, split_text(text)) for text in texts])]


def group_sentences(sentences: Sequence[Sequence[str]], n_words: int) -> Iterator[list[Sequence[str]]]:
    """Yield groups of sentences of `n_words` words, or of a sentence more."""
    group: list[Sequence[str]] = []
    n_grouped = 0
    for words in sentences:
        group.append(words)
        n_grouped += len(words)
        if n_grouped >= n_words:
            yield group
            group, n_grouped = [], 0
    if group:
        yield group


def _span_score(tagged: TaggedWords, span: Span) -> float:
    return mean(tagged.scores[span.start : span.end])


def _drop_doubtful(tagged: TaggedWords, min_score: float) -> TaggedWords:
    kept = [span for span in decode_spans(tagged.tags) if _span_score(tagged, span) >= min_score]
    inner = tagged.inner and _drop_doubtful(tagged.inner, min_score)
    return replace(tagged, tags=encode_tags(kept, len(tagged.tags)), inner=inner)


def _list_entities(
    text: str, words: Sequence[Word], tagged: TaggedWords, level: Level | None
) -> list[Entity]:
    entities = []
    for span in decode_spans(tagged.tags):
        start, end = words[span.start].start, words[span.end - 1].end
        entities.append(Entity(text[start:end], span.label, start, end, _span_score(tagged, span), level))
    return entities
