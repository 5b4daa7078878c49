"""The number type of training and of tagging, on machines that are slow or fast in bfloat16."""

import pytest
import torch
from accelerate.utils import convert_outputs_to_fp32

from ner.core.errors import PipelineError
from ner.core.files import write_json
from ner.sources.formats.germeval import read_germeval
from ner.tagging import precision
from ner.tagging.devices import find_device
from ner.tagging.model import load_encoder, load_tagger_model
from ner.tagging.precision import (
    Precision,
    choose_precision,
    choose_tagging_precision,
    measure_bfloat16,
    tagging_weights,
)
from ner.tagging.tagger import Tagger
from ner.windows.alignment import align_tag_ids, cut_windows
from ner.windows.tokenized import TokenizedWindow
from ner.windows.tokenizer import WordTokenizer
from tests.support.paths import CORPUS
from tests.support.tiny_encoder import build_tiny_encoder
from tests.support.tiny_training import TAG_SET

pytestmark = pytest.mark.usefixtures("one_thread")

SENTENCES = [sentence.words for sentence in read_germeval(CORPUS / "NER-de-test.tsv")]
N_WORDS = [len(words) for words in SENTENCES]


@pytest.fixture(scope="module")
def tagger_dir(tmp_path_factory):
    """Save an encoder under a head whose random weights are large enough to say something."""
    folder = tmp_path_factory.mktemp("tagger")
    encoder_dir = build_tiny_encoder(folder / "encoder", [word for words in SENTENCES for word in words])
    torch.manual_seed(1)
    model = load_encoder(encoder_dir, TAG_SET)
    with torch.no_grad():
        model.classifier.weight.normal_()
    model.save_pretrained(folder / "ner")
    (folder / "ner" / "tokenizer.json").write_bytes((encoder_dir / "tokenizer.json").read_bytes())
    return folder / "ner"


@pytest.fixture(scope="module")
def rows(tagger_dir):
    """Cut the sentences into windows."""
    tokenizer = WordTokenizer.load(tagger_dir)
    return [
        TokenizedWindow(number, window, align_tag_ids(window, [0] * len(pieces), label_all_tokens=False))
        for number, pieces in enumerate(tokenizer.encode(SENTENCES))
        for window in cut_windows(
            pieces, prefix=tokenizer.prefix, suffix=tokenizer.suffix, max_length=64, stride=16
        )
    ]


def pretend(monkeypatch, *, device="cpu", has_bfloat16=False, ratio=1.0):
    """Let the machine have this device, and a CPU that is so many times as fast in bfloat16."""
    monkeypatch.setattr(precision, "find_device", lambda: torch.device(device))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: has_bfloat16)
    measured = precision.cache(lambda: ratio)
    monkeypatch.setattr(precision, "measure_bfloat16", measured)


CPU, SLOW_CPU = {"ratio": 2.1}, {"ratio": 0.25}
GPU, OLD_GPU = {"device": "cuda", "has_bfloat16": True}, {"device": "cuda"}


@pytest.mark.parametrize(
    ("wanted", "machine", "expected"),
    [
        pytest.param("auto", CPU, Precision("bf16", "bf16"), id="cpu"),
        pytest.param("auto", SLOW_CPU, Precision("fp32", "fp32"), id="slow-cpu"),
        pytest.param("auto", {"ratio": 1.4}, Precision("fp32", "fp32"), id="not-clearly-faster"),
        pytest.param("auto", GPU, Precision("bf16", "bf16"), id="gpu"),
        pytest.param("auto", OLD_GPU, Precision("fp16", "fp32"), id="older-gpu"),
        pytest.param("auto", {"device": "mps"}, Precision("fp32", "fp32"), id="mps"),
        pytest.param("fp32", CPU, Precision("fp32", "fp32"), id="fp32-asked-of-a-cpu"),
        pytest.param("fp32", GPU, Precision("fp32", "fp32"), id="fp32-asked-of-a-gpu"),
        pytest.param("bf16", CPU, Precision("bf16", "bf16"), id="bf16-asked-of-a-cpu"),
        pytest.param("bf16", SLOW_CPU, Precision("bf16", "fp32"), id="slow-but-asked-for"),
        pytest.param("fp16", GPU, Precision("fp16", "fp32"), id="fp16"),
    ],
)
def test_training_and_tagging_take_what_the_machine_is_fast_in(monkeypatch, wanted, machine, expected):
    pretend(monkeypatch, **machine)
    assert choose_precision(wanted) == expected


