"""How many workers a cluster has room for."""

import pytest

from ner.core.errors import PipelineError
from tools.predict.ray_pool import Need, choose_workers

SMALL, LARGE, GPUS = {"CPU": 2.0}, {"CPU": 8.0, "memory": 1e9}, {"CPU": 16.0, "GPU": 4.0}


@pytest.mark.parametrize(
    ("nodes", "n_workers", "n_cpus", "expected"),
    [
        pytest.param([SMALL], None, 1, Need(2, 1, 0), id="all-cores"),
        pytest.param([SMALL, LARGE], None, 4, Need(2, 4, 0), id="no-worker-on-two-machines"),
        pytest.param([SMALL, LARGE], 3, 1, Need(3, 1, 0), id="fewer"),
        pytest.param([GPUS], None, 1, Need(4, 1, 1), id="a-gpu-each"),
        pytest.param([GPUS, SMALL], None, 8, Need(2, 8, 1), id="cores-limit-gpus"),
        pytest.param([{"CPU": 4.0, "GPU": 0.0}], None, 1, Need(4, 1, 0), id="no-gpu"),
    ],
)
def test_workers_are_as_many_as_there_is_room_for(nodes, n_workers, n_cpus, expected):
    assert choose_workers(nodes, n_workers, n_cpus) == expected


@pytest.mark.parametrize(
    ("nodes", "n_workers", "n_cpus", "told"),
    [
        pytest.param([SMALL], 3, 1, "room for 2 workers of 1 CPU, not for 3", id="too-many"),
        pytest.param([SMALL, SMALL], None, 4, "room for 0 workers of 4 CPUs, not for 1", id="too-large"),
        pytest.param([GPUS], 5, 1, "room for 4 workers of 1 CPU and a GPU, not for 5", id="gpus"),
    ],
)
def test_more_than_there_is_room_for_is_refused(nodes, n_workers, n_cpus, told):
    with pytest.raises(PipelineError, match=f"{told}.*lower --workers"):
        choose_workers(nodes, n_workers, n_cpus)
