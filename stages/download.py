"""Stages `download_corpus` and `download_checkpoint`: bring both into one form, checked.

`corpus` reads what `data.source` names and writes Parquet (`data/raw`) and its figures
(`metrics/data.json`). `checkpoint` fetches what `model.checkpoint` names into `models/pretrained`.
"""

import argparse
import hashlib
import logging
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import Field

from stages.ner.corpus import SPLITS, Sentence, write_split
from stages.ner.corpus_formats import find_split_files
from stages.ner.errors import PipelineError, run_command
from stages.ner.files import whole_folder, write_json
from stages.ner.hub_corpus import HubCorpus
from stages.ner.labels import TagSet, tags_of_labels
from stages.ner.params import Params, load_params
from stages.ner.pretrained import fetch_checkpoint
from stages.ner.spans import decode_spans

logger = logging.getLogger(__name__)

Reader = Callable[[], Iterator[Sentence]]  # reads a split from its beginning, each time it is called


class DataParams(Params):
    """Section `data`: where the corpus comes from."""

    source: str = Field(
        description="A folder of TSV or CoNLL files, or a YAML file that names a Hub dataset."
    )


class ModelParams(Params):
    """Section `model`: which encoder is fine-tuned."""

    checkpoint: str = Field(description="A folder, a Hub id, or package://<installed package>/<folder>.")
    revision: str = Field(description="Branch, tag or commit of a Hub id; main for anything else.")


class CorpusStageParams(Params):
    """What `download_corpus` reads of params.yaml."""

    data: DataParams


class CheckpointStageParams(Params):
    """What `download_checkpoint` reads of params.yaml."""

    model: ModelParams


def download_corpus(raw_dir: Path, facts_file: Path) -> None:
    """Run the stage `download_corpus`."""
    name = load_params(Path("params.yaml"), CorpusStageParams).data.source
    source = Path(name)
    if source.is_dir():
        readers = {split: partial(reader, path) for split, (path, reader) in find_split_files(source).items()}
        write_corpus(readers, None, raw_dir, facts_file, {"source": name})
    elif source.suffix in {".yaml", ".yml"} and source.is_file():
        with tempfile.TemporaryDirectory() as folder:
            corpus = HubCorpus.download(source, Path(folder))
            readers = {split: partial(corpus.iterate, split) for split in SPLITS}
            origin = {"source": name, "dataset": corpus.params.dataset, "revision": corpus.commit}
            write_corpus(readers, corpus.tags, raw_dir, facts_file, origin)
    else:
        raise PipelineError(
            f"params.yaml: data.source is {name!r}, neither a folder nor a YAML file.",
            remedy="name a folder of TSV or CoNLL files, or a file like data/germeval14.yaml; "
            "in queued runs a path outside the repository must be absolute.",
        )


def write_corpus(
    readers: Mapping[str, Reader],
    tags: tuple[str, ...] | None,
    raw_dir: Path,
    facts_file: Path,
    origin: dict[str, str],
) -> None:
    """Read every split twice: to check and count it, and to write it once its tag set is known.

    Args:
        readers: How to read each split.
        tags: The corpus's own list of tags; None to collect it.
        raw_dir: Where the Parquet files go.
        facts_file: Where the figures go.
        origin: Keys `source` and, for a corpus of the Hub, `dataset` and `revision`.
    """
    facts = {split: SplitFacts(readers[split]()) for split in SPLITS}
    found = {label for fact in facts.values() for label in (*fact.outer, *fact.inner)}
    tag_set = TagSet(tags or tuple(tags_of_labels(found)))
    has_inner = all(fact.has_inner for fact in facts.values())
    trained = facts["train"].outer.keys()
    for split, fact in facts.items():
        lacking = {label: n for label, n in sorted(fact.outer.items()) if label not in trained}
        if lacking:
            logger.warning("%s: train has no entity of %s", split, ", ".join(lacking))
        fact.entities_train_lacks = sum(lacking.values())
    with whole_folder(raw_dir) as folder:
        for split in SPLITS:
            write_split(folder / f"{split}.parquet", readers[split](), tag_set, has_inner=has_inner)
    write_json(facts_file, {**origin, **{split: fact.to_dict() for split, fact in facts.items()}})
    for split, fact in facts.items():
        logger.info(
            "%s: %d sentences, %d words, %d entities",
            split,
            fact.n_sentences,
            fact.n_words,
            fact.outer.total(),
        )


class SplitFacts:
    """What a split holds.

    Args:
        sentences: The split; read to its end.
    """

    def __init__(self, sentences: Iterable[Sentence]) -> None:
        self.n_sentences = self.n_words = 0
        self.outer: Counter[str] = Counter()
        self.inner: Counter[str] = Counter()
        self.has_inner = True
        self.entities_train_lacks = 0
        digest = hashlib.sha256()
        for sentence in sentences:
            self.n_sentences += 1
            self.n_words += len(sentence.words)
            self.outer.update(span.label for span in decode_spans(sentence.outer))
            self.inner.update(span.label for span in decode_spans(sentence.inner or []))
            self.has_inner &= sentence.inner is not None
            digest.update(("\n".join(sentence.words) + "\n\n").encode())
        self.sha256 = digest.hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Give the keys of `metrics/data.json`; `sha256` is that of the words, one a line."""
        facts = {
            "sentences": self.n_sentences,
            "words": self.n_words,
            "entities": self.outer.total(),
            "entities_by_label": dict(self.outer),
            "entities_train_lacks": self.entities_train_lacks,
            "sha256": self.sha256,
        }
        return {**facts, "nested_entities": self.inner.total()} if self.has_inner else facts


def download_checkpoint(encoder_dir: Path, origin_file: Path) -> None:
    """Run the stage `download_checkpoint`."""
    params = load_params(Path("params.yaml"), CheckpointStageParams).model
    origin = fetch_checkpoint(params.checkpoint, revision=params.revision, target=encoder_dir)
    write_json(origin_file, asdict(origin))
    logger.info("%s: weights with SHA-256 %s", params.checkpoint, origin.weights_sha256)


def main() -> None:
    """Read the paths from the command line in `dvc.yaml`."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    corpus = commands.add_parser("corpus")
    corpus.set_defaults(run=download_corpus)
    for name in ("raw_dir", "facts_file"):
        corpus.add_argument(name, type=Path)
    checkpoint = commands.add_parser("checkpoint")
    checkpoint.set_defaults(run=download_checkpoint)
    for name in ("encoder_dir", "origin_file"):
        checkpoint.add_argument(name, type=Path)
    arguments = vars(parser.parse_args())
    arguments.pop("run")(**arguments)


if __name__ == "__main__":
    run_command(main)
