"""Texts of many requests, tagged in common calls by the one thread that owns the tagger."""

import logging
import threading
import traceback
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:  # torch: seconds that `--help` and an occupied port do without
    from ner.text.text_tagger import Entity

logger = logging.getLogger(__name__)

# JSON may write a character as `\ud83d\ude42`; a text has quotation marks and a comma around it.
BYTES_PER_CHARACTER, BYTES_PER_TEXT, BYTES_PER_BODY = 12, 16, 1024


class TagsTexts(Protocol):
    """What finds the names in texts, such as `TextTagger`."""

    def tag_texts(self, texts: Sequence[str]) -> "list[list[Entity]]":
        """Give the names of each text. Shape: (n_texts, n_names)."""


class QueueFullError(Exception):
    """So many requests wait that another one is refused."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is taken at once; a call of the tagger takes no more than the largest request.

    Args:
        characters: Most characters in a request, all its texts together.
        texts: Most texts in a request.
        waiting: Most requests that wait for the tagger.
    """

    characters: int = 10_000
    texts: int = 64
    waiting: int = 64

    @property
    def body_bytes(self) -> int:
        """Size in which every permitted request can be written."""
        return BYTES_PER_CHARACTER * self.characters + BYTES_PER_TEXT * self.texts + BYTES_PER_BODY


@dataclass(frozen=True, slots=True)
class _Job:
    texts: Sequence[str]
    entities: "Future[list[list[Entity]]]" = field(default_factory=Future)

    @property
    def n_characters(self) -> int:
        return sum(map(len, self.texts))


class TaggingQueue:
    """Collects requests and tags those that wait together; a context that starts and ends the thread.

    Args:
        tagger: Is called by one thread alone.
        limits: How much a call takes, and how many requests may wait.
    """

    def __init__(self, tagger: TagsTexts, limits: Limits) -> None:
        self.limits = limits
        self._tagger = tagger
        self._waiting: deque[_Job] = deque()
        self._is_closing = False
        self._changed = threading.Condition()
        # A daemon, so that a second Ctrl-C ends the process in the midst of a long call.
        self._thread = threading.Thread(target=self._run, name="tagger", daemon=True)

    def __enter__(self) -> Self:
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Refuse what comes, finish what was taken, and end the thread."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join()

    @property
    def is_ready(self) -> bool:
        """Whether requests are taken and answered."""
        return self._thread.is_alive() and not self._is_closing

    def submit(self, texts: Sequence[str]) -> "Future[list[list[Entity]]]":
        """Queue the texts of a request.

        Args:
            texts: Within the limits. Shape: (n_texts,).

        Returns:
            Their names, once they are found; a future that is cancelled before that costs no work.

        Raises:
            QueueFullError: If too many requests wait, or the queue is closing.
        """
        job = _Job(texts)
        with self._changed:
            self._waiting = deque(one for one in self._waiting if not one.entities.cancelled())
            if self._is_closing or len(self._waiting) >= self.limits.waiting:
                raise QueueFullError
            self._waiting.append(job)
            self._changed.notify()
        return job.entities

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_closing)
                if not self._waiting:
                    return
                jobs = self._take_jobs()
            if jobs:
                self._answer(jobs)

    def _take_jobs(self) -> list[_Job]:
        """Take what one call holds, in the order of arrival; none if all were cancelled."""
        jobs: list[_Job] = []
        n_texts = n_characters = 0
        while self._waiting:
            job = self._waiting[0]
            is_over = (
                n_texts + len(job.texts) > self.limits.texts
                or n_characters + job.n_characters > self.limits.characters
            )
            if jobs and is_over:
                break
            self._waiting.popleft()
            if job.entities.set_running_or_notify_cancel():
                jobs.append(job)
                n_texts += len(job.texts)
                n_characters += job.n_characters
        return jobs

    def _answer(self, jobs: Sequence[_Job]) -> None:
        try:
            found = iter(self._tagger.tag_texts([text for job in jobs for text in job.texts]))
        except Exception as error:  # noqa: BLE001 - whatever it is, the thread must live on
            if len(jobs) > 1:  # whose text it was is not known: the others shall not pay for it
                for job in jobs:
                    self._answer([job])
                return
            # Without the message, which may quote the text.
            place = traceback.extract_tb(error.__traceback__)[-1]
            logger.error("tagging failed: %s at %s:%s", type(error).__name__, place.filename, place.lineno)
            jobs[0].entities.set_exception(error)
            return
        for job in jobs:
            job.entities.set_result(list(islice(found, len(job.texts))))
