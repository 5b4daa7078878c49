"""The files of a run that never was: what `evaluate` writes for given tags, and stand-ins for the rest."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from ner.annotation.labels import TagSet, tags_of_labels
from ner.annotation.sentences import Sentence
from ner.annotation.spans import decode_spans
from ner.core.files import write_json, write_text
from ner.evaluation.details import describe_split
from ner.evaluation.headline import Headline
from ner.evaluation.predictions import list_predictions, write_predictions
from ner.evaluation.score_files import write_tables
from ner.evaluation.splits import score_split
from ner.reporting.highlight import Mark, highlight_text
from ner.tagging.decoding import TaggedSplit, TaggedWords
from ner.text.text_tagger import Entity
from ner.windows.alignment import Window
from ner.windows.tokenized import TokenizedWindow
from stages import report
from tests.support.pipeline_clone import ROOT

CURVE = """epoch,train_loss,validation_loss,precision,recall,f1,accuracy
1,2.0,1.5,0.2,0.1,0.13,0.8
2,1.0,1.2,0.5,0.5,0.5,0.9
"""
NAME_COUNTS = (
    "distinct",
    "mentions",
    "with_several_labels",
    "mentions_with_several_labels",
    "mentions_with_minority_label",
    "also_untagged",
    "untagged_mentions",
)
CURVE_OF_BOTH = """epoch,train_loss,validation_loss,precision,recall,f1,accuracy,inner_f1,m1_f1
1,2.0,1.5,0.2,0.1,0.13,0.8,0.0,0.1234
2,1.0,1.2,0.5,0.5,0.5,0.9,0.25,0.4567
"""
SPEED = {"seconds": 1.5, "sentences_per_second": 20.0, "peak_memory_mb": 300}


@dataclass(frozen=True)
class Tagged:
    """A sentence and its tags, one a word, parted by blanks."""

    words: str
    gold: str
    predicted: str
    inner: str | None = None
    predicted_inner: str | None = None


SCRIPT = "<script>alert(1)</script>"
PLAIN = [
    Tagged("Özgür Maß wohnt in Görlitz .", "B-PER I-PER O O B-LOC O", "B-PER I-PER O O B-LOC O", "O " * 6),
    Tagged("Die Kölner Brücke bleibt", "O B-LOCderiv O O", "O B-LOC O O", "O " * 4),
    Tagged("Der FC Jena siegt", "O B-ORG I-ORG O", "O O B-ORG O", "O O B-LOC O"),
    Tagged("Nur Wetter hier", "O O O", "O B-OTH O", "O O O"),
    Tagged("Frau Zoë geht", "O B-PER O", "O O O", "O O O"),
]
NESTED = [
    Tagged(
        "Die Universität Hamburg und die Deutsche Bank zahlen",
        "O B-ORG I-ORG O O B-ORG I-ORG O",
        "O B-ORG I-ORG O O B-ORG I-ORG O",
        "O O B-LOC O O B-LOCderiv O O",
        "O O B-LOC O O B-LOC O O",
    ),
    Tagged("Der FC Jena siegt", "O B-ORG I-ORG O", "O B-ORG I-ORG O", "O O B-LOC O", "O O O O"),
    Tagged("Bad Ems und Jena", "B-LOC I-LOC O B-LOC", "B-LOC I-LOC O O", "O O O O", "O B-OTH I-OTH B-PER"),
    Tagged("Nur Wetter hier", "O O O", "O O O", "O O O", "O O O"),
]
HOSTILE = [
    Tagged(
        f"{SCRIPT} grüßt </title> & \"' `x` **y** @torvalds #1 |",
        "B-PER O B-A&B" + " O" * 8,
        "B-A&B" + " O" * 10,
    ),
    Tagged("$x$ {{ 7*7 }} ]]> &lt;", "B-<b> O O O O O", "B-<b> I-<b> O O O O"),
]


def render_report(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    tagged: list[Tagged],
    name: str = "report",
    language: str = "de",
    **origin: str,
) -> Path:
    """Render the report of a run below `folder` and return its folder."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(report, "tag_texts", tag_first_words)
    (folder / "texts.txt").write_text(f"Ein Text.\n\nZwei {SCRIPT}\nTexte.\n", encoding="utf-8")
    params = {"report": {"examples": 2, "example_seed": 1, "texts_file": "texts.txt", "language": language}}
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    write_run(folder, tagged, **origin)
    report.report(
        folder / "metrics",
        folder / "predictions.parquet",
        folder / "models/ner",
        ROOT / "ner/reporting/templates",
        folder / name,
    )
    return folder / name


