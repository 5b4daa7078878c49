"""Fixtures that several test files use."""

import importlib.util
import shutil
from pathlib import Path

import pytest

from ner.sources import stores
from tests.support.browser import start_browser
from tests.support.object_store import start_object_store
from tests.support.pipeline_clone import ROOT, Clone, make_tiny_clone
from tests.support.tiny_encoder import build_tiny_encoder


@pytest.fixture
def shared(request) -> Path:
    """Give the folder of test material beside the repository."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"../shared is absent: {request.node.name} is not tested")
    return folder


@pytest.fixture(scope="session")
def finished_clone(tmp_path_factory) -> Clone:
    """Run the whole pipeline once; tests work on copies of it."""
    folder = tmp_path_factory.mktemp("finished")
    words = (ROOT / "tests/corpus/NER-de-train.tsv").read_text(encoding="utf-8").split()
    clone = make_tiny_clone(folder / "project", build_tiny_encoder(folder / "encoder", words))
    clone.run("dvc", "repro")
    clone.commit("Run the pipeline")
    return clone


@pytest.fixture
def clone(finished_clone, tmp_path) -> Clone:
    """Give a copy of the finished pipeline, its cache included."""
    shutil.copytree(finished_clone.root, tmp_path / "project", symlinks=True)
    return Clone(tmp_path / "project")


@pytest.fixture
def store(monkeypatch):
    """Start an object store, and let this process and its children know of it."""
    for name in ("moto", "boto3"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is absent: pip install -r requirements-s3-dev.txt")
    with start_object_store() as store:
        for name, value in store.environment.items():
            monkeypatch.setenv(name, value)
        stores._connect.cache_clear()
        yield store
        stores._connect.cache_clear()


@pytest.fixture(scope="module")
def one_thread():
    """Two threads take longer than one over a two-layer encoder, on a busy machine fifty times."""
    import torch  # seconds that most test files do without

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture(scope="session")
def driver(tmp_path_factory):
    """Start a browser; a machine without one skips the tests that need it."""
    browser = start_browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.quit()
