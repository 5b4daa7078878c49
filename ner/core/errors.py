"""An error that the user can act on."""

from ner.core.escaping import escape_controls

LONGEST_REASON = 300  # characters of what a library says
LONGEST_PROBLEM = 1_000  # characters; a corpus may hold a word of a megabyte


class PipelineError(Exception):
    """A stage cannot go on, and the user can do something about it.

    The message is one line, so that it survives `grep`, a job summary and DVC's own output.

    Args:
        problem: What is wrong, naming the file and line or the parameter, as a sentence.
        remedy: What to do next, as an instruction.
    """

    def __init__(self, problem: str, *, remedy: str) -> None:
        if len(problem) > LONGEST_PROBLEM:
            problem = f"{problem[: LONGEST_PROBLEM // 2]} … {problem[-LONGEST_PROBLEM // 2 :]}"
        self.problem, self.remedy = _make_line(problem), _make_line(remedy)
        super().__init__(f"{self.problem} Remedy: {self.remedy}")


def _make_line(text: str) -> str:
    """Return one line that is safe to show; a library's reason that a text quotes may have several."""
    return escape_controls(" ".join(text.splitlines())).replace("\t", r"\t")


def summarise_error(error: BaseException) -> str:
    """Return the first line of what a library says, or its error's name."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:LONGEST_REASON]