def tag_first_words(texts: list[str], _: Path) -> list[dict[str, Any]]:
    """Stand in for the tagger, which needs a checkpoint: a name is the first word of all texts but one."""
    tagged = []
    for number, text in enumerate(texts):
        end = len(text.split()[0])
        names = [Entity(text[:end], "PER", 0, end, 0.5)][:number]
        segments = highlight_text(text, [Mark(one.start, one.end, one.label) for one in names])
        tagged.append({"entities": names, "segments": segments})
    return tagged


def write_run(
    folder: Path, tagged: list[Tagged], *, source: str = "data/sample", checkpoint: str = "encoder"
) -> None:
    """Write `metrics/`, `predictions.parquet` and `models/ner/run_config.json` below `folder`."""
    sentences, rows, words, ids = [], [], [], []
    labels = {
        s.label
        for one in tagged
        for tags in (one.gold, one.predicted, one.inner or "", one.predicted_inner or "")
        for s in decode_spans(tags.split())
    }
    tag_set = TagSet(tags_of_labels(labels))
    for number, one in enumerate(tagged):
        gold, predicted, n = one.gold.split(), one.predicted.split(), len(one.words.split())
        inner = one.inner.split() if one.inner else None
        sentences.append(Sentence(str(number), "", one.words.split(), gold, inner))
        targets = [tag_set.id_of(tag) for tag in gold]
        rows.append(TokenizedWindow(number, Window(0, list(range(n)), list(range(n))), targets))
        scores = [round(0.99 - 0.01 * number, 2)] * n
        nested = TaggedWords(one.predicted_inner.split(), scores, 0) if one.predicted_inner else None
        words.append(TaggedWords(predicted, scores, 0, nested))
        ids.append([tag_set.id_of(tag) for tag in predicted])
    n_levels = 2 if any(one.predicted_inner for one in tagged) else 1
    split = score_split(
        sentences, rows, TaggedSplit(words, ids, loss=0.5, padding_share=0.0, n_levels=n_levels)
    )
    details = describe_split(split, tag_set, n_samples=20, seed=0)
    subtoken_f1 = details["subtoken"]["f1"]
    headline = Headline.of_split(split, subtoken_f1=subtoken_f1, n_samples=20, seed=0).to_dict()

    metrics = folder / "metrics"
    counts = {label: count.gold for label, count in split.scores.by_label.items() if count.gold}
    facts = {
        "sentences": len(tagged),
        "words": headline["words"],
        "entities": sum(counts.values()),
        "entities_by_label": counts,
        "sha256": "0" * 64,
        "duplicates": 0,
        "duplicates_in_train": 1_234,
    }
    files = {
        "data": {
            "source": source,
            "format": "GermEval's four columns",
            "scheme": "iob2 (B-PER)",
            "names": dict.fromkeys(NAME_COUNTS, 1),
            "train": facts,
            "validation": facts,
            "test": facts,
        },
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
            "validation": {key: headline[key] for key in ("f1", "inner_f1", "m1_f1") if key in headline},
            "environment": {"python": "3.11.7", "device": "cpu"},
        },
        "evaluate": {"validation": headline, "test": headline},
        "scores": {"validation": details, "test": details},
        "speed/fine_tune": SPEED,
        "speed/evaluate": SPEED,
    }
    for name, content in files.items():
        write_json(metrics / f"{name}.json", content)
    write_tables(metrics, split, set())
    write_text(metrics / "training_curve.csv", CURVE if n_levels == 1 else CURVE_OF_BOTH)
    write_predictions(folder / "predictions.parquet", list_predictions(split))
    tags = tags_of_labels({*labels, "PER"})
    write_json(folder / "models/ner/config.json", {"id2label": dict(enumerate(tags))})
    write_json(
        folder / "models/ner/run_config.json",
        {"seed": 1, "tokenize": {"max_length": 128}, "train": {"lr": 0.1, "epochs": 2}},
    )
