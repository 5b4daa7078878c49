"""What DVC runs: one module per stage, over the nouns in `ner`."""
