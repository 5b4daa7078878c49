"""Corpus files as sentences, for tests of what comes after them."""

from collections.abc import Iterator
from pathlib import Path

from ner.annotation.sentences import Sentence
from ner.sources.conversion import read_splits
from ner.text.splitting import split_text


def read_sentences(path: Path) -> Iterator[Sentence]:
    """Read one file of any format."""
    return read_splits(path, split_text)["train"]()
