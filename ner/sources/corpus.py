"""A corpus wherever it lies: which files or dataset it is, and how each split is read."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

from ner.core.errors import PipelineError
from ner.sources.cutting import TRAIN
from ner.sources.formats.detection import CorpusFile, detect_files
from ner.sources.formats.offsets import SplitText
from ner.sources.formats.raw import RawReader, RawSentence
from ner.sources.hub_corpus import HubCorpus
from ner.sources.remote_corpus import copy_corpus, is_address
from ner.sources.settings import DataParams
from ner.sources.split_files import ARCHIVES, check_splits, find_split_files


@dataclass(frozen=True, slots=True)
class Corpus:
    """A corpus that is ready to be read.

    Args:
        readers: How to read each split that there is.
        tags: The corpus's own list of tags; None to collect it.
        origin: Keys `source` and, for a corpus of the Hub, `dataset` and `revision`.
        forms: What the files of each split were taken for.
        flat_files: Those whose format has no inner level.
        name_file: Gives the name of a sentence's file for a person; a temporary path says nothing to one.
    """

    readers: dict[str, RawReader]
    tags: tuple[str, ...] | None
    origin: dict[str, str]
    forms: dict[str, str]
    flat_files: tuple[Path, ...] = ()
    name_file: Callable[[Path], str] = str

    def iterate_all(self) -> Iterator[RawSentence]:
        """Read all splits one after the other, in the order by which folds number the sentences."""
        return chain.from_iterable(read() for read in self.readers.values())


@contextmanager
def open_corpus(params: DataParams, split_text: SplitText) -> Iterator[Corpus]:
    """Find the corpus that `data.source` names; what is downloaded for it is removed at the end.

    Args:
        params: Section `data`.
        split_text: Splits a text into the words of its sentences, where a corpus has texts.

    Raises:
        PipelineError: If it is neither a folder of corpus files, nor one, nor the address of such, nor a YAML
            file that names a Hub dataset.
    """
    source = Path(params.source)
    if is_address(params.source):
        with copy_corpus(params.source) as copy:
            corpus = _open_files(copy.path, params, split_text)
            yield replace(corpus, origin={"source": copy.address}, name_file=copy.name)
    elif source.is_file() and source.suffix in {".yaml", ".yml"}:
        with tempfile.TemporaryDirectory() as folder:
            hub = HubCorpus.download(source, Path(folder), split_text)
            readers: dict[str, RawReader] = {split: partial(hub.iterate, split) for split in hub.files}
            origin = {"source": params.source, "dataset": hub.params.dataset, "revision": hub.commit}
            check_splits(source, readers, params.shares)
            yield Corpus(readers, hub.tags, origin, dict.fromkeys(readers, "a dataset of the Hub"))
    elif source.exists() and params.source and not _is_archive(source):
        yield _open_files(source, params, split_text)
    else:
        raise PipelineError(
            f"params.yaml: data.source is {params.source!r}, neither a folder nor a YAML file.",
            remedy="name a folder of corpus files, one such file, or a file like data/germeval14.yaml; "
            "in queued runs a path outside the repository must be absolute.",
        )


def _open_files(source: Path, params: DataParams, split_text: SplitText) -> Corpus:
    """Find out what the files of a folder, or the one file, are."""
    files = find_split_files(source) if source.is_dir() else {TRAIN: [source]}
    check_splits(source, files, params.shares)
    columns = params.columns.model_dump() if params.columns else None
    found = detect_files(files, columns, split_text, params.encoding)
    return Corpus(
        readers={split: partial(_iterate_files, some) for split, some in found.items()},
        tags=None,
        origin={"source": params.source},
        forms={split: "; ".join(dict.fromkeys(file.form for file in some)) for split, some in found.items()},
        flat_files=tuple(file.path for some in found.values() for file in some if not file.may_nest),
    )


def _is_archive(source: Path) -> bool:
    return source.is_file() and source.suffix.lower() in ARCHIVES


def _iterate_files(files: list[CorpusFile]) -> Iterator[RawSentence]:
    return chain.from_iterable(file.iterate() for file in files)
