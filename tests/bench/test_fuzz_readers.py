"""The fuzzer of the readers, a few hundred files a reader; `python -m bench.fuzz_readers` reads more."""

from pathlib import Path
from random import Random

import pytest

from bench.fuzz_readers import TARGETS, Target, damage_text, fuzz
from bench.mutations import mutate_bytes, mutate_value
from tests.support.paths import CORPUS

SHAPES = CORPUS / "shapes"


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_files_are_read_or_refused_in_one_line(tmp_path, name):
    outcome = fuzz(TARGETS[name], SHAPES, tmp_path, 200, seed=0)
    assert outcome.faults == {}
    assert outcome.n_executions == 200
    assert min(outcome.n_read, outcome.n_refused) > 10


def test_every_valid_file_is_damaged_by_a_reader():
    assert {seed for target in TARGETS.values() for seed in target.seeds} >= {
        path.name for path in SHAPES.iterdir() if path.name not in {"bilou.conll", "bmes.conll"}
    }


def test_what_a_reader_must_not_do_is_found(tmp_path):
    """Other exceptions than the project's own, and sentences without words."""

    def read(path: Path):
        if "PER" not in path.read_text(encoding="utf-8", errors="replace"):
            raise KeyError("PER")
        yield from TARGETS["wikiner"].read(path)

    target = Target(("wikiner.txt",), read, damage_text)
    outcome = fuzz(target, SHAPES, tmp_path, 300, seed=0)
    assert [kind.partition(" at ")[0] for kind in outcome.faults] == ["KeyError"]


def test_a_seed_draws_the_same_damage():
    content = (SHAPES / "conll2003.txt").read_bytes()
    drawn = [mutate_bytes(content, Random(seed)) for seed in (1, 1, 2)]  # noqa: S311 - draws damage
    assert drawn[0] == drawn[1] != drawn[2]
    value = {"text": "a b", "spans": [{"start": 0, "end": 1, "label": "X"}]}
    once, again = (repr(mutate_value(value, Random(3))) for _ in range(2))  # noqa: S311 - draws damage
    assert once == again
    assert value == {"text": "a b", "spans": [{"start": 0, "end": 1, "label": "X"}]}
