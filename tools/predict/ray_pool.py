"""Workers on a Ray cluster: each does one part at a time, and a worker that dies is replaced."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ner.core.errors import PipelineError
from tools.predict.ranges import Part
from tools.predict.ray_worker import PartTagger, Summary, TaskError, WorkerSettings

MOST_DEATHS = 5  # of workers over the same part, or of each while it loads, and no part finished meanwhile
START_SECONDS = 600  # for the first worker, and for another one where all have died
POLL_SECONDS = 5

Task = tuple[Part, bool]  # the bool says that it is finished, and only to be checked


@dataclass(frozen=True, slots=True)
class Need:
    """What the workers take.

    Args:
        n_workers: How many.
        n_cpus: CPU cores of each.
        n_gpus: GPUs of each: 1 where the cluster has some, else 0.
    """

    n_workers: int
    n_cpus: int
    n_gpus: int


def choose_workers(nodes: Sequence[Mapping[str, float]], n_workers: int | None, n_cpus: int) -> Need:
    """Choose how many workers there are, and what each takes.

    Args:
        nodes: Resources of each machine. Shape: (n_nodes,).
        n_workers: How many are wanted; None: as many as there is room for.
        n_cpus: CPU cores of each.

    Raises:
        PipelineError: If there is no room for them.
    """
    has_gpus = any(node.get("GPU", 0) >= 1 for node in nodes)
    room = sum(
        min(int(node.get("CPU", 0)) // n_cpus, int(node.get("GPU", 0)) if has_gpus else 2**31)
        for node in nodes
    )
    if room < (n_workers or 1):
        what = f"{n_cpus} CPU{'s' * (n_cpus > 1)}{' and a GPU' if has_gpus else ''}"
        raise PipelineError(
            f"the cluster (machines: {len(nodes)}) has room for {room} workers of {what}, "
            f"not for {n_workers or 1}.",
            remedy="lower --workers or --cpus-per-worker, or start a larger cluster.",
        )
    return Need(n_workers or room, n_cpus, int(has_gpus))


@dataclass(slots=True)
class Pool:
    """Workers and what they do at the moment.

    Args:
        need: What the workers take.
        settings: What every part is tagged with.
        name: Of the tagger.
        model: The tagger's files, in Ray's object store.
    """

    need: Need
    settings: WorkerSettings
    name: str
    model: Any
    in_flight: dict[Any, tuple[Any, Task | None]] = field(default_factory=dict)  # None: it loads
    idle: list[Any] = field(default_factory=list)
    deaths: Counter[int | None] = field(default_factory=Counter)

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Part, Summary]]:
        """Do all tasks, in any order, and yield what came of each.

        A task whose worker died is done again by another one, when all others have begun: what kills workers
        then keeps no one from the rest.

        Raises:
            PipelineError: What a worker could not do; or if workers die again and again, or cannot start.
        """
        import ray

        again: deque[Task] = deque()
        waiting = iter(tasks)
        seconds = 0.0
        for _ in range(self.need.n_workers):
            self._start()
        while True:
            while self.idle and (task := next(waiting, None) or (again.popleft() if again else None)):
                self._assign(self.idle.pop(), task)
            if self.idle and not again and not any(task for _, task in self.in_flight.values()):
                return  # there was nothing left to give to it
            done, _ = ray.wait(list(self.in_flight), num_returns=1, timeout=POLL_SECONDS)
            is_stuck = not done and not any(task for _, task in self.in_flight.values())
            seconds = seconds + POLL_SECONDS if is_stuck else 0
            if seconds >= START_SECONDS:
                raise PipelineError(
                    f"no worker could start within {START_SECONDS // 60} minutes.",
                    remedy="look at the cluster with ray status, and pass --resume to go on.",
                )
            for ref in done:
                worker, task = self.in_flight.pop(ref)
                try:
                    summary = ray.get(ref)
                except (ray.exceptions.RayActorError, ray.exceptions.WorkerCrashedError) as error:
                    self._count_death(task, error)
                    self._start()
                    if task:
                        again.append(task)
                    continue
                except ray.exceptions.RayError as error:
                    raise find_cause(error) from error
                self.idle.append(worker)
                if task:
                    self.deaths.clear()
                    yield task[0], summary

    def _start(self) -> None:
        import ray

        worker = (
            ray.remote(PartTagger)
            .options(num_cpus=self.need.n_cpus, num_gpus=self.need.n_gpus)
            .remote(self.settings)
        )
        self.in_flight[worker.load.remote(self.name, self.model)] = (worker, None)

    def _assign(self, worker: Any, task: Task) -> None:  # noqa: ANN401 - Ray's handle
        part, is_finished = task
        method: Callable[[Part], Any] = worker.check.remote if is_finished else worker.tag.remote
        self.in_flight[method(part)] = (worker, task)

    def _count_death(self, task: Task | None, error: Exception) -> None:
        key = task[0].number if task else None
        self.deaths[key] += 1
        # A machine that goes takes all its workers with it, also those that load.
        if self.deaths[key] < MOST_DEATHS * (1 if task else self.need.n_workers):
            return
        what = f"over {task[0].pieces[0].place}" if task else "while they load the tagger"
        raise PipelineError(
            f"{self.deaths[key]} workers died {what}: most likely they had too little memory.",
            remedy="give each more of a machine with --cpus-per-worker, and pass --resume to go on.",
        ) from error


def find_cause(error: Exception) -> Exception:
    """Return the `PipelineError` that a worker sent, or Ray's own error if it sent none."""
    cause: Any = error
    while cause is not None and type(cause) is not TaskError:  # Ray derives a class of its own from it
        cause = getattr(cause, "cause", None) or cause.__cause__
    if cause is None:
        return error
    problem, remedy = cause.args
    # Behind our line Ray appends advice on its own retries.
    return PipelineError(problem.splitlines()[0], remedy=remedy)
