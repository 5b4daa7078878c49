"""How a command ends."""

import sys

import pytest

from ner.core.command import run_command
from ner.core.errors import PipelineError


def test_the_message_gives_problem_and_remedy():
    error = PipelineError("params.yaml: seed is missing.", remedy="add it.")
    assert str(error) == "params.yaml: seed is missing. Remedy: add it."
    assert (error.problem, error.remedy) == ("params.yaml: seed is missing.", "add it.")


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\u2028", "\x85"])
def test_the_message_is_one_line_though_it_quotes_several(line_end):
    """The reasons that libraries give have any shape."""
    error = PipelineError(f"a.parquet: cannot be read (one{line_end}two).", remedy="make it again.")
    assert str(error) == "a.parquet: cannot be read (one two). Remedy: make it again."


def test_a_pipeline_error_ends_a_command_with_its_message_alone(capsys):
    def command():
        raise PipelineError("dev.tsv:3: the word is empty.", remedy="remove the line.")

    with pytest.raises(SystemExit) as end:
        run_command(command)
    assert end.value.code == 1
    assert capsys.readouterr() == ("", "error: dev.tsv:3: the word is empty. Remedy: remove the line.\n")


def test_an_interrupted_command_ends_as_the_shell_expects(capsys):
    def command():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as end:
        run_command(command)
    assert end.value.code == 130
    assert capsys.readouterr() == ("", "interrupted\n")


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        run_command(lambda: 1 / 0)


def test_a_command_that_succeeds_just_returns(capsys):
    run_command(lambda: sys.stdout.write("done"))
    assert capsys.readouterr() == ("done", "")
