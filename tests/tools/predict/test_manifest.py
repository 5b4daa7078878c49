"""What a folder of parts holds beside them."""

import json

import pytest

from ner.core.errors import PipelineError
from tools.predict.manifest import Job, Record, begin, hash_model, name_part, read_record, write_record

JOB = Job([["a.txt", 3], ["b.txt", 4]], "abc", {"min_score": 0.0, "level": "both"}, 100)


def test_a_new_folder_holds_the_job(tmp_path):
    assert begin(tmp_path / "out", JOB, resume=False) == (JOB, set())
    assert json.loads((tmp_path / "out/_run/job.json").read_text(encoding="utf-8"))["model"] == "abc"


def test_resuming_begins_where_there_is_nothing(tmp_path):
    assert begin(tmp_path / "out", JOB, resume=True) == (JOB, set())


def test_a_part_is_finished_if_both_the_part_and_its_record_are_there(tmp_path):
    """A process may be killed between them, and a person may remove a part."""
    output = tmp_path / "out"
    begin(output, JOB, resume=False)
    record = Record(2, ["x"], [3], [(0, 2, "kaputt")])
    for number in (0, 1):
        write_record(output, number, record)
    for number in (1, 2):
        (output / name_part(number)).touch()
    leftover = output / f".{name_part(3)}.0.part"
    leftover.touch()
    assert begin(output, JOB, resume=True) == (JOB, {1})
    assert read_record(output, 1).bad_lines == [[0, 2, "kaputt"]]
    assert not leftover.exists()


def test_the_first_run_says_how_large_the_parts_are(tmp_path):
    begin(tmp_path / "out", JOB, resume=False)
    other = Job(JOB.files, JOB.model, JOB.settings, 7)
    assert begin(tmp_path / "out", other, resume=True)[0].part_bytes == 100


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param({"model": "xyz"}, "the tagger is another one", id="model"),
        pytest.param(
            {"settings": {"min_score": 0.5, "level": "both"}}, "--min-score was 0.0, and is 0.5", id="score"
        ),
        pytest.param({"files": [["a.txt", 3], ["b.txt", 5]]}, "the input changed: b.txt", id="size"),
        pytest.param({"files": [["a.txt", 3]]}, "the input changed: b.txt", id="removed"),
        pytest.param(
            {"files": [["a.txt", 3], ["b.txt", 4], ["c.txt", 4]]}, "the input changed: c.txt", id="new"
        ),
        pytest.param({"files": [["b.txt", 4], ["a.txt", 3]]}, "the order of the input changed", id="order"),
    ],
)
def test_another_job_is_not_resumed(tmp_path, change, told):
    begin(tmp_path / "out", JOB, resume=False)
    values = {name: getattr(JOB, name) for name in Job.__slots__} | change
    with pytest.raises(PipelineError, match=rf"begun with something else: {told}\."):
        begin(tmp_path / "out", Job(**values), resume=True)


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "x").touch()
    for resume in (False, True):
        with pytest.raises(PipelineError, match="is there already, and is no run's"):
            begin(tmp_path, JOB, resume=resume)


def test_a_finished_folder_is_not_overwritten(tmp_path):
    begin(tmp_path / "out", JOB, resume=False)
    with pytest.raises(PipelineError, match=r"is there already.*pass --resume"):
        begin(tmp_path / "out", JOB, resume=False)


def test_the_hash_of_a_tagger_tells_names_and_contents():
    files = {"a": b"1", "b": b"2"}
    others = [{"a": b"1"}, {"a": b"1", "b": b"3"}, {"a": b"1", "c": b"2"}, {"a": b"12", "b": b""}]
    assert len({hash_model(one) for one in [files, *others]}) == 5
    assert hash_model(dict(reversed(files.items()))) == hash_model(files)
