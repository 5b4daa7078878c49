"""Redacting from the command line."""

import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ner.core.errors import PipelineError
from tests.support.capital_tagger import CapitalTagger
from tools.redact import command as redact

LETTER = "wir sahen Anna Weber in Ulm.\nspäter kam Weber noch einmal.\n"


@pytest.fixture(autouse=True)
def tagger(monkeypatch, tmp_path):
    """Let capitalised words be names, and stand in an empty folder."""
    tagger = CapitalTagger()
    monkeypatch.setattr(redact, "load", lambda *_: tagger)
    monkeypatch.chdir(tmp_path)
    return tagger


def run(*arguments, text=None):
    """Run the command and give what it printed on standard output."""
    result = CliRunner().invoke(redact.app, [str(one) for one in arguments], input=text)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def test_names_of_standard_input_are_replaced_line_by_line():
    expected = "wir sahen [PER] in [PER].\nspäter kam [PER] noch einmal.\n"
    assert run(text=LETTER) == expected
    assert run(LETTER.splitlines()[0]) == expected.splitlines(keepends=True)[0]


def test_numbers_and_mapping_lead_back_and_the_mapping_is_its_owners_alone():
    Path("in.txt").write_text(LETTER, encoding="utf-8")
    run("--file", "in.txt", "--output", "out.txt", "--numbered", "--mapping", "names.json")
    redacted = Path("out.txt").read_text(encoding="utf-8")
    assert redacted == "wir sahen [PER_1] in [PER_2].\nspäter kam [PER_3] noch einmal.\n"
    mapping = json.loads(Path("names.json").read_text(encoding="utf-8"))
    assert stat.S_IMODE(Path("names.json").stat().st_mode) == 0o600
    for placeholder, name in mapping.items():
        redacted = redacted.replace(placeholder, name)
    assert redacted == LETTER


def test_the_offsets_are_those_of_the_redacted_text():
    (line,) = run("Ulm und Bonn", "--format", "jsonl").splitlines()
    value = json.loads(line)
    assert value["text"] == "[PER] und [PER]"
    assert [one["start"] for one in value["placeholders"]] == [0, 10]
    assert {value["text"][one["start"] : one["end"]] for one in value["placeholders"]} == {"[PER]"}


def test_what_is_found_at_the_end_is_replaced_at_the_beginning(tagger, monkeypatch):
    """Also where the tagger missed it: here it finds names in the last line only."""
    tag_words = tagger.tag_words

    def tag_last(sentences):
        found = tag_words(sentences)
        for one in found[:-1]:
            one.tags[:] = ["O"] * len(one.tags)
        return found

    monkeypatch.setattr(tagger, "tag_words", tag_last)
    text = "WEBER schrieb.\nWebers Brief an Ulm.\nes grüßt Anna Weber\n"
    assert run(text=text) == "[PER] schrieb.\n[PER]s Brief an Ulm.\nes grüßt [PER]\n"
    assert run("--found-only", text=text).startswith("WEBER schrieb.\nWebers Brief")


def test_a_name_of_low_score_and_an_unsure_word_never_stay():
    assert run("X und y") == "[PER] und [UNSURE]\n"  # scores of 0.3
    assert run("X und y", "--min-outside-score", "0") == "[PER] und y\n"


def test_an_inner_entity_without_an_outer_one_is_replaced(monkeypatch):
    """And both levels are asked for."""
    asked = []
    tagger = CapitalTagger(n_levels=2)
    tag_words = tagger.tag_words

    def tag_inner_alone(sentences):
        return [replace(one, tags=["O"] * len(one.tags)) for one in tag_words(sentences)]

    monkeypatch.setattr(tagger, "tag_words", tag_inner_alone)
    monkeypatch.setattr(redact, "load", lambda *arguments: asked.append(arguments[3]) or tagger)
    assert run("die Bad Ems ruft", "--found-only") == "die Bad [LOC] ruft\n"
    assert asked == ["both"]


def test_nothing_else_of_the_input_reaches_the_output():
    """No source line, no other key of JSON, no text of an entity."""
    Path("in.tsv").write_text("#\tQuelle Geheim\n1\tUlm\tO\tO\n2\truft\tO\tO\n\n", encoding="utf-8")
    Path("in.jsonl").write_text('{"text": "Ulm", "von": "Geheim"}\n', encoding="utf-8")
    shown = run("--file", "in.tsv", "--file", "in.jsonl", "--format", "jsonl", "--numbered")
    assert "Ulm" not in shown
    assert "Geheim" not in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["x", "--mapping", "m.json"], "--mapping needs", id="mapping-without-numbers"),
        pytest.param(["x", "--numbered", "--mapping", "in.txt"], "it alone leads back", id="mapping-exists"),
        pytest.param(
            ["x", "--numbered", "--mapping", "a", "--output", "./a"], "the same file", id="one-file-for-both"
        ),
        pytest.param(["--file", "in.txt", "--output", "in.txt"], "is also read", id="output-is-input"),
        pytest.param(["x", "--label", "ORG"], r"--label ORG: .* Remedy: choose of LOC, PER", id="label"),
        pytest.param(["--file", "none.txt"], r"none\.txt: no such file", id="no-file"),
        pytest.param(["--file", "bad.jsonl", "--output", "new"], r"bad\.jsonl:2: not JSON", id="bad-line"),
    ],
)
def test_what_cannot_be_done_is_refused_and_nothing_is_written(arguments, message):
    Path("in.txt").write_text("Ems\n", encoding="utf-8")
    Path("bad.jsonl").write_text('{"text": "Ems"}\nEms\n', encoding="utf-8")
    before = sorted(Path().iterdir())
    with pytest.raises(PipelineError, match=message):
        run(*arguments)
    assert sorted(Path().iterdir()) == before
    assert Path("in.txt").read_text(encoding="utf-8") == "Ems\n"


def test_a_pipe_is_read_and_a_pipe_is_written_and_stays_one():
    """The result does not take the pipe's place: whoever reads it would wait for ever."""
    os.mkfifo("out.pipe")
    reader = os.open("out.pipe", os.O_RDONLY | os.O_NONBLOCK)
    read, write = os.pipe()
    os.write(write, b"Bad Ems\n")
    os.close(write)
    run("--file", f"/dev/fd/{read}", "--output", "out.pipe")
    assert os.read(reader, 100) == b"[PER]\n"
    assert stat.S_ISFIFO(Path("out.pipe").stat().st_mode)
