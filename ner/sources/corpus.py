"""A corpus wherever it lies: found, read split by split, checked, counted and written as Parquet."""

import logging
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from ner.annotation.labels import TagSet, tags_of_labels
from ner.annotation.schemes import STYLES, Pair, Scheme, SchemeError, TagReading, find_reading, list_pairs
from ner.annotation.sentences import SPLITS, Sentence, write_split
from ner.core.errors import PipelineError
from ner.core.files import whole_folder
from ner.sources.corpus_facts import SplitFacts
from ner.sources.cutting import TRAIN, Pool, pick
from ner.sources.findings import Findings
from ner.sources.formats.detection import CorpusFile, detect_files
from ner.sources.formats.lines import Place
from ner.sources.formats.offsets import SplitText
from ner.sources.formats.raw import RawReader, RawSentence
from ner.sources.hub_corpus import HubCorpus
from ner.sources.label_names import name_labels
from ner.sources.settings import DataParams, Fold
from ner.sources.split_files import check_splits, find_split_files

logger = logging.getLogger(__name__)

SHOWN_PLACES = 3
PREFERRED = next(iter(STYLES))  # B-PER, as the tags are stored


@dataclass(frozen=True, slots=True)
class Corpus:
    """A corpus that is ready to be read.

    Args:
        readers: How to read each split that there is.
        tags: The corpus's own list of tags; None to collect it.
        origin: Keys `source` and, for a corpus of the Hub, `dataset` and `revision`.
        forms: What the files of each split were taken for.
        may_nest: Whether every file's format has an inner level.
    """

    readers: dict[str, RawReader]
    tags: tuple[str, ...] | None
    origin: dict[str, str]
    forms: dict[str, str]
    may_nest: bool = True


@contextmanager
def open_corpus(params: DataParams, split_text: SplitText) -> Iterator[Corpus]:
    """Find the corpus that `data.source` names; what is downloaded for it is removed at the end.

    Args:
        params: Section `data`.
        split_text: Splits a text into the words of its sentences, where a corpus has texts.

    Raises:
        PipelineError: If it is neither a folder of corpus files, nor one, nor a YAML file that names a Hub
            dataset.
    """
    source = Path(params.source)
    if source.is_file() and source.suffix in {".yaml", ".yml"}:
        with tempfile.TemporaryDirectory() as folder:
            corpus = HubCorpus.download(source, Path(folder), split_text)
            readers: dict[str, RawReader] = {split: partial(corpus.iterate, split) for split in corpus.files}
            origin = {
                "source": params.source,
                "dataset": corpus.params.dataset,
                "revision": corpus.commit,
            }
            check_splits(source, readers, _shares(params))
            yield Corpus(readers, corpus.tags, origin, dict.fromkeys(readers, "a dataset of the Hub"))
    elif source.exists() and params.source and not _is_archive(source):
        files = find_split_files(source) if source.is_dir() else {TRAIN: [source]}
        check_splits(source, files, _shares(params))
        columns = params.columns.model_dump() if params.columns else None
        found = detect_files(files, columns, split_text)
        yield Corpus(
            readers={split: partial(_iterate_files, some) for split, some in found.items()},
            tags=None,
            origin={"source": params.source},
            forms={
                split: "; ".join(dict.fromkeys(file.form for file in some)) for split, some in found.items()
            },
            may_nest=all(file.may_nest for some in found.values() for file in some),
        )
    else:
        raise PipelineError(
            f"params.yaml: data.source is {params.source!r}, neither a folder nor a YAML file.",
            remedy="name a folder of corpus files, one such file, or a file like data/germeval14.yaml; "
            "in queued runs a path outside the repository must be absolute.",
        )


