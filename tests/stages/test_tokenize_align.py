"""The stage that turns words into subtokens with targets, and what it counts."""

import json
import tracemalloc
from collections import Counter

import pyarrow.parquet as pq
import pytest
from seqeval.metrics.sequence_labeling import get_entities

from ner.annotation.labels import TagSet, tags_of_labels
from ner.annotation.sentences import SPLITS, Sentence, read_split, write_split
from ner.core.errors import PipelineError
from ner.sources.conversion import read_splits
from ner.text.splitting import split_text
from ner.windows.alignment import IGNORE_ID, Window, first_subtokens
from ner.windows.splits import SplitCounts, TokenizeParams, check_lengths, tokenize_split
from ner.windows.tokenized import read_settings, read_windows, write_windows
from ner.windows.tokenizer import WordTokenizer
from stages.tokenize_align import tokenize_align
from tests.support.corpora import read_sentences
from tests.support.paths import CORPUS
from tests.support.tiny_encoder import make_wordpiece

TAG_SET = TagSet(
    tags_of_labels(stem + suffix for stem in ("LOC", "ORG", "OTH", "PER") for suffix in ("", "deriv", "part"))
)
PARAMS = TokenizeParams(label_all_tokens=True, max_length=128, stride=32)


def write_raw(folder, sentences, split="test"):
    path = folder / f"{split}.parquet"
    write_split(path, sentences, TAG_SET, has_inner=False)
    return path


@pytest.fixture
def encoder_dir(tmp_path):
    """Give a folder with the tokenizer of an encoder that takes 128 subtokens."""
    folder = tmp_path / "encoder"
    folder.mkdir()
    words = [word for path in sorted(CORPUS.glob("*.tsv")) for s in read_sentences(path) for word in s.words]
    make_wordpiece(words).save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text('{"max_position_embeddings": 128}')
    return folder


@pytest.fixture
def tokenizer(encoder_dir):
    return WordTokenizer.load(encoder_dir)


def tokenize(raw_file, tokenizer, **changes):
    """Give the windows of a split and the counts that go with them."""
    counts = SplitCounts()
    rows = list(tokenize_split(raw_file, tokenizer, PARAMS.model_copy(update=changes), counts))
    return rows, counts.to_dict()


@pytest.mark.parametrize(
    ("max_length", "stride", "message"),
    [
        pytest.param(
            129,
            32,
            "tokenize.max_length is 129, more than the encoder takes. Remedy: set it to at most 128.",
            id="longer-than-the-encoder-takes",
        ),
        pytest.param(
            2,
            0,
            "tokenize.max_length is 2, no more than the special tokens need. Remedy: set it to at least 3;",
            id="no-room-for-words",
        ),
        pytest.param(
            16,
            14,
            "tokenize.stride is 14, as much as a window holds. Remedy: set it below 14.",
            id="stride-fills-the-window",
        ),
    ],
)
def test_lengths_that_do_not_fit_are_refused(tokenizer, max_length, stride, message):
    params = PARAMS.model_copy(update={"max_length": max_length, "stride": stride})
    with pytest.raises(PipelineError) as refusal:
        check_lengths(params, tokenizer)
    assert str(refusal.value).startswith(f"params.yaml: {message}")


@pytest.mark.parametrize(
    ("limit", "max_length", "stride"),
    [
        pytest.param(128, 128, 32, id="as-long-as-the-encoder-takes"),
        pytest.param(128, 3, 0, id="one-subtoken-a-window"),
        pytest.param(128, 16, 13, id="stride-leaves-one"),
        pytest.param(None, 100_000, 32, id="encoder-without-limit"),
    ],
)
def test_lengths_that_fit_are_taken(tokenizer, limit, max_length, stride):
    params = PARAMS.model_copy(update={"max_length": max_length, "stride": stride})
    check_lengths(params, WordTokenizer(tokenizer.tokenizer, tokenizer.prefix, tokenizer.suffix, limit))


def test_what_is_counted(tmp_path, tokenizer):
    """By hand: `Uhu` has three subtokens, `und` one and the control character none."""
    raw_file = write_raw(
        tmp_path,
        [
            Sentence("0", "", ["Uhu", "und", "\x96"], ["B-PER", "O", "B-LOC"], None),
            Sentence("1", "", ["Uhu", "Uhu"], ["B-PER", "I-PER"], None),
            Sentence("2", "", ["\x96"], ["O"], None),
        ],
    )
    _, counts = tokenize(raw_file, tokenizer)
    assert counts == {
        "sentences": 3,
        "words": 6,
        "windows": 3,
        "subtokens": 6 + 8 + 2,
        "max_subtokens": 8,
        "words_without_subtoken": 2,
        "truncated_words": 0,
        # B-PER three times is three entities; after it, I-PER three times is the rest of the third.
        "subtoken_entities": 6,
        "subtoken_entities_by_label": {"PER": 6},
    }
    _, counts = tokenize(raw_file, tokenizer, label_all_tokens=False)
    assert counts["subtoken_entities_by_label"] == {"PER": 2}


