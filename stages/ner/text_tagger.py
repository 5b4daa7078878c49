"""The tagger on running text: names by their characters, whole words each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from stages.ner.alignment import IGNORE_ID, cut_windows
from stages.ner.decoding import TaggedWords
from stages.ner.files import read_json
from stages.ner.spans import decode_spans
from stages.ner.tagger import Tagger
from stages.ner.text import Word, split_text
from stages.ner.tokenized import TokenizedWindow
from stages.ner.tokenizer import WordTokenizer


@dataclass(frozen=True, slots=True)
class Name:
    """A name found in a text: the characters `start` to `end` (`end` not included).

    Args:
        score: Mean probability of the tags of its words, from 0 to 1.
    """

    text: str
    label: str
    start: int
    end: int
    score: float


class TextTagger:
    """Tags words and texts as the corpus was tagged: same tokenizer, same windows, same decoder.

    Args:
        tagger: Encoder and head.
        tokenizer: The encoder's own.
        max_length: Most subtokens in a window, as in training.
        stride: Most subtokens that two windows share, as in training.
    """

    def __init__(self, tagger: Tagger, tokenizer: WordTokenizer, *, max_length: int, stride: int) -> None:
        self.tagger, self.tokenizer = tagger, tokenizer
        self.max_length, self.stride = max_length, stride

    @classmethod
    def load(cls, tagger_dir: Path, *, subtokens_per_batch: int) -> "TextTagger":
        """Load a fine-tuned tagger with the window settings of its training.

        Raises:
            PipelineError: If the folder is no checkpoint that transformers can load.
        """
        settings = read_json(tagger_dir / "run_config.json")["tokenize"]
        return cls(
            Tagger.load(tagger_dir, subtokens_per_batch=subtokens_per_batch),
            WordTokenizer.load(tagger_dir),
            max_length=settings["max_length"],
            stride=settings["stride"],
        )

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

    def tag_texts(self, texts: Sequence[str]) -> list[list[Name]]:
        """Find the names in running texts.

        Args:
            texts: Shape: (n_texts,).

        Returns:
            Names from left to right, `text[name.start:name.end]` each. Shape: (n_texts, n_names).
        """
        sentences = [(number, words) for number, text in enumerate(texts) for words in split_text(text)]
        tagged = self.tag_words([[word.text for word in words] for _, words in sentences])
        names: list[list[Name]] = [[] for _ in texts]
        for (number, words), tags in zip(sentences, tagged, strict=True):
            names[number] += _list_names(texts[number], words, tags)
        return names


def _list_names(text: str, words: Sequence[Word], tagged: TaggedWords) -> list[Name]:
    names = []
    for span in decode_spans(tagged.tags):
        start, end = words[span.start].start, words[span.end - 1].end
        score = mean(tagged.scores[span.start : span.end])
        names.append(Name(text[start:end], span.label, start, end, score))
    return names
