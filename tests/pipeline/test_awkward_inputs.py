"""What a user may hand in, and what comes of it: read and counted, or refused in one line with a remedy.

Each row goes through the function of the stage that reads such an input; some go through the real command.
"""

import functools
import json
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from huggingface_hub import close_session, constants
from ruamel.yaml import YAML
from safetensors.numpy import save

from ner.core.errors import PipelineError
from ner.sources import hub
from stages import download, evaluate, report, tokenize_align
from tests.ner.sources.test_hub import answering, dripping, silent, use_endpoint
from tests.support.pipeline_clone import ROOT

GOOD = "#\thttp://example.org\t[2026]\t\n1\tÄnne\tB-PER\tO\n2\tKöster\tI-PER\tB-LOC\n3\t.\tO\tO\n"
CORPUS = {"train.tsv": GOOD, "dev.tsv": GOOD, "test.tsv": GOOD}
PARAMS_TEXT = (ROOT / "params.yaml").read_text(encoding="utf-8")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Work in an empty project folder with the default parameters."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(PARAMS_TEXT, encoding="utf-8")
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    return tmp_path


def set_param(folder, section, key, value):
    """Change a value in params.yaml."""
    path = folder / "params.yaml"
    params = YAML(typ="safe").load(path)
    params[section][key] = value
    YAML(typ="safe").dump(params, path)


def refusal(command, *arguments):
    """Run a stage in vain; return the one line that says why."""
    with pytest.raises(PipelineError) as caught:
        command(*arguments)
    message = str(caught.value)
    assert message.isprintable(), "one line, without control characters"
    assert len(message) < 2_000
    problem, _, remedy = message.partition(" Remedy: ")
    assert problem
    assert remedy
    return message


def write_corpus(folder, files):
    """Write a corpus with some files of its own; None leaves one out."""
    corpus = folder / "corpus"
    corpus.mkdir()
    for name, content in (CORPUS | files).items():
        if content is not None:
            data = content.encode() if isinstance(content, str) else content
            (corpus / name).write_bytes(data)
    set_param(folder, "data", "source", "corpus")


def download_corpus():
    """Run the stage as dvc.yaml does."""
    download.download_corpus(Path("data/raw"), Path("metrics/data.json"), Path("metrics/findings.csv"))


CONTROL = "1\t\x07\tO\tO\n2\t\x1b[31m\tB-LOC\tO\n3\t\x96\tI-LOC\tO\n"
LONG = "".join(f"{number}\twort\tO\tO\n" for number in range(1, 100_001))
LF_SEPARATORS = "1\ta\u2028b\tO\tO\n2\ta\x85b\tO\tO\n3\ta\rb\tO\tO\n"


