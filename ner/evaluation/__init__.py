"""Scores of a tagged split, and what follows from them."""
