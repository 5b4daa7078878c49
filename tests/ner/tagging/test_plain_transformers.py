"""The tagger's folder for whoever has transformers alone."""

import pytest

from ner.annotation.labels import TagSet, tags_of_labels
from ner.annotation.spans import Span, encode_tags
from ner.tagging.model import WindowCollator, load_encoder
from ner.text.splitting import split_text
from ner.text.text_tagger import TextTagger
from ner.training.results import save_tagger
from ner.windows.alignment import align_tag_ids, cut_windows
from ner.windows.tokenized import TokenizedWindow
from ner.windows.tokenizer import WordTokenizer
from tests.support.tiny_encoder import build_tiny_encoder

# One sentence each, and no hyphen or sign inside a word: there BERT's own splitting, which transformers'
# pipeline goes by, takes apart what is one word in GermEval. The spans count words.
TEXTS = {
    "Änne Köster las am Abend in Görlitz aus ihrem Roman.": [Span(0, 2, "PER"), Span(6, 7, "LOC")],
    "Die bayerische Regierung lehnte den Vorschlag ab.": [Span(1, 2, "LOCderiv")],
    "Am Montag öffnete die Universität Göttingen ihre Türen.": [Span(4, 6, "ORG")],
    "In Zürich tagte der Rat der Neuen Bank.": [Span(1, 2, "LOC"), Span(4, 8, "ORG")],
    "Sie liest den Spiegel (Hamburg) und „Die Zeit“.": [
        Span(3, 4, "OTH"),
        Span(5, 6, "LOC"),
        Span(9, 11, "OTH"),
    ],
    "Der Maler Özgür Weiß fährt nach Jena.": [Span(2, 4, "PER"), Span(6, 7, "LOC")],
    "Berlin, Bonn und Köln Hamburg.": [Span(n, n + 1, "LOC") for n in (0, 2, 4, 5)],
    "Die SPD verhandelt mit Peter Müller!": [Span(1, 2, "ORG"), Span(4, 6, "PER")],
    "Siemens": [Span(0, 1, "ORG")],
    "Es regnete den ganzen Tag.": [],
}


@pytest.fixture(scope="module")
def tagger_dir(tmp_path_factory):
    """Let a tiny encoder learn the sentences by heart."""
    import torch

    folder = tmp_path_factory.mktemp("plain")
    encoder = build_tiny_encoder(folder / "encoder", " ".join(TEXTS).split())
    tag_set = TagSet(tags_of_labels(span.label for spans in TEXTS.values() for span in spans))
    tokenizer = WordTokenizer.load(encoder)
    limits = {"max_length": 128, "stride": 32}
    rows = []
    for number, (text, spans) in enumerate(TEXTS.items()):
        (words,) = split_text(text)
        (pieces,) = tokenizer.encode([[word.text for word in words]])
        (window,) = cut_windows(pieces, prefix=tokenizer.prefix, suffix=tokenizer.suffix, **limits)
        tag_ids = [tag_set.id_of(tag) for tag in encode_tags(spans, len(words))]
        rows.append(TokenizedWindow(number, window, align_tag_ids(window, tag_ids, label_all_tokens=False)))
    torch.manual_seed(0)
    model = load_encoder(encoder, tag_set)
    batch = WindowCollator(model.config.pad_token_id)(rows)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(200):
        optimiser.zero_grad()
        model(**batch).loss.backward()
        optimiser.step()
    save_tagger(model, encoder, folder / "ner", {"tokenize": {**limits, "label_all_tokens": False}})
    return folder / "ner"


@pytest.mark.usefixtures("one_thread")
def test_transformers_own_pipeline_finds_the_same_names(tagger_dir):
    """Names of several subtokens and words, neighbours with one label, punctuation beside a name."""
    from transformers import pipeline  # seconds that collecting the tests need not take

    theirs = pipeline("token-classification", model=str(tagger_dir), aggregation_strategy="first")
    ours = TextTagger.load(tagger_dir, subtokens_per_batch=1024)
    for text, names in zip(TEXTS, ours.tag_texts(list(TEXTS)), strict=True):
        (words,) = split_text(text)
        learnt = [(words[s.start].start, words[s.end - 1].end, s.label) for s in TEXTS[text]]
        assert [(name.start, name.end, name.label) for name in names] == learnt
        assert [(one["start"], one["end"], one["entity_group"]) for one in theirs(text)] == learnt