@pytest.mark.parametrize(
    ("dev", "sentences", "words", "entities"),
    [
        pytest.param(GOOD, 1, 3, 1, id="plain"),
        pytest.param("\ufeff" + GOOD, 1, 3, 1, id="byte-order-mark"),
        pytest.param(GOOD.replace("\n", "\r\n"), 1, 3, 1, id="windows-line-ends"),
        pytest.param(GOOD.rstrip("\n"), 1, 3, 1, id="no-final-line-end"),
        pytest.param(GOOD + "\n\n\n", 1, 3, 1, id="empty-lines-at-the-end"),
        pytest.param(GOOD.replace("\tO\n", "\tO\t\n"), 1, 3, 1, id="trailing-tabs"),
        pytest.param("1\t\x00\tO\tO\n2\ta\x00b\tB-LOC\tO\n", 1, 2, 1, id="nul-bytes-in-words"),
        pytest.param(CONTROL, 1, 3, 1, id="words-of-control-characters-only"),
        pytest.param(f"1\t{'x' * 2**20}\tB-LOC\tO\n", 1, 1, 1, id="a-word-of-a-megabyte"),
        pytest.param(LONG, 1, 100_000, 0, id="a-sentence-of-100000-words"),
        pytest.param('1\t"\tO\tO\n2\t,"\tO\tO\n', 1, 2, 0, id="quotation-marks"),
        pytest.param("1\t=1+1\tB-LOC\tO\n2\t@SUM(A1)\tO\tO\n", 1, 2, 1, id="words-that-are-formulas"),
        pytest.param("1\t<script>\tB-LOC\tO\n", 1, 1, 1, id="a-word-that-is-markup"),
        pytest.param("1\t[SEP]\tO\tO\n2\t</s>\tO\tO\n", 1, 2, 0, id="words-that-are-special-tokens"),
        pytest.param("1\t\U0001f469\u200d\U0001f680\tO\tO\n", 1, 1, 0, id="an-emoji-of-three"),
        pytest.param("1\tMa\u0308dchen\tO\tO\n", 1, 1, 0, id="not-composed"),
        pytest.param(LF_SEPARATORS, 1, 3, 0, id="line-separators-within-words"),
        pytest.param("1\ta\tO\tO\n", 1, 1, 0, id="no-entity-at-all"),
        pytest.param("1\ta\tB-none\tO\n", 1, 1, 1, id="a-label-called-none"),
        pytest.param("1\ta\tB-O\tO\n", 1, 1, 1, id="a-label-called-O"),
        pytest.param("1\ta\tB-NA\tB-null\n", 1, 1, 1, id="labels-that-pandas-takes-for-nothing"),
        pytest.param("1\ta\tB-LOC-part\tO\n2\tb\tI-LOC-part\tO\n", 1, 2, 1, id="a-hyphen-in-a-label"),
        pytest.param("".join(f"1\tw{n}\tB-L{n}\tO\n\n" for n in range(300)), 300, 300, 300, id="300-labels"),
    ],
)
def test_a_corpus_that_is_read(project, dev, sentences, words, entities):
    write_corpus(project, {"dev.tsv": dev})
    download_corpus()
    facts = json.loads(Path("metrics/data.json").read_text(encoding="utf-8"))["validation"]
    assert (facts["sentences"], facts["words"], facts["entities"]) == (sentences, words, entities)
    assert {path.name for path in Path("data").rglob("*")} == {
        "raw",
        "train.parquet",
        "validation.parquet",
        "test.parquet",
    }


def test_a_label_that_train_lacks_is_warned_of_and_counted(project, caplog):
    write_corpus(project, {"test.tsv": "1\tMond\tB-OTH\tO\n"})
    download_corpus()
    assert "test: train has no entity of OTH" in caplog.text
    facts = json.loads(Path("metrics/data.json").read_text(encoding="utf-8"))
    assert facts["test"]["entities_train_lacks"] == 1
    assert facts["validation"]["entities_train_lacks"] == 0


