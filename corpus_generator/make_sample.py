"""Rebuild or enlarge the embedded corpus: invented German sentences in the GermEval 2014 format.

Reads the grammar beside this module. Writes `NER-de-train.tsv`, `NER-de-dev.tsv` and `NER-de-test.tsv`, where
the source line of a sentence names the pattern that it was written from.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from corpus_generator.grammar import Grammar, Pattern, Writer
from ner.annotation.sentences import Sentence
from ner.core.errors import PipelineError
from ner.core.files import write_text
from ner.sources.formats.germeval import format_germeval

GRAMMAR_FOLDER = Path(__file__).parent
SAMPLE_FOLDER = Path("data/sample")
SPLIT_SHARES = {"train": 1.0, "dev": 0.125, "test": 0.2}  # sentences for each sentence of train
LABELS = [stem + suffix for stem in ("LOC", "ORG", "OTH", "PER") for suffix in ("", "deriv", "part")]

PLAIN_SHARE = 0.36  # of the sentences have no entity; in GermEval 2014 it is 39 %
RESERVED_PATTERN_SHARE = 0.33  # of the dev and test sentences come from patterns that no other split uses
MAX_REPEATS = 300  # draws in a row that only repeat a sentence, before the grammar counts as exhausted
FIRST_DAY = date(2009, 1, 1)
N_DAYS = 1826


def make_corpus(grammar: Grammar, n_train: int, seed: int) -> dict[str, list[Sentence]]:
    """Write a corpus without a repeated sentence, with every label in every split.

    Args:
        grammar: What to draw from.
        n_train: Sentences of train; dev and test follow in proportion.
        seed: Another seed gives other sentences, but keeps the same names and patterns out of train.

    Raises:
        PipelineError: If a split would be too small for all labels, or the grammar has no sentences left.
    """
    sizes = {split: round(n_train * share) for split, share in SPLIT_SHARES.items()}
    if sizes["dev"] < len(LABELS):
        raise PipelineError(
            f"--sentences {n_train} gives dev {sizes['dev']} sentences, too few for {len(LABELS)} labels.",
            remedy=f"ask for at least {round(len(LABELS) / SPLIT_SHARES['dev'])} sentences.",
        )
    seen: set[str] = set()
    corpus = {}
    for split, size in sizes.items():
        writer = Writer(grammar, split, seed)
        drawn = draw_sentences(writer, grammar.patterns, seen)
        one_of_each = [find_label(label, drawn) for label in LABELS]
        corpus[split] = one_of_each + list(islice(drawn, size - len(LABELS)))
        writer.rng.shuffle(corpus[split])
    return corpus


def draw_sentences(writer: Writer, patterns: Sequence[Pattern], seen: set[str]) -> Iterator[Sentence]:
    """Draw sentences of one split without end, each unlike all in `seen`, which grows.

    Raises:
        PipelineError: If `MAX_REPEATS` draws in a row gave nothing new.
    """
    rng = writer.rng
    sorted_patterns: dict[tuple[bool, str | None], list[Pattern]] = defaultdict(list)
    for pattern in patterns:
        sorted_patterns[pattern.has_names, pattern.split].append(pattern)
    while True:
        has_names = rng.random() >= PLAIN_SHARE
        reserved = sorted_patterns[has_names, writer.split] if rng.random() < RESERVED_PATTERN_SHARE else []
        for _ in range(MAX_REPEATS):
            pattern = rng.choice(reserved or sorted_patterns[has_names, None])
            words, outer, inner = writer.write(pattern)
            key = " ".join(words).translate({ord("„"): '"', ord("“"): '"'})
            if key not in seen:
                break
        else:
            raise PipelineError(
                f"The grammar in {GRAMMAR_FOLDER} has no new sentence left after {len(seen)}.",
                remedy="pass a smaller --sentences, or add patterns to sentences.yaml.",
            )
        seen.add(key)
        day = FIRST_DAY + timedelta(days=rng.randrange(N_DAYS))
        yield Sentence(str(len(seen)), f"sample:{pattern.name} [{day.isoformat()}] ", words, outer, inner)


def find_label(label: str, sentences: Iterator[Sentence]) -> Sentence:
    """Return the next sentence that has an outer entity with this label."""
    return next(sentence for sentence in sentences if f"B-{label}" in sentence.outer)


def describe(corpus: dict[str, list[Sentence]]) -> Table:
    """Build a table of what each split holds."""
    table = Table("split", "sentences", "words", "entities", "nested entities")
    for split, sentences in corpus.items():
        n_words = sum(len(sentence.words) for sentence in sentences)
        n_names, n_nested = (
            sum(tag.startswith("B-") for sentence in sentences for tag in (getattr(sentence, level) or ()))
            for level in ("outer", "inner")
        )
        table.add_row(split, *(f"{count:,}" for count in (len(sentences), n_words, n_names, n_nested)))
    return table


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def make_sample(
    sentences: Annotated[
        int, typer.Option(help="Sentences of train; dev and test get an eighth and a fifth as many.")
    ] = 2400,
    seed: Annotated[int, typer.Option(help="Another seed gives other sentences.")] = 2014,
    output: Annotated[
        Path, typer.Option(help="Folder for the three files; other files in it stay.")
    ] = SAMPLE_FOLDER,
) -> None:
    """Write an invented German corpus. The defaults rebuild data/sample byte for byte."""
    corpus = make_corpus(Grammar.load(GRAMMAR_FOLDER), sentences, seed)
    for split, split_sentences in corpus.items():
        path = output / f"NER-de-{split}.tsv"
        try:
            write_text(path, format_germeval(split_sentences))
        except OSError as error:
            raise PipelineError(
                f"{path}: {error.strerror}.", remedy="pass another --output folder."
            ) from error
    Console().print(describe(corpus))