def test_targets_follow_the_notebook(tmp_path, tokenizer):
    raw_file = write_raw(tmp_path, [Sentence("0", "", ["Uhu", "\x96", "und"], ["B-PER", "I-PER", "O"], None)])
    per = TAG_SET.id_of("B-PER")
    ((row,), _) = tokenize(raw_file, tokenizer)
    assert row.window.word_ids == [-1, 0, 0, 0, 2, -1]
    assert row.targets == [IGNORE_ID, per, per, per, 0, IGNORE_ID]
    ((row,), _) = tokenize(raw_file, tokenizer, label_all_tokens=False)
    assert row.targets == [IGNORE_ID, per, IGNORE_ID, IGNORE_ID, 0, IGNORE_ID]


def test_truncated_words_are_counted(tmp_path, tokenizer):
    raw_file = write_raw(tmp_path, [Sentence("0", "", ["Uhu", "Uhuu", "Uhuhuhu"], ["O"] * 3, None)])
    rows, counts = tokenize(raw_file, tokenizer, max_length=5, stride=0)
    assert counts["truncated_words"] == 2
    assert counts["windows"] == 3
    assert counts["max_subtokens"] == 5
    assert [row.window.first_word for row in rows] == [0, 1, 2]


@pytest.mark.parametrize(("max_length", "stride"), [(128, 32), (32, 8), (12, 0), (12, 9)])
@pytest.mark.parametrize("label_all_tokens", [True, False])
def test_every_word_has_one_speaker_with_its_tag(tmp_path, tokenizer, max_length, stride, label_all_tokens):
    sentences = list(read_sentences(CORPUS / "NER-de-test.tsv"))
    rows, counts = tokenize(
        write_raw(tmp_path, sentences),
        tokenizer,
        max_length=max_length,
        stride=stride,
        label_all_tokens=label_all_tokens,
    )
    spoken = [
        (row.sentence, row.window.first_word + word_id, TAG_SET.tags[row.targets[position]])
        for row in rows
        for position, word_id in first_subtokens(row.window.word_ids)
    ]
    assert spoken == [
        (number, word, tag)
        for number, sentence in enumerate(sentences)
        for word, tag in enumerate(sentence.outer)
        if sentence.words[word] != "\x96"
    ]
    assert counts["windows"] == len(rows) > len(sentences), "one sentence is longer than 128 subtokens"
    assert counts["words_without_subtoken"] == 1
    assert counts["max_subtokens"] == max(len(row.window.input_ids) for row in rows) <= max_length


@pytest.mark.parametrize("max_length", [128, 8])
@pytest.mark.parametrize("label_all_tokens", [True, False])
def test_entities_are_counted_as_seqeval_counts_them(tmp_path, tokenizer, max_length, label_all_tokens):
    """Its default mode takes the rest of a name that was cut in two for a name of its own."""
    sentences = [
        *read_sentences(CORPUS / "NER-de-test.tsv"),
        Sentence("", "", ["\x96", "Uhu"], ["B-OTHpart", "I-OTHpart"], None),
    ]
    rows, counts = tokenize(
        write_raw(tmp_path, sentences),
        tokenizer,
        max_length=max_length,
        stride=0,
        label_all_tokens=label_all_tokens,
    )
    tags = [[TAG_SET.tags[target] for target in row.targets if target != IGNORE_ID] for row in rows]
    expected = Counter(label for label, _, _ in get_entities(tags))
    assert counts["subtoken_entities_by_label"] == expected
    assert counts["subtoken_entities"] == expected.total()
    assert expected["OTHpart"] > 0


def test_sentences_are_numbered_across_batches(tmp_path, tokenizer, monkeypatch):
    monkeypatch.setattr("ner.windows.splits.SENTENCES_PER_BATCH", 2)
    raw_file = write_raw(tmp_path, [Sentence(str(n), "", ["und"] * n, ["O"] * n, None) for n in range(1, 6)])
    rows, counts = tokenize(raw_file, tokenizer)
    assert [(row.sentence, row.window.word_ids[-2]) for row in rows] == [(n, n) for n in range(5)]
    assert counts["sentences"] == 5


