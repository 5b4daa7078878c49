"""The tagger as a web service and a page: `ner serve`."""
