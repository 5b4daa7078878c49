"""Where a corpus and an encoder come from."""
