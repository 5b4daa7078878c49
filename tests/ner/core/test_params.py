"""The strict reader of params.yaml and what it tells the user."""

import pytest
from pydantic import Field, PositiveFloat, PositiveInt

from ner.core.errors import PipelineError
from ner.core.params import Params, check_params, load_params, read_yaml


class TrainParams(Params):
    """As a stage defines them."""

    lr: PositiveFloat = Field(description="Peak learning rate.")
    epochs: PositiveInt
    warmup_share: float = Field(ge=0, le=1, description="From 0 to 1.")
    is_fast: bool


class StageParams(Params):
    """Top-level keys of a stage."""

    seed: int = Field(ge=0)
    train: TrainParams


VALID = """\
seed: 42
data:
  source: not of this stage
train:
  lr: 3e-05 # as `dvc exp run -S` writes it
  epochs: 3
  warmup_share: 0
  is_fast: true
"""


def load(folder, text):
    path = folder / "params.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_params(path, StageParams)


def message_for(folder, text):
    """Give the one line that the user sees, without the folder."""
    with pytest.raises(PipelineError) as refusal:
        load(folder, text)
    message = str(refusal.value)
    assert "\n" not in message
    return message.replace(f"{folder}/", "")


@pytest.mark.parametrize("written", ["3e-05", "3E-5", "0.00003", "3.0e-05"])
def test_a_small_number_is_a_number_however_it_is_written(tmp_path, written):
    """PyYAML reads `3e-05` as text."""
    params = load(tmp_path, VALID.replace("3e-05", written))
    assert type(params.train.lr) is float
    assert params.train.lr == 0.00003


def test_a_stage_gets_its_own_keys_alone(tmp_path):
    params = load(tmp_path, VALID)
    assert params.model_dump() == {
        "seed": 42,
        "train": {"lr": 3e-05, "epochs": 3, "warmup_share": 0.0, "is_fast": True},
    }


