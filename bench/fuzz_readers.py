"""Read damaged files with every reader of corpus files: `python -m bench.fuzz_readers`.

Each execution damages a valid small file and reads it. It must be read or refused in one line. Every eighth
goes the whole way from finding the format to IOB2, and what comes out is written and read back.
"""

import json
import logging
import re
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
import typer
from rich.console import Console
from rich.table import Table

from bench.mutations import MOST_CHANGES, mutate_bytes, mutate_value
from ner.annotation.sentences import Sentence
from ner.annotation.spans import decode_spans, encode_tags
from ner.core.command import run_command
from ner.core.errors import PipelineError
from ner.sources.conversion import read_splits
from ner.sources.formats import doccano, label_studio, spans_jsonl, tokens_jsonl
from ner.sources.formats.brat import format_brat, read_brat
from ner.sources.formats.column_layouts import find_layout
from ner.sources.formats.columns import Layout, format_columns, parse_columns, read_columns
from ner.sources.formats.detection import detect_files
from ner.sources.formats.germeval import format_germeval, read_germeval
from ner.sources.formats.lines import read_lines
from ner.sources.formats.offsets import AnnotatedText, Range
from ner.sources.formats.raw import RawSentence, raise_errors
from ner.sources.formats.records import read_records
from ner.sources.formats.webanno import read_webanno
from ner.sources.formats.wikiner import read_wikiner
from ner.text.splitting import Word, split_text

WHOLE_WAY = 8  # of so many executions one goes from finding the format to IOB2 and back into a file
WRITTEN = Layout(2, "\t", 0, 1)
NO_BLANKS = re.compile(r"\S+")
UNWRITABLE = re.compile(r"[\t\n]|^ | $|^-DOCSTART-$")  # words that no file of columns can hold
SHOWN_SIGNS = 300


class BadSentenceError(Exception):
    """A sentence that a reader must not give, or a refusal that no user understands."""


@dataclass(frozen=True, slots=True)
class Target:
    """A reader with valid files to damage.

    Args:
        seeds: Names of files in the folder of valid files.
        read: Reads a file of this format, whatever detection would say of it.
        damage: Writes a damaged copy of a valid file into a folder and returns the file to read.
    """

    seeds: tuple[str, ...]
    read: Callable[[Path], Iterator[RawSentence]]
    damage: Callable[[Path, Path, Random], Path]


@dataclass(slots=True)
class Outcome:
    """What became of a target's executions.

    Args:
        faults: By its kind and place in the code: the first damaged file, and how it failed.
    """

    n_read: int = 0
    n_refused: int = 0
    seconds: float = 0.0
    faults: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    @property
    def n_executions(self) -> int:
        """All executions."""
        return self.n_read + self.n_refused


def split_at_blanks(text: str) -> list[list[Word]]:
    """Split a text quickly: the splitter of the project takes longer than the readers."""
    return [
        [Word(found[0], *found.span()) for found in NO_BLANKS.finditer(text)],
    ]


def damage_text(valid: Path, folder: Path, random: Random) -> Path:
    """Damage the bytes of a file."""
    path = folder / f"train{valid.suffix}"
    path.write_bytes(mutate_bytes(read_seed(valid), random))
    return path


def damage_json(valid: Path, folder: Path, random: Random) -> Path:
    """Damage the values of a JSON file, or its bytes."""
    if random.random() < 0.25:
        return damage_text(valid, folder, random)
    path = folder / f"train{valid.suffix}"
    lines = [read_seed(valid)] if valid.suffix == ".json" else read_seed(valid).splitlines()
    records = [json.loads(line) for line in lines]
    at = random.randrange(len(records))
    for _ in range(random.randint(1, MOST_CHANGES)):
        records[at] = mutate_value(records[at], random)
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    return path


def damage_brat(valid: Path, folder: Path, random: Random) -> Path:
    """Damage a text or its annotation."""
    (text,) = valid.glob("*.txt")
    path = folder / "train.txt"
    contents = [read_seed(text), read_seed(text.with_suffix(".ann"))]
    at = random.random() < 0.8
    contents[at] = mutate_bytes(contents[at], random)
    path.write_bytes(contents[0])
    path.with_suffix(".ann").write_bytes(contents[1])
    return path


def damage_parquet(valid: Path, folder: Path, random: Random) -> Path:
    """Damage the rows of a Parquet file made from JSON Lines, or its bytes."""
    path = folder / "train.parquet"
    rows = [json.loads(line) for line in read_seed(valid).splitlines()]
    is_bytes = random.random() < 0.25
    while True:
        changed: Any = rows
        for _ in range(0 if is_bytes else random.randint(1, MOST_CHANGES)):
            changed = mutate_value(changed, random)
        try:
            pq.write_table(pa.Table.from_pylist(changed), path)
            break
        except (pa.ArrowException, OverflowError, TypeError, AttributeError, KeyError, UnicodeError):
            continue  # no columns can hold these values
    if is_bytes:
        path.write_bytes(mutate_bytes(path.read_bytes(), random))
    return path


_seeds: dict[Path, bytes] = {}


