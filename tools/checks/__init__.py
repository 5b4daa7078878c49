"""Checks of what the pipeline left: results, cache, headline."""
