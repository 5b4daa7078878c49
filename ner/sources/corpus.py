"""A corpus wherever it lies: found, read split by split, checked, counted and written as Parquet."""

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ner.annotation.labels import TagSet, tags_of_labels
from ner.annotation.sentences import SPLITS, Sentence, write_split
from ner.core.errors import PipelineError
from ner.core.files import whole_folder
from ner.sources.corpus_facts import SplitFacts
from ner.sources.corpus_formats import find_split_files
from ner.sources.hub_corpus import HubCorpus

logger = logging.getLogger(__name__)

Reader = Callable[[], Iterator[Sentence]]  # reads a split from its beginning, each time it is called


@dataclass(frozen=True, slots=True)
class Corpus:
    """A corpus that is ready to be read.

    Args:
        readers: How to read each split.
        tags: The corpus's own list of tags; None to collect it.
        origin: Keys `source` and, for a corpus of the Hub, `dataset` and `revision`.
    """

    readers: dict[str, Reader]
    tags: tuple[str, ...] | None
    origin: dict[str, str]


@contextmanager
def open_corpus(name: str) -> Iterator[Corpus]:
    """Find the corpus that `data.source` names; what is downloaded for it is removed at the end.

    Raises:
        PipelineError: If it is neither a folder of corpus files nor a YAML file that names a Hub dataset.
    """
    source = Path(name)
    if source.is_dir():
        readers: dict[str, Reader] = {
            split: partial(reader, path) for split, (path, reader) in find_split_files(source).items()
        }
        yield Corpus(readers, None, {"source": name})
    elif source.suffix in {".yaml", ".yml"} and source.is_file():
        with tempfile.TemporaryDirectory() as folder:
            corpus = HubCorpus.download(source, Path(folder))
            readers = {split: partial(corpus.iterate, split) for split in SPLITS}
            origin = {"source": name, "dataset": corpus.params.dataset, "revision": corpus.commit}
            yield Corpus(readers, corpus.tags, origin)
    else:
        raise PipelineError(
            f"params.yaml: data.source is {name!r}, neither a folder nor a YAML file.",
            remedy="name a folder of TSV or CoNLL files, or a file like data/germeval14.yaml; "
            "in queued runs a path outside the repository must be absolute.",
        )


def write_corpus(corpus: Corpus, raw_dir: Path) -> dict[str, Any]:
    """Read every split twice: to check and count it, and to write it once its tag set is known.

    Args:
        corpus: Where it comes from.
        raw_dir: Where the Parquet files go.

    Returns:
        The content of `metrics/data.json`.
    """
    facts = {split: SplitFacts(corpus.readers[split]()) for split in SPLITS}
    found = {label for fact in facts.values() for label in (*fact.outer, *fact.inner)}
    tag_set = TagSet(corpus.tags or tuple(tags_of_labels(found)))
    has_inner = all(fact.has_inner for fact in facts.values())
    trained = facts["train"].outer.keys()
    for split, fact in facts.items():
        lacking = {label: n for label, n in sorted(fact.outer.items()) if label not in trained}
        if lacking:
            logger.warning("%s: train has no entity of %s", split, ", ".join(lacking))
        fact.entities_train_lacks = sum(lacking.values())
    with whole_folder(raw_dir) as folder:
        for split in SPLITS:
            write_split(folder / f"{split}.parquet", corpus.readers[split](), tag_set, has_inner=has_inner)
    return {**corpus.origin, **{split: fact.to_dict() for split, fact in facts.items()}}
