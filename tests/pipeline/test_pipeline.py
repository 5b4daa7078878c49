"""End to end: the real dvc on a tiny corpus and a two-layer encoder."""

import json
import re
import shutil

import pyarrow.parquet as pq
import pytest

from tests.project.test_dvc_yaml import PIPELINE
from tests.support.pipeline_clone import Clone, stages_run

TRAINING = {"fine_tune", "evaluate", "report"}
DOWNLOADS = {"download_corpus", "download_checkpoint"}
EVALUATE = PIPELINE["evaluate"]["cmd"].split()
ALL = DOWNLOADS | {"tokenize_align"} | TRAINING


def read_json(clone: Clone, name: str):
    return json.loads((clone.root / name).read_text(encoding="utf-8"))


def test_a_finished_run_has_the_files_and_keys_that_others_rely_on(clone):
    """DESIGN.md's names, read from a real run."""
    data, tokenize = read_json(clone, "metrics/data.json"), read_json(clone, "metrics/tokenize.json")
    assert data["source"] == "tests/corpus"
    assert {"sentences", "words", "entities", "entities_by_label", "nested_entities", "sha256"} <= data[
        "test"
    ].keys()
    keys = {
        "sentences",
        "windows",
        "subtokens",
        "max_subtokens",
        "words_without_subtoken",
        "subtoken_entities",
    }
    assert keys | {"subtoken_entities_by_label"} <= tokenize["train"].keys()
    train = read_json(clone, "metrics/train.json")
    assert {"epochs", "best_epoch", "steps", "train_loss", "validation", "environment"} <= train.keys()
    evaluate = read_json(clone, "metrics/evaluate.json")
    keys = {"precision", "recall", "f1", "f1_low", "f1_high", "loss", "subtoken_f1", "words", "sentences"}
    both_levels = {"inner_f1", "m1_f1"}  # the tiny corpus has nested entities, so that both are trained
    assert evaluate["test"].keys() == keys | {"repaired_tags"} | both_levels
    scores = read_json(clone, "metrics/scores.json")["test"]
    assert {"by_label", "coarse", "official", "subtoken", "errors"} <= scores.keys()
    for name in ("labels", "confusion", "errors", "calibration", "groups", "training_curve"):
        assert (clone.root / f"metrics/{name}.csv").read_text(encoding="utf-8").count("\n") > 1
    for name in ("fine_tune", "evaluate"):
        assert read_json(clone, f"metrics/speed/{name}.json")["seconds"] > 0
    for name in ("index.html", "report.md"):
        assert f"{evaluate['test']['f1']:.4f}" in (clone.root / f"metrics/report/{name}").read_text(
            encoding="utf-8"
        )
    assert 'id="inner">Inner entities' in (clone.root / "metrics/report/index.html").read_text(
        encoding="utf-8"
    )


def test_no_word_is_lost_on_the_way_to_the_predictions(clone):
    """The sentence of 200 words and the word without a subtoken come out whole."""
    raw = pq.read_table(clone.root / "data/raw/test.parquet").to_pylist()
    predicted = pq.read_table(clone.root / "data/predictions/test.parquet").to_pylist()
    assert [row["tokens"] for row in predicted] == [row["tokens"] for row in raw]
    assert all(len(row["predicted"]) == len(row["score"]) == len(row["tokens"]) for row in predicted)
    counts = read_json(clone, "metrics/tokenize.json")["test"]
    assert counts["windows"] > counts["sentences"]
    assert counts["words_without_subtoken"] == 1
    assert read_json(clone, "metrics/evaluate.json")["test"]["words"] == counts["words"]


