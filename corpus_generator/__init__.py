"""Makes the corpus in data/sample."""
