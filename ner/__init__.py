"""The nouns of named-entity recognition, in packages of what DVC reruns together."""

import os

# Read when pyarrow is first imported: its own allocator keeps what was freed, 18 MiB of it in `evaluate`.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