def test_the_tagger_is_a_plain_checkpoint_without_pickle(clone):
    names = {path.name for path in (clone.root / "models/ner").iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "run_config.json"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pkl"))]
    config = read_json(clone, "models/ner/config.json")
    assert config["label2id"] == {tag: int(number) for number, tag in config["id2label"].items()}
    for path in (clone.root / "models/ner").glob("*.json"):
        assert str(clone.root.parent) not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("section", "key", "value", "expected"),
    [
        pytest.param("train", "lr", "2e-3", TRAINING, id="train.lr"),
        pytest.param("report", "examples", "2", {"report"}, id="report.examples"),
        pytest.param("tokenize", "max_length", "100", ALL - DOWNLOADS, id="tokenize.max_length"),
    ],
)
def test_a_parameter_reruns_what_it_affects_and_going_back_runs_nothing(clone, section, key, value, expected):
    """The stages that ran, from dvc's own output; then the earlier value comes from the cache."""
    before, params = clone.outputs(), (clone.root / "params.yaml").read_text(encoding="utf-8")
    clone.set_param(section, key, value)
    assert clone.repro() == expected
    assert clone.outputs() != before
    (clone.root / "params.yaml").write_text(params, encoding="utf-8")
    assert clone.repro() == set()
    assert clone.outputs() == before
    assert clone.run("git", "status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("checkpoint_steps", 7),
        ("launcher", "torchrun --nproc-per-node 2"),
        ("subtokens_per_batch", 100),
        ("trackers", "[dvclive]"),
    ],
)
def test_how_a_result_is_computed_reruns_nothing(clone, key, value):
    clone.set_param("run", key, value)
    assert clone.repro() == set()


def test_a_comment_in_params_runs_nothing(clone):
    clone.edit("params.yaml", "train:\n", "train:  # a thought\n")
    assert clone.repro() == set()


def test_an_edited_sentence_reruns_from_the_corpus_on(clone):
    clone.edit("tests/corpus/NER-de-train.tsv", "Zug\tI-OTH", "Wagen\tI-OTH")
    assert clone.repro() == ALL - {"download_checkpoint"}


def test_a_change_in_the_reader_that_changes_no_data_does_not_retrain(clone):
    """The downloads run again, write the same bytes, and the chain stops there."""
    clone.edit("ner/sources/formats/germeval.py", '"""GermEval', '"""The GermEval')
    assert clone.repro() == DOWNLOADS


def test_a_new_report_setting_does_not_retrain(clone):
    clone.edit(
        "stages/report.py", "    example_seed:", '    title: str = Field(description="x")\n    example_seed:'
    )
    clone.edit("params.yaml", "report:\n", "report:\n  title: Bericht\n")
    assert clone.repro() == {"report"}


def test_training_twice_gives_the_same_bytes(clone):
    before = clone.outputs()
    assert clone.repro("--force", "--single-item", "fine_tune") == {"fine_tune"}
    assert clone.outputs() == before


def test_an_override_reaches_the_stage_as_a_number(clone):
    """`dvc exp run -S` writes 3e-05, which a YAML 1.1 reader takes for text."""
    assert stages_run(clone.run("dvc", "exp", "run", "-S", "train.lr=3e-5")) == TRAINING
    assert "lr: 3e-05" in (clone.root / "params.yaml").read_text(encoding="utf-8")
    assert read_json(clone, "models/ner/run_config.json")["train"]["lr"] == 3e-5
    difference = json.loads(clone.run("dvc", "metrics", "diff", "--json", "HEAD"))
    assert difference["metrics/evaluate.json"]["test.loss"]["diff"] != 0


@pytest.mark.parametrize(
    ("file", "old", "new", "named"),
    [
        pytest.param(
            "params.yaml", "weight_decay: 0.01", "weight_decay: 0.02", "train.weight_decay", id="params"
        ),
        pytest.param(
            "ner/annotation/spans.py", '"""Spans', '"""All spans', "ner/annotation/spans.py", id="code"
        ),
    ],
)
def test_an_edit_while_training_is_not_recorded(clone, file, old, new, named):
    """The stage stops before DVC writes the lock file; the old inputs then find the finished run."""
    clone.set_param("train", "warmup_share", 0.2)
    # The edit comes from inside the run, after the inputs were read: no clock decides.
    start = "            trainer = train_tagger("
    hook = f"""
            edited = Path({file!r})
            if {new!r} not in edited.read_text():
                edited.write_text(edited.read_text().replace({old!r}, {new!r}))
{start}"""
    clone.edit("stages/fine_tune.py", start, hook)
    lock = (clone.root / "dvc.lock").read_bytes()
    output = clone.run("dvc", "repro", status=255)
    (line,) = [line for line in output.splitlines() if line.startswith("error: ")]
    assert re.search(rf"edited while it ran: {re.escape(named)}.* Remedy: ", line)
    assert (clone.root / "dvc.lock").read_bytes() == lock

    clone.edit(file, new, old)
    output = clone.run("dvc", "repro")
    assert "taking the finished run" in output
    assert not [path for path in (clone.root / "models/checkpoints").iterdir() if path.is_dir()]