def test_a_whole_number_may_stand_for_any_number(tmp_path):
    params = load(tmp_path, VALID.replace("3e-05", "1"))
    assert type(params.train.lr) is float


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(VALID.replace("\n", "\r\n"), id="windows-line-ends"),
        pytest.param(b"\xef\xbb\xbf" + VALID.encode(), id="byte-order-mark"),
        pytest.param(VALID.removesuffix("\n"), id="no-final-newline"),
    ],
)
def test_any_editor_will_do(tmp_path, text):
    assert load(tmp_path, text) == load(tmp_path, VALID)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(
            "lr: 3e-05",
            "lr: '3e-05 '",
            "train.lr is '3e-05 ' (text), not a valid number. Remedy: change train.lr. Peak learning rate.",
            id="number-as-text",
        ),
        pytest.param("lr: 3e-05", "lr: yes", "train.lr is 'yes' (text), not a valid number.", id="text"),
        pytest.param("lr: 3e-05", "lr: true", "train.lr is True (a truth value), not a valid", id="truth"),
        pytest.param("lr: 3e-05", "lr:", "train.lr is None (empty), not a valid number.", id="null"),
        pytest.param("lr: 3e-05", "lr: [1]", "train.lr is [1] (a list), not a valid number.", id="list"),
        pytest.param(
            "lr: 3e-05", "lr: {a: 1}", "train.lr is {'a': 1} (a section), not a valid number.", id="mapping"
        ),
        pytest.param("lr: 3e-05", "lr: 2026-01-02", "(date), not a valid number.", id="date"),
        pytest.param("lr: 3e-05", "lr: .inf", "train.lr is inf (a number), not a finite number.", id="inf"),
        pytest.param("lr: 3e-05", "lr: 1e400", "train.lr is inf (a number), not a finite number.", id="huge"),
        pytest.param("lr: 3e-05", "lr: .nan", "train.lr is nan (a number), not a finite number.", id="nan"),
        pytest.param("lr: 3e-05", "lr: 0", "train.lr is 0 (a whole number), not greater than 0.", id="zero"),
        pytest.param("lr: 3e-05", "lr: -1.5", "train.lr is -1.5 (a number), not greater than 0.", id="below"),
        pytest.param(
            "warmup_share: 0",
            "warmup_share: 1.5",
            "train.warmup_share is 1.5 (a number), not less than or equal to 1. "
            "Remedy: change train.warmup_share. From 0 to 1.",
            id="above",
        ),
        pytest.param("epochs: 3", "epochs: 3.0", "train.epochs is 3.0 (a number), not a valid", id="float"),
        pytest.param(
            "epochs: 3", "epochs: .inf", "train.epochs is inf (a number), not a valid", id="int-inf"
        ),
        pytest.param("epochs: 3", "epochs: '3'", "train.epochs is '3' (text), not a valid", id="int-as-text"),
        pytest.param(
            "is_fast: true", "is_fast: 1", "is 1 (a whole number), not a valid boolean", id="1-is-no-truth"
        ),
        pytest.param(
            "is_fast: true", "is_fast: yes", "is 'yes' (text), not a valid boolean", id="yes-is-text"
        ),
        pytest.param(
            "seed: 42", "seed: -1", "seed is -1 (a whole number), not greater than or", id="top-level"
        ),
        pytest.param("  lr: 3e-05", "", "train.lr is missing. Remedy: add it. Peak learning", id="missing"),
        pytest.param("seed: 42", "", "seed is missing. Remedy: add it.", id="missing-at-the-top"),
        pytest.param(
            "lr: 3e-05",
            "lrr: 3e-05",
            "train.lrr is no parameter. Remedy: did you mean lr? The keys here are lr, epochs, ",
            id="misspelt",
        ),
        pytest.param(
            "lr: 3e-05",
            "lr: 3e-05\n  colour: red",
            "train.colour is no parameter. Remedy: The keys here are lr, epochs, warmup_share, is_fast.",
            id="unknown-and-like-none",
        ),
        pytest.param(
            "train:",
            "train: 3\nreport:",
            "train is 3 (a whole number), not a section of keys.",
            id="no-section",
        ),
        pytest.param(
            "train:", "train:\nreport:", "train is None (empty), not a section of keys.", id="empty-section"
        ),
        pytest.param(
            "lr: 3e-05",
            'lr: "a\\nb"',
            r"train.lr is 'a\nb' (text), not a valid number.",
            id="two-lines-of-text",
        ),
    ],
)
def test_a_wrong_value_is_refused_with_key_value_and_remedy(tmp_path, old, new, expected):
    assert VALID.count(old) == 1
    message = message_for(tmp_path, VALID.replace(old, new))
    assert message.startswith("params.yaml: ")
    assert expected in message
    assert "Remedy: " in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            VALID.replace("epochs: 3", "lr: 1"),
            'params.yaml:6: not valid YAML: found duplicate key "lr" with value "1"',
            id="key-twice",
        ),
        pytest.param(
            VALID.replace("epochs: 3", 'lr: "a\\nb"'),
            'params.yaml:6: not valid YAML: found duplicate key "lr" with value "a b"',
            id="key-twice-with-two-lines",
        ),
        pytest.param(
            VALID + "seed: 43\n", 'params.yaml:9: not valid YAML: found duplicate key "seed"', id="top"
        ),
        pytest.param(
            VALID.replace("  epochs", "\tepochs"), "params.yaml:6: not valid YAML: found ch", id="tab"
        ),
        pytest.param(
            VALID.replace("3e-05", "*lr"), "params.yaml:5: not valid YAML: found undefined", id="alias"
        ),
        pytest.param(
            VALID.replace("3e-05", "!!python/object:os.system 1"),
            "params.yaml:5: not valid YAML: could not determine a constructor",
            id="python-object",
        ),
        pytest.param(
            VALID + "---\na: 1\n", "params.yaml:9: not valid YAML: but found another", id="two-documents"
        ),
        pytest.param(VALID.replace("3e-05", "\x01"), "params.yaml: not valid YAML: cannot be", id="control"),
        pytest.param("", "params.yaml: holds no keys.", id="empty-file"),
        pytest.param("- 1\n- 2\n", "params.yaml: holds no keys.", id="list"),
        pytest.param("text\n", "params.yaml: holds no keys.", id="text"),
        pytest.param(b"seed: \xfc\n", "params.yaml: byte 7 is not UTF-8.", id="latin-1"),
        pytest.param(VALID.encode("utf-16"), "params.yaml: byte 1 is not UTF-8.", id="utf-16"),
    ],
)
def test_a_broken_file_is_refused_with_its_place(tmp_path, text, expected):
    message = message_for(tmp_path, text)
    assert message.startswith(expected)
    assert "Remedy: " in message


def test_a_file_that_is_not_there_names_the_way_back(tmp_path):
    with pytest.raises(
        PipelineError, match=r"no such file\. Remedy: run from .* git checkout .*params\.yaml$"
    ):
        read_yaml(tmp_path / "params.yaml")


def test_keys_from_another_file_are_checked_alike(tmp_path):
    path = tmp_path / "corpus.yaml"
    with pytest.raises(PipelineError, match=r"corpus\.yaml: lrr is no parameter\. Remedy: did you mean lr\?"):
        check_params({"lrr": 1.0, "epochs": 1, "warmup_share": 0.5, "is_fast": False}, TrainParams, path)


def test_params_cannot_be_changed_after_they_were_checked(tmp_path):
    with pytest.raises(ValueError, match="frozen"):
        load(tmp_path, VALID).train.lr = -1.0
