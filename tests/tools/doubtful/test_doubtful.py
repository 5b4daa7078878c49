"""Which sentences are given to annotators, and in which form."""

import json
import math
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ner.annotation.spans import decode_spans
from ner.core.errors import PipelineError
from ner.tagging.decoding import TaggedWords
from ner.text.splitting import Word
from tests.support.capital_tagger import CapitalTagger
from tests.support.corpora import read_sentences
from tools.doubtful import command as doubtful
from tools.doubtful.selection import (
    Measure,
    RankedSentence,
    measure_doubt,
    overlap,
    pick_doubtful,
    word_pairs,
)
from tools.predict.input_rows import Row


def make(text, doubt):
    """Make a sentence of `O`s."""
    words = Row.of_words(text.split()).words
    return RankedSentence(text, words, ["O"] * len(words), doubt)


@pytest.mark.parametrize(
    ("scores", "measure", "expected"),
    [
        pytest.param([1.0, 1.0], "probability", 0.0, id="sure"),
        pytest.param([0.5, 1.0], "probability", math.log(2) / 2, id="mean over the words"),
        pytest.param([0.5, 0.5, 0.5], "probability", math.log(2), id="no preference for length"),
        pytest.param([0.5, 0.0], "probability", math.log(2), id="a word that was not seen"),
        pytest.param([0.0], "probability", 0.0, id="nothing was seen"),
        pytest.param([0.75, 1.0], "margin", 0.25, id="margin to the rest"),
        pytest.param([0.25], "margin", 1.5, id="behind the rest"),
    ],
)
def test_doubt_is_a_mean_over_the_words_that_were_seen(scores, measure, expected):
    tagged = TaggedWords(["O"] * len(scores), scores, 0)
    assert measure_doubt(tagged, Measure(measure)) == pytest.approx(expected)


def test_the_least_sure_come_first_and_near_duplicates_once():
    sentences = [
        make("der Zug nach Ulm fährt um 7 Uhr", 0.2),
        make("Der Zug nach Ulm fährt um 9 Uhr", 0.9),  # differs in case and digits alone
        make("ganz sicher ist nur das hier", 0.1),
        make("der Zug nach Ulm fährt um 10 Uhr los", 0.8),  # most pairs are the same
        make("und das ist noch ein Satz", 0.5),
        make("und das ist nun ganz anders", 0.5),
    ]
    picked, n_sentences, n_alike = pick_doubtful(iter([*sentences, sentences[4]]), top=3, max_overlap=0.5)
    assert picked == [sentences[1], sentences[4], sentences[5]]
    assert (n_sentences, n_alike) == (7, 2)  # of those that were looked at


def test_only_so_many_candidates_are_kept(monkeypatch):
    monkeypatch.setattr("tools.doubtful.selection.CANDIDATES_PER_PICK", 1)
    words = ["eins", "zwei", "drei", "vier", "fünf", "sechs"]
    sentences = [make(f"{word} {word}x {word}y", number / 10) for number, word in enumerate(words)]
    picked, _, n_alike = pick_doubtful(sentences, top=2, max_overlap=0.5)
    assert [one.doubt for one in picked] == [0.5, 0.4]
    assert n_alike == 0


def test_overlap_is_the_share_of_common_pairs():
    left, right = (word_pairs([Word(one, 0, 0) for one in text]) for text in ("abc", "abd"))
    assert overlap(left, right) == 2 / 6
    assert overlap(left, left) == 1
    assert overlap(frozenset(), left) == 0


TEXT = "hier ist wohl schon lange alles ganz klar. Frau X aus Bad Ems kommt\n\nkurz ja\n"


@pytest.fixture
def n_levels():
    return 1


@pytest.fixture
def run(monkeypatch, tmp_path, n_levels):
    """Let capitalised words be names; the score of words of one letter is low."""
    monkeypatch.setattr(doubtful, "load", lambda *_, levels: CapitalTagger(n_levels, levels=levels))
    monkeypatch.chdir(tmp_path)
    Path("in.txt").write_text(TEXT, encoding="utf-8")

    def run_command(*arguments):
        result = CliRunner().invoke(doubtful.app, ["--file", "in.txt", *map(str, arguments)])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    return run_command


