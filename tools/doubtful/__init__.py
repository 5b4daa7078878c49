"""The sentences of which the tagger is least sure, to be annotated next."""
