"""Seconds, throughput and memory of a stage.

Only these files and the report vary between identical runs.
"""

import re
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ner.core.files import write_json


def write_speed(
    path: Path,
    *,
    seconds: float,
    n_sentences: int,
    n_subtokens: int,
    padding_share: float,
    precision: Mapping[str, Any],
) -> None:
    """Write a file of `metrics/speed/`.

    Args:
        path: The JSON file.
        seconds: Time of the work itself, without start-up.
        n_sentences: Sentences that went through the encoder, each pass counted.
        n_subtokens: The same for subtokens, special tokens included, padding not.
        padding_share: Share of the computed subtokens that was padding, from 0 to 1.
        precision: The number type, and how much faster it was measured to be.
    """
    write_json(
        path,
        {
            "seconds": round(seconds, 2),
            "sentences_per_second": round(n_sentences / seconds, 1),
            "subtokens_per_second": round(n_subtokens / seconds, 1),
            "padding_share": round(padding_share, 4),
            "peak_memory_mb": round(peak_memory_mb()),
            **precision,
        },
    )


def peak_memory_mb() -> float:
    """Return the peak resident memory of this process. Unit: MiB."""
    status = Path("/proc/self/status")
    if status.is_file():
        # Linux passes ru_maxrss on to the program that a process turns into: it may be DVC's own peak.
        (peak,) = re.findall(r"^VmHWM:\s+(\d+) kB$", status.read_text(encoding="utf-8"), re.MULTILINE)
        return int(peak) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)  # bytes on macOS, KiB elsewhere
