"""Running texts: sentences, words, and the entities in them."""

from ner.text.text_tagger import TextTagger

__all__ = ["TextTagger"]
