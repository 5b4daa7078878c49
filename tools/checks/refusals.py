"""What DVC and Git say when they refuse to work, and what helps."""

import os
from pathlib import Path

from ner.core.errors import PipelineError

LOCK_FILE = ".dvc/tmp/rwlock"
# Words of DVC's, of Git's or of the library through which DVC reads Git, and what helps.
LOCK_REMEDY = f"a killed dvc left it so: see that no dvc runs here, then rm {LOCK_FILE} and run it again."
OWNER_WORDS = ("dubious ownership", "is not owned by current user")
REMEDIES = {
    "Unable to read RWLock-file": LOCK_REMEDY,
    "RWLock-file": LOCK_REMEDY,
    "Unable to acquire lock": "another dvc works here: wait until it is done, then run it again.",
    "getpwuid": "the user id has no name on this machine: export USER=me (any name), then run it again.",
}


def explain_refusal(subject: str, reason: str, *, remedy: str = "fix what DVC names.") -> PipelineError:
    """Turn what DVC or Git says into one line.

    Args:
        subject: What was tried.
        reason: What was said: an exception's text or standard error. Its first line that says anything is
            shown.
        remedy: What helps where the reason is none of those that are known.
    """
    said = [line.removeprefix("ERROR: ").rstrip(". ") for line in reason.splitlines()]
    lines = [line for line in said if line] or ["no reason given"]
    for words in OWNER_WORDS:
        for line in lines:
            if words in line:
                command = f"git config --global --add safe.directory {Path.cwd()}"
                return PipelineError(
                    f"{subject}: {line}.",
                    remedy=f"if you trust who owns it (you are {os.getuid()}): {command}",
                )
    for words, known in REMEDIES.items():
        for line in lines:
            if words in line:
                return PipelineError(f"{subject}: {line}.", remedy=known)
    return PipelineError(f"{subject}: {lines[0]}.", remedy=remedy)
