"""The web service with a tagger that tests can stop, behind a real port."""

import re
import threading
from contextlib import contextmanager
from itertools import pairwise
from types import SimpleNamespace

from ner.tagging.decoding import TaggedWords
from ner.text.splitting import Word
from tools.serve.command import bind, format_address
from tools.serve.limits import Limits
from tools.serve.server import DrainingServer
from tools.serve.service import make_service
from tools.serve.tagging_queue import TaggingQueue

LABELS = ["LOC", "LOCderiv", "LOCpart", "ORG", "PER"]
SECONDS = 20  # that a test waits for what comes at once unless the code is broken


class GatedTagger:
    """Takes capitalised words for persons, markup and all; waits at a gate; fails on the word `fail`.

    A line is a sentence; a word is a subtoken. `calls` holds the sentences of each call.

    Args:
        has_inner: Whether each name in front of another is one with it, and that is a city in it.
    """

    def __init__(self, *, has_inner=False):
        self.has_inner = has_inner
        self.calls = []
        self.entered = threading.Event()
        self.gate = threading.Event()
        self.error = KeyError

    def split(self, text):
        """Split at white space and at signs."""
        lines = [
            [
                Word(m[0], line.start() + m.start(), line.start() + m.end())
                for m in re.finditer(r"(<b>)?\w+(</b>)?|\S", line[0])
            ]
            for line in re.finditer(r"[^\n]+", text)
        ]
        return [line for line in lines if line]

    def count_subtokens(self, sentences):
        """Count words."""
        return [len(words) for words in sentences]

    def tag_words(self, sentences):
        """Note the call and wait."""
        self.calls.append([" ".join(words) for words in sentences])
        self.entered.set()
        assert self.gate.wait(SECONDS)
        if any("fail" in words for words in sentences):
            raise self.error(f"quotes {sentences}")
        return [self.tag_sentence(words) for words in sentences]

    def tag_sentence(self, words):
        """Tag the words of a sentence."""
        scores = [0.875] * len(words)
        tags = ["B-PER" if re.match(r"(<b>)?[A-ZÖ]", word) else "O" for word in words]
        if not self.has_inner:
            return TaggedWords(tags, scores, 0)
        inner = ["O"] * len(words)
        for number, (before, tag) in enumerate(pairwise(tags), 1):
            if before != "O" != tag:
                tags[number], inner[number] = "I-PER", "B-LOC"
        return TaggedWords(tags, scores, 0, TaggedWords(inner, scores, 0))


class CountingQueue(TaggingQueue):
    """Tells when a request has been queued."""

    def __init__(self, tagger, limits):
        super().__init__(tagger, limits)
        self.queued = threading.Semaphore(0)

    def submit(self, texts):
        """Queue as the parent does, and count."""
        future = super().submit(texts)
        self.queued.release()
        return future

    def wait_until_queued(self, n_requests):
        """Wait until so many more requests have been queued."""
        for _ in range(n_requests):
            assert self.queued.acquire(timeout=SECONDS)


@contextmanager
def run_service(
    *,
    is_open=False,
    grace_seconds=SECONDS,
    connections=None,
    allow_hosts=(),
    has_inner=False,
    **limits,
):
    """Serve on a free port; the gate is opened at the end, so that everything is answered."""
    tagger = GatedTagger(has_inner=has_inner)
    if is_open:
        tagger.gate.set()
    queue = CountingQueue(tagger, Limits(**limits))
    listener = bind("127.0.0.1", 0)
    url = format_address(listener)
    service = make_service(
        queue, model="models/fake", labels=LABELS, has_inner=has_inner, allow_hosts=allow_hosts
    )
    server = DrainingServer(service, queue, grace_seconds=grace_seconds, limits=connections)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield SimpleNamespace(url=url, tagger=tagger, queue=queue, server=server, thread=thread)
    finally:
        tagger.gate.set()
        server.should_exit = True
        thread.join(SECONDS)
