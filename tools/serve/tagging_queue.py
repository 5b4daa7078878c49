"""Sentences of many requests, tagged in common calls by the one thread that owns the tagger.

A call takes the next sentences of every request in turn, so that a short request is answered while a long one
is in work; a sentence that is longer than a call is cut into pieces. How many requests may wait follows from
the measured speed.
"""

import logging
import math
import re
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Protocol, Self

from tools.serve.limits import Limits
from tools.serve.pieces import Piece, cut_sentence, join_pieces

if TYPE_CHECKING:  # torch: seconds that `--help` and an occupied port do without
    from ner.tagging.decoding import TaggedWords
    from ner.text.splitting import Word
    from ner.text.text_tagger import Entity

logger = logging.getLogger(__name__)

SUBTOKENS_PER_CALL = 1_024  # a call takes about half a second on two cores: how long a short request waits
FIRST_SPEED = 1_000.0  # words a second until the first full call was measured
LONGEST_RETRY_SECONDS = 60  # that a refused client is told to wait
REMEMBERED_SHARE = 0.9  # what a measurement counts when the next one is made
WORD = re.compile(r"\w+|[^\w\s]")  # quicker than `split_text`, and about as many


class TagsSentences(Protocol):
    """What splits and tags texts, such as `TextTagger`."""

    def split(self, text: str) -> "list[list[Word]]":
        """Split a text into sentences of words. Shape: (n_sentences, n_words)."""

    def count_subtokens(self, sentences: Sequence[Sequence[str]]) -> list[int]:
        """Count what each sentence costs. Shape: (n_sentences,)."""

    def tag_words(self, sentences: Sequence[Sequence[str]]) -> "list[TaggedWords]":
        """Tag the words of sentences. Shape: (n_sentences,)."""


class QueueFullError(Exception):
    """So much waits that another request is refused.

    Args:
        seconds: After which there is room for it, at the measured speed.
        n_words: Its words.
    """

    def __init__(self, seconds: float, n_words: int) -> None:
        super().__init__(seconds)
        self.seconds = max(1, math.ceil(seconds))
        self.n_words = n_words


class QueueClosedError(Exception):
    """The service ends before the request can be answered."""


class TaggerEndedError(Exception):
    """The thread that tags has ended: nothing will be answered any more."""


class TooLongError(Exception):
    """A request holds more words or subtokens than is taken at once."""


class Speed:
    """Words tagged in a second, the last calls counting most."""

    def __init__(self, words_per_second: float = FIRST_SPEED) -> None:
        self._words, self._seconds = words_per_second, 1.0
        self._is_measured = False

    def measure(self, n_words: int, seconds: float, *, is_full: bool) -> None:
        """Note a call; one with little in it tells only that the tagger is faster than it was taken for."""
        if not is_full and self.seconds_for(n_words) <= seconds:
            return
        kept = REMEMBERED_SHARE if self._is_measured else 0.0
        self._words = kept * self._words + n_words
        self._seconds = kept * self._seconds + seconds
        self._is_measured = True

    def seconds_for(self, n_words: int) -> float:
        """Return how long words will take."""
        return n_words * self._seconds / max(self._words, 1e-9)


@dataclass(eq=False, slots=True)
class _Job:
    """A request: its texts, and how far the tagger is with their sentences."""

    texts: Sequence[str]
    n_words: int  # still to tag; estimated until the texts are split
    answer: "Future[list[list[Entity]]]" = field(default_factory=Future)
    split: list[list[list[Piece]]] | None = None  # the pieces of each sentence of each text
    todo: list[Piece] = field(default_factory=list)

    def prepare(self, tagger: TagsSentences, limits: Limits) -> None:
        """Split the texts.

        Raises:
            TooLongError: If they hold too much.
        """
        texts = [tagger.split(text) for text in self.texts]
        n_words = sum(len(sentence) for sentences in texts for sentence in sentences)
        _check_size(n_words, limits.words, "words")
        flat = [[word.text for word in sentence] for sentences in texts for sentence in sentences]
        costs = tagger.count_subtokens(flat)
        _check_size(sum(costs), limits.subtokens, "subtokens")
        cost = iter(costs)
        self.split = [
            [
                cut_sentence(
                    words,
                    next(cost),
                    most=SUBTOKENS_PER_CALL,
                    count=lambda piece: tagger.count_subtokens([piece])[0],
                )
                for words in sentences
            ]
            for sentences in texts
        ]
        self.todo = [piece for sentences in self.split for pieces in sentences for piece in pieces]
        self.n_words = sum(len(piece.words) for piece in self.todo)

    def entities(self) -> "list[list[Entity]]":
        """Return the entities of each text, when all is tagged."""
        from ner.text.text_tagger import TaggedText

        return [
            TaggedText(
                text,
                [[word for one in pieces for word in one.words[one.start : one.end]] for pieces in sentences],
                [join_pieces(pieces) for pieces in sentences],
            ).entities
            for text, sentences in zip(self.texts, self.split or [], strict=True)
        ]

    def finish(self) -> None:
        """Answer, unless the client has gone."""
        if self.answer.set_running_or_notify_cancel():
            self.answer.set_result(self.entities())

    def fail(self, error: BaseException) -> None:
        """Answer with an error, unless the client has gone."""
        if not self.answer.done() and self.answer.set_running_or_notify_cancel():
            self.answer.set_exception(error)