HUGE_TAG = "1\ta\t" + "X" * 2**20 + "\tO\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({"dev.tsv": ""}, r"dev\.tsv:1: the file holds no sentence", id="empty-file"),
        pytest.param({"dev.tsv": "\n \n"}, r"dev\.tsv:1: the file holds no sentence", id="blank-lines"),
        pytest.param({"dev.tsv": "1\ta\tO\n"}, r"dev\.tsv:1: 3 columns, not 4", id="three-columns"),
        pytest.param({"dev.tsv": "1\ta\tO\tO\tO\n"}, r"dev\.tsv:1: 5 columns, not 4", id="five-columns"),
        pytest.param({"dev.tsv": "1,a,O,O\n"}, r"dev\.tsv:1: 1 columns, not 4", id="commas-for-tabs"),
        pytest.param({"dev.tsv": '{"a": 1}\n'}, r"dev\.tsv:1: a record .* keys a\.", id="json"),
        pytest.param({"dev.tsv": "1\t\tB-X\tO\n"}, r"dev\.tsv:1: the word is empty", id="empty-word"),
        pytest.param({"dev.tsv": "2\ta\tO\tO\n"}, r"dev\.tsv:1: '2' stands where", id="wrong-number"),
        pytest.param(
            {"dev.tsv": "1\ta\tLOC\tO\n"}, r"dev\.tsv:1: 'LOC' is no tag like the others", id="bare-label"
        ),
        pytest.param({"dev.tsv": "1\ta\tB-\tO\n"}, r"dev\.tsv:1: 'B-' is no", id="no-label"),
        pytest.param({"dev.tsv": HUGE_TAG}, r"dev\.tsv:1: 'XXX.* … .*X' is no tag", id="a-tag-of-a-megabyte"),
        pytest.param({"dev.tsv": "1\ta\tI-LOC\tO\n"}, r"dev\.tsv:1: I-LOC continues nothing", id="orphan"),
        pytest.param(
            {"dev.tsv": "1\ta\tB-LOC\tO\n2\tb\tI-PER\tO\n"}, r"dev\.tsv:2: I-PER continues", id="other-label"
        ),
        pytest.param(
            {"dev.tsv": "1\ta\tO\tI-LOC\n"}, r"dev\.tsv:1: I-LOC continues nothing", id="inner-orphan"
        ),
        pytest.param(
            {"dev.tsv": "1\tK\xf6ln\tO\tO\n".encode("latin-1")}, r"dev\.tsv:1: byte 4 .*0xf6", id="latin-1"
        ),
        pytest.param({"dev.tsv": b"\x1f\x8b\x08\x00"}, r"dev\.tsv:1: byte 2 .*0x8b", id="gzip"),
        pytest.param({"dev.tsv": b"\x00" * 100}, r"dev\.tsv:1: 1 columns", id="nul-bytes-alone"),
        pytest.param({"dev.tsv": "<<<<<<< HEAD\n" + GOOD}, r"dev\.tsv:1: 1 columns", id="merge-markers"),
        pytest.param({"dev.tsv": "#\tx\t\n"}, r"dev\.tsv:1: a header without", id="header-alone"),
        pytest.param({"dev.tsv": None}, "too few to cut validation from it", id="a-split-missing"),
        pytest.param({"dev.conll": "a O\n"}, r"dev\.tsv and dev\.conll are both", id="a-split-twice"),
        pytest.param(dict.fromkeys(CORPUS), r"corpus: the train split is missing", id="empty-folder"),
    ],
)
def test_a_corpus_that_is_refused(project, files, expected):
    write_corpus(project, files)
    assert re.search(expected, refusal(download_corpus))
    assert not Path("data").exists()
    assert not Path("metrics").exists()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("nowhere", r"data\.source is 'nowhere', neither a folder nor a YAML file", id="absent"),
        pytest.param("../nowhere", "must be absolute", id="absent-outside"),
        pytest.param("corpus.zip", "neither a folder", id="an-archive"),
        pytest.param("", "neither a folder|train split is missing", id="nothing"),
        pytest.param("params.yaml", r"params\.yaml: (\w+) is (no parameter|missing)", id="another-yaml"),
        pytest.param("https://me:geheim@host/corpus", r"'https://\*\*\*@host/corpus'", id="a-password"),
    ],
)
def test_a_source_that_is_no_corpus(project, source, expected):
    (project / "corpus.zip").write_bytes(b"PK\x03\x04")
    set_param(project, "data", "source", source)
    message = refusal(download_corpus)
    assert re.search(expected, message)
    assert "geheim" not in message


def fine_tune(*arguments):
    """Import the stage late: torch takes seconds that the other tables do without."""
    from stages import fine_tune as stage

    stage.fine_tune(*arguments)


