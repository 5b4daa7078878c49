"""The settings beside a tagger, edited by hand."""

import json

import pytest

from ner.core.errors import PipelineError
from ner.windows.run_config import read_run_config, read_window_settings
from ner.windows.tokenizer import WordTokenizer
from tests.support.tiny_encoder import make_wordpiece

TOKENIZE = {"label_all_tokens": True, "max_length": 64, "stride": 16}


@pytest.fixture
def tagger_dir(tmp_path):
    make_wordpiece(["Uhu"]).save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "config.json").write_text('{"max_position_embeddings": 128}', encoding="utf-8")
    return tmp_path


def read(tagger_dir, content):
    text = content if isinstance(content, str) else json.dumps(content)
    (tagger_dir / "run_config.json").write_text(text, encoding="utf-8")
    return read_window_settings(tagger_dir, WordTokenizer.load(tagger_dir))


def test_what_training_wrote_is_read(tagger_dir):
    settings = read(tagger_dir, {"seed": 1, "train": {"lr": 0.1}, "tokenize": TOKENIZE})
    assert settings.model_dump() == TOKENIZE
    assert read_run_config(tagger_dir)["seed"] == 1


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("", "not valid JSON", id="empty"),
        pytest.param("{", "not valid JSON", id="cut"),
        pytest.param("[" * 100_000 + "]" * 100_000, "nested too deep", id="deep"),
        pytest.param("[]", "holds no sections", id="list"),
        pytest.param("{}", "tokenize is missing", id="no-section"),
        pytest.param({"tokenize": 1}, "tokenize is 1 (a whole number), not a section", id="section-a-number"),
        pytest.param({"tokenize": {}}, "tokenize.label_all_tokens is missing", id="section-empty"),
        pytest.param({"tokenize": TOKENIZE | {"stride": None}}, "tokenize.stride is None", id="null"),
        pytest.param({"tokenize": TOKENIZE | {"max_length": "64"}}, "max_length is '64' (text)", id="text"),
        pytest.param({"tokenize": TOKENIZE | {"max_length": 0}}, "tokenize.max_length is 0", id="zero"),
        pytest.param({"tokenize": TOKENIZE | {"max_length": 2}}, "max_length is 2, no more", id="no-room"),
        pytest.param({"tokenize": TOKENIZE | {"max_length": 999}}, "max_length is 999, more", id="too-long"),
        pytest.param({"tokenize": TOKENIZE | {"stride": 62}}, "stride is 62, as much", id="wide-stride"),
        pytest.param({"tokenize": TOKENIZE | {"x": 1}}, "tokenize.x is no parameter", id="unknown"),
    ],
)
def test_what_training_cannot_have_written_is_one_line(tagger_dir, content, expected):
    with pytest.raises(PipelineError) as refusal:
        read(tagger_dir, content)
    message = str(refusal.value)
    assert expected in message
    assert message.startswith(f"{tagger_dir / 'run_config.json'}:")
    assert "Remedy: " in message
    assert "\n" not in message
