"""A corpus on the Hugging Face Hub, as a small YAML file describes it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from ner.annotation.sentences import SPLITS, Sentence
from ner.core.errors import PipelineError
from ner.core.params import Params, check_params, read_yaml
from ner.sources.corpus_formats import Place, check_tags
from ner.sources.hub import ask_hub, download_files


class HubCorpusParams(Params):
    """The keys of a file such as `data/germeval14.yaml`."""

    dataset: str = Field(description="The dataset's id on the Hub, as organisation/name.")
    revision: str = Field(description="Branch, tag or commit; Parquet files are at refs/convert/parquet.")
    subset: str = Field(description="The dataset's subset (configuration), often `default`.")
    words_column: str = Field(description="The column with the list of words.")
    tags_column: str = Field(description="The column with one tag a word.")
    nested_column: str | None = Field(description="The column with the tags of nested names; empty: none.")


@dataclass(frozen=True, slots=True)
class HubCorpus:
    """The splits of a Hub dataset, on disk.

    Args:
        params: What the YAML file says.
        commit: The commit that its revision stood for.
        files: Parquet files of each split, in order.
        tags: Tag names in the dataset's own order; None if it stores tags as text.
    """

    params: HubCorpusParams
    commit: str
    files: dict[str, list[Path]]
    tags: tuple[str, ...] | None

    @classmethod
    def download(cls, source: Path, folder: Path) -> "HubCorpus":
        """Download what `source` names into `folder`.

        Raises:
            PipelineError: If the YAML file, the dataset, its revision, its subset or a column is not as said.
        """
        params = check_params(read_yaml(source), HubCorpusParams, source)
        repo = ask_hub(
            params.dataset, repo_type="dataset", revision=params.revision, parameter=f"{source}: dataset"
        )
        names = [file.name for file in repo.files]
        found = {split: _find_parquet(names, params.subset, split) for split in SPLITS}
        for split, parquet in found.items():
            if not parquet:
                raise PipelineError(
                    f"{source}: {params.dataset} at {params.revision} has no Parquet file for subset "
                    f"{params.subset!r} and split {split!r}.",
                    remedy="set revision to refs/convert/parquet and subset to a folder there: "
                    f"{', '.join(sorted({name.split('/')[0] for name in names if '/' in name})) or 'none'}.",
                )
        download_files(repo, [name for parquet in found.values() for name in parquet], folder)
        files = {split: [folder / name for name in parquet] for split, parquet in found.items()}
        return cls(params, repo.commit, files, _read_tags(files["train"][0], params, source))

    def iterate(self, split: str) -> Iterator[Sentence]:
        """Read the sentences of a split.

        Raises:
            PipelineError: At a sentence without words, or whose tags do not fit its words or are not IOB2.
        """
        number = 0
        for path in self.files[split]:
            try:
                for batch in pq.ParquetFile(path).iter_batches():
                    for row in batch.to_pylist():
                        yield self._sentence(row, number, Place(path, number + 1))
                        number += 1
            except (pa.ArrowInvalid, OSError) as error:
                raise _unreadable(path, error) from error

    def _name_tag(self, value: object, place: Place) -> str:
        """Give a tag's name; -1, which stands for a tag that is not known, has none."""
        if self.tags and isinstance(value, int) and 0 <= value < len(self.tags):
            return self.tags[value]
        if not self.tags and isinstance(value, str):
            return value
        raise place.error(f"{value!r} is no tag.", "mend the dataset; a split without tags cannot be used.")

    def _sentence(self, row: dict[str, object], number: int, place: Place) -> Sentence:
        words = row[self.params.words_column]
        if not isinstance(words, list) or not words or not all(isinstance(w, str) and w for w in words):
            raise place.error("a sentence with no words, or with an empty one.", "mend the dataset.")
        levels = []
        for column in (self.params.tags_column, self.params.nested_column):
            values = row[column] if column else None
            if column and not isinstance(values, list):
                raise place.error(f"no tags in {column!r}.", "mend the dataset.")
            if isinstance(values, list):
                tags = [self._name_tag(value, place) for value in values]
                if len(tags) != len(words):
                    raise place.error(f"{len(words)} words but {len(tags)} tags.", "mend the dataset.")
                check_tags(tags, [place] * len(tags))
                levels.append(tags)
        return Sentence(
            id=str(row.get("id", number)),
            source=str(row.get("source") or ""),
            words=words,
            outer=levels[0],
            inner=levels[1] if len(levels) > 1 else None,
        )


def _unreadable(path: Path, error: Exception) -> PipelineError:
    return PipelineError(
        f"{path.name}: cannot be read as Parquet ({error}).",
        remedy="choose another revision or subset of the dataset.",
    )


def _find_parquet(names: list[str], subset: str, split: str) -> list[str]:
    """Find a split's files: `<subset>/<split>/0000.parquet`, or `<subset or data>/<split>-....parquet`."""
    folder = re.escape(subset)
    shape = re.compile(rf"(?:{folder}/{split}/[^/]+|(?:{folder}|data)/{split}-[^/]+)\.parquet")
    return sorted(name for name in names if shape.fullmatch(name))


def _read_tags(path: Path, params: HubCorpusParams, source: Path) -> tuple[str, ...] | None:
    """Read the tag names from a dataset's schema; None for tags that are text.

    Raises:
        PipelineError: If a column is absent, or its type is not what a corpus needs.
    """
    from datasets import ClassLabel, Features  # knows every spelling of a schema that the Hub has had

    try:
        features = Features.from_arrow_schema(pq.read_schema(path))
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(path, error) from error
    found = {}
    for key in ("words_column", "tags_column", "nested_column"):
        column = getattr(params, key)
        if column is None:
            continue
        if column not in features:
            raise PipelineError(
                f"{source}: {key} is {column!r}, which {params.dataset} lacks.",
                remedy=f"choose one of {', '.join(features)}.",
            )
        found[key] = getattr(features[column], "feature", None)
    types = {key: kind for key, kind in found.items() if key != "words_column"}
    tags = types["tags_column"]
    if isinstance(tags, ClassLabel) and all(isinstance(kind, ClassLabel) for kind in types.values()):
        return tuple(tags.names)
    for key, kind in types.items():
        if kind is None or not pa.types.is_string(getattr(kind, "pa_type", None) or pa.null()):
            raise PipelineError(
                f"{source}: {key} {getattr(params, key)!r} holds neither class labels nor text.",
                remedy="choose a column with one tag a word.",
            )
    return None
