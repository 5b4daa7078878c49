"""Remedies for a corpus that cannot be read."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Features, List, Value

from ner.annotation.labels import TagSet
from ner.annotation.sentences import read_split
from ner.sources.corpus import open_corpus
from ner.sources.settings import ColumnParams, DataParams
from ner.sources.storing import write_corpus
from ner.text.splitting import split_text
from tests.remedies.cases import Case, params, write

FORMATS = "ner/sources/formats/"
GOOD = "Zoë B-PER\nlebt O\nin O\nSuhl B-LOC\n. O\n"
FILES = {"train.conll": f"{GOOD}\n{GOOD}", "dev.conll": GOOD, "test.conll": GOOD}
GERMEVAL = "#\tq\n1\tZoë\tB-PER\tO\n2\tlebt\tO\tO\n"
NUMBERED = "1\tZoë\tB-PER\n2\tlebt\tO\n"
MORE_TRAIN = "".join(f"Zoë B-PER\nlebt O\n{n} O\n\n" for n in range(20))
DOCCANO = {"text": "Zoë lebt.", "label": [[0, 3, "PER"]]}
WEBANNO = (
    "#FORMAT=WebAnno TSV 3.2\n#T_SP=webanno.custom.NamedEntity|value\n\n\n"
    "#Text=Zoë lebt\n1-1\t0-3\tZoë\tPER\n1-2\t4-8\tlebt\t_\n"
)
NAMED = Features(
    {"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=["O", "B-PER"]))}
).arrow_schema
SAY_ENCODING = (
    "say its encoding in params.yaml, for example data.encoding: cp1252, or save the file as UTF-8, "
    "for example with iconv -f cp1252 -t utf-8."
)
WIKINER = "Zoë|NE|B-PER lebt|V|O\n"


@dataclass
class Corpus:
    """A corpus of a folder `corpus`, read with settings that a remedy may change."""

    files: dict = field(default_factory=dict)
    changes: dict = field(default_factory=dict)
    then: dict = field(default_factory=dict)
    then_changes: dict = field(default_factory=dict)
    base: dict = field(default_factory=lambda: FILES)
    source: str = "corpus"

    def prepare(self, folder: Path) -> None:
        """Write the files that are refused."""
        self.now = self.changes
        write({f"corpus/{name}": content for name, content in (self.base | self.files).items()})(folder)

    def mend(self, folder: Path) -> None:
        """Write what the remedy says."""
        self.now = self.changes | self.then_changes
        write({f"corpus/{name}": content for name, content in self.then.items()})(folder)

    def read(self, folder: Path) -> None:
        """Do what download_corpus does."""
        changes = dict(self.now)
        settings = DataParams.found(str(folder / changes.pop("source", self.source))).model_copy(
            update=changes
        )
        with open_corpus(settings, split_text) as corpus:
            write_corpus(corpus, folder / "raw", folder / "findings.csv", settings)


def of(module: str, remedy: str, files=None, then=None, **others) -> Case:
    """Return the case of a corpus."""
    corpus = Corpus(files or {}, then=then or {}, **others)
    return Case(module, remedy, corpus.read, corpus.mend, corpus.prepare)


def alone(name: str, content: str) -> dict:
    """Return a corpus in which train is one file, from which the others are cut."""
    return {**dict.fromkeys(FILES), name: content}


def same(name: str, content: str | bytes) -> dict:
    """Return a corpus of three such files."""
    stem, _, suffix = name.partition(".")
    del stem
    return {**dict.fromkeys(FILES), **{f"{split}.{suffix}": content for split in ("train", "dev", "test")}}


def lines(*records: object) -> str:
    return "".join(json.dumps(one) + "\n" for one in records)


def parquet(schema: pa.Schema | None = None, **columns: list) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns, schema=schema), sink)
    return sink.getvalue().to_pybytes()


def tag_list(remedy: str, wrong: str, right: str) -> Case:
    """Return the case of tag names that a dataset gives."""
    return Case(
        "ner/annotation/labels.py",
        remedy,
        lambda folder: TagSet(tuple((folder / "tags").read_text(encoding="utf-8").split(","))),
        write({"tags": right}),
        write({"tags": wrong}),
    )


CASES = [
    tag_list(
        "give every tag as O, B-<label> or I-<label> in the corpus that data.source names.",
        "O,PER",
        "O,B-PER",
    ),
    tag_list("let labels have visible characters alone, and begin with none of = + - @.", "O,B-=x", "O,B-x"),
    tag_list("add B-{} to the tag names of the corpus; its tags must be IOB2.", "O,I-PER", "O,I-PER,B-PER"),
    tag_list("write the tag of a word outside every name as O in the corpus.", "B-PER", "B-PER,O"),
    tag_list("give every tag name one place in the tag list of the corpus.", "O,B-PER,O", "O,B-PER"),
    of(
        "ner/annotation/schemes.py",
        "write {} as everywhere else.",
        {"dev.conll": "Zoë E-PER\nlebt O\n"},
        {"dev.conll": GOOD},
        changes={"scheme": "iob2"},
    ),
    of(
        "ner/annotation/schemes.py",
        "write the whole corpus in one of IOB2, BIOES, BILOU and BMES.",
        {"dev.conll": "a B-PER\nb L-PER\n\nc S-PER\nd M-PER\n"},
        {"dev.conll": GOOD},
    ),
    of(
        "ner/annotation/schemes.py",
        "write {}; where the tags are bare labels, set data.scheme to io.",
        {"dev.conll": "Zoë PER\nlebt O\n"},
        {"dev.conll": GOOD},
    ),
    of(
        "ner/annotation/schemes.py",
        "set data.scheme to iob2 or iob1.",
        {"train.conll": "a I-PER\nb O\n", "dev.conll": "c O\nd I-PER\n", "test.conll": GOOD},
        then_changes={"scheme": "iob1"},
    ),
    of(
        "ner/sources/stray_tags.py",
        "write B- where an entity begins ({}), or set data.stray_tags to begin.",
        {"dev.conll": f"{GOOD}\na O\nUlm I-LOC\n"},
        then_changes={"stray_tags": "begin"},
    ),
    of(
        "ner/sources/stray_tags.py",
        "write B- where an entity begins ({}), or set data.stray_tags to begin.",
        {"dev.conll": f"{GOOD}\na O\nUlm I-LOC\n"},
        {"dev.conll": f"{GOOD}\na O\nUlm B-LOC\n"},
    ),
    of(
        "ner/sources/corpus.py",
        "name a folder of corpus files, one such file, or a file like data/germeval14.yaml; in queued runs a "
        "path outside the repository must be absolute.",
        changes={"source": "corpsu"},
        then_changes={"source": "corpus"},
    ),
    of(
        "ner/sources/cutting.py",
        "add sentences, or a file for each other split, such as dev.conll and test.conll.",
        alone("train.conll", GOOD),
        {"train.conll": MORE_TRAIN},
    ),
    of(
        "ner/sources/cutting.py",
        "add sentences, or a file for each other split, such as dev.conll and test.conll.",
        alone("train.conll", GOOD),
        {"dev.conll": GOOD, "test.conll": GOOD},
    ),
    of(
        f"{FORMATS}brat.py",
        "annotate it anew.",
        brat := same("a.ann", "T1\tPER 0 99\tZoë\n") | same("a.txt", "Zoë lebt."),
        same("a.ann", "T1\tPER 0 3\tZoë\n"),
    ),
    of(
        f"{FORMATS}brat.py",
        "annotate it anew: {} has been changed since.",
        brat | same("a.ann", "T1\tPER 0 3\tEva\n"),
        same("a.ann", "T1\tPER 0 3\tZoë\n"),
    ),
    of(
        f"{FORMATS}brat.py",
        "write T1, a tab, label, start and end, a tab, and the text.",
        brat | same("a.ann", "T1 PER 0 3\n"),
        same("a.ann", "T1\tPER 0 3\tZoë\n"),
    ),
    of(
        f"{FORMATS}lines.py",
        SAY_ENCODING,
        same("a.ann", "T1\tPER 0 3\tZoë\n".encode("cp1252")) | same("a.txt", "Zoë lebt.".encode("cp1252")),
        then_changes={"encoding": "cp1252"},
    ),
    of(
        f"{FORMATS}column_layouts.py",
        "say it in params.yaml, for example data.columns: {word: 0, tag: -1}.",
        same("a.conll", "Zoë NE PER x\nlebt V b c\n"),
        then_changes={"columns": ColumnParams(word=0, tag=2)},
    ),
    of(
        f"{FORMATS}column_layouts.py",
        "say which in params.yaml: data.columns: {word: {}, tag: {}}.",
        same("a.conll", "Zoë B-PER B-LOC\nlebt O O\n"),
        then_changes={"columns": ColumnParams(word=0, tag=2)},
    ),
    of(
        f"{FORMATS}column_layouts.py",
        "write a number from 0 to {}, or from -{} to -1.",
        changes={"columns": ColumnParams(word=0, tag=2)},
        then_changes={"columns": ColumnParams(word=0, tag=1)},
    ),
    of(
        f"{FORMATS}column_layouts.py",
        "write two different columns.",
        changes={"columns": ColumnParams(word=1, tag=-1)},
        then_changes={"columns": ColumnParams(word=0, tag=-1)},
    ),
    of(
        f"{FORMATS}column_layouts.py",
        "write a word and its tag in each line, separated by a tab or blanks.",
        same("a.conll", "Zoë\nlebt\n"),
        same("a.conll", GOOD),
    ),
    of(
        f"{FORMATS}columns.py",
        "number the words of a sentence one by one, and put an empty line between sentences.",
        {**same("a.tsv", NUMBERED), "dev.tsv": "1\tZoë\tB-PER\n3\tlebt\tO\n"},
        {"dev.tsv": NUMBERED},
    ),
    of(
        f"{FORMATS}columns.py",
        "write the word, or remove the line.",
        {"dev.conll": "Zoë\tB-PER\n\tB-LOC\n"},
        {"dev.conll": "Zoë\tB-PER\n"},
    ),
    of(
        f"{FORMATS}columns.py",
        "write {}a word and its tag{} as in the other lines ({}), or remove it.",
        {"dev.conll": "Zoë B-PER\nlebt O O O\n"},
        {"dev.conll": GOOD},
    ),
    of(f"{FORMATS}detection.py", "add sentences, or another file.", {"dev.conll": "\n"}, {"dev.conll": GOOD}),
    of(
        f"{FORMATS}germeval.py",
        "number the words of each sentence from 1, and put an empty line between sentences.",
        {**same("a.tsv", GERMEVAL), "dev.tsv": GERMEVAL + "1\tEms\tB-LOC\tO\n"},
        {"dev.tsv": GERMEVAL + "\n1\tEms\tB-LOC\tO\n"},
    ),
    of(
        f"{FORMATS}germeval.py",
        "remove it, or add the sentence's words.",
        {**same("a.tsv", GERMEVAL), "dev.tsv": f"#\tx\n\n{GERMEVAL}"},
        {"dev.tsv": GERMEVAL},
    ),
    of(
        f"{FORMATS}germeval.py",
        "write number, word, outer tag and inner tag, separated by tabs.",
        {**same("a.tsv", GERMEVAL), "dev.tsv": f"{GERMEVAL}3\tEms\tO\n"},
        {"dev.tsv": f"{GERMEVAL}3\tEms\tO\tO\n"},
    ),
    of(
        f"{FORMATS}germeval.py",
        "write the word in column 2, or remove the line.",
        {**same("a.tsv", GERMEVAL), "dev.tsv": f"{GERMEVAL}3\t\tB-LOC\tO\n"},
        {"dev.tsv": GERMEVAL},
    ),
    of(
        f"{FORMATS}columns.py",
        "write {}a word and its tag{} as in the other lines ({}), or remove it.",
        {"dev.conll": f"{GOOD}Ems\n"},
        {"dev.conll": f"{GOOD}Ems O\n"},
    ),
    of(
        f"{FORMATS}lines.py",
        SAY_ENCODING,
        {"dev.conll": GOOD.encode("utf-16") + b"\n\xd8\n\x00x"},
        {"dev.conll": GOOD},
    ),
    of(
        f"{FORMATS}lines.py",
        SAY_ENCODING,
        {"dev.conll": GOOD.encode("cp1252")},
        {"dev.conll": GOOD},
    ),
    of(
        f"{FORMATS}lines.py",
        SAY_ENCODING,
        {name: content.encode("cp1252") for name, content in FILES.items()},
        then_changes={"encoding": "cp1252"},
    ),
    *[
        of(
            f"{FORMATS}lines.py",
            "write utf-8, cp1252 (Windows), latin-1, or another that Python has.",
            changes={"encoding": "ansi_1252"},
            then_changes={"encoding": name},
        )
        for name in ("utf-8", "cp1252", "latin-1", "iso8859_15")
    ],
    of(
        "ner/sources/cutting.py",
        "set a smaller data.folds, or add sentences.",
        changes={"folds": 9, "fold": 1},
        then_changes={"folds": 4},
        files=(five := alone("train.conll", "".join(f"Zoë B-PER\n{n} O\n\n" for n in range(5)))),
    ),
    of(
        "ner/sources/cutting.py",
        "set a smaller data.folds, or add sentences.",
        five,
        {"train.conll": MORE_TRAIN},
        changes={"folds": 9, "fold": 1},
    ),
    *[
        of(
            "ner/sources/settings.py",
            "set data.folds to how many there are and data.fold to one of them, counted from 1; "
            "or leave both empty.",
            {"train.conll": MORE_TRAIN},
            changes={"folds": 5, "fold": 6},
            then_changes=then,
        )
        for then in ({"folds": 6}, {"fold": 5}, {"folds": None, "fold": None})
    ],
    of(
        "ner/sources/settings.py",
        "set data.validation_share, for example to 0.1.",
        {"train.conll": MORE_TRAIN},
        changes={"folds": 5, "fold": 1, "validation_share": 0.0},
        then_changes={"validation_share": 0.1},
    ),
    of(
        f"{FORMATS}offsets.py",
        "fix it; characters are counted from 0, and the end is the one behind the last.",
        same("a.jsonl", lines({**DOCCANO, "label": [[0, 30, "PER"]]})),
        same("a.jsonl", lines(DOCCANO)),
    ),
    of(
        f"{FORMATS}offsets.py",
        "remove it from the annotation.",
        same("a.jsonl", lines({**DOCCANO, "label": [[3, 4, "PER"]]})),
        same("a.jsonl", lines({**DOCCANO, "label": []}) + lines(DOCCANO)),
    ),
    of(
        f"{FORMATS}parquet.py",
        "name a Parquet file that can be read.",
        {**same("a.parquet", parquet(tokens=[["Zoë"]], ner_tags=[["B-PER"]])), "dev.parquet": b"PAR1"},
        {"dev.parquet": parquet(tokens=[["Zoë"]], ner_tags=[["B-PER"]])},
    ),
    *[
        of(
            f"{FORMATS}parquet.py",
            "write the number of a tag; move a file without tags elsewhere, and data.validation_share or "
            "data.test_share cuts its split from train.",
            {
                **dict.fromkeys(FILES),
                "train.parquet": parquet(
                    NAMED, tokens=[["Zoë", str(n)] for n in range(20)], ner_tags=[[1, 0]] * 20
                ),
                "test.parquet": parquet(NAMED, tokens=[["Zoë"]], ner_tags=[[-1]]),
            },
            {"test.parquet": then},
        )
        for then in (None, parquet(NAMED, tokens=[["Zoë"]], ner_tags=[[1]]))
    ],
    of(
        f"{FORMATS}records.py",
        "fix the record.",
        same("a.jsonl", lines({"tokens": ["Zoë", "lebt"], "ner_tags": ["B-PER"]})),
        same("a.jsonl", lines({"tokens": ["Zoë", "lebt"], "ner_tags": ["B-PER", "O"]})),
    ),
    of(
        f"{FORMATS}records.py",
        "give each record one text or list of words.",
        same("a.json", "[" * 100_000),
        same("a.json", json.dumps([DOCCANO])),
    ),
    of(
        f"{FORMATS}records.py",
        "give each record tokens and ner_tags (names, one a word), or text with spans, label, labels or "
        "entities (start, end, label).",
        same("a.jsonl", lines({"words_": ["Zoë"]})),
        same("a.jsonl", lines({"tokens": ["Zoë"], "ner_tags": ["B-PER"]})),
    ),
    of(
        f"{FORMATS}records.py",
        "write one JSON object a line.",
        same("a.jsonl", lines(DOCCANO) + "kaputt\n"),
        same("a.jsonl", lines(DOCCANO, DOCCANO)),
    ),
    of(
        f"{FORMATS}webanno.py",
        "export the document again.",
        same("a.tsv", WEBANNO + "1-3\n"),
        same("a.tsv", WEBANNO),
    ),
    of(
        f"{FORMATS}webanno.py",
        "export the document with its layer of named entities.",
        same("a.tsv", WEBANNO.replace("NamedEntity|value", "POS|tag")),
        same("a.tsv", WEBANNO),
    ),
    of(
        f"{FORMATS}wikiner.py",
        "write each word as word|POS|TAG, with blanks between.",
        same("a.txt", f"{WIKINER}Zoë|NE|B-PER lebt\n"),
        same("a.txt", f"{WIKINER}Zoë|NE|B-PER lebt|V|O\n"),
    ),
    of(
        "ner/sources/label_names.py",
        "write visible characters without a blank, and begin with none of = + - @.",
        changes={"label_map": {"PER": "a b"}},
        then_changes={"label_map": {"PER": "a_b"}},
    ),
    of(
        "ner/sources/label_names.py",
        "{}Its labels are {}.",
        changes={"label_map": {"PERS": "P"}},
        then_changes={"label_map": {"PER": "P"}},
    ),
    of(
        "ner/sources/split_files.py",
        "add one of {} there, or set data.{}_share to cut it from train.",
        {"train.conll": MORE_TRAIN, "dev.conll": None},
        changes={"validation_share": 0.0},
        then_changes={"validation_share": 0.2},
    ),
    of(
        "ner/sources/split_files.py",
        "add one of {} there, or set data.{}_share to cut it from train.",
        {"dev.conll": None},
        {"validation.conll": GOOD},
        changes={"validation_share": 0.0},
    ),
    of("ner/sources/split_files.py", "add one of {} there.", {"train.conll": None}, {"train.conll": GOOD}),
    of(
        "ner/sources/split_files.py",
        "keep one of them in the folder.",
        {"dev.tsv": GERMEVAL},
        {"dev.tsv": None},
    ),
    of(
        "ner/sources/split_files.py",
        "rename it after its split, for example dev.conll or test.tsv, or move it elsewhere.",
        {"train.conll": None, "korpus.conll": GOOD},
        {"korpus.conll": None, "train.conll": GOOD},
    ),
    Case(
        "ner/annotation/sentences.py",
        "make it again: dvc repro -f -s download_corpus",
        lambda folder: read_split(folder / "raw/train.parquet"),
        lambda folder: (once := Corpus(), once.prepare(folder), once.read(folder)),
        write({"raw/train.parquet": "kaputt"}),
    ),
]


@pytest.mark.parametrize("case", params(CASES))
def test_the_remedy_works(case, tmp_path):
    case.follow(tmp_path)
