"""A corpus as IOB2: its scheme, the names of its labels, and the splits that are cut from train."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ner.annotation.labels import tags_of_labels
from ner.annotation.schemes import (
    LETTER_ALONE,
    STYLES,
    UNNAMED,
    Scheme,
    SchemeError,
    TagReading,
    find_reading,
)
from ner.annotation.sentences import Sentence
from ner.sources.corpus import Corpus, open_corpus
from ner.sources.cutting import TRAIN, pick
from ner.sources.formats.offsets import SplitText
from ner.sources.formats.raw import RawSentence
from ner.sources.label_names import name_labels
from ner.sources.scan import Scan
from ner.sources.settings import DataParams, Fold
from ner.sources.stray_tags import find_tag, refuse_stray

logger = logging.getLogger(__name__)

PREFERRED = next(iter(STYLES))  # B-PER, as the tags are stored


@dataclass(slots=True)
class Converter:
    """Reads a corpus as IOB2, once its scheme, its labels and its cut are known.

    Args:
        corpus: Where it comes from.
        reading: The scheme of its tags.
        names: The name of each label; O drops it.
        has_inner: Whether sentences have an inner level.
        split_of: The split of each sentence of train where others are cut from it, or of all where folds
            are dealt.
        cut: The share of each split that is cut.
        seed: Of the draw.
        fold: The fold that is the test split; None: the corpus has or gets splits of its own.
    """

    corpus: Corpus
    reading: TagReading
    names: dict[str, str]
    has_inner: bool
    split_of: list[str] | None = None
    cut: dict[str, float] = field(default_factory=dict)
    seed: int = 0
    fold: Fold | None = None
    _tags: dict[str, str] | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        """Make the table of tags whose label has another name."""
        if any(label != name for label, name in self.names.items()):
            self._tags = {"O": "O"}
            for label, name in self.names.items():
                for letter in "BI":
                    self._tags[f"{letter}-{label}"] = "O" if name == "O" else f"{letter}-{name}"

    @classmethod
    def of_scan(cls, corpus: Corpus, scan: Scan, params: DataParams) -> "Converter":
        """Decide how to read a corpus.

        Raises:
            PipelineError: If its tags fit no scheme, some continue nothing, or it cannot be cut.
        """
        pairs = scan.all_pairs
        try:
            reading = find_reading(pairs, params.known_scheme)
        except SchemeError as error:
            raise find_tag(corpus, error.tag).error(error.problem, error.remedy) from error
        if reading.style == LETTER_ALONE:
            logger.warning("the tags say no label: it is written %s; data.label_map renames it", UNNAMED)
        labels = {label for _, tag in pairs if (label := reading.part(tag)[1])}
        names = name_labels(labels, params.label_map)
        for label, name in names.items():
            if name not in {label, (params.label_map or {}).get(label)}:
                logger.warning("the label %r is written %r", label, name)
        if params.stray_tags == "refuse":
            refuse_stray(corpus, scan, reading)
        cut, split_of, fold = {}, None, params.chosen_fold
        if scan.pool is not None and fold:
            cut = {"validation": params.validation_share}
            split_of = scan.pool.deal(fold, params.validation_share, params.split_seed, params.source)
            logger.warning("test is fold %d of %d of the whole corpus", fold.number, fold.n_folds)
        elif scan.pool is not None:
            cut = {split: share for split, share in params.shares.items() if split not in corpus.readers}
            split_of = scan.pool.cut(cut, params.split_seed, params.source)
            logger.warning("%s: cut from train by data.split_seed %d", " and ".join(cut), params.split_seed)
        has_inner = scan.has_inner and not corpus.flat_files
        if not has_inner and any(reading.part(tag)[1] for tag in scan.inner_tags):
            logger.warning(
                "entities inside others are left out of the whole corpus, since files of it cannot have any, "
                "such as %s (%d in all): write them as GermEval TSV or JSON Lines",
                corpus.name_file(corpus.flat_files[0]),
                len(corpus.flat_files),
            )
        return cls(corpus, reading, names, has_inner, split_of, cut, params.split_seed, fold)

    def iterate(self, split: str) -> Iterator[tuple[RawSentence, Sentence]]:
        """Read a split: each sentence as it stands in the file, and as it goes into the corpus.

        Where folds are dealt, a sentence is called by its number in the whole corpus.
        """
        for number, raw in self._iterate_raw(split):
            inner = None
            if self.has_inner:
                inner = self._convert(raw.inner) if raw.inner is not None else ["O"] * len(raw.words)
            yield (
                raw,
                Sentence(
                    id=str(number) if raw.id is None or self.split_of else raw.id,
                    source=raw.source,
                    words=raw.words,
                    outer=self._convert(raw.outer),
                    inner=inner,
                ),
            )

    def find_stray(self, raw: RawSentence) -> list[tuple[int, str, str]]:
        """Find the tags of a sentence that continue nothing: position, tag, and what it is read as."""
        found = []
        for tags in [raw.outer] if raw.inner is None else [raw.outer, raw.inner]:
            converted, stray = self.reading.convert_sentence(tags)
            found += [(position, tags[position], converted[position]) for position in stray]
        return found

    def choose_tags(self, labels: set[str]) -> tuple[str, ...]:
        """Return the tags in the order of their ids: the corpus's own list where it is still right."""
        own = self.corpus.tags
        collected = tuple(tags_of_labels(labels))
        is_plain = self.reading.scheme is Scheme.IOB2 and self.reading.style == PREFERRED
        if own is not None and is_plain and set(collected) <= set(own) and self._tags is None:
            return own
        return collected

    def describe(self) -> dict[str, Any]:
        """Say how the corpus was read: keys of `metrics/data.json`."""
        forms = self.corpus.forms
        same = len(set(forms.values())) == 1
        described: dict[str, Any] = {
            "format": next(iter(forms.values())) if same else forms,
            "scheme": f"{self.reading.scheme} ({self.reading.style})",
        }
        renamed = {label: name for label, name in self.names.items() if label != name}
        if renamed:
            described["label_map"] = renamed
        if self.fold:
            described["folds"] = {
                **asdict(self.fold),
                "validation": self.cut["validation"],
                "seed": self.seed,
            }
        elif self.cut:
            described["cut"] = {**self.cut, "seed": self.seed}
        return described

    def _iterate_raw(self, split: str) -> Iterator[tuple[int, RawSentence]]:
        if self.split_of is not None and self.fold:
            drawn = zip(self.corpus.iterate_all(), self.split_of, strict=True)
            return ((number, raw) for number, (raw, home) in enumerate(drawn) if home == split)
        if self.split_of is not None and (split == TRAIN or split in self.cut):
            return enumerate(pick(self.corpus.readers[TRAIN](), self.split_of, split))
        return enumerate(self.corpus.readers[split]())

    def _convert(self, tags: list[str]) -> list[str]:
        converted, _ = self.reading.convert_sentence(tags)
        return converted if self._tags is None else [self._tags[tag] for tag in converted]


def read_splits(source: Path, split_text: SplitText) -> dict[str, Callable[[], Iterator[Sentence]]]:
    """Return a reader of each split that a local corpus has, for tools that need no Parquet.

    Args:
        source: A folder or file; everything about it is found.
        split_text: Splits a text into the words of its sentences.
    """
    params = DataParams.found(str(source))
    with open_corpus(params, split_text) as corpus:
        converter = Converter.of_scan(corpus, Scan.of_corpus(corpus, {}), params)
        return {split: partial(_iterate_sentences, converter, split) for split in corpus.readers}


def _iterate_sentences(converter: Converter, split: str) -> Iterator[Sentence]:
    return (sentence for _, sentence in converter.iterate(split))
