"""Mistakes that may be the corpus's own."""

import pytest

from ner.evaluation.predictions import Prediction
from ner.evaluation.suspects import list_suspects
from ner.evaluation.tables import tabulate_suspects

WORDS = ["Frau", "Zoë", "Maß", "sah", "Ulm"]


def make(gold, predicted, quality, score=0.9, **inner):
    return Prediction("7", WORDS, gold.split(), predicted.split(), [score] * 5, quality, **inner)


TRUE = "O B-PER I-PER O B-LOC"
SPLIT = [
    make(TRUE, TRUE, [1.0, 0.9, 0.9, 1.0, 0.0]),  # right, whatever the quality
    make(TRUE, "O B-PER O O B-LOC", [1.0, 0.9, 0.4, 1.0, 0.1]),
    make("O B-PER I-PER O B-ORG", TRUE, [1.0, 0.9, 0.9, 1.0, 0.2]),
    make("O O O O B-LOC", TRUE, [1.0, 0.7, 0.6, 1.0, 0.9]),
    make(TRUE, "O B-PER I-PER O O", [1.0, 0.9, 0.9, 1.0, 0.5]),
]


def test_mistakes_are_listed_by_the_worst_word_of_either_span():
    assert [(one.pairing.kind, one.quality) for one in list_suspects(SPLIT)] == [
        ("label", 0.2),
        ("boundary", 0.4),
        ("missed", 0.5),
        ("spurious", 0.6),
    ]


def test_without_a_quality_the_surest_mistakes_come_first():
    split = [make(TRUE, "O O O O B-LOC", None, 0.6), make(TRUE, "O B-PER I-PER O O", None, 0.8)]
    assert [(one.score, one.quality) for one in list_suspects(split)] == [
        (pytest.approx(0.8), None),
        (pytest.approx(0.6), None),
    ]


def test_the_table_has_all_splits_and_levels():
    inner = {
        "gold_inner": ["O"] * 5,
        "predicted_inner": ["O", "O", "B-LOC", "O", "O"],
        "scores_inner": [0.75] * 5,
        "label_quality_inner": [0.3] * 5,
    }
    both = make(TRUE, TRUE, [1.0] * 5, **inner)
    table = tabulate_suspects({"validation": SPLIT[1:3], "test": [both]})
    assert table.drop(columns=["words", "sentence"]).to_numpy().tolist() == [
        ["0.200000", "validation", 4, "outer", "label", "Ulm", "ORG", "Ulm", "LOC", "0.9000"],
        ["0.300000", "test", 2, "inner", "spurious", "", "no entity", "Maß", "LOC", "0.7500"],
        ["0.400000", "validation", 1, "outer", "boundary", "Zoë Maß", "PER", "Zoë", "PER", "0.9000"],
    ]
    assert set(table["words"]) == {" ".join(WORDS)}


def test_no_mistakes_are_a_table_too():
    assert list(tabulate_suspects({"test": SPLIT[:1]}).columns)[:2] == ["quality", "split"]
