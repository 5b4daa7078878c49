"""Remedies for files of an object store, and for a folder of parts that several workers write."""

from pathlib import Path

import pytest

from ner.sources.stores import parse_place
from tests.remedies.cases import Case, params, value, write
from tests.support.capital_tagger import CapitalTagger
from tools.predict.input_rows import InputFormat
from tools.predict.manifest import Job, begin
from tools.predict.ranges import PieceReader, plan_parts, split_file
from tools.predict.ray_pool import choose_workers
from tools.predict.ray_worker import WorkerSettings, check_part, tag_part

MANIFEST = "tools/predict/manifest.py"
STORES = "ner/sources/stores.py"
POOL = ("tools/predict/ray_pool.py", "lower --workers or --cpus-per-worker, or start a larger cluster.")
JOB = Job([["in.txt", 8]], "a tagger", {"level": "both"}, 100)
OTHER = Job([["in.txt", 8]], "a tagger", {"level": "outer"}, 100)
TWO_CORES = {"CPU": 2.0}


def began(name: str, *arguments, **options) -> None:
    """Begin a folder of parts."""
    begin(Path(name), *arguments, **options)


def read_range(folder: Path) -> None:
    """Read the first of some ranges of a file."""
    [first, *_] = split_file(folder / "in.txt", 100, InputFormat.TEXT, 10)
    assert list(PieceReader(first, InputFormat.TEXT).read())


class FinishedPart:
    """A part that was tagged, and is checked when the run goes on."""

    output = Path("out")

    def tag(self, folder: Path) -> None:
        """Tag the file into a part of the folder."""
        write({"in.txt": "Bad Ems\n"})(folder)
        [self.part] = plan_parts([(folder / "in.txt", 8)], None, 100)
        self.output.mkdir()
        settings = WorkerSettings(
            output=self.output,
            form=None,
            levels="both",
            min_score=0.0,
            precision="auto",
            subtokens_per_batch=None,
            is_skipping=False,
        )
        tag_part(self.part, settings, CapitalTagger())

    def change(self, folder: Path) -> None:
        """Change the file behind the part."""
        self.tag(folder)
        write({"in.txt": "Bad Orb\n"})(folder)

    def go_on(self, _: Path) -> None:
        """See that the part is still that of the file."""
        check_part(self.part, self.output)


finished = FinishedPart()
CASES = [
    value(STORES, "name a path, file:///, {}.", parse_place, "http://korpus/a", "s3://korpus/a"),
    value(STORES, "name a path, file:///, {}.", parse_place, "ftp://korpus/a", "file:///korpus/a"),
    value(STORES, "leave them out, and set {}.", parse_place, "s3://name:secret@korpus/a", "s3://korpus/a"),
    value(STORES, "write gs://bucket/folder.", parse_place, "gcs:///a", "gs://bucket/folder"),
    Case("tools/predict/ranges.py", "name files that can be read.", read_range, write({"in.txt": "Ems\n"})),
    value(
        MANIFEST,
        "name a new folder with --output.",
        lambda name: began(name, JOB, resume=False),
        "full",
        "new",
        write({"full/a.txt": "x"}),
    ),
    *[
        value(
            MANIFEST,
            "pass --resume to go on, or name a new folder.",
            lambda one: began(one[0], JOB, resume=one[1]),
            ("out", False),
            right,
            lambda _: began("out", JOB, resume=False),
        )
        for right in (("out", True), ("new", False))
    ],
    *[
        value(
            MANIFEST,
            "repeat the options and files of the first run, or name a new folder with --output.",
            lambda one: began(*one, resume=True),
            ("out", OTHER),
            right,
            lambda _: began("out", JOB, resume=False),
        )
        for right in (("out", JOB), ("new", OTHER))
    ],
    Case(
        "tools/predict/ray_worker.py",
        "restore it, or name a new folder with --output.",
        finished.go_on,
        write({"in.txt": "Bad Ems\n"}),
        finished.change,
    ),
    value(*POOL, lambda n: choose_workers([TWO_CORES], n, 1), 3, 2),
    value(*POOL, lambda n: choose_workers([TWO_CORES], None, n), 4, 2),
    value(*POOL, lambda nodes: choose_workers(nodes, 3, 1), [TWO_CORES], [TWO_CORES] * 2),
]


@pytest.mark.parametrize("case", params(CASES))
def test_the_remedy_works(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    case.follow(tmp_path)
