"""Tagging from the command line."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from ner.core.errors import PipelineError
from ner.evaluation.predictions import read_predictions
from tests.support.capital_tagger import CapitalTagger
from tests.support.corpora import read_sentences
from tests.support.pipeline_clone import ROOT
from tools.predict import command as predict
from tools.predict import console, tagging

TWEET = "RT @JensSpahn: Die #CDU und die EU-Kommission 🇪🇺 im Bundes\u00adtag"
FORMATS = [pytest.param(form, id=form) for form in ("jsonl", "conll", "tsv")]


@pytest.fixture
def tagger(monkeypatch, tmp_path):
    """Let capitalised words be names, and stand in an empty folder."""
    tagger = CapitalTagger()
    monkeypatch.setattr(predict, "load", lambda *_: tagger)
    monkeypatch.chdir(tmp_path)
    return tagger


def run(*arguments, text=None):
    """Run the command and give what it printed on standard output."""
    result = CliRunner().invoke(predict.app, [str(one) for one in arguments], input=text)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def write_corpus(path, n=5):
    """Write sentences of words in the format of the file's name."""
    lines = [["Ort", str(number), "und"] for number in range(n)]
    text = {
        ".jsonl": "".join(json.dumps({"tokens": words}) + "\n" for words in lines),
        ".conll": "".join("\n".join(words) + "\n\n" for words in lines),
        ".tsv": "".join("".join(f"{i}\t{w}\n" for i, w in enumerate(words, 1)) + "\n" for words in lines),
    }
    path.write_text(text[path.suffix], encoding="utf-8")


@pytest.mark.usefixtures("tagger")
def test_texts_of_the_command_line_come_out_as_json_with_their_offsets():
    (line,) = run(TWEET).splitlines()
    value = json.loads(line)
    names = [one["text"] for one in value["entities"]]
    assert names == ["RT", "Die", "EU-Kommission", "Bundes\u00adtag"]
    assert all(value["text"][one["start"] : one["end"]] == one["text"] for one in value["entities"])


@pytest.mark.parametrize(
    ("options", "precision"),
    [
        pytest.param([], "auto", id="the-taggers-own"),
        pytest.param(["--precision", "bf16"], "bf16", id="asked-for"),
    ],
)
@pytest.mark.usefixtures("tagger")
def test_the_number_type_reaches_the_tagger(monkeypatch, options, precision):
    loaded = []

    def load(*arguments):
        loaded.append(arguments)
        return CapitalTagger()

    monkeypatch.setattr(predict, "load", load)
    run(TWEET, *options)
    assert [one[:3] for one in loaded] == [(Path("models/ner"), None, precision)]


@pytest.mark.parametrize(
    ("options", "levels"),
    [
        pytest.param([], ["outer", "inner"], id="both"),
        pytest.param(["--level", "outer"], [None], id="outer-as-a-tagger-of-one-level"),
    ],
)
def test_level_outer_leaves_out_the_names_inside_others(options, levels, monkeypatch):
    monkeypatch.setattr(predict, "load", lambda *found: CapitalTagger(2, levels=found[3]))
    value = json.loads(run("in Bad Ems", *options))
    assert [one.get("level") for one in value["entities"]] == levels


@pytest.mark.usefixtures("tagger")
def test_each_line_of_standard_input_gives_a_line():
    values = [json.loads(line) for line in run(text="Ems\n\nBonn und\n").splitlines()]
    assert [value["text"] for value in values] == ["Ems", "", "Bonn und"]
    assert [len(value["entities"]) for value in values] == [1, 0, 1]


@pytest.mark.parametrize("form", FORMATS)
def test_names_below_the_score_are_left_out_in_every_format(form, tagger):
    assert "PER" in run("X", "--format", form, "--min-score", "0.3")
    assert "PER" not in run("X", "--format", form, "--min-score", "0.31")
    assert tagger.words_per_call


@pytest.mark.usefixtures("tagger")
def test_the_format_follows_the_name_of_the_output():
    for name, beginning in {
        "a.CONLL": "Ems\tB-PER",
        "a.conll": "Ems\tB-PER",
        "a.tsv": "1\tEms\tB-PER\tO",
        "a.txt": "[Ems PER",
    }.items():
        run("Ems", "--output", name)
        assert Path(name).read_text(encoding="utf-8").startswith(beginning)
    run("Ems", "--output", "a.parquet")
    assert pq.read_table("a.parquet").to_pylist()[0]["entities"][0]["text"] == "Ems"


@pytest.mark.usefixtures("tagger")
def test_files_and_folders_are_read_in_order():
    Path("d").mkdir()
    for name in ("b.txt", "d/2.txt", "d/1.txt"):
        Path(name).write_text(name + "\n", encoding="utf-8")
    lines = run("--file", "d", "--file", "b.txt").splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["d/1.txt", "d/2.txt", "b.txt"]


