"""The tagger as a web service and a page: `python -m tools.serve`."""
