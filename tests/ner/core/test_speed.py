"""The speed of a stage, and the memory that it took."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ner.core.speed import peak_memory_mb, write_speed
from tests.support.pipeline_clone import ROOT


def test_what_a_file_of_speed_holds(tmp_path):
    write_speed(
        tmp_path / "speed.json",
        seconds=4.0,
        n_sentences=10,
        n_subtokens=300,
        padding_share=0.05,
        precision={"precision": "bf16", "bf16_times_as_fast": 2.1},
    )
    speed = json.loads((tmp_path / "speed.json").read_text())
    assert speed.pop("peak_memory_mb") == pytest.approx(peak_memory_mb(), abs=5)
    assert speed == {
        "seconds": 4.0,
        "sentences_per_second": 2.5,
        "subtokens_per_second": 75.0,
        "padding_share": 0.05,
        "precision": "bf16",
        "bf16_times_as_fast": 2.1,
    }


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="Linux alone tells it exactly")
def test_the_peak_is_that_of_the_process_alone():
    """Linux counts the memory of the process which starts another as the other's."""
    memory = b"x" * 300 * 2**20
    code = "from ner.core.speed import peak_memory_mb; print(peak_memory_mb())"
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert 5 < float(shown.stdout) < len(memory) / 2**20 < peak_memory_mb()
