"""What the files of a corpus are: told by their content, columns by all files of a kind together."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from ner.core.errors import PipelineError
from ner.sources.formats import parquet
from ner.sources.formats.brat import is_brat, read_brat
from ner.sources.formats.column_layouts import find_layout
from ner.sources.formats.columns import read_columns
from ner.sources.formats.germeval import read_germeval
from ner.sources.formats.lines import SPACES, UTF8, Place, check_encoding, read_lines
from ner.sources.formats.offsets import SplitText
from ner.sources.formats.raw import RawReader, RawSentence
from ner.sources.formats.records import (
    name_format,
    parse_record,
    read_json_array,
    read_json_lines,
    read_records,
)
from ner.sources.formats.webanno import is_webanno, read_webanno
from ner.sources.formats.wikiner import is_wikiner, read_wikiner
from ner.sources.split_files import ALIASES

SAMPLE_LINES = 2_000
GERMEVAL = "GermEval's four columns"
JSON_SUFFIXES = {".json", ".jsonl"}


@dataclass(frozen=True, slots=True)
class CorpusFile:
    """A file of a corpus and how it is read.

    Args:
        path: Where it is.
        form: What it was taken for, in words.
        read: Reads it from its beginning.
        may_nest: Whether its format has an inner level.
    """

    path: Path
    form: str
    read: RawReader
    may_nest: bool

    def iterate(self) -> Iterator[RawSentence]:
        """Read the sentences.

        Raises:
            PipelineError: Names file and line of what cannot be read; also if there is no sentence.
        """
        is_empty = True
        for sentence in self.read():
            is_empty = False
            yield sentence
        if is_empty:
            raise PipelineError(
                f"{self.path}:1: the file holds no sentence.", remedy="add sentences, or another file."
            )


def detect_files(
    splits: Mapping[str, Sequence[Path]],
    columns: Mapping[str, int] | None,
    split_text: SplitText,
    encoding: str = UTF8,
) -> dict[str, list[CorpusFile]]:
    """Find out what the files of a corpus are.

    Args:
        splits: The files of each split.
        columns: What `data.columns` says.
        split_text: Splits a text into the words of its sentences.
        encoding: What `data.encoding` says.

    Raises:
        PipelineError: If a file is none that can be read, or its columns cannot be told.
    """
    check_encoding(encoding)
    paths = [path for files in splits.values() for path in files]
    samples = {path: sample for path in paths if (sample := _sample(path, encoding)) is not None}
    tabular: dict[str, list[Path]] = {}
    for path, sample in samples.items():
        if not _is_own_format(sample):
            tabular.setdefault(_suffix(path), []).append(path)
    found: dict[Path, CorpusFile] = {}
    for alike in tabular.values():
        pooled = [line for path in alike for line in samples[path]]
        layout = find_layout(pooled, next((p for p in alike if samples[p]), alike[0]), columns)
        for path in alike:
            if layout is None:
                found[path] = CorpusFile(
                    path, GERMEVAL, partial(read_germeval, path, encoding), may_nest=True
                )
            else:
                read = partial(read_columns, path, layout, encoding)
                found[path] = CorpusFile(path, layout.describe(), read, may_nest=False)
    for path in paths:
        if path not in found:
            found[path] = _detect_own_format(path, samples.get(path), split_text, encoding)
    return {split: [found[path] for path in files] for split, files in splits.items()}


def _suffix(path: Path) -> str:
    """Return the end of the names of one kind of files; none where it is a split, as in eng.testa."""
    return "" if path.suffix[1:].lower() in ALIASES else path.suffix.lower()


def _sample(path: Path, encoding: str) -> list[str] | None:
    """Read the first lines; None of what is no text of lines."""
    if path.suffix.lower() in {".parquet", *JSON_SUFFIXES} or is_brat(path):
        return None
    return [text for _, text in islice(read_lines(path, encoding), SAMPLE_LINES)]


def _is_own_format(sample: Sequence[str]) -> bool:
    first = next((line for line in sample if line.strip(SPACES)), "")
    return is_webanno(first) or is_wikiner(first) or _is_json_line(first)


def _is_json_line(line: str) -> bool:
    if not line.startswith("{"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _detect_own_format(
    path: Path, sample: Sequence[str] | None, split_text: SplitText, encoding: str
) -> CorpusFile:
    if path.suffix.lower() == ".parquet":
        return CorpusFile(path, parquet.NAME, partial(_read_parquet, path, split_text), may_nest=True)
    if is_brat(path):
        return CorpusFile(
            path, "BRAT standoff", partial(read_brat, path, split_text, encoding), may_nest=True
        )
    first = next((line for line in sample or () if line.strip(SPACES)), "")
    if is_webanno(first):
        return CorpusFile(path, "WebAnno TSV 3", partial(read_webanno, path, encoding), may_nest=True)
    if is_wikiner(first):
        return CorpusFile(
            path, "WikiNER's word|POS|tag", partial(read_wikiner, path, encoding), may_nest=False
        )
    records = (read_json_array if path.suffix.lower() == ".json" else read_json_lines)(path, encoding)
    number, record = next(records, (1, None))
    form = name_format(record)
    if form is None:
        if record is None:
            raise PipelineError(
                f"{path}:1: the file holds no sentence.", remedy="add sentences, or another file."
            )
        next(parse_record(record, Place(path, number), split_text))  # says what is wrong with it
    return CorpusFile(path, form or "JSON", partial(read_records, path, split_text, encoding), may_nest=True)


def _read_parquet(path: Path, split_text: SplitText) -> Iterator[RawSentence]:
    for number, row in parquet.read_rows(path):
        yield from parse_record(row, Place(path, number), split_text)