Call = list[tuple[_Job, Piece]]


class TaggingQueue:
    """Collects requests and tags their sentences together; a context that starts and ends the thread.

    Args:
        tagger: Is called by one thread alone.
        limits: How much a request may hold, and how much may wait.
    """

    def __init__(self, tagger: TagsSentences, limits: Limits) -> None:
        self.limits = limits
        self.speed = Speed()
        self.on_failure: Callable[[], None] = lambda: None  # called by the thread when it ends in an error
        self.has_failed = False
        self._tagger = tagger
        self._jobs: list[_Job] = []  # in the order of arrival, with those in work
        self._n_in_call = 0  # of them
        self._promised: deque[tuple[float, int]] = deque()  # when refused requests were told to come; words
        self._is_closing = False
        self._end = math.inf  # of the tagging, by the clock
        self._changed = threading.Condition()
        # A daemon, so that a second Ctrl-C ends the process in the midst of a long call.
        self._thread = threading.Thread(target=self._run, name="tagger", daemon=True)

    def __enter__(self) -> Self:
        """Start the thread."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Refuse what comes, finish what was taken, and end the thread."""
        self.close()
        self._thread.join()

    @property
    def is_ready(self) -> bool:
        """Whether requests are taken and answered."""
        return self._thread.is_alive() and not self._is_closing

    @property
    def is_running(self) -> bool:
        """Whether the thread runs, be it in its last call."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, texts: Sequence[str]) -> "Future[list[list[Entity]]]":
        """Queue the texts of a request.

        Args:
            texts: Within the limits of characters and texts. Shape: (n_texts,).

        Returns:
            Their entities, once they are found; a future that is cancelled costs no more work. Fails with
            `TooLongError` if the texts turn out to hold too much.

        Raises:
            QueueFullError: If too much waits.
            QueueClosedError: If the service ends.
            TaggerEndedError: If nobody will answer any more.
        """
        n_words = sum(1 for text in texts for _ in WORD.finditer(text))
        job = _Job(texts, min(n_words, self.limits.words))  # one with more is refused when it is split
        with self._changed:
            if self.has_failed:
                raise TaggerEndedError
            if self._is_closing:
                raise QueueClosedError
            self._drop_cancelled()
            if self._jobs:
                # Of a longer request, only what is tagged in turn with this one comes before its end.
                wait = self.speed.seconds_for(sum(min(one.n_words, job.n_words) for one in self._jobs))
                excess = wait - self.limits.wait_seconds
                n_excess = len(self._jobs) - self._n_in_call - self.limits.waiting + 1
                if excess > 0 or n_excess > 0:  # there is room when these are tagged, at the mean length
                    seconds = max(excess, wait * n_excess / len(self._jobs))
                    raise QueueFullError(seconds, job.n_words)
            self._jobs.append(job)
            self._changed.notify()
        return job.answer

    def promise(self, refused: QueueFullError) -> int:
        """Return the seconds after which a refused request finds room, and remember that it will come.

        Those that were refused before it come back first: without them, all would be told the same time, and
        most be refused again.
        """
        now = time.monotonic()
        with self._changed:
            while self._promised and self._promised[0][0] <= now:
                self._promised.popleft()
            before = self.speed.seconds_for(sum(n_words for _, n_words in self._promised))
            seconds = min(math.ceil(refused.seconds + before), LONGEST_RETRY_SECONDS)
            if seconds < LONGEST_RETRY_SECONDS:
                self._promised.append((now + seconds, refused.n_words))
        return seconds

    def close(self, seconds: float = math.inf) -> None:
        """Refuse what comes, and of what waits, what cannot be tagged in time.

        Args:
            seconds: How long may be tagged.
        """
        with self._changed:
            self._is_closing = True
            self._end = time.monotonic() + seconds
            self._refuse_late()
            self._changed.notify()

    def _refuse_late(self) -> None:
        """Refuse what the measured speed does not allow until the end, and keep what ends soonest."""
        seconds = self._end - time.monotonic()
        self._drop_cancelled()
        n_words = 0
        for job in sorted(self._jobs, key=lambda one: one.n_words):
            n_words += job.n_words
            if self.speed.seconds_for(n_words) > seconds:
                job.fail(QueueClosedError())
        self._drop_done()

    def abandon(self) -> None:
        """Refuse everything that is not answered yet; the thread ends behind its call."""
        self.close(seconds=-1.0)

    def join(self, seconds: float) -> None:
        """Wait for the thread's end, but no longer than that."""
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            while call := self._next_call():
                self._tag(call)
        except BaseException as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """Leave no request without an answer, and tell the service."""
        with self._changed:
            self.has_failed = self._is_closing = True
            for job in self._jobs:
                job.fail(TaggerEndedError())
            self._jobs.clear()
        _log("the tagger's thread ended", error)
        self.on_failure()

    def _next_call(self) -> Call | None:
        """Wait for work, and take of each request in turn; None at the end."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self._is_closing)
                self._refuse_late() if self._is_closing else self._drop_cancelled()
                jobs = list(self._jobs)
                if not jobs and self._is_closing:
                    return None
            self._prepare(jobs)
            if call := list(self._fill_call([job for job in jobs if not job.answer.done()])):
                self._n_in_call = len({id(job) for job, _ in call})
                return call
            self._finish()

    def _prepare(self, jobs: Sequence[_Job]) -> None:
        """Split the texts of the requests that are new."""
        for job in jobs:
            if job.split is None and not job.answer.done():
                try:
                    job.prepare(self._tagger, self.limits)
                except TooLongError as error:
                    job.fail(error)
                except BaseException as error:  # noqa: BLE001 - a panic of the tokenizer is no Exception
                    _log("tagging failed", error)
                    job.fail(error)

    def _fill_call(self, jobs: Sequence[_Job]) -> Iterator[tuple[_Job, Piece]]:
        """Take a sentence of each request, then the next of each, until a call is full.

        At the end one request after the other, the shortest first: as many as possible are to be answered.
        """
        sentences = (((job, one) for one in job.todo) for job in sorted(jobs, key=lambda job: job.n_words))
        in_turn = (
            one for turn in zip_longest(*([(job, one) for one in job.todo] for job in jobs)) for one in turn
        )
        room = SUBTOKENS_PER_CALL
        is_first = True  # is taken in any case: a word may be longer than a call
        for one in chain.from_iterable(sentences) if self._is_closing else filter(None, in_turn):
            if is_first or one[1].n_subtokens <= room:
                room -= one[1].n_subtokens
                is_first = False
                yield one
            if room <= 0:
                return

    def _tag(self, call: Call) -> None:
        """Tag the sentences of a call; if that fails, those of each request alone."""
        try:
            start = time.perf_counter()
            found = self._tagger.tag_words([[word.text for word in one.words] for _, one in call])
            self.speed.measure(
                sum(len(one.words) for _, one in call),
                time.perf_counter() - start,
                is_full=sum(one.n_subtokens for _, one in call) >= SUBTOKENS_PER_CALL / 2,
            )
        except BaseException as error:  # noqa: BLE001 - whatever it is, the thread must live on
            jobs = list({id(job): job for job, _ in call}.values())
            if len(jobs) > 1:  # whose text it was is not known: the others shall not pay for it
                for job in jobs:
                    self._tag([(owner, one) for owner, one in call if owner is job])
                return
            _log("tagging failed", error)
            jobs[0].fail(error)
        else:
            for (job, sentence), tagged in zip(call, found, strict=True):
                sentence.tagged = tagged
                job.n_words -= len(sentence.words)
            for job in {id(job): job for job, _ in call}.values():
                job.todo = [one for one in job.todo if one.tagged is None]
        self._finish()

    def _finish(self) -> None:
        """Answer the requests of which every sentence is tagged."""
        with self._changed:
            done = [job for job in self._jobs if job.split is not None and not job.todo]
        for job in done:
            if not job.answer.done():
                job.finish()
        with self._changed:
            self._n_in_call = 0
            self._drop_done()

    def _drop_cancelled(self) -> None:
        self._jobs = [job for job in self._jobs if not job.answer.cancelled()]

    def _drop_done(self) -> None:
        self._jobs = [job for job in self._jobs if not job.answer.done()]


def _check_size(n: int, most: int, what: str) -> None:
    if n > most:
        raise TooLongError(f"The request holds {n:,} {what}; at most {most:,} are taken at once.")


def _log(what: str, error: BaseException) -> None:
    """Log where it happened, without the message, which may quote the text."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    logger.error("%s: %s at %s:%s", what, type(error).__name__, place.filename, place.lineno)
