"""What a worker does with a part, without Ray."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ner.core.errors import PipelineError
from tests.support.capital_tagger import CapitalTagger
from tools.predict.manifest import name_part, write_bad_lines
from tools.predict.ranges import plan_parts
from tools.predict.ray_engine import list_bad_lines
from tools.predict.ray_worker import WorkerSettings, check_part, tag_part

LINES = [b'{"text": "Eins"}', b"kaputt", b'{"text": "Zwei"}', b'{"text": 3}', b'{"text": "Drei"}'] * 20


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "out").mkdir()

    def settings(**changes):
        values = {
            "output": tmp_path / "out",
            "form": None,
            "levels": "both",
            "min_score": 0.0,
            "precision": "auto",
            "subtokens_per_batch": None,
            "is_skipping": True,
        }
        return WorkerSettings(**{**values, **changes})

    return settings


def write_inputs(folder):
    """Write a file that is split, and two that are not."""
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(b"\n".join(LINES) + b"\n")
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(b"\n".join(LINES[:3])))
    pq.write_table(pa.table({"text": ["Vier", None, "Elf"]}), folder / "c.parquet", row_group_size=1)
    return [(path, path.stat().st_size) for path in sorted(folder.iterdir())]


def test_bad_lines_are_listed_by_their_lines_in_their_files(tmp_path, settings):
    files = write_inputs(tmp_path / "in")
    parts = list(plan_parts(files, None, 200))
    assert len(parts) > 8
    summaries = {part.number: tag_part(part, settings(), CapitalTagger()) for part in parts}
    found = pq.read_table(tmp_path / "out")  # what is beside the parts is not read
    assert found["text"].to_pylist() == ["Eins", "Zwei", "Drei"] * 20 + ["Eins", "Zwei", "Vier", "Elf"]
    path = write_bad_lines(tmp_path / "out", list_bad_lines(tmp_path / "out", iter(parts), summaries))
    listed = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    bad = [
        number for number, line in enumerate(LINES, start=1) if line in LINES[1::2][:2] or line == LINES[3]
    ]
    assert [one["line"] for one in listed if one["file"].endswith("a.jsonl")] == bad
    assert [one["line"] for one in listed if one["file"].endswith(".gz")] == [2]
    assert [one["line"] for one in listed if one["file"].endswith(".parquet")] == [2]
    assert listed[0]["reason"].startswith("not JSON")
    assert sum(one.n_bad for one in summaries.values()) == len(listed)


def test_a_bad_line_is_named_by_its_line_in_the_file(tmp_path, settings):
    (tmp_path / "in.jsonl").write_bytes(LINES[0] * 1 + b"\n" + (LINES[2] + b"\n") * 50 + b"kaputt\n")
    size = (tmp_path / "in.jsonl").stat().st_size
    *good, last = plan_parts([(tmp_path / "in.jsonl", size)], None, 100)
    for part in good:
        tag_part(part, settings(is_skipping=False), CapitalTagger())
    with pytest.raises(PipelineError, match=r"in\.jsonl:52: not JSON.*--skip-bad-lines"):
        tag_part(last, settings(is_skipping=False), CapitalTagger())
    assert not (tmp_path / "out" / name_part(last.number)).exists()
    assert not list((tmp_path / "out").glob(".*"))


def test_names_below_the_score_are_left_out(tmp_path, settings):
    (tmp_path / "in.txt").write_text("X und Ems\n", encoding="utf-8")
    [part] = plan_parts([(tmp_path / "in.txt", 10)], None, 100)
    tag_part(part, settings(min_score=0.5), CapitalTagger())
    [row] = pq.read_table(tmp_path / "out").to_pylist()
    assert [entity["text"] for entity in row["entities"]] == ["Ems"]


@pytest.mark.parametrize(
    ("levels", "inner", "entities"),
    [
        pytest.param("both", ["O", "O", "B-LOC"], [("PER", "outer"), ("LOC", "inner")], id="both"),
        pytest.param("outer", None, [("PER", None)], id="outer"),
    ],
)
def test_a_part_holds_the_levels_that_are_asked_for(tmp_path, settings, levels, inner, entities):
    (tmp_path / "in.txt").write_text("in Bad Ems\n", encoding="utf-8")
    (part,) = plan_parts([(tmp_path / "in.txt", 11)], None, 200)
    tag_part(part, settings(levels=levels), CapitalTagger(2, levels=levels))
    (row,) = pq.read_table(tmp_path / "out" / name_part(part.number)).to_pylist()
    assert row.get("predicted_inner") == inner
    assert [(one["label"], one.get("level")) for one in row["entities"]] == entities


def test_a_finished_part_is_checked_against_its_input(tmp_path, settings):
    path = tmp_path / "in.txt"
    path.write_text("Bonn\n", encoding="utf-8")
    [part] = plan_parts([(path, 5)], None, 100)
    done = tag_part(part, settings(), CapitalTagger())
    assert check_part(part, tmp_path / "out") == done
    path.write_text("Jena\n", encoding="utf-8")
    with pytest.raises(PipelineError, match=r"in\.txt has changed since part-00000000\.parquet was made"):
        check_part(part, tmp_path / "out")
