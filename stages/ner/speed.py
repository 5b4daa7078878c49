"""How long a stage took: the one place where results depend on the clock."""

import resource
import sys
from pathlib import Path

from stages.ner.files import write_json


def write_speed(
    path: Path, *, seconds: float, n_sentences: int, n_subtokens: int, padding_share: float
) -> None:
    """Write a file of `metrics/speed/`.

    Args:
        path: The JSON file.
        seconds: Time of the work itself, without start-up.
        n_sentences: Sentences that went through the encoder, each pass counted.
        n_subtokens: The same for subtokens, special tokens included, padding not.
        padding_share: Share of the computed subtokens that was padding, from 0 to 1.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB on Linux, bytes on macOS
    write_json(
        path,
        {
            "seconds": round(seconds, 2),
            "sentences_per_second": round(n_sentences / seconds, 1),
            "subtokens_per_second": round(n_subtokens / seconds, 1),
            "padding_share": round(padding_share, 4),
            "peak_memory_mb": round(peak / (2**20 if sys.platform == "darwin" else 2**10)),
        },
    )
