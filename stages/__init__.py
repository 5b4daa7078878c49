"""What DVC runs: one module per stage, over the nouns in `ner`."""

import importlib.util
import os
import sys
from pathlib import Path

# DVC starts a stage with the `python` that stands first on PATH, which may be another one than DVC's own.
if importlib.util.find_spec("pydantic") is None:
    root = os.environ.get("DVC_ROOT") or Path(__file__).resolve().parent.parent  # a queued run is elsewhere
    sys.exit(
        f"error: {sys.executable} lacks the project's packages. Remedy: make run, or put the environment "
        f'first on PATH: export PATH="{root}/.venv/bin:$PATH"'
    )
