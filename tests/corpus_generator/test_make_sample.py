"""The embedded corpus and the grammar that writes it."""

import os
import re
import subprocess
import sys

import pytest

from corpus_generator.grammar import Grammar, Phrase, Writer, read_markup
from corpus_generator.make_sample import GRAMMAR_FOLDER, LABELS, draw_sentences, make_corpus
from ner.annotation.sentences import Sentence
from ner.annotation.spans import Span, decode_spans
from ner.core.errors import PipelineError
from ner.sources.formats.germeval import format_germeval, read_germeval
from tests.support.pipeline_clone import ROOT

SAMPLE = ROOT / "data" / "sample"
SPLITS = ("train", "dev", "test")
PARTS = r"\S+"  # one word, with whatever marks a name in it
SHAPES = {
    "LOCderiv": r"[\wäöüß.-]+( \w+)?(er|e|en|es|in|n|s)",
    "ORGderiv": r"[\w-]+(er|en|e|ist|ler)",
    "OTHderiv": r"[a-zäöüß]+|[A-ZÄÖÜ][a-zäöüß]+e[nrs]?",
    "PERderiv": r"[a-zäöüß]+e[nrs]?|[A-ZÄÖÜ]\w+(er|en)",
    "LOCpart": PARTS,
    "ORGpart": PARTS,
    "OTHpart": PARTS,
    "PERpart": PARTS,
}

Corpus = dict[str, list[Sentence]]