def test_memory_does_not_grow_with_the_corpus(tmp_path, tokenizer, monkeypatch):
    """Read, tokenised and written group by group: Python's memory at its peak, and the rows of a group."""
    for name in (
        "windows.splits.SENTENCES_PER_BATCH",
        "annotation.sentences.SENTENCES_PER_ROW_GROUP",
        "windows.tokenized.WINDOWS_PER_ROW_GROUP",
    ):
        monkeypatch.setattr(f"ner.{name}", 50)

    def peak(n_sentences):
        sentences = (Sentence(str(n), "", ["und", "Uhu"] * 5, ["O"] * 10, None) for n in range(n_sentences))
        raw_file, path = write_raw(tmp_path, sentences), tmp_path / f"{n_sentences}.parquet"
        tracemalloc.start()
        write_windows(path, tokenize_split(raw_file, tokenizer, PARAMS, SplitCounts()), {})
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        metadata = pq.read_metadata(path)
        assert metadata.num_rows == n_sentences
        assert {metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)} == {50}
        return most

    peak(50)  # what is made once and kept
    assert peak(2_000) < 1.5 * peak(200)


def test_a_target_of_a_special_token_counts_for_nothing():
    counts = SplitCounts()
    counts.add_window(Window(0, [2, 3], [-1, -1]), [IGNORE_ID, IGNORE_ID], TAG_SET)
    assert counts.to_dict()["subtoken_entities"] == 0


def write_params(folder, **changes):
    values = {**PARAMS.model_dump(), **changes}
    (folder / "params.yaml").write_text(json.dumps({"tokenize": values}))  # JSON is YAML


def test_the_stage_writes_windows_settings_and_counts_alike_each_time(tmp_path, monkeypatch, encoder_dir):
    raw_dir = tmp_path / "raw"
    raw_dir.mkdir()
    for split, read in read_splits(CORPUS, split_text).items():
        write_raw(raw_dir, read(), split)
    write_params(tmp_path)
    monkeypatch.chdir(tmp_path)
    for run in ("one", "other"):
        tokenize_align(raw_dir, encoder_dir, tmp_path / run, tmp_path / run / "tokenize.json")

    counts = json.loads((tmp_path / "one" / "tokenize.json").read_text())
    assert list(counts) == sorted(SPLITS)
    for split in SPLITS:
        rows = read_windows(tmp_path / "one" / f"{split}.parquet")
        assert counts[split]["windows"] == len(rows)
        assert counts[split]["sentences"] == len(read_split(raw_dir / f"{split}.parquet"))
        assert read_settings(tmp_path / "one" / f"{split}.parquet") == PARAMS.model_dump()
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes()


def test_a_broken_split_ends_the_stage_in_one_line(tmp_path, monkeypatch, encoder_dir):
    write_params(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        PipelineError, match=r"train\.parquet: cannot be read .* dvc repro -f -s download_corpus"
    ):
        tokenize_align(tmp_path, encoder_dir, tmp_path / "out", tmp_path / "tokenize.json")


def test_the_notebooks_own_figures(shared, tmp_path):
    """The official test split with the vocabulary of bert-base-multilingual-cased: what it prints."""
    sentences = read_sentences(shared / "germeval14-resplit" / "NER-de-train.tsv")
    tokenizer = WordTokenizer.load(shared / "mbert-tiny")
    check_lengths(PARAMS, tokenizer)
    _, counts = tokenize(write_raw(tmp_path, sentences), tokenizer)
    assert {
        name: counts[name]
        for name in (
            "sentences",
            "words",
            "windows",
            "words_without_subtoken",
            "truncated_words",
            "max_subtokens",
        )
    } == {
        "sentences": 5_100,
        "words": 96_499,
        "windows": 5_100,
        "words_without_subtoken": 8,
        "truncated_words": 0,
        "max_subtokens": 76,
    }
    assert counts["subtoken_entities"] == 12_542
    assert counts["subtoken_entities_by_label"] == {
        "LOC": 3393, "LOCderiv": 1128, "LOCpart": 429, "ORG": 2238, "ORGderiv": 21, "ORGpart": 801,
        "OTH": 1285, "OTHderiv": 75, "OTHpart": 182, "PER": 2745, "PERderiv": 38, "PERpart": 207,
    }  # fmt: skip
    assert counts["subtokens"] / counts["windows"] == pytest.approx(30.0, abs=0.05)
