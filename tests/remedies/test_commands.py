"""Remedies for a command that was called with what it cannot do."""

import gzip
import json
import os
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from bench import fuzz_readers
from corpus_generator import make_sample
from tests.remedies.cases import Case, params, value, write
from tests.support.capital_tagger import CapitalTagger
from tests.support.pipeline_clone import ROOT
from tools import export
from tools.checks import headline
from tools.doubtful import command as doubtful
from tools.experiments.learning_curve import parse_shares
from tools.experiments.search import read_search
from tools.experiments.seeds import parse_seeds, parse_settings
from tools.predict import command as predict
from tools.predict import input_rows
from tools.redact import command as redact

TEXT = write({"in.txt": "Bad Ems\n"})
TAGGER = {"models/ner/config.json": "{}", "models/ner/run_config.json": "{}"}


@pytest.fixture(autouse=True)
def project(monkeypatch, tmp_path):
    """Stand in an empty folder; capitalised words are names."""
    for module in (predict, redact, doubtful):
        monkeypatch.setattr(module, "load", lambda *_, **__: CapitalTagger())
    monkeypatch.setattr(input_rows, "MAX_ARRAY_BYTES", 60)
    monkeypatch.chdir(tmp_path)


class Command:
    """A command line, and what the remedy changes in it."""

    def __init__(self, module, *arguments, then=None):
        self.module, self.arguments, self.then = module, arguments, then

    def run(self, _: Path) -> None:
        """Run it."""
        result = CliRunner().invoke(self.module.app, [str(one) for one in self.arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output

    def change(self, _: Path) -> None:
        """Pass what the remedy says instead."""
        self.arguments = self.then


def of(place: str, remedy: str, command: Command, prepare=TEXT, mend=None) -> Case:
    """Return the case of a command line."""
    return Case(place, remedy, command.run, mend or command.change, prepare)


def ner_predict(*arguments, then=None) -> Command:
    return Command(predict, *arguments, then=then)


def files(module: str, remedy: str, command, before: dict, after: dict) -> Case:
    """Return the case of a file that is mended."""
    return Case(module, remedy, command, write(after), write(before))


def search(module: str, remedy: str, command, before: dict, after: dict) -> Case:
    """Return the case of search.yaml."""
    return Case(
        module, remedy, command, write(after), lambda folder: (params_yaml(folder), write(before)(folder))
    )


def params_yaml(_: Path) -> None:
    """Write the project's own."""
    Path("params.yaml").write_text((ROOT / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")


def write_parquet(name: str, **columns):
    return lambda folder: pq.write_table(pa.table(columns), folder / name)


def write_gzip(name: str, text: str):
    return lambda folder: (folder / name).write_bytes(gzip.compress(text.encode()))


class ClosedStream:
    """A standard stream that the shell has closed."""

    def __init__(self, name: str, command: Command) -> None:
        self.name, self.command = name, command

    def run(self, _: Path) -> None:
        """Run the command without it."""
        before = getattr(sys, self.name)
        setattr(sys, self.name, None)
        try:
            self.command.module.app([str(one) for one in self.command.arguments], standalone_mode=False)
        finally:
            setattr(sys, self.name, before)


IN = "tools/predict/input_rows.py"
PLACES = "tools/predict/places.py"
COMMAND = "tools/predict/command.py"
REDACT = "tools/redact/command.py"
ARRAY = json.dumps([{"text": "Bad Ems"}] * 9)
BAD = '{"text": "Bad Ems"}\nkaputt\n'
SEARCH = "trials: 2\nbatch: 1\nseed: 1\nparameters:\n  {}\n"

closed_output = ner_predict("Ems", then=("Ems", "--output", "o.jsonl"))
closed_input = ner_predict("--output", "o.jsonl", then=("--file", "in.txt", "--output", "o.jsonl"))

CASES = [
    of(
        "bench/fuzz_readers.py",
        "choose of {}.",
        Command(
            fuzz_readers,
            "--reader",
            "wikinr",
            then=("--reader", "wikiner", "--executions", "1", "--valid", ROOT / "tests/corpus/shapes"),
        ),
    ),
    of(
        IN,
        "fix it, or pass --skip-bad-lines.",
        ner_predict("--file", "a.jsonl", then=("--file", "a.jsonl", "--skip-bad-lines")),
        write({"a.jsonl": BAD}),
    ),
    of(
        IN,
        "fix it, or pass --skip-bad-lines.",
        ner_predict("--file", "a.jsonl"),
        write({"a.jsonl": BAD}),
        mend=write({"a.jsonl": BAD.replace("kaputt", '{"text": ""}')}),
    ),
    of(
        IN,
        "{}; or pass --skip-bad-lines.",
        ner_predict("--file", "a.txt", then=("--file", "a.txt", "--skip-bad-lines")),
        write({"a.txt": "Ems\n\xff".encode("latin1")}),
    ),
    of(
        IN,
        "name a Parquet file that can be read.",
        ner_predict("--file", "a.parquet"),
        write({"a.parquet": "x"}),
        mend=write_parquet("a.parquet", text=["Ems"]),
    ),
    of(
        IN,
        "name a file that can be read.",
        ner_predict("--file", "a.txt.gz"),
        write({"a.txt.gz": "x"}),
        mend=write_gzip("a.txt.gz", "Ems\n"),
    ),
    of(
        IN,
        "pass --input-format, or name it {} (.gz behind it is fine).",
        ner_predict("--file", "a.csv", then=("--file", "a.csv", "--input-format", "text")),
        write({"a.csv": "Ems\n"}),
    ),
    of(
        IN,
        "rename the column that holds lists of words to tokens, that of texts to text.",
        ner_predict("--file", "a.parquet"),
        write_parquet("a.parquet", body=["Ems"]),
        mend=write_parquet("a.parquet", text=["Ems"]),
    ),
    of(
        IN,
        "save it as UTF-8.",
        ner_predict("--file", "a.json"),
        write({"a.json": b'["\xff"]'}),
        mend=write({"a.json": '[{"text": "Ems"}]'}),
    ),
    of(
        IN,
        "write one record a line (jq -c '.[]') and name the file .jsonl.",
        ner_predict("--file", "a.json", then=("--file", "a.jsonl")),
        write({"a.json": ARRAY, "a.jsonl": '{"text": "Bad Ems"}\n' * 9}),
    ),
    of(PLACES, "correct --file.", ner_predict("--file", "on.txt", then=("--file", "in.txt"))),
    of(
        PLACES,
        "leave .gz out, and run gzip after it.",
        ner_predict("Ems", "--output", "o.jsonl.gz", then=("Ems", "--output", "o.jsonl")),
    ),
    of(
        PLACES,
        "name a file in it.",
        ner_predict("Ems", "--output", "d.txt", then=("Ems", "--output", "d.txt/o.txt")),
        lambda folder: (folder / "d.txt").mkdir(),
    ),
    of(
        PLACES,
        "name a file outside of that folder.",
        ner_predict("--file", "d", "--output", "d/o.txt", then=("--file", "d", "--output", "o.txt")),
        write({"d/in.txt": "Ems\n"}),
    ),
    Case(
        PLACES, "name a file with --file.", ClosedStream("stdin", closed_input).run, closed_input.change, TEXT
    ),
    Case(
        PLACES,
        "name a file with --output.",
        ClosedStream("stdout", closed_output).run,
        closed_output.change,
        TEXT,
    ),
    of(
        PLACES,
        "name a file with --output, in one of the formats {}.",
        ner_predict("Ems", "--resume", then=("Ems", "--resume", "--output", "o.jsonl")),
    ),
    of(
        PLACES,
        "name another file.",
        ner_predict("--file", "in.txt", "--output", "in.txt", then=("--file", "in.txt", "--output", "o.txt")),
    ),
    of(
        PLACES,
        "name files to tag.",
        ner_predict("--file", "d", then=("--file", "in.txt")),
        lambda folder: (TEXT(folder), (folder / "d").mkdir()),
    ),
    of(
        PLACES,
        "name it with --output.",
        ner_predict(
            "Ems", "--format", "parquet", then=("Ems", "--format", "parquet", "--output", "o.parquet")
        ),
    ),
    of(
        PLACES,
        "pass --format, or name it {}.",
        ner_predict("Ems", "--output", "o.csv", then=("Ems", "--output", "o.csv", "--format", "jsonl")),
    ),
    of(
        PLACES,
        "write it to a file first, and name that with --file.",
        ner_predict("--file", "p.parquet", then=("--file", "a.parquet")),
        lambda folder: (os.mkfifo(folder / "p.parquet"), write_parquet("a.parquet", text=["Ems"])(folder)),
    ),
    of(
        COMMAND,
        "name --file and --output, or leave --engine ray out.",
        ner_predict("Ems", "--engine", "ray", then=("Ems",)),
    ),
    of(
        COMMAND,
        "name a folder with --output, or leave --engine ray out.",
        ner_predict(
            "--file",
            "in.txt",
            "--engine",
            "ray",
            "--output",
            "o.jsonl",
            then=("--file", "in.txt", "--output", "o.jsonl"),
        ),
    ),
    of(
        COMMAND,
        "resume with the input, format and --skip-bad-lines of the first run, or start anew.",
        ner_predict(
            "--file",
            "b.txt",
            "--output",
            "o.jsonl",
            "--resume",
            then=("--file", "in.txt", "--output", "o.jsonl", "--resume"),
        ),
        lambda folder: (
            write({"in.txt": "Ems\n", "b.txt": "Ulm\n"})(folder),
            ner_predict("--file", "in.txt", "--output", "o.jsonl").run(folder),
        ),
    ),
    of(
        COMMAND,
        "use --format jsonl, or leave --resume out.",
        ner_predict(
            "Ja. Nein.",
            "--output",
            "o.conll",
            "--resume",
            then=("Ja. Nein.", "--output", "o.jsonl", "--resume"),
        ),
        ner_predict("Ja. Nein.", "--output", "o.conll").run,
    ),
    of(
        COMMAND,
        "name another file with --output.",
        ner_predict("Ems", "--output", "in.txt/o.txt", then=("Ems", "--output", "o.txt")),
    ),
    of(
        REDACT,
        "add --numbered.",
        Command(redact, "Ems", "--mapping", "m.json", then=("Ems", "--mapping", "m.json", "--numbered")),
    ),
    of(REDACT, "choose of {}.", Command(redact, "Ems", "--label", "ORG", then=("Ems", "--label", "PER"))),
    of(
        REDACT,
        "name a new file, or remove it.",
        Command(
            redact,
            "Ems",
            "--numbered",
            "--mapping",
            "in.txt",
            then=("Ems", "--numbered", "--mapping", "m.json"),
        ),
    ),
    of(
        REDACT,
        "name a new file, or remove it.",
        Command(redact, "Ems", "--numbered", "--mapping", "in.txt"),
        mend=lambda folder: (folder / "in.txt").unlink(),
    ),
    of(
        REDACT,
        "name two files.",
        Command(
            redact,
            "Ems",
            "--numbered",
            "--mapping",
            "a.txt",
            "--output",
            "./a.txt",
            then=("Ems", "--numbered", "--mapping", "m.json", "--output", "a.txt"),
        ),
    ),
    of(
        "tools/doubtful/command.py",
        "name other files, or lower --min-words.",
        Command(
            doubtful,
            "--file",
            "in.txt",
            "--output",
            "o.jsonl",
            "--min-words",
            "5",
            then=("--file", "in.txt", "--output", "o.jsonl", "--min-words", "1"),
        ),
    ),
    value("tools/experiments/seeds.py", "for example SEEDS=1,2,3", parse_seeds, "1;2", "1,2,3"),
    value("tools/experiments/seeds.py", "name each once.", parse_seeds, "1,1", "1,2"),
    value(
        "tools/experiments/seeds.py",
        "for example -S train.lr=2e-5",
        parse_settings,
        ["train.lr"],
        ["train.lr=2e-5"],
        params_yaml,
    ),
    value(
        "tools/experiments/queue.py",
        "{}The keys here are {}.",
        parse_settings,
        ["train.rl=2e-5"],
        ["train.lr=2e-5"],
        params_yaml,
    ),
    value(
        "tools/experiments/learning_curve.py",
        "for example --shares 0.1,0.25,0.5,1",
        parse_shares,
        "0,1",
        "0.1,0.25,0.5,1",
    ),
    search(
        "tools/experiments/search.py",
        "low is at most high, and above 0 on a log scale.",
        lambda _: read_search(Path("search.yaml")),
        {"search.yaml": SEARCH.format("train.lr: {low: 0, high: 1.0, scale: log}")},
        {"search.yaml": SEARCH.format("train.lr: {low: 0.1, high: 1.0, scale: log}")},
    ),
    search(
        "tools/experiments/search.py",
        "write train.lr: {low: ..., high: ..., scale: log}",
        lambda _: read_search(Path("search.yaml")),
        {"search.yaml": "trials: 2\nbatch: 1\nseed: 1\nparameters:\n"},
        {"search.yaml": SEARCH.format("train.lr: {low: 0.1, high: 1.0, scale: log}")},
    ),
    search(
        "tools/experiments/search.py",
        "write {}: {choices: [...]}",
        lambda _: read_search(Path("search.yaml")),
        {"search.yaml": SEARCH.format("train.levels: {low: 1, high: 2, scale: linear}")},
        {"search.yaml": SEARCH.format("train.levels: {choices: [outer, auto]}")},
    ),
    files(
        "tools/export.py",
        "make it with dvc repro, or fetch it with dvc pull.",
        lambda _: export.require_file(Path("models/ner/config.json")),
        {},
        TAGGER,
    ),
    value(
        "tools/export.py",
        "name another folder with --output.",
        lambda name: export.check_place(Path(name), proof="README.md", source=Path("models/ner")),
        "taken",
        "models/hub",
        write({**TAGGER, "taken/x": ""}),
    ),
    value(
        "tools/export.py",
        "name the folder itself with --output.",
        lambda name: export.check_place(Path(name), proof="README.md", source=Path("models/ner")),
        "link",
        "real",
        lambda folder: (write(TAGGER)(folder), (folder / "link").symlink_to("real")),
    ),
    of(
        "tools/export.py",
        "leave them out.",
        Command(export, "--to", "hub-folder", "--int8", "--model", "none", then=("--help",)),
    ),
    of(
        "tools/checks/headline.py",
        "run dvc repro in the project's root folder.",
        Command(headline),
        mend=lambda _: os.chdir(ROOT),
    ),
    of(
        "corpus_generator/make_sample.py",
        "ask for at least {} sentences.",
        Command(
            make_sample, "--sentences", "20", "--output", "s", then=("--sentences", "160", "--output", "s")
        ),
    ),
    of(
        "corpus_generator/make_sample.py",
        "pass another --output folder.",
        Command(
            make_sample,
            "--sentences",
            "160",
            "--output",
            "in.txt",
            then=("--sentences", "160", "--output", "s"),
        ),
    ),
]


@pytest.mark.parametrize("case", params(CASES))
def test_the_remedy_works(case, tmp_path):
    case.follow(tmp_path)
