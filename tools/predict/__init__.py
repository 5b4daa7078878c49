"""`ner predict`: find entities in texts and files."""
