"""Score a small corpus in folds, and doubt its labels: `ner cross-validate --folds 5`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console

from ner.annotation.counts import Counts, score_tags
from ner.core.files import write_text
from ner.core.params import check_params, read_yaml
from ner.evaluation.bootstrap import f1_interval
from ner.evaluation.predictions import Prediction
from ner.evaluation.tables import tabulate_suspects
from ner.sources.corpus import open_corpus
from ner.sources.settings import DataParams
from ner.text.splitting import split_text
from tools.experiments.queue import PARAMS_FILE, Experiment, explain_failures, run_experiments
from tools.experiments.results import Split, count_both, read_headline, read_split_predictions
from tools.experiments.seeds import NO_SCORES, parse_settings
from tools.experiments.worker import HOW_TO_WATCH
from tools.tables import make_table

NAME = "cross_validation"
SHOWN_SUSPECTS = 10
Place = tuple[str, Sequence[int]]  # of a sentence: its file, and the line of each word
N_RESAMPLES, RESAMPLING_SEED = 1_000, 0  # of the interval of all sentences

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def cross_validate(
    folds: Annotated[int, typer.Option(min=2, max=1_000, help="How many, each the test split once.")] = 5,
    settings: Annotated[
        list[str] | None, typer.Option("--set-param", "-S", help="Another value, as for dvc exp run.")
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder of the tables (CSV).")] = Path(NAME),
) -> None:
    """Train once for each fold of the whole corpus as DVC experiments, and tag the fold.

    Ends with mean and spread of the scores, and the annotations that the taggers doubt most.
    """
    console = Console(soft_wrap=True, highlight=False, markup=False)
    overrides = parse_settings(settings or [])
    wanted = [
        Experiment(
            f"fold {number}",
            f"fold-{number}-of-{folds}",
            {**overrides, "data.folds": folds, "data.fold": number},
        )
        for number in range(1, folds + 1)
    ]
    places = list_places(overrides)  # and a corpus that cannot be read ends here
    console.print(f"{folds} runs; what is not there yet is queued: {HOW_TO_WATCH}")
    finished = run_experiments(wanted)
    if finished.revisions:
        table = tabulate_folds(finished.revisions)
        print_folds(console, table)
        output.mkdir(parents=True, exist_ok=True)
        write_text(output / "scores.csv", table.to_csv(lineterminator="\n"))
    if finished.failed:
        raise explain_failures(finished.failed)
    predictions = [
        one
        for revision in finished.revisions.values()
        for one in read_split_predictions(revision, Split.TEST)
    ]
    predictions.sort(key=lambda one: int(one.id))  # the number in the whole corpus
    console.print(describe_all(predictions))
    suspects = list_doubtful(predictions, places)
    print_suspects(console, suspects.head(SHOWN_SUSPECTS))
    write_text(output / "suspects.csv", suspects.to_csv(index=False, lineterminator="\n"))
    console.print(f"{len(suspects)} suspects, the least believable first: {output / 'suspects.csv'}")


def tabulate_folds(revisions: Mapping[str, str]) -> pd.DataFrame:
    """Make one row a score of the test split: mean, standard deviation and each fold."""
    headlines = {label: read_headline(name)[Split.TEST].to_dict() for label, name in revisions.items()}
    first = next(iter(headlines.values()))
    rows = {}
    for name in (name for name in first if name not in NO_SCORES):
        if not all(name in one for one in headlines.values()):  # of the inner level, in some folds
            continue
        values = {label: one[name] for label, one in headlines.items()}
        spread = stdev(values.values()) if len(values) > 1 else float("nan")
        rows[name] = {"mean": fmean(values.values()), "sd": spread, **values}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("score")


def describe_all(predictions: Sequence[Prediction]) -> str:
    """Say how all sentences together were tagged, each by the tagger that did not see it."""
    spans = score_tags(
        gold=[one.gold for one in predictions], predicted=[one.predicted for one in predictions]
    )
    scores = {"F1": spans.by_sentence}
    if (both := count_both(predictions, spans)) is not None:
        scores["both levels (M1)"] = both
    said = []
    for name, counts in scores.items():
        interval = f1_interval(counts, n_samples=N_RESAMPLES, seed=RESAMPLING_SEED)
        f1 = Counts(*counts.sum(axis=0).tolist()).f1
        said.append(f"{name} {f1:.4f} (95 % interval {interval.low:.4f} to {interval.high:.4f})")
    return f"All {len(predictions)} sentences, each tagged by the run that did not see it: {', '.join(said)}"


def list_places(overrides: Mapping[str, Any]) -> list[Place]:
    """List file and line of each word of the corpus, in the order of its sentences.

    Nothing is listed for a dataset of the Hub, which would be downloaded again.
    """
    content = {"data": dict(read_yaml(PARAMS_FILE)["data"])}
    for name, value in overrides.items():
        section, _, key = name.partition(".")
        if section == "data":
            content[section][key] = value
    params = check_params(content["data"], DataParams, PARAMS_FILE)
    if Path(params.source).suffix in {".yaml", ".yml"}:
        return []
    with open_corpus(params, split_text) as corpus:
        return [(corpus.name_file(raw.path), raw.lines) for raw in corpus.iterate_all()]


def list_doubtful(predictions: Sequence[Prediction], places: Sequence[Place]) -> pd.DataFrame:
    """Make one row a suspect of either level, with its file and line where they are known.

    Args:
        predictions: All sentences, each by the tagger that did not see it. Shape: (n_sentences,).
        places: Of each sentence of the corpus, by its number; empty: not known.
    """
    table = tabulate_suspects({Split.TEST: predictions}).drop(columns="split")
    found = [
        (places[int(number)][0], places[int(number)][1][word]) if places else ("", "")
        for number, word in zip(table["sentence"], table["word"], strict=True)
    ]
    table.insert(0, "file", [file for file, _ in found])
    table.insert(1, "line", [line for _, line in found])
    return table


def print_folds(console: Console, scores: pd.DataFrame) -> None:
    """Show a row a score."""
    title = f"{len(scores.columns) - 2} folds, each the test split once; scores on words"
    table = make_table("score", *map(str, scores.columns), title=title)
    for name, row in scores.iterrows():
        table.add_row(str(name), *("-" if pd.isna(value) else f"{value:.4f}" for value in row))
    console.print(table)


def print_suspects(console: Console, suspects: pd.DataFrame) -> None:
    """Show the first suspects."""
    if suspects.empty:
        return
    table = make_table(
        "label quality", "level", "annotated", "tagged", "place", title="Annotations to look at"
    )
    for row in suspects.to_dict("records"):
        annotated, tagged = (
            f"{row[text]} ({row[f'{text}_label']})" if row[text] else "nothing"
            for text in ("gold", "predicted")
        )
        place = f"{row['file']}:{row['line']}" if row["file"] else f"sentence {row['sentence']}"
        table.add_row(f"{row['quality']}", row["level"], annotated, tagged, place)
    console.print(table)
