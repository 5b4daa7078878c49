"""Scores, intervals, mistakes and tables of a tagged split."""
