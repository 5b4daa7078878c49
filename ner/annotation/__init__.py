"""Labels, tags, entities, sentences and their counts."""
