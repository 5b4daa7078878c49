"""What to tag, read row by row."""

import gzip
import io
import json
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ner.core.errors import PipelineError
from tools.predict import input_rows
from tools.predict.input_rows import STDIN, InputFormat, Meter, Row, read_arguments, read_rows

WEBANNO = (
    "#FORMAT=WebAnno TSV 3.3\n#T_SP=webanno.custom.NamedEntity|value\n\n\n#Text=Bad Ems\n"
    "1-1\t0-3\tBad\tLOC[1]\n1-2\t4-7\tEms\tLOC[1]\n1-2.1\t4-5\tE\t_\n\n2-1\t8-10\tJa\t_\n"
)


def words_of(row):
    return [word.text for word in row.words]


@pytest.mark.parametrize(
    ("name", "content", "texts"),
    [
        pytest.param("a.txt", "Eins\nZwei\n", ["Eins", "Zwei"], id="lines"),
        pytest.param("a.txt", "Eins\r\n\nZwei", ["Eins", "", "Zwei"], id="empty-line-and-no-last-end"),
        pytest.param(
            "a.txt", "\ufeffEins\u2028\u0085x\rEins\n", ["Eins\u2028\u0085x\rEins"], id="other-ends"
        ),
        pytest.param("a.txt", "", [], id="empty-file"),
        pytest.param("a.jsonl", '{"text": "Eins\\nZwei", "id": 3}\n', ["Eins\nZwei"], id="json"),
        pytest.param("a.jsonl", '{"tokens": ["Nord-", "und"]}\n', ["Nord- und"], id="json-words"),
        pytest.param("a.conll", "Bonn B-LOC\nist\tO\n\n\nJa\n", ["Bonn ist", "Ja"], id="conll"),
        pytest.param("a.tsv", "#\tq\t\n1\tBonn\tO\tO\n2\t#\n\n1\tJa\n", ["Bonn #", "Ja"], id="germeval"),
        pytest.param("a.tsv", "# q\n1\tBonn\tO\tO\n", ["Bonn"], id="germeval-header-by-a-blank"),
        pytest.param("a.tsv", "Bonn\tO\nist\tO\n", ["Bonn ist"], id="two-columns-called-tsv"),
        pytest.param("a.conll", "Bonn NE B-NP B-LOC\nist V O O\n", ["Bonn ist"], id="conll-2003"),
        pytest.param("a.conll", "-DOCSTART- -X- O O\n\nBonn NE B-NP O\n", ["Bonn"], id="document-2003"),
        pytest.param("a.conll", "-DOCSTART- O\n\nBonn O\n", ["Bonn"], id="document"),
        pytest.param("a.conll", "# newdoc\n# text = Ja\nJa\n", ["Ja"], id="comments"),
        pytest.param("a.conll", "# newdoc\nJa O\nja O\n", ["Ja ja"], id="comment-as-long-as-a-row"),
        pytest.param("a.conll", "Ja O\n \t \nJa O\n", ["Ja", "Ja"], id="line-of-blanks"),
        pytest.param(
            "a.jsonl", '{"text": "Ja"}\n\n \n{"text": "Ja"}\n\n', ["Ja", "Ja"], id="json-empty-lines"
        ),
        pytest.param("a.jsonl", '{"words": ["Nord-", "und"]}\n', ["Nord- und"], id="json-words-key"),
        pytest.param("a.jsonl", '{"tokens": ["a", "\\n", " "]}\n', ["a \n  "], id="words-of-blanks"),
        pytest.param("a.jsonl", '{"text": "", "tokens": []}\n', [""], id="an-empty-text-tagged-before"),
        pytest.param(
            "a.json", '[{"text": "Ja"},\n {"tokens": ["Bad", "Ems"]}]', ["Ja", "Bad Ems"], id="array"
        ),
        pytest.param(
            "a.json", '{"text": "Ja"}\n\n{"text": "Nein"}\n', ["Ja", "Nein"], id="lines-called-json"
        ),
        pytest.param("a.json", '[["Ja", {"entities": []}]]', ["Ja"], id="spacys-pairs"),
        pytest.param("a.json", '[{"data": {"body": "Ja"}, "annotations": []}]', ["Ja"], id="label-studio"),
        pytest.param("a.jsonl", '{"data": "Ja", "label": []}\n', ["Ja"], id="doccanos-older-key"),
        pytest.param("a.iob2", "Bonn B-LOC\nist O\n", ["Bonn ist"], id="iob2"),
        pytest.param("a.conllu", "# text = Ja\n1\tJa\t_\n", ["Ja"], id="conllu"),
        pytest.param("a.iob2", "1\tJa\tO\t-\t-\n\n1\tUlm\tO\t-\t-\n", ["Ja", "Ulm"], id="uner"),
        pytest.param("a.conllu", "1\tJa_\n2\tUlm_\n".replace("_", 8 * "\t_"), ["Ja Ulm"], id="ten-columns"),
        pytest.param("a.tsv", "#\tq\n1\tUlm\tO\tO\t\t\n", ["Ulm"], id="germeval-with-empty-columns"),
        pytest.param("a.tsv", WEBANNO, ["Bad Ems", "Ja"], id="webanno"),
        pytest.param("a.conll", "Köln|NE|B-LOC ist|V|O\n\nJa|X|O\n", ["Köln ist", "Ja"], id="wikiner"),
        pytest.param("a.conll", "a|b|c\nO\n", ["a|b|c O"], id="word-with-strokes"),
        pytest.param("a.txt", "Eins\rZwei\r", ["Eins", "Zwei"], id="an-old-mac"),
        pytest.param("a.conll", "Bonn B-LOC\rist O\r\rJa O\r", ["Bonn ist", "Ja"], id="words-of-an-old-mac"),
    ],
)
@pytest.mark.parametrize("is_packed", [False, True])
def test_rows_are_read_from_plain_and_packed_files(name, content, texts, is_packed, tmp_path):
    path = tmp_path / (name + (".gz" if is_packed else ""))
    raw = content.encode("utf-8")
    path.write_bytes(gzip.compress(raw) if is_packed else raw)
    assert [row.text for row in read_rows(path)] == texts


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("a.txt", "Bad Ems\r\nKöln\r\n", id="lines"),
        pytest.param("a.jsonl", '{"text": "Bad Ems"}\n{"text": "Köln"}\n', id="json-lines"),
        pytest.param("a.json", '[{"text": "Bad Ems"}, {"text": "Köln"}]', id="json"),
        pytest.param("a.conll", "Bad B-LOC\nEms I-LOC\n\nKöln B-LOC\n", id="conll"),
    ],
)
def test_utf16_is_read_as_the_corpus_readers_do(name, text, encoding, is_packed, tmp_path):
    path = tmp_path / (name + (".gz" if is_packed else ""))
    raw = (text if encoding == "utf-16" else "\ufeff" + text).encode(encoding)
    path.write_bytes(gzip.compress(raw) if is_packed else raw)
    assert [row.text for row in read_rows(path)] == ["Bad Ems", "Köln"]