def run_tool(*arguments, folder=ROOT, hash_seed="random"):
    return subprocess.run(
        [sys.executable, "-m", "tools", "make-sample", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
    )


def names_of(sentences, *, with_label):
    """Give the distinct names of the outer level, as text or as text and label."""
    names = set()
    for sentence in sentences:
        for span in decode_spans(sentence.outer):
            text = " ".join(sentence.words[span.start : span.end])
            names.add((text, span.label) if with_label else text)
    return names


def pattern_of(sentence):
    return sentence.source.split()[0]


@pytest.fixture(scope="module")
def grammar() -> Grammar:
    return Grammar.load(GRAMMAR_FOLDER)


@pytest.fixture(scope="module", params=["committed", "fresh"])
def corpus(request, grammar) -> Corpus:
    """Give the corpus in data/sample, and a small one of another seed."""
    if request.param == "fresh":
        return make_corpus(grammar, n_train=300, seed=7)
    return {split: list(read_germeval(SAMPLE / f"NER-de-{split}.tsv")) for split in SPLITS}


def test_the_defaults_rebuild_the_committed_files_byte_for_byte(tmp_path):
    """Whatever Python's hash seed is."""
    assert run_tool("--output", tmp_path).returncode == 0
    for split in SPLITS:
        name = f"NER-de-{split}.tsv"
        assert (tmp_path / name).read_bytes() == (SAMPLE / name).read_bytes()


def test_the_committed_corpus_has_the_promised_size():
    """A clone of the repository stays small."""
    sizes = {split: len(list(read_germeval(SAMPLE / f"NER-de-{split}.tsv"))) for split in SPLITS}
    assert sizes == {"train": 2400, "dev": 300, "test": 480}
    assert all(path.stat().st_size < 1_000_000 for path in SAMPLE.iterdir())


def test_the_reader_gives_back_what_was_written(grammar, tmp_path):
    """The format is GermEval's, source line and trailing tab included."""
    sentences = make_corpus(grammar, n_train=100, seed=3)["train"]
    path = tmp_path / "train.tsv"
    path.write_text(format_germeval(sentences), encoding="utf-8")
    read = list(read_germeval(path))
    assert [(s.source, s.words, s.outer, s.inner) for s in read] == [
        (s.source, s.words, s.outer, s.inner) for s in sentences
    ]


def test_no_sentence_occurs_twice(corpus):
    """Neither in a split nor in two; the kind of quotation mark makes no difference."""
    texts = [re.sub('[„“"]', '"', " ".join(s.words)) for sentences in corpus.values() for s in sentences]
    assert len(texts) == len(set(texts))


@pytest.mark.parametrize("with_label", [True, False])
@pytest.mark.parametrize("split", ["dev", "test"])
def test_train_lacks_two_names_in_five(corpus, split, with_label):
    """Counted as distinct names, with their label or by their text alone."""
    names = names_of(corpus[split], with_label=with_label)
    unseen = names - names_of(corpus["train"], with_label=with_label)
    assert len(unseen) >= 0.4 * len(names)


@pytest.mark.parametrize("split", ["dev", "test"])
def test_train_lacks_the_pattern_of_one_sentence_in_four(corpus, split):
    """The source line names the pattern."""
    known = {pattern_of(sentence) for sentence in corpus["train"]}
    unseen = [sentence for sentence in corpus[split] if pattern_of(sentence) not in known]
    assert len(unseen) >= 0.25 * len(corpus[split])


@pytest.mark.parametrize("split", SPLITS)
def test_every_split_has_every_label_and_nested_names(corpus, split):
    """The twelve of GermEval 2014 on the outer level."""
    found = {span.label for sentence in corpus[split] for span in decode_spans(sentence.outer)}
    assert found == set(LABELS)
    assert any(decode_spans(sentence.inner) for sentence in corpus[split])


def test_a_nested_name_is_a_part_of_its_outer_name(corpus):
    """It may not be the whole of it, nor cross its border."""
    for sentence in (s for sentences in corpus.values() for s in sentences):
        for inner in decode_spans(sentence.inner):
            outer = [s for s in decode_spans(sentence.outer) if s.start <= inner.start and inner.end <= s.end]
            assert len(outer) == 1, sentence
            assert (outer[0].start, outer[0].end) != (inner.start, inner.end), sentence


def test_derived_and_partial_names_have_their_shape(corpus):
    """Derivations are adjectives, languages or inhabitants; a name in a longer word is a single word."""
    for sentence in (s for sentences in corpus.values() for s in sentences):
        for span in [*decode_spans(sentence.outer), *decode_spans(sentence.inner)]:
            text = " ".join(sentence.words[span.start : span.end])
            assert re.fullmatch(SHAPES.get(span.label, ".+"), text), (text, span.label)


def test_a_partial_name_is_no_name_of_its_own(corpus):
    """A compound such as "Berlin-Reise" has LOCpart, and "Berlin" never has."""
    for sentences in corpus.values():
        names = names_of(sentences, with_label=True)
        whole = {text for text, label in names if label in ("LOC", "ORG", "OTH", "PER")}
        assert not whole & {text for text, label in names if label.endswith("part")}


def test_plain_patterns_hold_no_name(corpus):
    """And about a third of all sentences follow one."""
    sentences = [s for split in corpus.values() for s in split]
    plain = [s for s in sentences if pattern_of(s).startswith("sample:plain")]
    assert all(set(s.outer) == {"O"} for s in plain)
    assert 0.25 < len(plain) / len(sentences) < 0.45


def test_a_sentence_reads_like_one(corpus):
    """No notation is left over, and the length varies."""
    sentences = [s for split in corpus.values() for s in split]
    for sentence in sentences:
        text = " ".join(sentence.words)
        assert not re.search(r"[\[\]{}<>|~^·=]| [,.!?]? ?[,.] ?[,.]", text), text
        assert not re.search(r"\b(in|von|zu|bei|an) dem [A-ZÄÖÜ]|\bzu der [A-ZÄÖÜ]", text), text
        assert text[0].isupper() or text[0] in '„"@#(' or text[0].isdigit(), text
    lengths = [len(s.words) for s in sentences]
    assert min(lengths) <= 5
    assert max(lengths) >= 25


def test_another_seed_gives_other_sentences(grammar):
    """But keeps the same patterns out of train."""
    first, second = (make_corpus(grammar, n_train=150, seed=seed) for seed in (1, 2))
    texts = [{" ".join(s.words) for sentences in c.values() for s in sentences} for c in (first, second)]
    assert len(texts[0] & texts[1]) < 0.1 * len(texts[0])
    reserved = {f"sample:{p.name}" for p in grammar.patterns if p.split in ("dev", "test")}
    for corpus in (first, second):
        assert not reserved & {pattern_of(s) for s in corpus["train"]}


@pytest.mark.parametrize("split", SPLITS)
def test_every_pattern_can_be_written(grammar, split):
    """A slot that names no rule, or a case that does not exist, would raise."""
    writer = Writer(grammar, split, seed=0)
    for pattern in grammar.patterns:
        for _ in range(15):
            words, outer, inner = writer.write(pattern)
            assert len(words) == len(outer) == len(inner) > 0
            assert pattern.has_names or set(outer) == {"O"}


def test_too_few_sentences_are_refused_with_the_least_number(tmp_path):
    """Each split must hold every label."""
    finished = run_tool("--sentences", 20, "--output", tmp_path)
    assert finished.returncode == 1
    assert re.fullmatch(
        r"error: --sentences 20 .+ Remedy: ask for at least 96 sentences\.\n", finished.stderr
    )
    assert run_tool("--sentences", 96, "--output", tmp_path).returncode == 0


def test_an_exhausted_grammar_ends_with_an_error(tmp_path):
    """Not with a loop that never ends."""
    tmp_path.joinpath("names.yaml").write_text("town: Ulm, Hof\n", encoding="utf-8")
    tmp_path.joinpath("phrases.yaml").write_text("night: |\n  nachts\n", encoding="utf-8")
    sentences = "news: |\n  es brannte {night} in <LOC {town}> .\nplain: |\n  es {brannte|regnete} .\n"
    tmp_path.joinpath("sentences.yaml").write_text(sentences, encoding="utf-8")
    grammar = Grammar.load(tmp_path)
    with pytest.raises(
        PipelineError, match=r"no new sentence left after \d\. Remedy: pass a smaller --sentences"
    ):
        list(draw_sentences(Writer(grammar, "train", seed=0), grammar.patterns, set()))


def test_other_files_in_the_folder_stay(tmp_path):
    """The three files are replaced, nothing else is touched."""
    tmp_path.joinpath("notes.txt").write_text("mine", encoding="utf-8")
    tmp_path.joinpath("NER-de-dev.tsv").write_text("old", encoding="utf-8")
    assert run_tool("--sentences", 160, "--output", tmp_path).returncode == 0
    assert tmp_path.joinpath("notes.txt").read_text(encoding="utf-8") == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "NER-de-dev.tsv", "NER-de-test.tsv", "NER-de-train.tsv", "notes.txt",
    ]  # fmt: skip
    assert len(list(read_germeval(tmp_path / "NER-de-dev.tsv"))) == 20