def test_a_tagger_of_other_parameters_is_not_scored(clone):
    """Should a lock file lie all the same, evaluate names the parameter and the way out."""
    clone.edit("models/ner/run_config.json", '"batch_size": 4', '"batch_size": 5')
    output = clone.run(*EVALUATE, status=1)
    assert "train.batch_size is 4, but models/ner was trained with 5" in output
    assert "dvc repro -f -s fine_tune" in output


def test_a_conll_corpus_with_other_labels_needs_no_change_of_code(clone):
    """Two columns, labels of its own, nothing nested: no official block and no coarse one."""
    folder = clone.root / "my-corpus"
    folder.mkdir()
    for name in ("train", "dev", "test"):
        text = (clone.root / f"tests/corpus/NER-de-{name}.tsv").read_text(encoding="utf-8")
        text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
        text = re.sub(r"^\d+\t(\S+)\t(\S+)\t\S+$", r"\1\t\2", text, flags=re.MULTILINE)
        text = re.sub(r"-(PER|LOC)\w*$", "-being", text, flags=re.MULTILINE)
        text = re.sub(r"-(ORG|OTH)\w*$", "-thing", text, flags=re.MULTILINE)
        (folder / f"{name}.conll").write_text(text, encoding="utf-8")
    clone.set_param("data", "source", "my-corpus")
    assert clone.repro() == ALL - {"download_checkpoint"}

    ids = read_json(clone, "models/ner/config.json")["label2id"]
    assert sorted(ids, key=ids.get) == ["O", "B-being", "I-being", "B-thing", "I-thing"]
    assert "nested_entities" not in read_json(clone, "metrics/data.json")["test"]
    scores = read_json(clone, "metrics/scores.json")["test"]
    assert {"being", "thing"} == scores["by_label"].keys()
    assert not {"official", "coarse"} & scores.keys()


def test_a_fresh_clone_that_pulls_runs_nothing(clone, tmp_path):
    remote = tmp_path / "remote"
    clone.run("dvc", "remote", "add", "--default", "team", str(remote))
    clone.run("dvc", "config", "remote.team.verify", "true")
    clone.commit("Share the cache")
    clone.run("dvc", "push")
    clone.run("git", "clone", "--quiet", str(clone.root), str(tmp_path / "fresh"))
    fresh = Clone(tmp_path / "fresh")
    fresh.run("dvc", "pull")
    assert fresh.repro() == set()
    assert fresh.run("git", "status", "--porcelain") == ""

    # DVC restores from its cache what `dvc checkout` is told to; repro alone would train again.
    shutil.rmtree(fresh.root / "models/ner")
    fresh.run("dvc", "checkout")
    assert fresh.repro() == set()


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        pytest.param(
            "tests/corpus/NER-de-dev.tsv",
            "2\tWeiß\tI-PER\tO",
            "2\tWeiß\tI-LOC\tO",
            r"tests/corpus/NER-de-dev.tsv:3: I-LOC continues nothing.* Remedy: ",
            id="orphan-tag",
        ),
        pytest.param(
            "params.yaml", "stride: 64", "stride: 126", r"tokenize.stride is 126.* Remedy: ", id="stride"
        ),
        pytest.param(
            "params.yaml", "stride: 64", "strid: 64", r"tokenize.strid is no parameter.*stride", id="key"
        ),
        pytest.param(
            "params.yaml",
            "checkpoint: encoder",
            "checkpoint: ./nowhere",
            r"model.checkpoint is .*nowhere.* Remedy: ",
            id="folder",
        ),
        pytest.param(
            "params.yaml",
            "lr: 0.003",
            "lr: 1e8",
            r"train.lr is 100000000.0: the loss is no longer a number .* Remedy: set a smaller",
            id="divergence",
        ),
    ],
)
def test_bad_input_ends_in_one_line_with_a_remedy(clone, file, old, new, message):
    """Exit status of dvc, no traceback, the last result untouched."""
    before = (clone.root / "metrics/evaluate.json").read_bytes()
    clone.edit(file, old, new)
    output = clone.run("dvc", "repro", status=255)
    (line,) = [line for line in output.splitlines() if line.startswith("error: ")]
    assert re.search(message, line)
    assert "Traceback" not in output
    assert (clone.root / "metrics/evaluate.json").read_bytes() == before
