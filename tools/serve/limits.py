"""How much the service takes at once."""

from dataclasses import dataclass

# JSON may write a character as `\ud83d\ude42`; a text has quotation marks and a comma around it.
BYTES_PER_CHARACTER, BYTES_PER_TEXT, BYTES_PER_BODY = 12, 16, 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a request may hold, and how much may wait.

    Args:
        characters: Most characters in a request, all its texts together.
        texts: Most texts in a request.
        words: Most words in a request: 10,000 full stops are 10,000 words.
        subtokens: Most subtokens in a request, which are what the tagger computes.
        wait_seconds: Longest wait: a request that would wait longer, at the measured speed, is refused.
        waiting: Most requests that wait, however short they are.
    """

    characters: int = 10_000
    texts: int = 64
    words: int = 2_500
    subtokens: int = 5_000
    wait_seconds: float = 20.0
    waiting: int = 1_000

    @property
    def body_bytes(self) -> int:
        """Size in which every permitted request can be written."""
        return BYTES_PER_CHARACTER * self.characters + BYTES_PER_TEXT * self.texts + BYTES_PER_BODY
