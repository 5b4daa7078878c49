"""Text from a corpus or a server, made safe to print."""

import os
import re

SECRETS = re.compile(
    r"(?<=://)[^/\s@]+(?=@)|\bhf_[A-Za-z0-9]{20,}"
)  # passwords in addresses, the Hub's tokens


def escape_controls(text: str) -> str:
    r"""Escape control characters and redact credentials.

    Characters that move the cursor, change colours or turn the direction of writing become escapes such
    as `\x1b`; line ends and tabs stay.
    """
    text = SECRETS.sub("***", text)
    token = os.environ.get("HF_TOKEN")
    if token:
        text = text.replace(token, "***")
    return "".join(
        character if character.isprintable() or character in "\n\t" else ascii(character)[1:-1]
        for character in text
    )