def test_a_folder_that_cannot_be_written_ends_in_one_line(tmp_path):
    """The file that stands in the way is named."""
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    finished = run_tool("--sentences", 160, "--output", in_the_way)
    assert finished.returncode == 1
    assert finished.stderr.startswith(f"error: {in_the_way}/NER-de-train.tsv: ")
    assert finished.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("phrase", "case", "expected"),
    [
        pytest.param(Phrase("<ORG neu~ Verband^es>", "m", True), "nom", "·der <ORG neue Verband>", id="nom"),
        pytest.param(
            Phrase("<ORG neu~ Verband^es>", "m", True), "gen", "·des <ORG neuen Verbandes>", id="gen"
        ),
        pytest.param(Phrase("neu~ Satzung", "f", True), "dat", "·der neuen Satzung", id="dat-feminine"),
        pytest.param(Phrase("neu~ Haus^es", "n", True), "ein", "·ein neues Haus", id="indefinite"),
        pytest.param(
            Phrase("neu~ Weg^s", "m", True), "einen", "·einen neuen Weg", id="indefinite-accusative"
        ),
        pytest.param(Phrase("neu~ Zölle", "p", True), "dat", "·den neuen Zölle", id="dat-plural"),
        pytest.param(Phrase("neu~ Verband^es", "m", True), "bare", "neuer Verband", id="bare"),
        pytest.param(Phrase("<LOC Ulm>"), "gen", "<LOC Ulms>", id="name-gen"),
        pytest.param(Phrase("<PER Jan Voß>", "m"), "gen", "<PER Jan Voß’>", id="name-gen-after-sibilant"),
        pytest.param(Phrase("<PER Jan Voß>", "m"), "dat", "<PER Jan Voß>", id="name-dat"),
        pytest.param(Phrase("Voß", "m"), "lower", "voß", id="lower"),
    ],
)
def test_a_phrase_takes_its_case(phrase, case, expected):
    """Article, adjective and noun agree; a name without article has only a genitive."""
    assert phrase.inflect(case) == expected