NOWHERE = Path("nowhere")
STAGES = {
    "seed": functools.partial(fine_tune, *[NOWHERE] * 7),
    "data": download_corpus,
    "model": functools.partial(download.download_checkpoint, NOWHERE, NOWHERE),
    "tokenize": functools.partial(tokenize_align.tokenize_align, *[NOWHERE] * 4),
    "train": functools.partial(fine_tune, *[NOWHERE] * 7),
    "evaluate": functools.partial(evaluate.evaluate, *[NOWHERE] * 9),
    "report": functools.partial(report.report, *[NOWHERE] * 5),
    "run": functools.partial(fine_tune, *[NOWHERE] * 7),
}
DEFAULTS = YAML(typ="safe").load(PARAMS_TEXT)
KEYS = [
    (section, key, value)
    for section, keys in DEFAULTS.items()
    if isinstance(keys, dict)
    for key, value in keys.items()
]


FAULTY_KEYS = [
    pytest.param(section, key, value, fault, id=f"{fault}-{section}.{key}")
    for fault in ("missing", "misspelt", "another-type", "empty")
    for section, key, value in KEYS
    if fault != "empty" or value is not None  # some may be empty
]


@pytest.mark.parametrize(("section", "key", "value", "fault"), FAULTY_KEYS)
def test_every_parameter_is_checked_before_any_work(project, section, key, value, fault):
    params = YAML(typ="safe").load(PARAMS_TEXT)
    if fault in ("missing", "misspelt"):
        del params[section][key]
    if fault == "misspelt":
        params[section][key + "x"] = value
    elif fault == "another-type":
        params[section][key] = 7 if isinstance(value, str) else "viel"
    elif fault == "empty":
        params[section][key] = None
    YAML(typ="safe").dump(params, project / "params.yaml")
    message = refusal(STAGES[section])
    expected = {
        "missing": rf"params\.yaml: {section}\.{key} is missing\. Remedy: add it\. \w",
        "misspelt": rf"params\.yaml: {section}\.{key}x is no parameter\. Remedy: did you mean {key}\?",
        "another-type": rf"params\.yaml: {section}\.{key} is ('viel' \(text\)|7 \(a whole number\)), not ",
        "empty": rf"params\.yaml: {section}\.{key} is None \(empty\), not ",
    }
    assert re.match(expected[fault], message)


