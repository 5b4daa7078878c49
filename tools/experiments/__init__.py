"""Experiments and the comparison of their results."""