NAMES = ["Frau X", "Bad Ems"]


def test_doccano_gets_offsets_within_the_sentence(run):
    first, second = (json.loads(line) for line in run("--format", "doccano").splitlines())
    assert [first["text"][start:end] for start, end, _ in first["label"]] == NAMES
    assert first["doubt"] > second["doubt"] > 0
    assert second["text"] == "hier ist wohl schon lange alles ganz klar."


def test_label_studio_gets_tasks_with_predictions(run):
    first, _ = json.loads(run("--format", "label-studio"))
    values = [one["value"] for one in first["predictions"][0]["result"]]
    assert [first["data"]["text"][one["start"] : one["end"]] for one in values] == NAMES
    assert [(one["text"], one["labels"]) for one in values] == [(name, ["PER"]) for name in NAMES]


def test_prodigy_gets_spans_of_its_tokens(run):
    first = json.loads(run("--format", "prodigy").splitlines()[0])
    for span, name in zip(first["spans"], NAMES, strict=True):
        tokens = first["tokens"][span["token_start"] : span["token_end"] + 1]
        assert (tokens[0]["start"], tokens[-1]["end"]) == (span["start"], span["end"])
        assert "".join(one["text"] + " " * one["ws"] for one in tokens).strip() == name
    assert "".join(one["text"] + " " * one["ws"] for one in first["tokens"]) == first["text"]


def test_conll_is_read_back_as_a_corpus(run):
    run("--format", "conll", "--output", "out.conll")
    first, _ = read_sentences(Path("out.conll"))
    assert [" ".join(first.words[one.start : one.end]) for one in decode_spans(first.outer)] == NAMES


@pytest.mark.parametrize("n_levels", [2])
@pytest.mark.parametrize(
    ("form", "name"), [("doccano", "a.jsonl"), ("label-studio", "a.json"), ("prodigy", "a.jsonl")]
)
def test_entities_of_both_levels_are_exported_and_read_back_as_such(run, form, name):
    """What a tool exports again: of Label Studio, the accepted predictions."""
    run("--format", form, "--output", name)
    text = Path(name).read_text(encoding="utf-8").replace('"predictions"', '"annotations"')
    Path(name).write_text(text, encoding="utf-8")
    first, _ = read_sentences(Path(name))
    found = [
        [(" ".join(first.words[one.start : one.end]), one.label) for one in decode_spans(tags)]
        for tags in (first.outer, first.inner)
    ]
    assert found == [[(one, "PER") for one in NAMES], [("X", "LOC"), ("Ems", "LOC")]]


@pytest.mark.parametrize("n_levels", [2])
def test_each_region_of_label_studio_has_an_id_of_its_own(run):
    regions = [one for task in json.loads(run("--format", "label-studio")) for one in task["predictions"]]
    ids = [one["id"] for prediction in regions for one in prediction["result"]]
    assert len(set(ids)) == len(ids) == 4


@pytest.mark.parametrize("n_levels", [2])
@pytest.mark.parametrize("form", ["doccano", "label-studio", "prodigy", "conll"])
def test_level_outer_gives_flat_output_in_every_format(run, form):
    assert "LOC" not in run("--format", form, "--level", "outer")
    assert ("LOC" in run("--format", form)) == (form != "conll")


def test_no_more_sentences_than_asked_for_and_none_too_short(run):
    assert len(run("--top", 1).splitlines()) == 1
    assert len(run("--min-words", 1).splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--min-words", "50"], "no sentence of at least 50 words", id="nothing-found"),
        pytest.param(["--file", "none.txt"], r"none\.txt: no such file", id="no-file"),
        pytest.param(["--output", "in.txt"], "is also read", id="output-is-input"),
    ],
)
def test_what_cannot_be_done_is_refused(run, arguments, message):
    with pytest.raises(PipelineError, match=message):
        run(*arguments)
    assert Path("in.txt").read_text(encoding="utf-8") == TEXT
