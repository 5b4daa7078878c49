"""Scores as tables."""

import pytest

from ner.annotation.counts import Counts, score_spans
from ner.annotation.spans import Span
from ner.evaluation.calibration import score_calibration
from ner.evaluation.mistakes import pair_spans
from ner.evaluation.source_groups import group_sources
from ner.evaluation.tables import (
    tabulate_calibration,
    tabulate_confusion,
    tabulate_counts,
    tabulate_groups,
    tabulate_mistakes,
)

WORDS = [["Ruth", "Weiß", "in", "Köln"], ["Ruth", "Weiß", "und", "Änne"], ["Jena"]]
GOLD = [[Span(0, 2, "PER"), Span(3, 4, "LOC")], [Span(0, 2, "PER"), Span(3, 4, "PER")], []]
PREDICTED = [[Span(0, 2, "PER"), Span(3, 4, "ORG")], [Span(0, 1, "PER")], [Span(0, 1, "ORG")]]
PAIRINGS = pair_spans(gold=GOLD, predicted=PREDICTED)
N_SUBTOKENS = [[1, 2, 1, 7], [1, 2, 1, 0], [5]]


def lines(table):
    """Show a table as the CSV file that is written."""
    return table.to_csv(index=False, lineterminator="\n").splitlines()


def test_a_label_has_its_scores_and_gold_entities():
    scores = score_spans(gold=GOLD, predicted=PREDICTED)
    assert lines(tabulate_counts(scores.by_label, name="label")) == [
        "label,precision,recall,f1,support",
        "LOC,0.0,0.0,0.0,1",
        "ORG,0.0,0.0,0.0,0",
        "PER,0.5,0.3333333333333333,0.4,3",
    ]


def test_the_confusion_has_a_row_for_each_entity():
    assert lines(tabulate_confusion(PAIRINGS)) == [
        "actual,predicted",
        "LOC,ORG",
        "PER,PER",
        "PER,PER",
        "PER,no entity",
        "no entity,ORG",
    ]


def test_mistakes_are_counted_with_the_most_frequent_first():
    twice = PAIRINGS + pair_spans(gold=[[]], predicted=[[Span(0, 1, "ORG")]])
    assert lines(tabulate_mistakes(twice)) == [
        "kind,gold,predicted,entities",
        "spurious,no entity,ORG,2",
        "boundary,PER,PER,1",
        "label,LOC,ORG,1",
        "missed,PER,no entity,1",
    ]


def test_bins_without_entities_are_left_out():
    calibration = score_calibration([1.0, 0.9375, 0.25], [True, False, False])
    assert lines(tabulate_calibration(calibration)) == [
        "low,high,entities,mean_score,share_correct",
        "0.2,0.3,1,0.25,0.0",
        "0.9,1.0,2,0.96875,0.5",
    ]


def tabulate(gold, predicted):
    return tabulate_groups(
        gold=gold,
        predicted=predicted,
        words=WORDS,
        n_subtokens=N_SUBTOKENS,
        trained_names={"Ruth Weiß", "Jena"},
    )


def test_groups_of_names():
    """`Ruth` alone was not in train; `Änne` has no subtoken; seven subtokens are five and more."""
    assert lines(tabulate(GOLD, PREDICTED)) == [
        "property,group,precision,recall,f1,support",
        "name in train,seen,0.5,0.5,0.5,2",
        "name in train,unseen,0.0,0.0,0.0,2",
        "words,1,0.0,0.0,0.0,2",
        "words,2,1.0,0.5,0.6666666666666666,2",
        "subtokens a word,0,0.0,0.0,0.0,1",
        "subtokens a word,1,0.0,0.0,0.0,0",
        "subtokens a word,2,1.0,0.5,0.6666666666666666,2",
        "subtokens a word,5+,0.0,0.0,0.0,1",
    ]


def test_each_property_counts_every_entity():
    table = tabulate(GOLD, PREDICTED)
    assert table.groupby("property")["support"].sum().tolist() == [4, 4, 4]


def test_long_names_share_a_group():
    words = [["a"] * 12]
    gold = [[Span(0, 4, "OTH"), Span(4, 9, "OTH"), Span(9, 12, "OTH")], [], []]
    table = tabulate_groups(
        gold=gold, predicted=gold, words=words, n_subtokens=[[1] * 12], trained_names={"a a a"}
    )
    groups = table[table["property"] == "words"]
    assert dict(zip(groups["group"], groups["support"], strict=True)) == {"3": 1, "4": 1, "5+": 1}


def test_tables_without_entities_have_their_columns(recwarn):
    """A model that finds nothing in a corpus without names still gets its files."""
    nothing = [[], [], []]
    assert lines(tabulate_counts({}, name="label")) == ["label,precision,recall,f1,support"]
    assert lines(tabulate_confusion([])) == ["actual,predicted"]
    assert lines(tabulate_mistakes([])) == ["kind,gold,predicted,entities"]
    assert lines(tabulate_calibration(score_calibration([], []))) == [
        "low,high,entities,mean_score,share_correct"
    ]
    assert lines(tabulate(nothing, nothing)) == ["property,group,precision,recall,f1,support"]
    assert not recwarn.list


def test_counts_may_stand_for_any_group():
    table = tabulate_counts({"5+": Counts(1, 2, 4)}, name="words")
    assert lines(table) == ["words,precision,recall,f1,support", "5+,0.5,0.25,0.3333333333333333,4"]


@pytest.mark.parametrize(
    ("sources", "groups"),
    [
        pytest.param(["https://www.a.de/x [2010]", "http://B.de/y"], ["a.de", "b.de"], id="hosts"),
        pytest.param(["news 2014", ""], ["news", "unknown"], id="other-names"),
        pytest.param(["http://a.de/x", "http://a.de/y"], None, id="one-source-says-nothing"),
        pytest.param([], None, id="no-sentence"),
        pytest.param(
            [*(f"s{n // 2:02}" for n in range(20)), "x"],
            [*(f"s{n // 2:02}" for n in range(20)), "other"],
            id="rare-ones-together",
        ),
    ],
)
def test_sources_are_grouped_by_host(sources, groups):
    assert group_sources(sources) == groups