def test_rows_are_tagged_in_chunks_of_bounded_size(tagger, monkeypatch):
    """Neither many rows nor long ones fill the memory."""
    monkeypatch.setattr(tagging, "ROWS_PER_CHUNK", 3)
    monkeypatch.setattr(tagging, "CHARACTERS_PER_CHUNK", 20)
    lines = ["ja"] * 7 + ["ja " * 10] * 2
    assert len(run(text="\n".join(lines)).splitlines()) == 9
    assert tagger.words_per_call == [3, 3, 11, 10]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["x", "--format", "parquet"], "--format parquet needs a file", id="parquet"),
        pytest.param(["x", "--resume"], "--resume cannot go on with standard output", id="resume-stdout"),
        pytest.param(["x", "--resume", "--output", "a.parquet"], "--resume cannot", id="resume-parquet"),
        pytest.param(["x", "--output", "a.jsonl.gz"], "the output is not packed", id="gz"),
        pytest.param(["--file", "in.txt", "--output", "in.txt"], "is also read", id="output-is-input"),
        pytest.param(["--file", "none.txt"], r"none\.txt: no such file", id="no-file"),
        pytest.param(["--file", "in.csv"], r"in\.csv: what is in it", id="unknown-format"),
        pytest.param(["x", "--output", "o.csv"], r"o\.csv: its format cannot be told", id="unknown-ending"),
        pytest.param(["x", "--output", "o"], "--output o: its format cannot be told", id="no-ending"),
        pytest.param(["x", "--output", "d.txt"], r"--output d\.txt: a folder", id="folder"),
        pytest.param(["--file", "d.txt"], r"d\.txt: an empty folder", id="empty-folder"),
        pytest.param(["x", "--engine", "ray"], "--engine ray tags files into a folder", id="ray-of-texts"),
    ],
)
def test_what_cannot_be_done_is_refused_at_once(arguments, message, tagger):
    Path("in.txt").write_text("Ems\n", encoding="utf-8")
    Path("in.csv").touch()
    Path("d.txt").mkdir()
    with pytest.raises(PipelineError, match=rf"{message}.* Remedy: "):
        run(*arguments)
    assert not tagger.words_per_call
    assert Path("in.txt").read_text(encoding="utf-8") == "Ems\n"


@pytest.mark.usefixtures("tagger")
@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        pytest.param(["x", "--format", "parquet"], ["--output", "o.parquet"], id="name-it"),
        pytest.param(["x", "--output", "o.csv"], ["--format", "jsonl"], id="pass-format"),
        pytest.param(["x", "--output", "o.csv"], ["--output", "o.jsonl"], id="other-ending"),
        pytest.param(["x", "--output", "o.jsonl.gz"], ["--output", "o.jsonl"], id="not-packed"),
        pytest.param(["x", "--output", "d"], ["--output", "d/o.jsonl"], id="file-in-folder"),
        pytest.param(["x", "--resume"], ["--output", "o.jsonl"], id="resume-a-file"),
        pytest.param(["--file", "in.csv"], ["--input-format", "text"], id="pass-input-format"),
        pytest.param(["--file", "d", "--output", "d/o.jsonl"], ["--output", "o.jsonl"], id="outside"),
        pytest.param(["--file", "in.txt", "--output", "in.txt"], ["--output", "o.txt"], id="another"),
        pytest.param(["x", "--engine", "ray"], ["--engine", "local"], id="leave-ray-out"),
        pytest.param(
            ["--file", "bad.jsonl", "--engine", "ray", "--output", "o.jsonl", "--skip-bad-lines"],
            ["--engine", "local"],
            id="skip-without-ray",
        ),
        pytest.param(["--file", "bad.jsonl"], ["--skip-bad-lines"], id="skip-json"),
        pytest.param(["--file", "bad.parquet"], ["--skip-bad-lines"], id="skip-parquet"),
    ],
)
def test_what_an_error_advises_works(wrong, right):
    Path("d").mkdir()
    for name in ("in.txt", "in.csv", "d/in.txt"):
        Path(name).write_text("Ems\n", encoding="utf-8")
    Path("bad.jsonl").write_bytes(BAD)
    write_invalid_utf8(Path("bad.parquet"))
    with pytest.raises(PipelineError):
        run(*wrong)
    run(*wrong, *right)


def write_invalid_utf8(path):
    """Write texts of which the second is no UTF-8, as other programs do."""
    texts = pa.array([b"Ems", b"ab\xff", b"Bonn"]).view(pa.string())
    pq.write_table(pa.table({"text": texts}), path)