def read_seed(path: Path) -> bytes:
    """Return the content of a valid file."""
    if path not in _seeds:
        _seeds[path] = path.read_bytes()
    return _seeds[path]


def read_found_columns(path: Path, *, needs_tags: bool = True) -> Iterator[RawSentence]:
    """Find the layout of a file and read it."""
    layout = find_layout([text for _, text in islice(read_lines(path), 200)], path, needs_tags=needs_tags)
    if layout is None:
        yield from read_germeval(path)
    elif needs_tags:
        yield from read_columns(path, layout)
    else:
        yield from raise_errors(parse_columns(read_lines(path), path, layout))


def read_found(path: Path) -> Iterator[RawSentence]:
    """Read a file as what it is found to be."""
    for files in detect_files({"train": [path]}, None, split_at_blanks).values():
        for one in files:
            yield from one.iterate()


COLUMNS = (
    "two_columns.bio", "conll2003.txt", "label_studio.conll", "hipe2022.tsv", "uner.iob2",
    "ner_in_misc.conllu", "header.csv", "kaggle.csv", "bioes.conll", "iob1.conll", "io.conll",
    "letter_behind.conll",
)  # fmt: skip
read_json = partial(read_records, split_text=split_at_blanks)
TARGETS = {
    "columns": Target(COLUMNS, read_found_columns, damage_text),
    "words": Target(COLUMNS, partial(read_found_columns, needs_tags=False), damage_text),
    "germeval": Target(("germeval.tsv",), read_germeval, damage_text),
    "webanno": Target(("webanno.tsv",), read_webanno, damage_text),
    "wikiner": Target(("wikiner.txt",), read_wikiner, damage_text),
    "brat": Target(("brat",), partial(read_brat, split_text=split_at_blanks), damage_brat),
    "doccano": Target(
        ("doccano_labels.jsonl", "doccano_label.jsonl", "doccano_entities.jsonl"), read_json, damage_json
    ),
    "label studio": Target(("label_studio.json", "label_studio_min.json"), read_json, damage_json),
    "spans": Target(("spacy.jsonl", "prodigy.jsonl", "spacy_pairs.json"), read_json, damage_json),
    "tokens": Target(("tokens.jsonl",), read_json, damage_json),
    "parquet": Target(("tokens.jsonl", "spacy.jsonl"), read_found, damage_parquet),
}


def fuzz(target: Target, valid: Path, folder: Path, n_executions: int, seed: int) -> Outcome:
    """Read damaged files, each its own draw from the seed.

    Args:
        target: What reads, and what is damaged.
        valid: The folder of valid files.
        folder: Where the damaged file is written.
        n_executions: How many files are read.
        seed: The same one draws the same files.
    """
    outcome = Outcome()
    started = time.process_time()
    for number in range(n_executions):
        random = Random(f"{seed}:{number}")  # noqa: S311 - draws damage, keeps no secret
        path = target.damage(valid / random.choice(target.seeds), folder, random)
        try:
            check_raw(target.read(path))
            if number % WHOLE_WAY == 0:
                check_whole_way(path, folder)
            outcome.n_read += 1
        except PipelineError as error:
            outcome.n_refused += 1
            if not str(error).isprintable() or str(folder) not in str(error) or "Remedy: " not in str(error):
                note_fault(outcome, path, f"unclear refusal: {error!r}")
        except Exception as error:  # noqa: BLE001 - any other exception is what is looked for
            outcome.n_refused += 1
            frame = traceback.extract_tb(error.__traceback__)[-1]
            kind = f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
            note_fault(outcome, path, f"{kind}: {str(error)[:SHOWN_SIGNS]}", kind)
    outcome.seconds = time.process_time() - started
    return outcome


def note_fault(outcome: Outcome, path: Path, what: str, kind: str | None = None) -> None:
    """Keep the first file of each kind of fault."""
    content = path.read_bytes()
    if path.with_suffix(".ann").exists():
        content += b"\n.ann\n" + path.with_suffix(".ann").read_bytes()
    outcome.faults.setdefault(kind or what[:60], (content, what))


def check_raw(sentences: Iterable[RawSentence]) -> None:
    """Check what a reader gives.

    Raises:
        BadSentenceError: If it is no sentence.
    """
    for one in sentences:
        n_words = len(one.words)
        levels = [one.outer] if one.inner is None else [one.outer, one.inner]
        if not n_words or not all(one.words):
            raise BadSentenceError(f"no words, or empty ones: {one.words!r}")
        if any(len(level) != n_words for level in levels) or len(one.lines) != n_words:
            raise BadSentenceError(f"{n_words} words with other numbers of tags or lines: {one!r}")
        "".join([*one.words, *one.outer, one.source]).encode()


