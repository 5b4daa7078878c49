"""A DVC remote in an object store: push, pull, and what has been damaged there."""

import importlib.util
import shutil

import pytest

from ner.sources import stores
from ner.sources.stores import parse_place, read_bytes, write_bytes
from tests.support.object_store import BUCKET, SECRET, start_object_store
from tests.tools.checks.test_check_cache import CHECK, DAMAGE, find_object

REMOTE = f"s3://{BUCKET}/dvc"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (importlib.util.find_spec("moto") and importlib.util.find_spec("dvc_s3")),
        reason="moto or dvc-s3 is absent: pip install -r requirements-s3-dev.txt",
    ),
]


@pytest.fixture
def store(monkeypatch):
    """Start an object store, and let this process and its children know of it."""
    with start_object_store() as store:
        for name, value in store.environment.items():
            monkeypatch.setenv(name, value)
        stores._connect.cache_clear()
        yield store
        stores._connect.cache_clear()


def test_results_are_pushed_checked_damaged_healed_and_pulled(clone, store):
    clone.run("dvc", "remote", "add", "--default", "team", REMOTE)
    said = clone.run("dvc", "push")
    shutil.rmtree(clone.root / ".dvc/cache")
    scores = clone.root / "metrics/scores.json"
    good = scores.read_bytes()
    scores.unlink()
    clone.run("dvc", "pull")
    assert scores.read_bytes() == good

    assert "all whole" in clone.run(*CHECK, "--remote", REMOTE)
    damaged = find_object(clone, "metrics/scores.json", parse_place(f"{REMOTE}/files/md5"))
    write_bytes(damaged, DAMAGE)
    said += clone.run(*CHECK, "--remote", REMOTE, status=1)
    assert f"damaged: {damaged} (metrics/scores.json)" in said
    said += clone.run(*CHECK, "--remote", REMOTE, "--heal")
    said += clone.run("dvc", "push")
    assert read_bytes(damaged) == good

    store.refuse_all()
    said += clone.run(*CHECK, "--remote", REMOTE, status=1)
    assert said.rstrip().splitlines()[-1].startswith(f"error: {REMOTE}/files/md5")
    assert SECRET not in said
    for path in clone.root.glob(".dvc/**/*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()