def test_what_is_no_utf16_any_more_ends_the_file_in_one_line(tmp_path):
    (tmp_path / "a.txt").write_bytes("Eins\n".encode("utf-16") + b"\n\xd8\n\x00x")
    rows = read_rows(tmp_path / "a.txt")
    with pytest.raises(
        PipelineError, match=r"a\.txt:\d: from here on the file is not UTF-16\. Remedy: save it"
    ):
        list(rows)
    (tmp_path / "a.txt").write_text("Eins\n", encoding="utf-8")
    assert [row.text for row in read_rows(tmp_path / "a.txt")] == ["Eins"]


def test_an_array_is_read_at_once_and_therefore_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(input_rows, "MAX_ARRAY_BYTES", 30)
    text = json.dumps([{"text": "Ja"}, {"text": "Nein"}])
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(PipelineError, match=r"a\.json: JSON of more than 30 bytes.* name the file \.jsonl"):
        list(read_rows(tmp_path / "a.json"))
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, json.loads(text))), encoding="utf-8")
    assert [row.text for row in read_rows(tmp_path / "a.jsonl")] == ["Ja", "Nein"]


def test_a_bad_record_of_an_array_is_named_and_the_others_are_read(tmp_path):
    (tmp_path / "a.json").write_text('[{"text": "Ja"}, {"id": 3}, {"text": "Nein"}]', encoding="utf-8")
    one, bad, other = read_rows(tmp_path / "a.json")
    assert [one.text, other.text] == ["Ja", "Nein"]
    assert "a.json: record 2: it has neither a text" in str(bad)


