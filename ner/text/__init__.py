"""Running texts: sentences, words, and the entities in them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ner.text.text_tagger import TextTagger

__all__ = ["TextTagger"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - as Python defines it
    """Load the tagger when it is asked for: a stage that only splits texts does without it."""
    if name == "TextTagger":
        return import_module("ner.text.text_tagger").TextTagger
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
