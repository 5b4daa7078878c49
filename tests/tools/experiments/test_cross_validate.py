"""Scores by fold, and the annotations that taggers which never saw them disagree with."""

import io
import json
import re
from dataclasses import replace

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
    list_doubtful,
    list_places,
    print_folds,
    print_suspects,
    tabulate_folds,
)
from tools.experiments.results import Split

WORDS = ["Änne", "Weiß", "wohnt", "in", "Ulm", "."]


def predict(number, gold, predicted, scores, **inner):
    return Prediction(str(number), WORDS, gold.split(), predicted.split(), scores, **inner)


RIGHT = predict(0, "B-PER I-PER O O B-LOC O", "B-PER I-PER O O B-LOC O", [0.9] * 6)
LABEL = predict(1, "B-ORG I-ORG O O B-LOC O", "B-PER I-PER O O B-LOC O", [0.75, 0.25, 1, 1, 1, 1])
MISSED = predict(2, "B-PER I-PER O O O O", "O O O O O O", [0.75, 1.0, 0, 0, 0, 0])
SPURIOUS = predict(3, "O O O O O O", "O O O O B-LOC O", [1, 1, 1, 1, 0.625, 1])
BOUNDARY = predict(4, "B-PER O O O O O", "B-PER I-PER O O O O", [0.25, 0.75, 1, 1, 1, 1])


def test_a_suspect_has_the_file_and_the_line_of_its_first_word():
    places = [("corpus.conll", range(10 * number + 1, 10 * number + 7)) for number in range(5)]
    table = list_doubtful([RIGHT, LABEL, MISSED, SPURIOUS, BOUNDARY], places)
    found = {row["kind"]: (row["file"], row["line"], row["sentence"]) for row in table.to_dict("records")}
    assert found == {
        "label": ("corpus.conll", 11, "1"),
        "missed": ("corpus.conll", 21, "2"),
        "spurious": ("corpus.conll", 35, "3"),
        "boundary": ("corpus.conll", 41, "4"),
    }


def test_a_dataset_of_the_hub_has_no_places():
    suspects = list_doubtful([LABEL], [])
    assert suspects[["file", "line", "sentence"]].to_dict("records") == [
        {"file": "", "line": "", "sentence": "1"}
    ]
    console = Console(file=io.StringIO(), width=200)
    print_suspects(console, suspects)
    shown = r"outer │ Änne Weiß \(ORG\) │ Änne Weiß \(PER\) │ sentence 1"
    assert re.search(shown, console.file.getvalue())


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


def test_both_levels_of_all_sentences_are_scored_where_each_run_predicts_them():
    """Outer: 2 right, 2 predicted, 3 gold; inner: 2 of each."""
    inner = {"gold_inner": ["O"] * 4 + ["B-LOC", "O"], "predicted_inner": ["O"] * 4 + ["B-LOC", "O"]}
    both = [replace(one, **inner) for one in (RIGHT, MISSED)]
    assert re.search(
        r": F1 0\.8000 \(95 % .*\), both levels \(M1\) 0\.8889 \(95 % interval 0\.\d{4} to 1\.0000\)$",
        describe_all(both),
    )
    assert "M1" not in describe_all([both[0], MISSED]), "a run of the outer level is among them"


def test_places_are_in_the_order_of_the_numbers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus").mkdir()
    for name, first in (("test", 9), ("train", 1), ("dev", 5)):
        text = f"a{first} O\nb O\n\nc O\n"
        (tmp_path / "corpus" / f"{name}.conll").write_text(text, encoding="utf-8")
    data = {
        "source": "elsewhere", "columns": None, "scheme": "auto", "stray_tags": "refuse",
        "validation_share": 0.1, "test_share": 0.1, "split_seed": 0, "folds": None, "fold": None,
        "label_map": None, "encoding": "utf-8",
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
    assert list(suspects["quality"]) == sorted(suspects["quality"])
    assert set(suspects["kind"]) <= {"label", "boundary", "missed", "spurious"}
    for row in suspects.to_dict("records"):
        line = (clone.root / row["file"]).read_text(encoding="utf-8").splitlines()[row["line"] - 1]
        assert line.split("\t")[1] == row["words"].split()[row["word"]]
    assert output.endswith(run_quietly(clone, *command)), "and nothing runs twice"
