"""Scores by fold, and the annotations that taggers which never saw them disagree with."""

import io
import json
import re

import pandas as pd
import pytest
from rich.console import Console

from ner.core.errors import PipelineError
from ner.evaluation.predictions import Prediction
from tests.tools.experiments.test_compare import headline_with
from tests.tools.experiments.test_experiments import names, run_quietly
from tools.experiments import cross_validate
from tools.experiments.cross_validate import (
    describe_all,
    list_places,
    print_folds,
    print_suspects,
    tabulate_folds,
    tabulate_suspects,
)
from tools.experiments.results import Split
from tools.experiments.suspects import find_suspects

WORDS = ["Änne", "Weiß", "wohnt", "in", "Ulm", "."]


def predict(number, gold, predicted, scores, **inner):
    return Prediction(str(number), WORDS, gold.split(), predicted.split(), scores, **inner)


RIGHT = predict(0, "B-PER I-PER O O B-LOC O", "B-PER I-PER O O B-LOC O", [0.9] * 6)
LABEL = predict(1, "B-ORG I-ORG O O B-LOC O", "B-PER I-PER O O B-LOC O", [0.75, 0.25, 1, 1, 1, 1])
MISSED = predict(2, "B-PER I-PER O O O O", "O O O O O O", [0.75, 1.0, 0, 0, 0, 0])
SPURIOUS = predict(3, "O O O O O O", "O O O O B-LOC O", [1, 1, 1, 1, 0.625, 1])
BOUNDARY = predict(4, "B-PER O O O O O", "B-PER I-PER O O O O", [0.25, 0.75, 1, 1, 1, 1])


@pytest.mark.parametrize(
    ("prediction", "row"),
    [
        pytest.param(LABEL, (0.5, "label", "Änne Weiß", "ORG", "Änne Weiß", "PER", 11), id="label"),
        pytest.param(MISSED, (0.875, "missed", "Änne Weiß", "PER", "", "O", 21), id="missed"),
        pytest.param(SPURIOUS, (0.625, "spurious", "", "O", "Ulm", "LOC", 35), id="spurious"),
        pytest.param(BOUNDARY, (0.75, "boundary", "Änne", "PER", "Änne Weiß", "PER", 41), id="boundary"),
    ],
)
def test_the_certainty_is_that_of_the_words_whose_tags_differ(prediction, row):
    places = [("corpus.conll", range(10 * number + 1, 10 * number + 7)) for number in range(5)]
    (found,) = tabulate_suspects(find_suspects([prediction]), places).to_dict("records")
    keys = ("certainty", "kind", "text", "label", "predicted_text", "predicted_label", "line")
    assert tuple(found[key] for key in keys) == row
    assert (found["file"], found["number"]) == ("corpus.conll", int(prediction.id))
    assert found["sentence"] == "Änne Weiß wohnt in Ulm ."


def test_the_surest_come_first_and_what_is_right_is_no_suspect():
    suspects = find_suspects([RIGHT, LABEL, MISSED, SPURIOUS, BOUNDARY])
    assert [int(one.prediction.id) for one in suspects] == [2, 4, 3, 1]


def test_both_levels_are_compared():
    both = predict(
        0, "B-PER I-PER O O O O", "B-PER I-PER O O O O", [1.0] * 6,
        gold_inner=["O"] * 6, predicted_inner=["O", "B-LOC", *["O"] * 4], scores_inner=[0.5] * 6,
    )  # fmt: skip
    (suspect,) = find_suspects([both])
    assert (suspect.level, suspect.kind, suspect.certainty) == ("inner", "spurious", 0.5)


def test_a_dataset_of_the_hub_has_no_places():
    suspects = tabulate_suspects(find_suspects([LABEL]), [])
    assert suspects[["file", "line", "number"]].to_dict("records") == [{"file": "", "line": "", "number": 1}]
    console = Console(file=io.StringIO(), width=200)
    print_suspects(console, suspects)
    assert re.search(
        r"0\.500 +│ outer │ Änne Weiß \(ORG\) │ Änne Weiß \(PER\) │ sentence 1", console.file.getvalue()
    )


def test_mean_and_spread_are_those_of_the_folds(monkeypatch):
    scores = {"fold-1": 0.5, "fold-2": 0.75, "fold-3": 0.625}
    monkeypatch.setattr(
        cross_validate, "read_headline", lambda name: {Split.TEST: headline_with(scores[name])}
    )
    table = tabulate_folds({f"fold {n}": f"fold-{n}" for n in (1, 2, 3)})
    assert table.loc["f1"].tolist() == [0.625, 0.125, 0.5, 0.75, 0.625]
    assert not {"words", "sentences", "f1_low"} & set(table.index)
    console = Console(file=io.StringIO(), width=200)
    print_folds(console, table)
    assert re.search(r"f1 +│ 0\.6250 │ 0\.1250 │ 0\.5000 │ 0\.7500 │ 0\.6250", console.file.getvalue())
    assert pd.isna(tabulate_folds({"fold 1": "fold-1"}).loc["f1", "sd"])


def test_all_sentences_together_are_scored_by_their_counts():
    """Right: 2 + 1 of the label's sentence; predicted 6, gold 6."""
    said = describe_all([RIGHT, LABEL, MISSED, SPURIOUS])
    assert said.startswith("All 4 sentences, each tagged by the run that did not see it: F1 0.6000 (95 % ")


def test_places_are_in_the_order_of_the_numbers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus").mkdir()
    for name, first in (("test", 9), ("train", 1), ("dev", 5)):
        text = f"a{first} O\nb O\n\nc O\n"
        (tmp_path / "corpus" / f"{name}.conll").write_text(text, encoding="utf-8")
    data = {
        "source": "elsewhere", "columns": None, "scheme": "auto", "stray_tags": "refuse",
        "validation_share": 0.1, "test_share": 0.1, "split_seed": 0, "folds": None, "fold": None,
        "label_map": None,
    }  # fmt: skip
    (tmp_path / "params.yaml").write_text(json.dumps({"data": data}), encoding="utf-8")
    places = list_places({"data.source": "corpus", "train.lr": 1e-3})
    assert [(file, list(lines)) for file, lines in places] == [
        (f"corpus/{name}.conll", lines) for name in ("train", "dev", "test") for lines in ([1, 2], [4])
    ]
    with pytest.raises(PipelineError, match=r"data.source is 'elsewhere'"):
        list_places({})


@pytest.mark.slow
def test_folds_run_as_experiments_and_none_runs_twice(clone):
    command = ("python", "-m", "tools", "cross-validate", "--folds", "2", "-S", "train.epochs=8")
    output = run_quietly(clone, *command)
    assert re.search(r"score +┃ mean +┃ sd +┃ fold 1 +┃ fold 2", output)
    assert re.search(r"│ f1 +│ 0\.\d{4} │ 0\.\d{4} │ 0\.\d{4} │ 0\.\d{4}", output)
    assert len(names(clone)) == 2
    suspects = pd.read_csv(clone.root / "cross_validation/suspects.csv")
    assert list(suspects["certainty"]) == sorted(suspects["certainty"], reverse=True)
    assert set(suspects["kind"]) <= {"label", "boundary", "missed", "spurious"}
    for row in suspects.to_dict("records"):
        line = (clone.root / row["file"]).read_text(encoding="utf-8").splitlines()[row["line"] - 1]
        text = row["text"] if isinstance(row["text"], str) else row["predicted_text"]
        assert line.split("\t")[1] in f"{text} {row['predicted_text']}".split()
    assert output.endswith(run_quietly(clone, *command)), "and nothing runs twice"