@pytest.mark.parametrize("section", DEFAULTS)
@pytest.mark.parametrize("fault", ["missing", "misspelt", "extra", "text", "empty"])
def test_every_section_is_checked_before_any_work(project, section, fault):
    params = YAML(typ="safe").load(PARAMS_TEXT)
    if fault in ("missing", "misspelt"):
        params[section + "x"] = params.pop(section)
    if fault == "missing":
        del params[section + "x"]
    elif fault == "extra":
        params[section + "x"] = 1
    elif fault != "misspelt":
        params[section] = "viel" if fault == "text" else None
    YAML(typ="safe").dump(params, project / "params.yaml")
    message = refusal(STAGES[section])
    expected = {
        "missing": rf"params\.yaml: {section} is missing\. Remedy: ",
        "misspelt": rf"params\.yaml: {section}x is no parameter and .* Remedy: did you mean {section}\?",
        "extra": rf"params\.yaml: {section}x is no parameter and .* Remedy: did you mean {section}\?",
        "text": rf"params\.yaml: {section} is 'viel' \(text\), not a (section of .* its keys|valid int)",
        "empty": rf"params\.yaml: {section} is None \(empty\), not a (section of .* its keys|valid int)",
    }
    assert re.match(expected[fault], message)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("seed: 42", "seed: -1", "seed is -1 .* greater than or equal to 0", id="seed-below-0"),
        pytest.param("seed: 42", f"seed: {2**32}", "seed is 4294967296 .* less than", id="seed-of-33-bits"),
        pytest.param("lr: 3e-4", "lr: 0", r"train\.lr is 0 .* greater than 0", id="lr-0"),
        pytest.param("lr: 3e-4", "lr: .nan", r"train\.lr is nan .* finite", id="lr-nan"),
        pytest.param("lr: 3e-4", "lr: .inf", r"train\.lr is inf .* finite", id="lr-infinite"),
        pytest.param("lr: 3e-4", "lr: '3e-4'", r"train\.lr is '3e-4' \(text\)", id="lr-quoted"),
        pytest.param("lr: 3e-4", "lr: 3,5", r"train\.lr is '3,5' \(text\)", id="decimal-comma"),
        pytest.param("lr: 3e-4", "lr: 2026-01-02", r"train\.lr is .*date", id="lr-a-date"),
        pytest.param("epochs: 5", "epochs: 0", r"train\.epochs is 0 ", id="no-epoch"),
        pytest.param("epochs: 5", "epochs: 2.5", r"train\.epochs is 2\.5 ", id="half-an-epoch"),
        pytest.param("epochs: 5", "epochs: true", r"train\.epochs is True ", id="a-truth-value"),
        pytest.param("batch_size: 16", "batch_size: 0", r"train\.batch_size is 0 ", id="empty-batches"),
        pytest.param("warmup_share: 0.1", "warmup_share: 10", r"train\.warmup_share is 10 ", id="percent"),
        pytest.param("weight_decay: 0.01", "weight_decay: -1", r"train\.weight_decay is -1 ", id="decay"),
        pytest.param("epochs: 5", "epochs: &a [*a]", "params.yaml", id="a-list-within-itself"),
        pytest.param("epochs: 5", "? [1]\n  : 5", "params.yaml", id="a-list-for-a-key"),
        pytest.param("epochs: 5", "1: 5", r"params\.yaml: train\.", id="a-number-for-a-key"),
        pytest.param("epochs: 5", "\tepochs: 5", r"params\.yaml:\d+: not valid YAML", id="a-tab"),
        pytest.param("epochs: 5", "epochs: 5\n  epochs: 6", r"params\.yaml:\d+: .*duplicate", id="twice"),
        pytest.param("epochs: 5", "<<<<<<< HEAD", r"params\.yaml:\d+: not valid YAML", id="merge-markers"),
        pytest.param("epochs: 5", "epochs: [5", r"params\.yaml:\d+: not valid YAML", id="open-bracket"),
        pytest.param("epochs: 5", "epochs: !!python/name:os.system", r"params\.yaml:\d+", id="python-object"),
        pytest.param(
            "epochs: 5", "epochs: 5 \x1b[31m", r"params\.yaml: not valid YAML", id="a-control-character"
        ),
    ],
)
def test_a_value_of_training_that_is_refused(project, old, new, expected):
    assert PARAMS_TEXT.count(old) == 1
    (project / "params.yaml").write_text(PARAMS_TEXT.replace(old, new), encoding="utf-8")
    assert re.search(expected, refusal(STAGES["train"]))


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        pytest.param("tokenize", "max_length", 0, id="windows-of-nothing"),
        pytest.param("tokenize", "stride", -1, id="stride-below-0"),
        pytest.param("tokenize", "label_all_tokens", 1, id="1-is-no-truth-value"),
        pytest.param("run", "subtokens_per_batch", 0, id="empty-batches"),
        pytest.param("evaluate", "bootstrap_samples", 10**9, id="too-many-samples"),
        pytest.param("evaluate", "bootstrap_seed", -1, id="seed-below-0"),
        pytest.param("report", "examples", -1, id="examples-below-0"),
        pytest.param("report", "texts_file", "nowhere.txt", id="no-texts"),
    ],
)
def test_a_value_of_another_stage_that_is_refused(project, section, key, value):
    set_param(project, section, key, value)
    assert re.match(rf"params\.yaml: {section}\.{key}", refusal(STAGES[section]))


WEIGHTS = save({"embeddings": np.zeros((2, 2), np.float32)})
ENCODER = {
    "config.json": b'{"model_type": "bert", "architectures": ["BertForMaskedLM"]}',
    "model.safetensors": WEIGHTS,
    "tokenizer.json": b"{}",
}