@pytest.mark.parametrize(
    ("text", "words", "outer", "inner"),
    [
        pytest.param(
            "er kam von ·dem <ORG FC <LOC Ulm>> .",
            "Er kam vom FC Ulm .",
            [Span(3, 5, "ORG")],
            [Span(4, 5, "LOC")],
            id="nested-and-contracted",
        ),
        pytest.param(
            "in <LOC ·der Türkei>", "In der Türkei", [Span(2, 3, "LOC")], [], id="article-moves-out"
        ),
        pytest.param("das Haus , in dem er lebt", "Das Haus , in dem er lebt", [], [], id="relative-clause"),
        pytest.param("„ <PER Wolf> schläft “", "„ Wolf schläft “", [Span(1, 2, "PER")], [], id="quotation"),
        pytest.param(
            "<ORG <LOC Au am <LOC Inn>> 05> , die <LOC Isar>",
            "Au am Inn 05 , die Isar",
            [Span(0, 4, "ORG"), Span(6, 7, "LOC")],
            [Span(0, 3, "LOC")],
            id="third-level-has-no-tag",
        ),
        pytest.param("@amt Danke , .", "@amt Danke .", [], [], id="handle-keeps-its-small-letter"),
    ],
)
def test_markup_becomes_words_and_tags(text, words, outer, inner):
    """The first word gets a capital, an inserted article contracts or leaves the name."""
    found_words, found_outer, found_inner = read_markup(text)
    assert " ".join(found_words) == words
    assert decode_spans(found_outer) == outer
    assert decode_spans(found_inner) == inner


def test_the_notation_keeps_gives_back_and_agrees(tmp_path):
    """A kept phrase returns in other forms, and two kept phrases of a line differ."""
    tmp_path.joinpath("names.yaml").write_text(
        "town:\n  columns: name / er\n  rows: |\n    Ulm / Ulmer\n    Hof / Hofer\n", encoding="utf-8"
    )
    tmp_path.joinpath("phrases.yaml").write_text("hero: |\n  f: <PER Ida>\n", encoding="utf-8")
    tmp_path.joinpath("sentences.yaml").write_text(
        "news: |\n  {h:=hero}{h?er|sie} {a=town} {a.er} {b=town} {h:gen} {7-7}[ x]\n", encoding="utf-8"
    )
    grammar = Grammar.load(tmp_path)
    seen = set()
    for seed in range(40):
        words, _, _ = Writer(grammar, "test", seed).write(grammar.patterns[0])
        seen.add(" ".join(words))
    assert seen == {
        "Sie Ulm Ulmer Hof Idas 7", "Sie Ulm Ulmer Hof Idas 7 x",
        "Sie Hof Hofer Ulm Idas 7", "Sie Hof Hofer Ulm Idas 7 x",
    }  # fmt: skip