@pytest.mark.usefixtures("tagger")
def test_a_parquet_text_that_is_no_utf8_is_a_bad_line():
    write_invalid_utf8(Path("bad.parquet"))
    with pytest.raises(PipelineError, match=r"bad\.parquet: row 2: byte 3 \(0xff\) is not UTF-8"):
        run("--file", "bad.parquet")
    result = CliRunner().invoke(predict.app, ["--file", "bad.parquet", "--skip-bad-lines"])
    assert [json.loads(line)["text"] for line in result.stdout.splitlines()] == ["Ems", "Bonn"]


@pytest.mark.usefixtures("tagger")
@pytest.mark.parametrize(
    ("output", "remedy"),
    [
        pytest.param("o.jsonl", "pass --resume to go on", id="jsonl"),
        pytest.param("o.conll", "with --resume to go on if the input is split into words", id="conll"),
        pytest.param("o.txt", "make room on the disk and run it again.", id="text"),
        pytest.param("o.parquet", "make room on the disk and run it again.", id="parquet"),
    ],
)
def test_on_a_full_disk_resume_is_advised_where_it_can_go_on(output, remedy, monkeypatch):
    def fill(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(CapitalTagger, "tag_words", fill)
    with pytest.raises(PipelineError) as error:
        run("Ems", "--output", output)
    assert str(error.value).endswith(remedy + "." * (not remedy.endswith(".")))


@pytest.mark.usefixtures("tagger")
def test_a_place_that_may_not_be_written_is_not_called_a_full_disk():
    Path("f").touch()
    with pytest.raises(PipelineError, match=r"f/o\.jsonl: File exists.*name another file"):
        run("Ems", "--output", "f/o.jsonl")


BAD = b'{"text": "Eins"}\nkaputt\n{"text": "Zwei"}\n{"text": "Drei"}\n'


@pytest.mark.usefixtures("tagger")
def test_a_bad_line_ends_the_run_behind_the_rows_before_it(tmp_path):
    Path("in.jsonl").write_bytes(BAD)
    with pytest.raises(PipelineError, match=r"in\.jsonl:2: not JSON"):
        run("--file", "in.jsonl", "--output", "out.jsonl")
    assert texts_of(tmp_path / "out.jsonl") == ["Eins"]


@pytest.mark.usefixtures("tagger")
def test_skipped_lines_are_named_and_counted():
    Path("in.jsonl").write_bytes(BAD)
    result = CliRunner().invoke(predict.app, ["--file", "in.jsonl", "--skip-bad-lines"])
    assert [json.loads(line)["text"] for line in result.stdout.splitlines()] == ["Eins", "Zwei", "Drei"]
    assert "skipped: in.jsonl:2: not JSON" in result.stderr
    assert "Bad lines that were skipped: 1" in result.stderr


def texts_of(path):
    return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.usefixtures("tagger")
@pytest.mark.parametrize("form", FORMATS)
def test_a_run_cut_off_at_any_byte_is_resumed_to_the_same_output(form, tmp_path):
    write_corpus(tmp_path / f"in.{form}")
    command = ("--file", f"in.{form}", "--output", f"out.{form}", "--resume")
    run(*command)  # nothing is there to go on with
    whole = (tmp_path / f"out.{form}").read_bytes()
    for n_bytes in range(0, len(whole) + 1, 3):
        (tmp_path / f"out.{form}").write_bytes(whole[:n_bytes])
        run(*command)
        assert (tmp_path / f"out.{form}").read_bytes() == whole


@pytest.mark.usefixtures("tagger")
def test_a_first_word_that_begins_with_a_byte_order_mark_is_read_back(tmp_path):
    """At the beginning of a file a reader takes U+FEFF for the mark of its encoding."""
    words = ["\ufeffOrt", "\ufeffEins"]
    (tmp_path / "in.jsonl").write_text(f"{json.dumps({'tokens': words})}\n" * 2, encoding="utf-8")
    command = ("--file", "in.jsonl", "--output", "out.conll")
    run(*command)
    whole = (tmp_path / "out.conll").read_bytes()
    run("--file", "out.conll", "--output", "again.jsonl")
    lines = (tmp_path / "again.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["tokens"] for line in lines] == [words, words]
    for n_bytes in range(0, len(whole) + 1, 3):
        (tmp_path / "out.conll").write_bytes(whole[:n_bytes])
        run(*command, "--resume")
        assert (tmp_path / "out.conll").read_bytes() == whole


def test_finished_rows_are_not_tagged_again(tagger, tmp_path):
    write_corpus(tmp_path / "in.jsonl")
    run("--file", "in.jsonl", "--output", "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "out.jsonl").write_bytes(b"".join(lines[:3]) + lines[3][:9])
    tagger.words_per_call.clear()
    run("--file", "in.jsonl", "--output", "out.jsonl", "--resume")
    assert tagger.words_per_call == [2 * 3]


@pytest.mark.usefixtures("tagger")
@pytest.mark.parametrize("n_written", range(4))
def test_a_skipped_line_does_not_shift_where_a_run_goes_on(n_written, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(BAD)
    command = ("--file", "in.jsonl", "--output", "out.jsonl", "--skip-bad-lines")
    run(*command)
    whole = (tmp_path / "out.jsonl").read_bytes()
    (tmp_path / "out.jsonl").write_bytes(b"".join(whole.splitlines(keepends=True)[:n_written]))
    run(*command, "--resume")
    assert (tmp_path / "out.jsonl").read_bytes() == whole


@pytest.mark.usefixtures("tagger")
@pytest.mark.parametrize(
    "now",
    [
        pytest.param(BAD.replace(b"kaputt", b'{"text": "heil"}'), id="bad-line-fixed"),
        pytest.param(BAD[:17], id="shorter"),
        pytest.param(BAD.replace(b"Zwei", b"Acht"), id="another-input"),
    ],
)
def test_an_output_of_another_input_is_not_continued(now, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(BAD)
    command = ("--file", "in.jsonl", "--output", "out.jsonl", "--skip-bad-lines")
    run(*command)
    whole = (tmp_path / "out.jsonl").read_bytes()
    (tmp_path / "in.jsonl").write_bytes(now)
    with pytest.raises(PipelineError, match=r"out\.jsonl: row 2 is not that of the input.* start anew"):
        run(*command, "--resume")
    assert (tmp_path / "out.jsonl").read_bytes() == whole


@pytest.mark.usefixtures("tagger")
def test_sentences_of_running_text_cannot_be_resumed_since_their_text_is_not_known():
    run("Ja. Nein.", "--output", "out.conll")
    with pytest.raises(PipelineError, match="--resume: conll does not tell where a running text ends"):
        run("Ja. Nein.", "--output", "out.conll", "--resume")


def start(folder, *arguments, **streams):
    """Start the real command on a tagger of the folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "tools", "predict", "--model", folder / "models/ner", *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        **streams,
    )


def test_words_of_the_test_split_get_the_tags_of_evaluate(finished_clone, tmp_path):
    """As a user would run it, from Parquet to CoNLL."""
    root = finished_clone.root
    arguments = ("--file", root / "data/raw/test.parquet", "--output", tmp_path / "out.conll")
    assert start(root, *arguments).wait() == 0
    predictions = read_predictions(root / "data/predictions/test.parquet")
    sentences = list(read_sentences(tmp_path / "out.conll"))
    assert [one.words for one in sentences] == [one.words for one in predictions]
    assert [one.outer for one in sentences] == [one.predicted for one in predictions]
    assert any(tag != "O" for one in sentences for tag in one.outer)


def test_a_reader_that_has_enough_ends_the_run_quietly(finished_clone):
    """`| head`: more than a chunk is still to come."""
    process = start(
        finished_clone.root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdin.write(b"Bonn\n" * 3 * tagging.ROWS_PER_CHUNK)
    process.stdin.close()
    assert json.loads(process.stdout.readline())["text"] == "Bonn"
    process.stdout.close()
    assert process.wait() == console.PIPE_CLOSED
    assert process.stderr.read() == b""


@pytest.mark.parametrize(
    ("command", "message"),
    [
        pytest.param("predict Ems >&-", "standard output is closed", id="stdout"),
        pytest.param("predict <&-", "standard input is closed", id="stdin"),
        pytest.param("predict --output t.txt < t.txt", "--output t.txt is also read", id="stdin-is-output"),
        pytest.param("predict --output t.txt --file /dev/stdin < t.txt", "is also read", id="dev-stdin"),
        pytest.param("predict --file t.txt >> t.txt", "standard output is also read", id="stdout-is-input"),
        pytest.param("redact --file t.txt >&-", "standard output is closed", id="redact-stdout"),
        pytest.param("redact --output t.txt < t.txt", "--output t.txt is also read", id="redact-output"),
        pytest.param("redact --file t.txt >> t.txt", "standard output is also read", id="redact-append"),
        pytest.param("redact --file . --output new.txt", "which is read", id="redact-output-in-folder"),
        pytest.param("doubtful <&-", "standard input is closed", id="doubtful-stdin"),
        pytest.param("doubtful --output t.txt < t.txt", "--output t.txt is also read", id="doubtful-output"),
        pytest.param("doubtful --file . --output new", "which is read", id="doubtful-output-in-folder"),
    ],
)
def test_streams_that_cannot_be_used_are_told_in_one_line(command, message, tmp_path):
    (tmp_path / "t.txt").write_text("Ems\n", encoding="utf-8")
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m tools {command}"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "t.txt").read_text(encoding="utf-8") == "Ems\n"


def test_an_interrupted_run_ends_quietly(tagger, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(tagger, "tag_words", interrupt)
    result = CliRunner().invoke(predict.app, ["Bonn"])
    assert (result.exit_code, result.output) == (console.INTERRUPTED, "")
