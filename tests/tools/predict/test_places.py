"""Which files are read and which one is written."""

import os
from pathlib import Path

import pytest

from ner.core.errors import PipelineError
from tools.predict.input_rows import STDIN, InputFormat, Meter, read_rows
from tools.predict.output_formats import OutputFormat
from tools.predict.places import (
    Inputs,
    check_output_is_no_input,
    choose_format,
    count_bytes,
    find_input_format,
    list_inputs,
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Stand in a folder `in` of one file."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Path("in/a.txt").write_text("Ems\n", encoding="utf-8")


def make_fifo(path):
    os.mkfifo(path)


LEFT_OUT = {
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "no regular file": make_fifo,
    "0 bytes, which gzip never writes": lambda path: path.with_name("x.txt.gz").touch(),
    "a link to a folder": lambda path: path.symlink_to(Path.cwd()),
}


@pytest.mark.parametrize("reason", LEFT_OUT)
def test_what_a_folder_holds_that_cannot_be_read_is_named_and_counted(reason):
    LEFT_OUT[reason](Path("in/x"))
    inputs = list_inputs([Path("in")])
    assert inputs.files == [Path("in/a.txt")]
    named, counted = inputs.describe_left_out()
    assert named.startswith("left out: in/x")
    assert named.endswith(f": {reason}")
    assert counted == "Left out of the input: 1 that cannot be read"


def test_a_folder_that_may_not_be_read_is_named(monkeypatch):
    Path("in/b").mkdir()
    scan = os.scandir

    def refuse(path):
        if Path(path).name == "b":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert list_inputs([Path("in")]).left_out == [(Path("in/b"), "Permission denied")]


def test_hidden_files_and_folders_are_counted():
    for name in (".DS_Store", ".h.txt", "b/.x"):
        Path("in", name).parent.mkdir(exist_ok=True)
        Path("in", name).touch()
    Path("in/.git").mkdir()
    Path("in/.git/c.txt").touch()
    inputs = list_inputs([Path("in")])
    assert inputs.files == [Path("in/a.txt")]
    assert inputs.describe_left_out() == ["Left out of the input: 4 hidden"]


def test_a_long_list_of_what_is_left_out_is_cut_but_counted():
    for number in range(15):
        Path(f"in/{number:02}.txt").symlink_to("nowhere")
    lines = list_inputs([Path("in")]).describe_left_out()
    assert len(lines) == 11
    assert lines[-1] == "Left out of the input: 15 that cannot be read"


def test_a_folder_of_nothing_to_read_is_refused_with_what_is_in_it():
    Path("in/a.txt").unlink()
    Path("in/.DS_Store").touch()
    with pytest.raises(PipelineError, match="in: Left out of the input: 1 hidden"):
        list_inputs([Path("in")])


def test_a_pipe_that_is_named_is_read_as_text(tmp_path):
    make_fifo("pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)  # so that writing does not wait
    with Path("pipe").open("wb") as writer:
        writer.write(b"Ems\n")
        writer.flush()
        [path] = list_inputs([tmp_path / "pipe"]).files
        meter = Meter(count_bytes([path]))
        rows = read_rows(path, find_input_format(path, None), meter)
        assert next(rows).text == "Ems"
        assert (meter.total, meter.done) == (None, 0)
    os.close(reader)
    assert list(rows) == []


@pytest.mark.parametrize(
    ("name", "form", "expected"),
    [
        pytest.param("-", None, InputFormat.TEXT, id="stdin"),
        pytest.param("-", InputFormat.JSONL, InputFormat.JSONL, id="stdin-named"),
        pytest.param("pipe", None, InputFormat.TEXT, id="pipe"),
        pytest.param("pipe.tsv", None, InputFormat.TSV, id="pipe-with-ending"),
        pytest.param("in/a.txt", InputFormat.CONLL, InputFormat.CONLL, id="named"),
    ],
)
def test_the_format_of_an_input(name, form, expected):
    for pipe in ("pipe", "pipe.tsv"):
        make_fifo(pipe)
    assert find_input_format(Path(name), form) is expected


@pytest.mark.parametrize("name", ["-", "pipe.parquet"])
def test_parquet_is_not_read_from_a_pipe(name):
    make_fifo("pipe.parquet")
    with pytest.raises(PipelineError, match="Parquet is read from its end"):
        find_input_format(Path(name), InputFormat.PARQUET)


@pytest.mark.parametrize("output", ["in/t.jsonl", "in/sub/t.jsonl", "link/t.jsonl", "in/../in/t.jsonl"])
def test_an_output_in_a_folder_that_is_read_is_refused_before_it_is_there(output):
    """The next run, or the same one resumed, would read what this one wrote."""
    Path("link").symlink_to("in")
    with pytest.raises(PipelineError, match="lies in in, which is read"):
        check_output_is_no_input(Path(output), list_inputs([Path("in")]))


@pytest.mark.parametrize("link", ["hard", "symbolic"])
def test_an_output_that_is_an_input_under_another_name_is_refused(link):
    if link == "hard":
        os.link("in/a.txt", "b.txt")
    else:
        Path("b.txt").symlink_to("in/a.txt")
    with pytest.raises(PipelineError, match=r"--output b\.txt is also read"):
        check_output_is_no_input(Path("b.txt"), list_inputs([Path("in/a.txt")]))


def test_the_output_of_an_earlier_run_beside_the_folder_is_fine():
    Path("inside").mkdir()
    Path("inside/t.jsonl").touch()
    check_output_is_no_input(Path("inside/t.jsonl"), list_inputs([Path("in")]))
    check_output_is_no_input(Path("/dev/null"), Inputs([Path("/dev/null"), STDIN]))


def test_a_device_is_written_as_json_lines():
    assert choose_format(Path("/dev/null")) is OutputFormat.JSONL
