"""The grammar of the embedded corpus, and as data its names, phrases and sentences."""