class Pipe(io.RawIOBase):
    """Gives its chunks one by one."""

    def __init__(self, *chunks):
        self.chunks = list(chunks)

    def readable(self):
        """As a pipe's."""
        return True

    def readinto(self, room):
        """Give the next chunk alone."""
        chunk = self.chunks.pop(0) if self.chunks else b""
        room[: len(chunk)] = chunk
        return len(chunk)


def test_a_pipe_may_hold_back_the_end_of_a_line(monkeypatch):
    """A CR that comes before its LF does not make it a file of an old Mac."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Pipe(b"Eins\rZwei", b"\n"))))
    assert [row.text for row in read_rows(STDIN)] == ["Eins\rZwei"]


def test_words_know_their_place_and_a_header_its_source(tmp_path):
    (tmp_path / "a.tsv").write_text("#\tde.wiki [2010]\t\n1\tBad\n2\tEms\n", encoding="utf-8")
    (row,) = read_rows(tmp_path / "a.tsv")
    assert row.source == "de.wiki [2010] "
    assert [row.text[word.start : word.end] for word in row.words] == words_of(row) == ["Bad", "Ems"]


def test_standard_input_is_read_as_it_is_told(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"text": "Ja"}\n')))
    assert [row.text for row in read_rows(STDIN, InputFormat.JSONL)] == ["Ja"]


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        pytest.param(
            "a.txt", b"Gut\nb\xff\nGut\n", r":2: byte 2 of the line \(0xff\) is not UTF-8", id="bytes"
        ),
        pytest.param("a.jsonl", b'{"text": "Gut"}\n{"text"\n{"text": "Gut"}', ":2: not JSON", id="torn"),
        pytest.param(
            "a.jsonl", b'{"text": "Gut"}\n[1]\n{"text": "Gut"}', ":2: it has neither", id="no-object"
        ),
        pytest.param(
            "a.jsonl",
            b'{"text": "Gut"}\n{"text": "\\ud83c"}\n{"text": "Gut"}',
            ":2: character 1 cannot",
            id="half",
        ),
        pytest.param(
            "a.jsonl", b'{"text": "Gut"}\n' + b"[" * 10**5 + b'\n{"text": "Gut"}', ":2: ", id="nested-deeply"
        ),
        pytest.param(
            "a.jsonl", b'{"text": "Gut"}\n{"tokens": [""]}\n{"text": "Gut"}', ":2: '' is no", id="no-word"
        ),
        pytest.param(
            "a.jsonl", b'{"text": "Gut"}\n{"tokens": []}\n{"text": "Gut"}', ":2: a sentence w", id="none"
        ),
        pytest.param("a.conll", b"Gut O\n\nSo O\nso O O\n\nGut O\n", ":4: 'so O O' has 3", id="columns"),
        pytest.param(
            "a.tsv",
            b"#FORMAT=WebAnno TSV 3.3\n\n1-1\t0-3\tGut\n\n1\t0-2\tSo\n\n2-1\t0-3\tGut\n",
            ":5: no line of a word in WebAnno TSV 3: '1.t0-2.tSo'",
            id="webanno",
        ),
        pytest.param("a.conll", b"Gut|A|O \nSo|\nGut|A|O \n", ":2: 'So|' is no word.POS.TAG", id="wikiner"),
        pytest.param("a.conll", b"Gut O\n\nSo O\n\xff O\n\nGut O\n", ":4: byte 1", id="bytes-in-a-sentence"),
        pytest.param(
            "a.tsv",
            b"1\tGut\n\n1\tSo\n3\tso\n\n1\tGut\n",
            ":4: '3' stands where the number of word 2",
            id="number",
        ),
        pytest.param(
            "a.tsv", b"1\tGut\n\n#\tq\n\n1\tGut\n", ":3: a header without a sentence", id="header-alone"
        ),
    ],
)
def test_a_bad_row_says_where_and_why_and_the_others_stay(name, content, place, tmp_path):
    """Its sentence goes with a bad line of it."""
    (tmp_path / name).write_bytes(content)
    first, bad, last = read_rows(tmp_path / name)
    assert first.text == last.text == "Gut"
    assert isinstance(bad, PipelineError)
    with pytest.raises(PipelineError, match=rf"{name}{place}.* Remedy: .*or pass --skip-bad-lines"):
        raise bad


def test_a_line_without_end_does_not_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(input_rows, "MAX_LINE_BYTES", 10)
    (tmp_path / "a.txt").write_text("Gut\n" + 35 * "x" + "\nAuch gut.\n", encoding="utf-8")
    first, bad, last = read_rows(tmp_path / "a.txt")
    assert (first.text, last.text) == ("Gut", "Auch gut.")
    assert ":2: the line has more than 10 bytes" in str(bad)


@pytest.mark.parametrize("column", ["tokens", "text"])
def test_parquet_gives_words_or_texts_and_counts_its_rows(column, tmp_path):
    good = ["Bad", "Ems"] if column == "tokens" else "Bad Ems"
    pq.write_table(pa.table({"id": [1, 2, 3], column: [good, None, good]}), tmp_path / "a.parquet")
    first, bad, last = read_rows(tmp_path / "a.parquet")
    assert first.text == last.text == "Bad Ems"
    assert "row 2: None is no" in str(bad)


def test_a_line_of_blanks_loses_no_other_sentence(tmp_path):
    """Under --skip-bad-lines the rest of the file went with it."""
    (tmp_path / "a.conll").write_text("Gut O\nso O\n   \nUlm O O\n\nAuch O\n", encoding="utf-8")
    first, bad, last = read_rows(tmp_path / "a.conll")
    assert (first.text, last.text) == ("Gut so", "Auch")
    assert isinstance(bad, PipelineError)


def test_parquet_that_predict_wrote_is_read(tmp_path):
    table = pa.table({"text": ["", "Ja"], "tokens": pa.array([[], ["Ja"]], pa.list_(pa.string()))})
    pq.write_table(table, tmp_path / "a.parquet")
    assert [(row.text, row.words is None) for row in read_rows(tmp_path / "a.parquet")] == [
        ("", True),
        ("Ja", False),
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param("a.csv", b"x", r"a\.csv: what is in it .* --input-format", id="unknown-name"),
        pytest.param("a.txt.gz", b"x", "Not a gzipped file", id="not-packed"),
        pytest.param("a.txt.gz", gzip.compress(b"x" * 9999)[:-12], "ended before", id="torn-gzip"),
        pytest.param("a.parquet", b"x", r"a\.parquet: .*Remedy: name a Parquet file", id="no-parquet"),
    ],
)
def test_a_file_that_cannot_be_read_ends_it(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PipelineError, match=message):
        list(read_rows(tmp_path / name))


def test_an_argument_that_is_not_utf8_is_bad():
    good, bad = read_arguments(["Bonn\nund", "\udcff"])
    assert good == Row("Bonn\nund")
    assert "TEXT 2: character 1 cannot be written in UTF-8" in str(bad)


def test_the_meter_knows_the_bytes_read_of_all_files(tmp_path):
    meter = Meter(total=0)
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text(json.dumps({"text": "x" * 100_000}) + "\n", encoding="utf-8")
        list(read_rows(tmp_path / name, meter=meter))
    assert meter.done == sum(path.stat().st_size for path in tmp_path.iterdir())