def write_corpus(corpus: Corpus, raw_dir: Path, findings_file: Path, params: DataParams) -> dict[str, Any]:
    """Read the corpus several times, so that memory stays flat, and write it once its tags are known.

    Args:
        corpus: Where it comes from.
        raw_dir: Where the Parquet files go.
        findings_file: Where the list of what an annotator should look at goes.
        params: Section `data`.

    Returns:
        The content of `metrics/data.json`.
    """
    scan = Scan.of_corpus(corpus, _shares(params), is_pooled=params.chosen_fold is not None)
    reader = Reader.of_scan(corpus, scan, params)
    findings = Findings()
    facts = {}
    for split in SPLITS:
        facts[split] = SplitFacts(
            sentence for _, sentence in findings.watch(split, reader.iterate(split), reader.find_stray)
        )
    found = {label for fact in facts.values() for label in (*fact.outer, *fact.inner)}
    tag_set = TagSet(reader.choose_tags(found))
    _count_lacking(facts)
    for split in SPLITS:
        findings.look_again(split, reader.iterate(split))
    with whole_folder(raw_dir) as folder:
        for split in SPLITS:
            sentences = (sentence for _, sentence in reader.iterate(split))
            write_split(folder / f"{split}.parquet", sentences, tag_set, has_inner=reader.has_inner)
    findings.write(findings_file)
    described = reader.describe()
    for line in (f"{split}: {form}" for split, form in corpus.forms.items()):
        logger.info("read as %s", line)
    logger.info("tags: %s", described["scheme"])
    return {
        **corpus.origin,
        **described,
        "names": findings.count_names(),
        **{split: {**fact.to_dict(), **findings.count(split)} for split, fact in facts.items()},
    }


def read_splits(source: Path, split_text: SplitText) -> dict[str, Callable[[], Iterator[Sentence]]]:
    """Return a reader of each split that a local corpus has, for tools that need no Parquet.

    Args:
        source: A folder or file; everything about it is found.
        split_text: Splits a text into the words of its sentences.
    """
    params = DataParams.found(str(source))
    with open_corpus(params, split_text) as corpus:
        reader = Reader.of_scan(corpus, Scan.of_corpus(corpus, {}), params)
        return {split: partial(_iterate_sentences, reader, split) for split in corpus.readers}


def iterate_corpus(corpus: Corpus) -> Iterator[RawSentence]:
    """Read all splits of a corpus one after the other, in the order by which folds number the sentences."""
    return chain.from_iterable(read() for read in corpus.readers.values())


@dataclass(slots=True)
class Scan:
    """What a first reading of a corpus gathers.

    Args:
        pairs: Of each split that there is, how often each tag stands behind each other.
        pool: The sentences of train where splits are cut from it, or of all splits where folds are dealt.
        has_inner: Whether a sentence has an inner level.
    """

    pairs: dict[str, Counter[Pair]] = field(default_factory=dict)
    pool: Pool | None = None
    has_inner: bool = False

    @classmethod
    def of_corpus(cls, corpus: Corpus, shares: Mapping[str, float], *, is_pooled: bool = False) -> "Scan":
        """Read every split once."""
        scan = cls(pool=Pool() if is_pooled or shares.keys() - corpus.readers.keys() else None)
        for split, read in corpus.readers.items():
            pairs = scan.pairs[split] = Counter()
            for number, sentence in enumerate(read()):
                pairs.update(list_pairs(sentence.outer))
                if sentence.inner is not None:
                    scan.has_inner = True
                    pairs.update(list_pairs(sentence.inner))
                if scan.pool and (is_pooled or split == TRAIN):
                    scan.pool.add(sentence, begins_split=number == 0)
        return scan

    @property
    def all_pairs(self) -> Counter[Pair]:
        """The pairs of the whole corpus."""
        return sum(self.pairs.values(), Counter())