def test_float16_is_refused_on_a_cpu(monkeypatch):
    pretend(monkeypatch)
    with pytest.raises(PipelineError, match=r"train\.precision is fp16, which needs a GPU"):
        choose_precision("fp16")


@pytest.mark.parametrize(
    ("wanted", "recorded", "machine", "expected"),
    [
        pytest.param("auto", "bf16", CPU, "bf16", id="its-own"),
        pytest.param("auto", "bf16", GPU, "bf16", id="its-own-on-a-gpu"),
        pytest.param("auto", "bf16", SLOW_CPU, "fp32", id="its-own-would-be-slow"),
        pytest.param("auto", "fp32", CPU, "fp32", id="its-own-is-fp32"),
        pytest.param("auto", None, CPU, "fp32", id="an-old-tagger"),
        pytest.param("fp32", "bf16", CPU, "fp32", id="fp32-asked-for"),
        pytest.param("bf16", "fp32", SLOW_CPU, "bf16", id="bf16-asked-for"),
    ],
)
def test_a_tagger_tags_in_its_own_number_type(monkeypatch, tmp_path, wanted, recorded, machine, expected):
    pretend(monkeypatch, **machine)
    if recorded:
        write_json(tmp_path / "run_config.json", {"tagging": {"precision": recorded}})
    assert choose_tagging_precision(wanted, tmp_path) == expected


def test_the_cpu_is_measured_once_and_its_threads_are_given_back():
    measure_bfloat16.cache_clear()
    torch.set_num_threads(2)
    try:
        ratio = measure_bfloat16()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert 0.01 < ratio < 100
    assert measure_bfloat16() is ratio


def test_bfloat16_gives_nearly_the_tags_and_scores_of_float32(tagger_dir, rows):
    """Random weights are the hard case: no tag is far ahead of the next."""
    full, rounded = (Tagger.load(tagger_dir, precision=name) for name in ("fp32", "bf16"))
    assert (full.precision, rounded.precision) == ("fp32", "bf16")
    expected, tagged = full.tag(rows, N_WORDS), rounded.tag(rows, N_WORDS)
    pairs = [
        (ours, theirs)
        for one, other in zip(tagged.sentences, expected.sentences, strict=True)
        for ours, theirs in zip(one.tags, other.tags, strict=True)
    ]
    assert sum(ours == theirs for ours, theirs in pairs) > 0.97 * len(pairs)
    assert tagged.loss == pytest.approx(expected.loss, rel=0.01)
    assert tagged.loss != expected.loss
    assert rounded.tag(rows, N_WORDS) == tagged, "the same bytes each time"


def test_a_model_in_training_tags_as_when_it_is_saved_and_loaded(tagger_dir, rows):
    """Also where accelerate has put autocast around its forward pass; its own weights come back."""
    model = load_tagger_model(tagger_dir).to(find_device())
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    autocast = torch.autocast(model.device.type, torch.bfloat16)
    model.forward = convert_outputs_to_fp32(autocast(model.forward))
    wrapped = model.forward
    for name in ("fp32", "bf16"):
        with tagging_weights(model, name):
            tagged = Tagger(model).tag(rows, N_WORDS)
        assert tagged == Tagger.load(tagger_dir, precision=name).tag(rows, N_WORDS)
    assert model.forward is wrapped
    after = model.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert {tensor.dtype for tensor in model.parameters()} == {torch.float32}


def test_what_is_no_weight_is_not_rounded(tagger_dir):
    """Rotary frequencies are such a buffer: rounded, positions far apart would be confused."""
    model = load_tagger_model(tagger_dir)
    model.register_buffer("frequencies", torch.tensor([1.0001]))
    precision.cast_weights(model, "bf16")
    assert model.frequencies.dtype == torch.float32
    assert {tensor.dtype for tensor in model.parameters()} == {torch.bfloat16}
