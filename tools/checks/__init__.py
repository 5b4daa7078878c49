"""Checks of the pipeline's results: scores, dvc.lock, cache."""