def check_whole_way(path: Path, folder: Path) -> None:
    """Read a file as a corpus of its own, then write and read back the sentences in every format we write.

    Raises:
        BadSentenceError: If a sentence is no IOB2, or does not come back.
    """
    sentences = list(read_splits(path, split_text)["train"]())
    for one in sentences:
        for level in filter(None, (one.outer, one.inner)):
            if encode_tags(decode_spans(level), len(one.words)) != level:
                raise BadSentenceError(f"no IOB2: {level}")
    expected = [(one.words, one.outer) for one in sentences]
    compare_columns([one for one in sentences if not any(map(UNWRITABLE.search, one.words))], folder)
    for name, module in (
        ("doccano", doccano),
        ("label studio", label_studio),
        ("spans", spans_jsonl),
    ):
        for one in sentences:
            annotated = join_words(one)
            record = json.loads(json.dumps(module.format_record(annotated)))
            if module.matches(record) and module.parse(record).spans != annotated.spans:
                raise BadSentenceError(f"{name} does not give back {annotated!r}")
    lines = (
        json.dumps(tokens_jsonl.format_record(RawSentence(one.words, one.outer, path, [])))
        for one in sentences
    )
    written = folder / "written.jsonl"
    written.write_text("\n".join(lines), encoding="utf-8")
    compare("tokens", expected, read_json(written))
    check_brat(sentences, folder)


def compare_columns(sentences: Sequence[Sentence], folder: Path) -> None:
    """Write sentences as columns and as GermEval's, and read them back."""
    expected = [(one.words, one.outer) for one in sentences]
    written = folder / "written"
    written.write_text(format_columns(sentences), encoding="utf-8", newline="\n")
    compare("columns", expected, read_columns(written, WRITTEN))
    written.write_text(format_germeval(sentences), encoding="utf-8", newline="\n")
    compare("germeval", expected, read_germeval(written))


def check_brat(sentences: Sequence[Sentence], folder: Path) -> None:
    """Write texts with their annotation, and read them back."""
    for one in sentences:
        annotated = join_words(one)
        written = folder / "written.txt"
        written.write_text(annotated.text, encoding="utf-8", newline="")
        written.with_suffix(".ann").write_text(format_brat(annotated), encoding="utf-8", newline="")
        n_entities = sum(len(decode_spans(raw.outer)) for raw in read_brat(written, split_at_blanks))
        if n_entities != len(annotated.spans):
            raise BadSentenceError(f"BRAT gives back {n_entities} entities of {annotated!r}")


def join_words(sentence: Sentence) -> AnnotatedText:
    """Join words by blanks, with the entities and the words by their characters."""
    words: list[Range] = []
    start = 0
    for word in sentence.words:
        words.append((start, start + len(word)))
        start += len(word) + 1
    spans = [(words[one.start][0], words[one.end - 1][1], one.label) for one in decode_spans(sentence.outer)]
    return AnnotatedText(" ".join(sentence.words), spans, words)


def compare(name: str, expected: list[tuple[list[str], list[str]]], found: Iterable[RawSentence]) -> None:
    """Check that sentences came back.

    Raises:
        BadSentenceError: If one differs.
    """
    read = [(one.words, one.outer) for one in found]
    if read != expected:
        differing = next(
            (pair for pair in zip(expected, read, strict=False) if pair[0] != pair[1]),
            f"{len(expected)} sentences, {len(read)} came back",
        )
        raise BadSentenceError(f"{name}: {differing!r}")


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def fuzz_readers(
    reader: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(TARGETS)}; may be given again. Default: all.")
    ] = None,
    executions: Annotated[int, typer.Option(min=1, help="Damaged files a reader.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same damage.")] = 0,
    valid: Annotated[Path, typer.Option(help="Folder of valid files.")] = Path("tests/corpus/shapes"),
    keep: Annotated[Path | None, typer.Option(help="Folder for one file of each fault.")] = None,
) -> None:
    """Damage valid corpus files and read them: each must be read, or refused in one clear line."""
    unknown = [one for one in reader or () if one not in TARGETS]
    if unknown:
        raise PipelineError(
            f"--reader {unknown[0]}: there is no such reader.", remedy=f"choose of {', '.join(TARGETS)}."
        )
    logging.getLogger("ner").setLevel(logging.ERROR)  # labels that are written otherwise are no news here
    table = Table("reader", "executions", "read", "refused", "faults", "executions a CPU second")
    faults: dict[str, tuple[bytes, str]] = {}
    for name in reader or TARGETS:
        with tempfile.TemporaryDirectory() as folder:
            outcome = fuzz(TARGETS[name], valid, Path(folder), executions, seed)
        table.add_row(
            name,
            f"{outcome.n_executions:,}",
            f"{outcome.n_read:,}",
            f"{outcome.n_refused:,}",
            f"{len(outcome.faults)}",
            f"{outcome.n_executions / outcome.seconds:,.0f}",
        )
        faults |= {f"{name}, {kind}": fault for kind, fault in outcome.faults.items()}
    console = Console(width=120)
    console.print(table)
    for number, (kind, (content, what)) in enumerate(faults.items()):
        console.print(f"{kind}\n  {what[:SHOWN_SIGNS]!r}\n  {content[:SHOWN_SIGNS]!r}", markup=False)
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"fault_{number}").write_bytes(content)
    if faults:
        raise PipelineError(
            f"{len(faults)} kinds of faults.", remedy="fix the readers; --keep keeps the files."
        )


if __name__ == "__main__":
    run_command(app)
