"""The files of a run that never was: what `evaluate` writes for given tags, and stand-ins for the rest."""

from dataclasses import dataclass
from pathlib import Path

from stages.evaluate import (
    EvaluateParams,
    describe_headline,
    describe_split,
    list_predictions,
    score_split,
    write_tables,
)
from stages.ner.alignment import Window
from stages.ner.corpus import Sentence
from stages.ner.files import write_json, write_text
from stages.ner.labels import TagSet, tags_of_labels
from stages.ner.predictions import write_predictions
from stages.ner.spans import decode_spans
from stages.ner.tagger import TaggedSplit, TaggedWords
from stages.ner.tokenized import TokenizedWindow

EVALUATE = EvaluateParams(subtokens_per_batch=64, bootstrap_samples=20, bootstrap_seed=0)
CURVE = """epoch,train_loss,validation_loss,precision,recall,f1,accuracy
1,2.0,1.5,0.2,0.1,0.13,0.8
2,1.0,1.2,0.5,0.5,0.5,0.9
"""
SPEED = {"seconds": 1.5, "sentences_per_second": 20.0, "peak_memory_mb": 300}


@dataclass(frozen=True)
class Tagged:
    """A sentence and its tags, one a word, parted by blanks."""

    words: str
    gold: str
    predicted: str
    inner: str | None = None


def write_run(
    folder: Path, tagged: list[Tagged], *, source: str = "data/sample", checkpoint: str = "encoder"
) -> None:
    """Write `metrics/`, `predictions.parquet` and `models/ner/run_config.json` below `folder`."""
    sentences, rows, words, ids = [], [], [], []
    labels = {
        s.label for one in tagged for tags in (one.gold, one.predicted) for s in decode_spans(tags.split())
    }
    tag_set = TagSet(tags_of_labels(labels))
    for number, one in enumerate(tagged):
        gold, predicted, n = one.gold.split(), one.predicted.split(), len(one.words.split())
        inner = one.inner.split() if one.inner else None
        sentences.append(Sentence(str(number), "", one.words.split(), gold, inner))
        targets = [tag_set.id_of(tag) for tag in gold]
        rows.append(TokenizedWindow(number, Window(0, list(range(n)), list(range(n))), targets))
        words.append(TaggedWords(predicted, [round(0.99 - 0.01 * number, 2)] * n, 0))
        ids.append([tag_set.id_of(tag) for tag in predicted])
    split = score_split(sentences, rows, TaggedSplit(words, ids, loss=0.5, padding_share=0.0))
    details = describe_split(split, tag_set)
    headline = describe_headline(split, details["subtoken"]["f1"], EVALUATE)

    metrics = folder / "metrics"
    counts = {label: count.gold for label, count in split.scores.by_label.items() if count.gold}
    facts = {
        "sentences": len(tagged),
        "words": headline["words"],
        "entities": sum(counts.values()),
        "entities_by_label": counts,
        "sha256": "0" * 64,
    }
    files = {
        "data": {"source": source, "train": facts, "validation": facts, "test": facts},
        "checkpoint": {
            "checkpoint": checkpoint,
            "kind": "folder",
            "revision": None,
            "weights_sha256": "1" * 64,
            "n_weight_bytes": 1_000_000,
        },
        "tokenize": {"test": {"subtoken_entities": 2 * sum(counts.values())}},
        "train": {
            "best_epoch": 2,
            "epochs": 2,
            "validation": {"f1": headline["f1"]},
            "environment": {"python": "3.11.7", "device": "cpu"},
        },
        "evaluate": {"validation": headline, "test": headline},
        "scores": {"validation": details, "test": details},
        "speed/fine_tune": SPEED,
        "speed/evaluate": SPEED,
    }
    for name, content in files.items():
        write_json(metrics / f"{name}.json", content)
    write_tables(metrics, split, trained_names=set())
    write_text(metrics / "training_curve.csv", CURVE)
    write_predictions(folder / "predictions.parquet", list_predictions(split))
    tags = tags_of_labels({*labels, "PER"})
    write_json(folder / "models/ner/config.json", {"id2label": dict(enumerate(tags))})
    write_json(folder / "models/ner/run_config.json", {"seed": 1, "train": {"lr": 0.1, "epochs": 2}})