def config(**keys):
    """Give a configuration as a file."""
    return {"config.json": json.dumps({"model_type": "bert"} | keys).encode()}


def fetch(project, checkpoint, files=None):
    """Run the stage on a checkpoint; None leaves a file out."""
    folder = project / "encoder"
    folder.mkdir()
    for name, content in (ENCODER | (files or {})).items():
        if content is not None:
            (folder / name).write_bytes(content)
    set_param(project, "model", "checkpoint", checkpoint)
    download.download_checkpoint(Path("models/pretrained"), Path("metrics/checkpoint.json"))


SLOW = {"tokenizer.json": None, "vocab.txt": b"a\nb", "tokenizer_config.json": None}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({"config.json": None}, "it has no config.json", id="no-config"),
        pytest.param({"config.json": b'{"model'}, "config.json is not whole", id="cut-config"),
        pytest.param(config(model_type=None) | {"config.json": b"{}"}, "not that of", id="empty-config"),
        pytest.param({"tokenizer.json": None}, "it has no tokenizer", id="no-tokenizer"),
        pytest.param(SLOW | config(model_type="xlm-roberta"), "is a slow one", id="slow-tokenizer"),
        pytest.param({"model.safetensors": None}, "it has no model.safetensors", id="no-weights"),
        pytest.param({"model.safetensors": WEIGHTS[:-1]}, "is not whole", id="cut-weights"),
        pytest.param({"model.safetensors": b"\xff" * 64}, "is not whole", id="weights-of-another-kind"),
        pytest.param(
            {"model.safetensors": None, "pytorch_model.bin": b"x"}, "which can run code", id="pickle-only"
        ),
        pytest.param(config(architectures=["GPT2LMHeadModel"]), "a generative model", id="gpt-2"),
        pytest.param(config(architectures=["LlamaForCausalLM"]), "a generative model", id="llama"),
        pytest.param(config(is_decoder=True), "a generative model", id="bert-as-decoder"),
        pytest.param(config(is_encoder_decoder=True), "a generative model", id="encoder-decoder"),
    ],
)
def test_a_checkpoint_that_is_refused(project, files, expected):
    message = refusal(fetch, project, "./encoder", files)
    assert message.startswith("model.checkpoint is './encoder': ")
    assert expected in message
    assert not list(Path("models").iterdir())


@pytest.mark.parametrize(
    ("checkpoint", "expected"),
    [
        pytest.param("./nowhere", "no such folder", id="no-such-folder"),
        pytest.param("./encoder/model.safetensors", "a file. Remedy: name the folder", id="a-file"),
        pytest.param("encoder/config.json", "a file. Remedy: name the folder", id="a-file-like-a-hub-id"),
        pytest.param("encoder#sha256=" + "0" * 64, "have the SHA-256", id="wrong-hash"),
        pytest.param("encoder#sha256=kurz", "is no hash", id="no-hash"),
        pytest.param("package://no_such_package/x", "no package", id="no-such-package"),
        pytest.param("https://me:geheim@host/model", "'https://***@host/model'", id="a-password"),
    ],
)
def test_a_checkpoint_that_is_not_found(project, checkpoint, expected):
    assert expected in refusal(fetch, project, checkpoint)


@pytest.mark.parametrize(
    "architecture",
    [
        *(
            "BertModel",
            "BertForMaskedLM",
            "XLMRobertaForMaskedLM",
            "XLMWithLMHeadModel",
            "ElectraForPreTraining",
        ),
        *("XLNetLMHeadModel", "ModernBertForMaskedLM", "DebertaV2Model", "BertForTokenClassification"),
    ],
)
def test_an_encoder_is_taken_by_whatever_class_it_is_published(project, monkeypatch, architecture):
    """Also one with a head for another number of labels: it gets a fresh one. Its weights are invented."""
    monkeypatch.setattr(download, "try_checkpoint", lambda *_: None)
    fetch(project, "encoder", config(architectures=[architecture], id2label={"0": "X"}))
    assert Path("models/pretrained/model.safetensors").read_bytes() == WEIGHTS


