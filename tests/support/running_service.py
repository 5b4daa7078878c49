"""The web service with a tagger that tests can stop, behind a real port."""

import re
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import uvicorn

from tools.serve.command import bind, format_address
from tools.serve.service import make_service
from tools.serve.tagging_queue import Limits, TaggingQueue

LABELS = ["LOC", "LOCderiv", "LOCpart", "ORG", "PER"]
SECONDS = 20  # that a test waits for what comes at once unless the code is broken


class GatedTagger:
    """Takes capitalised words for persons, markup and all; waits at a gate; fails on the word `fail`."""

    def __init__(self):
        self.calls = []
        self.entered = threading.Event()
        self.gate = threading.Event()

    def tag_texts(self, texts):
        """Note the call and wait."""
        self.calls.append(list(texts))
        self.entered.set()
        assert self.gate.wait(SECONDS)
        if any("fail" in text for text in texts):
            raise KeyError(f"quotes {texts}")
        return [
            [
                SimpleNamespace(start=m.start(), end=m.end(), label="PER", text=m[0], score=0.875)
                for m in re.finditer(r"(<b>)?[A-ZÖ]\w+(</b>)?", text)
            ]
            for text in texts
        ]


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
def run_service(*, is_open=False, **limits):
    """Serve on a free port; the gate is opened at the end, so that everything is answered."""
    tagger = GatedTagger()
    if is_open:
        tagger.gate.set()
    queue = CountingQueue(tagger, Limits(**limits))
    listener = bind("127.0.0.1", 0)
    listener.listen()
    url = format_address(listener)
    service = make_service(queue, model="models/fake", labels=LABELS)
    config = uvicorn.Config(service, http="h11", ws="none", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield SimpleNamespace(url=url, tagger=tagger, queue=queue, server=server, thread=thread)
    finally:
        tagger.gate.set()
        server.should_exit = True
        thread.join(SECONDS)
