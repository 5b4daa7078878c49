"""A corpus on the Hugging Face Hub, as a small YAML file describes it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from ner.annotation.sentences import SPLITS
from ner.core.errors import PipelineError
from ner.core.params import Params, check_params, read_yaml
from ner.sources.formats import parquet
from ner.sources.formats.lines import Place
from ner.sources.formats.offsets import SplitText
from ner.sources.formats.raw import RawSentence
from ner.sources.formats.records import parse_record
from ner.sources.hub import ask_hub, download_files
from ner.sources.split_files import ALIASES

NOT_WHOLE = "fix the dataset."
SPLIT_WITHOUT_TAGS = (
    "save the splits that have tags as train.parquet, dev.parquet or test.parquet in a folder, and set "
    "data.source to it; a split that is missing there is cut from train."
)
CONVERTED = "refs/convert/parquet"  # the branch of Parquet files that the Hub makes of most datasets


class HubCorpusParams(Params):
    """The keys of a file such as `data/germeval14.yaml`."""

    dataset: str = Field(description="The dataset's id on the Hub, as organisation/name.")
    revision: str = Field(description="Branch, tag or commit; Parquet files are at refs/convert/parquet.")
    subset: str = Field(description="The dataset's subset (configuration), often `default`.")
    words_column: str = Field(description="The column with the list of words, or with texts.")
    tags_column: str = Field(description="The column with one tag a word; of texts, that with the spans.")
    nested_column: str | None = Field(description="The column with the tags of nested entities; empty: none.")
    names: list[str] | None = Field(
        default=None,
        description="Names of the tags in the order of their numbers, where the dataset has none.",
    )


@dataclass(frozen=True, slots=True)
class HubCorpus:
    """The splits of a Hub dataset, on disk.

    Args:
        params: What the YAML file says.
        commit: The commit that its revision stood for.
        files: Parquet files of each split that there is, in order.
        tags: Tag names in the dataset's own order; None if it stores tags as text, or spans.
        split_text: Splits a text into the words of its sentences, where the dataset has texts.
    """

    params: HubCorpusParams
    commit: str
    files: dict[str, list[Path]]
    tags: tuple[str, ...] | None
    split_text: SplitText

    @classmethod
    def download(cls, source: Path, folder: Path, split_text: SplitText) -> "HubCorpus":
        """Download what `source` names into `folder`.

        Raises:
            PipelineError: If the YAML file, the dataset, its revision, its subset or a column is not as said.
        """
        params = check_params(read_yaml(source), HubCorpusParams, source)
        repo = ask_hub(
            params.dataset, repo_type="dataset", revision=params.revision, parameter=f"{source}: dataset"
        )
        names = [file.name for file in repo.files]
        found = {
            split: parquet for split in SPLITS if (parquet := _find_parquet(names, params.subset, split))
        }
        if "train" not in found:
            raise no_train_split(source, params, names)
        download_files(repo, [name for files in found.values() for name in files], folder)
        files = {split: [folder / name for name in files] for split, files in found.items()}
        return cls(params, repo.commit, files, _read_tags(files["train"][0], params, source), split_text)

    def iterate(self, split: str) -> Iterator[RawSentence]:
        """Read the sentences of a split.

        Raises:
            PipelineError: At a sentence without words, or whose tags do not fit its words.
        """
        number = 0
        for path in self.files[split]:
            try:
                for batch in pq.ParquetFile(path).iter_batches():
                    for row in batch.to_pylist():
                        number += 1
                        yield from self._parse(row, Place(path, number))
            except (pa.ArrowInvalid, OSError) as error:
                raise _unreadable(path, error) from error

    def _name_tag(self, value: object, place: Place) -> str:
        """Return a tag's name; -1 and -100, which stand for a tag that is not known, have none."""
        if self.tags and isinstance(value, int) and 0 <= value < len(self.tags):
            return self.tags[value]
        if not self.tags and isinstance(value, str):
            return value
        raise place.error(f"{value!r} is no tag.", SPLIT_WITHOUT_TAGS)

    def _parse(self, row: dict[str, Any], place: Place) -> Iterator[RawSentence]:
        words = row[self.params.words_column]
        if isinstance(words, str):
            record = {"text": words, "spans": row[self.params.tags_column]}
            yield from parse_record(_with_common_keys(record), place, self.split_text)
            return
        if not isinstance(words, list) or not words or not all(isinstance(w, str) and w for w in words):
            raise place.error("a sentence with no words, or with an empty one.", NOT_WHOLE)
        levels = []
        for column in (self.params.tags_column, self.params.nested_column):
            values = row[column] if column else None
            if column and not isinstance(values, list):
                raise place.error(f"no tags in {column!r}.", NOT_WHOLE)
            if isinstance(values, list):
                tags = [self._name_tag(value, place) for value in values]
                if len(tags) != len(words):
                    raise place.error(f"{len(words)} words but {len(tags)} tags.", NOT_WHOLE)
                levels.append(tags)
        yield RawSentence(
            words=words,
            outer=levels[0],
            inner=levels[1] if len(levels) > 1 else None,
            path=Path(place.path),
            lines=[place.line] * len(words),
            source=str(row.get("source") or ""),
            id=str(row.get("id", place.line - 1)),
        )