@contextmanager
def refused():
    """Give an address at which nobody listens."""
    yield "http://127.0.0.1:9"


def always(status, **headers):
    """Run a server that has one answer."""
    return functools.partial(answering, (status, headers, b"{}"))


@pytest.fixture
def impatient(monkeypatch, tmp_path):
    """Let the Hub's client wait for tenths of a second, with a cache of its own."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "PAUSES_SECONDS", (0.0,) * 3)
    monkeypatch.setattr(hub, "QUESTION_SECONDS", 0.5)
    monkeypatch.setattr("huggingface_hub.utils._http.time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setenv("no_proxy", "*")
    yield
    close_session()


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        pytest.param(always(404, **{"X-Error-Code": "RepoNotFound"}), "no such repository", id="404"),
        pytest.param(always(401), r"or hides it \(401\)", id="401"),
        pytest.param(always(404, **{"X-Error-Code": "RevisionNotFound"}), "no such revision", id="revision"),
        pytest.param(always(403, **{"X-Error-Code": "GatedRepo"}), "accept the terms", id="gated"),
        pytest.param(always(500), "answers 500", id="500-for-ever"),
        pytest.param(always(503), "answers 503", id="503-for-ever"),
        pytest.param(always(302, Location="/"), "cannot be reached", id="redirects-in-a-circle"),
        pytest.param(always(200), "does not answer as a Hub", id="not-a-hub"),
        pytest.param(silent, "nothing usable came|timed out", id="hangs"),
        pytest.param(dripping, "nothing usable came|timed out", id="drips"),
        pytest.param(refused, "Connection refused", id="refuses"),
    ],
)
def test_a_hub_that_does_not_help(project, impatient, monkeypatch, server, expected):
    del impatient
    with server() as url:
        use_endpoint(monkeypatch, url)
        started = time.monotonic()
        message = refusal(fetch, project, "org/encoder")
    assert message.startswith("model.checkpoint is 'org/encoder' (revision 'main'): ")
    assert re.search(expected, message)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("arguments", "prepare", "expected"),
    [
        pytest.param(
            ["stages.download", "corpus", "data/raw", "metrics/data.json", "metrics/findings.csv"],
            lambda folder: write_corpus(folder, {"dev.tsv": "1\t\x1b[2J\tI-LOC\tO\n"}),
            r"dev\.tsv:1: I-LOC continues nothing",
            id="orphan-tag",
        ),
        pytest.param(
            ["stages.download", "checkpoint", "models/pretrained", "metrics/checkpoint.json"],
            lambda folder: set_param(folder, "model", "checkpoint", "./nowhere"),
            "there is no such folder",
            id="no-checkpoint",
        ),
        pytest.param(
            ["stages.download", "checkpoint", "params.yaml/pretrained", "metrics/checkpoint.json"],
            lambda _: None,
            r"params\.yaml.*: (File exists|Not a directory)",
            id="a-file-where-a-folder-should-be",
        ),
        pytest.param(
            ["tools", "headline"],
            lambda folder: write_results(folder, '{\n<<<<<<< HEAD\n"test": 1\n'),
            r"metrics/evaluate\.json:2: not valid JSON",
            id="merge-markers-in-a-metric",
        ),
        pytest.param(
            ["tools", "headline"], lambda _: None, r"evaluate\.json: no scores yet", id="no-results"
        ),
    ],
)
def test_the_command_ends_in_one_line_without_traceback(project, arguments, prepare, expected):
    prepare(project)
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert re.search(expected, line)
    assert "Remedy: " in line


def write_results(folder, text):
    """Write the headline scores of a run."""
    (folder / "metrics").mkdir()
    (folder / "metrics/evaluate.json").write_text(text, encoding="utf-8")
