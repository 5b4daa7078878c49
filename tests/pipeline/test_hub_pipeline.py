"""End to end: the notebook's profile against a stand-in for the Hub, with faults."""

import importlib.util
import json
import shutil
import subprocess
import sys

import pytest

DOWNLOADS = {"download_corpus", "download_checkpoint"}
NOTEBOOK_FIGURES = {  # the `number` column that the notebook prints for what is the train split here
    "LOC": 3393, "LOCderiv": 1128, "LOCpart": 429, "ORG": 2238, "ORGderiv": 21, "ORGpart": 801,
    "OTH": 1285, "OTHderiv": 75, "OTHpart": 182, "PER": 2745, "PERderiv": 38, "PERpart": 207,
}  # fmt: skip


@pytest.fixture
def hub_tree(shared, tmp_path):
    """Lay out the corpus and a checkpoint as the Hub does."""
    root = tmp_path / "hub"
    subprocess.run([sys.executable, shared / "make_hub_tree.py", root], check=True, capture_output=True)
    return root


@pytest.fixture
def start_hub(shared, hub_tree):
    """Return a function that starts the stand-in with faults and gives its address."""
    spec = importlib.util.spec_from_file_location("stub_hub", shared / "stub_hub.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    running = []

    def start(**faults):
        running.append(module.StubHub(hub_tree, **faults).__enter__())
        return running[-1].url

    yield start
    for hub in running:
        hub.close()


def test_the_notebooks_profile_gives_the_notebooks_figures(clone, start_hub, shared, tmp_path):
    """Through a 503 and a cut transfer, and the same bytes as from the files of the corpus."""
    shutil.copy(clone.root / "profiles/germeval14.yaml", clone.root / "params.yaml")
    url = start_hub(fail_first=1, fail_methods="GET", truncate_first=1, lfs_redirect=True)
    environment = {"HF_ENDPOINT": url, "HF_HOME": str(tmp_path / "hf")}
    assert clone.repro("tokenize_align", **environment) == DOWNLOADS | {"tokenize_align"}

    train = json.loads((clone.root / "metrics/tokenize.json").read_text(encoding="utf-8"))["train"]
    assert (train["sentences"], train["words"], train["words_without_subtoken"]) == (5_100, 96_499, 8)
    assert train["subtoken_entities_by_label"] == NOTEBOOK_FIGURES
    facts = json.loads((clone.root / "metrics/data.json").read_text(encoding="utf-8"))
    assert len(facts["revision"]) == 40

    from_hub = clone.outputs()["data/raw"]
    clone.set_param("data", "source", shared / "germeval14-resplit")
    assert clone.repro("tokenize_align") == {"download_corpus"}
    assert clone.outputs()["data/raw"] == from_hub


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        pytest.param(
            "model", "checkpoint", "no-such-encoder", "model.checkpoint is 'no-such-encoder'", id="id"
        ),
        pytest.param("model", "revision", "v9", "it has no such revision", id="revision"),
    ],
)
def test_what_the_hub_lacks_ends_in_one_line(clone, start_hub, tmp_path, section, key, value, message):
    shutil.copy(clone.root / "profiles/germeval14.yaml", clone.root / "params.yaml")
    clone.set_param(section, key, value)
    environment = {"HF_ENDPOINT": start_hub(), "HF_HOME": str(tmp_path / "hf")}
    output = clone.run("dvc", "repro", "download_checkpoint", status=255, **environment)
    (line,) = [line for line in output.splitlines() if line.startswith("error: ")]
    assert message in line
    assert "Remedy: " in line
    assert "Traceback" not in output
