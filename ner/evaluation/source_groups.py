"""Where the sentences of a corpus were published, in few groups."""

import re
from collections import Counter
from collections.abc import Sequence

HOST = re.compile(r"https?://(?:www\.)?([^/\s:]+)")
MOST_GROUPS = 10
OTHER = "other"
UNKNOWN = "unknown"


def group_sources(sources: Sequence[str]) -> list[str] | None:
    """Name the group of each sentence: its host, or the first word of what the corpus says.

    Args:
        sources: What the corpus says of each sentence. Shape: (n_sentences,).

    Returns:
        The groups, the rare ones as `other`; None where all sentences are of one. Shape: (n_sentences,).
    """
    names = [_name_source(source) for source in sources]
    counts = Counter(names)
    if len(counts) < 2:
        return None
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    kept = set(ranked[:MOST_GROUPS])
    return [name if name in kept else OTHER for name in names]


def _name_source(source: str) -> str:
    found = HOST.match(source.strip())
    if found:
        return found[1].lower()
    words = source.split()
    return words[0] if words else UNKNOWN