@dataclass(slots=True)
class Reader:
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
    def of_scan(cls, corpus: Corpus, scan: Scan, params: DataParams) -> "Reader":
        """Decide how to read a corpus.

        Raises:
            PipelineError: If its tags fit no scheme, some continue nothing, or it cannot be cut.
        """
        pairs = scan.all_pairs
        try:
            reading = find_reading(pairs, params.known_scheme)
        except SchemeError as error:
            raise _find_tag(corpus, error.tag).error(error.problem, error.remedy) from error
        labels = {label for _, tag in pairs if (label := reading.part(tag)[1])}
        names = name_labels(labels, params.label_map)
        for label, name in names.items():
            if name not in {label, (params.label_map or {}).get(label)}:
                logger.warning("the label %r is written %r", label, name)
        if params.stray_tags == "refuse":
            _refuse_stray(corpus, scan, reading)
        cut, split_of, fold = {}, None, params.chosen_fold
        if scan.pool is not None and fold:
            cut = {"validation": params.validation_share}
            split_of = scan.pool.deal(fold, params.validation_share, params.split_seed, params.source)
            logger.warning("test is fold %d of %d of the whole corpus", fold.number, fold.n_folds)
        elif scan.pool is not None:
            cut = {split: share for split, share in _shares(params).items() if split not in corpus.readers}
            split_of = scan.pool.cut(cut, params.split_seed, params.source)
            logger.warning("%s: cut from train by data.split_seed %d", " and ".join(cut), params.split_seed)
        has_inner = corpus.may_nest and scan.has_inner
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

    def find_stray(self, raw: RawSentence) -> list[tuple[int, str]]:
        """Find the tags of a sentence that continue nothing: their positions, and the tags as they stand."""
        levels = [raw.outer] if raw.inner is None else [raw.outer, raw.inner]
        return [
            (position, tags[position])
            for tags in levels
            for position in self.reading.convert_sentence(tags)[1]
        ]

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
            drawn = zip(iterate_corpus(self.corpus), self.split_of, strict=True)
            return ((number, raw) for number, (raw, home) in enumerate(drawn) if home == split)
        if self.split_of is not None and (split == TRAIN or split in self.cut):
            return enumerate(pick(self.corpus.readers[TRAIN](), self.split_of, split))
        return enumerate(self.corpus.readers[split]())

    def _convert(self, tags: list[str]) -> list[str]:
        converted, _ = self.reading.convert_sentence(tags)
        return converted if self._tags is None else [self._tags[tag] for tag in converted]


def _iterate_sentences(reader: Reader, split: str) -> Iterator[Sentence]:
    return (sentence for _, sentence in reader.iterate(split))


def _shares(params: DataParams) -> dict[str, float]:
    """Return the share of each split that a corpus may lack; none may be missing where folds are dealt."""
    test_share = params.test_share if params.chosen_fold is None else params.validation_share
    return {"validation": params.validation_share, "test": test_share}


def _is_archive(source: Path) -> bool:
    return source.is_file() and source.suffix.lower() in {".zip", ".gz", ".tar", ".tgz", ".xz", ".bz2", ".7z"}


def _iterate_files(files: list[CorpusFile]) -> Iterator[RawSentence]:
    return chain.from_iterable(file.iterate() for file in files)


def _find_tag(corpus: Corpus, tag: str) -> Place:
    """Return the place where a tag that is known to be there stands first."""
    for raw in iterate_corpus(corpus):
        for tags in filter(None, (raw.outer, raw.inner)):
            if tag in tags:
                return raw.place(tags.index(tag))
    raise ValueError(f"{tag!r} is nowhere in the corpus")


def _refuse_stray(corpus: Corpus, scan: Scan, reading: TagReading) -> None:
    """Refuse tags that continue nothing: all are counted, the first are shown with their places.

    Raises:
        PipelineError: If there are any.
    """
    counts = {
        split: n
        for split, pairs in scan.pairs.items()
        if (n := sum(times for pair, times in pairs.items() if reading.convert(*pair)[1]))
    }
    if not counts:
        return
    shown = []
    for raw in iterate_corpus(corpus):
        for tags in filter(None, (raw.outer, raw.inner)):
            for position in reading.convert_sentence(tags)[1]:
                before = tags[position - 1] if position else "O"
                shown.append((raw.place(position), tags[position], before))
        if len(shown) >= min(SHOWN_PLACES, sum(counts.values())):
            break
    place, tag, before = shown[0]
    problem = f"{tag} continues nothing: the tag before it is {before}."
    if sum(counts.values()) > 1:
        others = ", ".join(f"{where.path}:{where.line} ({what})" for where, what, _ in shown[1:SHOWN_PLACES])
        by_split = ", ".join(f"{n} in {split}" for split, n in counts.items())
        problem += f" There are {sum(counts.values())} such tags: {by_split}; the next are {others}."
    raise place.error(
        problem,
        f"write B- where an entity begins ({reading.scheme.upper()}), or set data.stray_tags to begin.",
    )


def _count_lacking(facts: Mapping[str, SplitFacts]) -> None:
    trained = facts[TRAIN].outer.keys()
    for split, fact in facts.items():
        lacking = {label: n for label, n in sorted(fact.outer.items()) if label not in trained}
        if lacking:
            logger.warning("%s: train has no entity of %s", split, ", ".join(lacking))
        fact.entities_train_lacks = sum(lacking.values())
