"""The tagger on running text: entities by their characters, whole words each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Protocol

from ner.annotation.labels import TagSet
from ner.annotation.spans import Span, decode_spans, encode_tags
from ner.core.number_types import TaggingPrecision
from ner.tagging.decoding import TaggedWords
from ner.text.splitting import Word, split_text
from ner.windows.alignment import IGNORE_ID, cut_windows
from ner.windows.run_config import read_window_settings
from ner.windows.tokenized import TokenizedWindow
from ner.windows.tokenizer import WordTokenizer


class TaggedSentences(Protocol):
    """What a window tagger gives back, as far as texts need it."""

    @property
    def sentences(self) -> list[TaggedWords]:
        """In the order of the input. Shape: (n_sentences,)."""


class WindowTagger(Protocol):
    """Encoder and head, whatever computes them: PyTorch or ONNX Runtime."""

    tag_set: TagSet

    def tag(self, rows: Sequence[TokenizedWindow], n_words: Sequence[int]) -> TaggedSentences:
        """Tag every word of the sentences that `rows` are windows of."""


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity found in a text: the characters `start` to `end` (`end` not included).

    Args:
        score: Mean probability of the tags of its words, from 0 to 1.
    """

    text: str
    label: str
    start: int
    end: int
    score: float


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
        """The entities from left to right, `text[entity.start:entity.end]` each. Shape: (n_entities,)."""
        return [
            _make_entity(self.text, words, tagged, span)
            for words, tagged in zip(self.sentences, self.tagged, strict=True)
            for span in decode_spans(tagged.tags)
        ]

    def without_doubtful(self, min_score: float) -> "TaggedText":
        """Leave out the entities whose score is below `min_score`: their words become `O`."""
        kept = [
            replace(
                tagged,
                tags=encode_tags(
                    [span for span in decode_spans(tagged.tags) if _span_score(tagged, span) >= min_score],
                    len(tagged.tags),
                ),
            )
            for tagged in self.tagged
        ]
        return replace(self, tagged=kept)


class TextTagger:
    """Tags words and texts as the corpus was tagged: same tokenizer, same windows, same decoder.

    Args:
        tagger: Encoder and head.
        tokenizer: The encoder's own.
        max_length: Most subtokens in a window, as in training.
        stride: Most subtokens that two windows share, as in training.
    """

    def __init__(
        self, tagger: WindowTagger, tokenizer: WordTokenizer, *, max_length: int, stride: int
    ) -> None:
        self.tagger, self.tokenizer = tagger, tokenizer
        self.max_length, self.stride = max_length, stride

    @classmethod
    def load(
        cls, tagger_dir: Path, *, subtokens_per_batch: int | None = None, precision: TaggingPrecision = "auto"
    ) -> "TextTagger":
        """Load a fine-tuned tagger with the window settings of its training.

        Raises:
            PipelineError: If the folder is no checkpoint that transformers can load.
        """
        from ner.tagging.tagger import Tagger  # torch, which the tagger on ONNX Runtime does without

        tagger = Tagger.load(tagger_dir, subtokens_per_batch=subtokens_per_batch, precision=precision)
        return cls.around(tagger, tagger_dir)

    @classmethod
    def around(cls, tagger: WindowTagger, tagger_dir: Path) -> "TextTagger":
        """Give a window tagger the tokenizer and the window settings of its training.

        Args:
            tagger: Encoder and head.
            tagger_dir: The folder that they come from.
        """
        tokenizer = WordTokenizer.load(tagger_dir)
        settings = read_window_settings(tagger_dir, tokenizer)
        return cls(tagger, tokenizer, max_length=settings.max_length, stride=settings.stride)

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
        return self.tagger.tag(rows, [len(words) for words in sentences]).sentences

    def tag_split(self, texts: Sequence[tuple[str, list[list[Word]]]]) -> list[TaggedText]:
        """Tag texts that are already split into sentences and words.

        Args:
            texts: Each text with the words of its sentences. Shape: (n_texts,).
        """
        sentences = [[word.text for word in words] for _, split in texts for words in split]
        tagged = iter(self.tag_words(sentences))
        return [TaggedText(text, split, [next(tagged) for _ in split]) for text, split in texts]

    def tag_texts(self, texts: Sequence[str]) -> list[list[Entity]]:
        """Find the entities in running texts.

        Args:
            texts: Shape: (n_texts,).

        Returns:
            Entities from left to right, `text[entity.start:entity.end]` each. Shape: (n_texts, n_entities).
        """
        return [tagged.entities for tagged in self.tag_split([(text, split_text(text)) for text in texts])]


def _span_score(tagged: TaggedWords, span: Span) -> float:
    return mean(tagged.scores[span.start : span.end])


def _make_entity(text: str, words: Sequence[Word], tagged: TaggedWords, span: Span) -> Entity:
    start, end = words[span.start].start, words[span.end - 1].end
    return Entity(text[start:end], span.label, start, end, _span_score(tagged, span))
