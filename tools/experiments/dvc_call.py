"""Calls of the dvc command."""

import subprocess
from tempfile import TemporaryFile

from tools.checks.refusals import explain_refusal


def call_dvc(*arguments: str) -> str:
    """Run a command of DVC's and return what it printed.

    The output goes to files: a worker that DVC starts outlives the command and would hold a pipe open.

    Raises:
        PipelineError: If it fails, with DVC's reason.
    """
    with TemporaryFile("w+", encoding="utf-8") as output, TemporaryFile("w+", encoding="utf-8") as errors:
        command = ["dvc", *arguments]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, check=False)  # noqa: S603
        output.seek(0)
        errors.seek(0)
        if done.returncode:
            raise explain_refusal(f"{' '.join(command)} fails", errors.read())
        return output.read()