def _with_common_keys(record: dict[str, Any]) -> dict[str, Any]:
    """Name the ends of spans `start` and `end`, whatever the dataset calls them."""
    spans = record["spans"] or []
    named = [
        {
            "start": next((one[key] for key in ("start", "start_offset", "begin") if key in one), None),
            "end": next((one[key] for key in ("end", "end_offset", "stop") if key in one), None),
            "label": next((one[key] for key in ("label", "type", "tag", "entity") if key in one), None),
        }
        if isinstance(one, dict)
        else one
        for one in spans
    ]
    return {**record, "spans": named}


def _unreadable(path: Path, error: Exception) -> PipelineError:
    return PipelineError(
        f"{path.name}: cannot be read as Parquet ({error}).",
        remedy="choose another revision or subset of the dataset.",
    )


def no_train_split(source: Path, params: HubCorpusParams, names: Sequence[str]) -> PipelineError:
    """Return the error of a revision and subset without Parquet files of train."""
    folders = sorted({name.split("/")[0] for name in names if "/" in name})
    if params.revision != CONVERTED:
        remedy = f"set revision to {CONVERTED} and subset to a folder there (in most cases default)."
    elif folders:
        remedy = f"set subset to one of {', '.join(folders)}."
    else:
        remedy = "choose another dataset: the Hub has converted nothing of this one."
    return PipelineError(
        f"{source}: {params.dataset} at {params.revision} has no Parquet file for subset "
        f"{params.subset!r} and split 'train'.",
        remedy=remedy,
    )


def _find_parquet(names: list[str], subset: str, split: str) -> list[str]:
    """Find a split's files: `<subset>/<split>/0000.parquet`, or `<subset or data>/<split>-....parquet`.

    The split's own name comes first; `dev`, `valid`, `testa` and the like are taken where it is absent.
    """
    folder = re.escape(subset)
    for name in (split, *(alias for alias, meant in ALIASES.items() if meant == split and alias != split)):
        shape = re.compile(rf"(?:{folder}/{name}/[^/]+|(?:{folder}|data)/{name}-[^/]+)\.parquet")
        found = sorted(one for one in names if shape.fullmatch(one))
        if found:
            return found
    return []


def _read_tags(path: Path, params: HubCorpusParams, source: Path) -> tuple[str, ...] | None:
    """Read the tag names from a dataset's schema; None for tags that are text, and for spans.

    Raises:
        PipelineError: If a column is absent, or its type is not what a corpus needs.
    """
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(path, error) from error
    kinds = {}
    for key in ("words_column", "tags_column", "nested_column"):
        column = getattr(params, key)
        if column is None:
            continue
        if column not in schema.names:
            raise PipelineError(
                f"{source}: {key} is {column!r}, which {params.dataset} lacks.",
                remedy=f"choose one of {', '.join(schema.names)}.",
            )
        kinds[key] = schema.field(column).type
    words = kinds.pop("words_column")
    if parquet.is_text(words) and parquet.is_span_list(kinds["tags_column"]):
        return None
    if parquet.is_text(words) and isinstance(kinds["tags_column"], pa.ListType):
        return None
    for key, kind in kinds.items():
        column = getattr(params, key)
        if parquet.is_number_list(kind) and not (params.names or parquet.find_class_names(schema, column)):
            raise PipelineError(
                f"{source}: {key} {column!r} holds numbers, and the dataset does not name its tags.",
                remedy="list them in the order of their numbers in that file, for example "
                "names: [O, B-PER, I-PER, B-LOC, I-LOC].",
            )
        if not parquet.is_number_list(kind) and not parquet.is_text_list(kind):
            raise PipelineError(
                f"{source}: {key} {column!r} holds neither class labels nor text.",
                remedy="choose a column with one tag a word.",
            )
    if len({parquet.is_text_list(kind) for kind in kinds.values()}) > 1:
        raise PipelineError(
            f"{source}: nested_column {params.nested_column!r} holds neither class labels nor text, "
            "where tags_column does.",
            remedy="choose a column with one tag a word.",
        )
    if parquet.is_text_list(kinds["tags_column"]):
        return None
    return tuple(params.names) if params.names else parquet.find_class_names(schema, params.tags_column)
