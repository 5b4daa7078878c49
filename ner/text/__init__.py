"""Running texts: sentences, words, and the entities in them."""
