"""Requests that are tagged together."""

import json

import pytest

from tests.support.running_service import SECONDS, GatedTagger
from tools.serve.tagging_queue import Limits, QueueFullError, TaggingQueue


@pytest.fixture
def tagger():
    return GatedTagger()


def submit_while_busy(queue, tagger, *requests):
    """Let the requests wait behind one that the tagger works on."""
    first = queue.submit(["first"])
    assert tagger.entered.wait(SECONDS)
    return [first, *(queue.submit(texts) for texts in requests)]


@pytest.mark.parametrize(
    ("limits", "calls"),
    [
        pytest.param({}, [["a", "bb", "cc", "d"]], id="together"),
        pytest.param({"texts": 3}, [["a", "bb", "cc"], ["d"]], id="most-texts"),
        pytest.param({"characters": 4}, [["a"], ["bb", "cc"], ["d"]], id="most-characters"),
        pytest.param({"characters": 1, "texts": 1}, [["a"], ["bb", "cc"], ["d"]], id="larger-than-a-call"),
    ],
)
def test_requests_that_wait_share_a_call_in_the_order_of_arrival(tagger, limits, calls):
    """A request is never divided, and everybody gets the names of the own texts."""
    with TaggingQueue(tagger, Limits(**limits)) as queue:
        answers = submit_while_busy(queue, tagger, ["a"], ["bb", "cc"], ["d"])
        tagger.gate.set()
        assert [len(answer.result(SECONDS)) for answer in answers] == [1, 1, 2, 1]
    assert tagger.calls == [["first"], *calls]


def test_a_request_gets_its_own_names(tagger):
    with TaggingQueue(tagger, Limits()) as queue:
        _, one, two = submit_while_busy(queue, tagger, ["Anna"], ["nobody", "Bert und Carl"])
        tagger.gate.set()
        found = [
            [[name.text for name in names] for names in request.result(SECONDS)] for request in (one, two)
        ]
    assert found == [[["Anna"]], [[], ["Bert", "Carl"]]]


def test_a_full_queue_refuses_until_there_is_room(tagger):
    """The request in work does not wait; one that was given up makes room."""
    with TaggingQueue(tagger, Limits(waiting=1)) as queue:
        _, waiting = submit_while_busy(queue, tagger, ["waits"])
        with pytest.raises(QueueFullError):
            queue.submit(["refused"])
        waiting.cancel()
        queue.submit(["taken"])
        tagger.gate.set()
    assert tagger.calls == [["first"], ["taken"]]


def test_a_request_that_is_given_up_costs_no_work(tagger):
    with TaggingQueue(tagger, Limits()) as queue:
        _, given_up, kept = submit_while_busy(queue, tagger, ["given up"], ["kept"])
        given_up.cancel()
        tagger.gate.set()
        kept.result(SECONDS)
    assert tagger.calls == [["first"], ["kept"]]


def test_the_end_finishes_what_was_taken_and_takes_no_more(tagger):
    queue = TaggingQueue(tagger, Limits())
    with queue:
        assert queue.is_ready
        answers = submit_while_busy(queue, tagger, ["one"], ["two"])
        tagger.gate.set()
    assert [answer.done() for answer in answers] == [True] * 3
    assert not queue.is_ready
    with pytest.raises(QueueFullError):
        queue.submit(["late"])


def test_a_failure_is_that_of_its_request_alone_and_the_thread_lives_on(tagger, caplog):
    """Those that shared the call are tagged again; the log names the place and quotes no text."""
    with TaggingQueue(tagger, Limits()) as queue:
        _, good, bad = submit_while_busy(queue, tagger, ["Anna"], ["Bert: fail"])
        tagger.gate.set()
        assert good.result(SECONDS)[0][0].text == "Anna"
        assert isinstance(bad.exception(SECONDS), KeyError)
        assert queue.submit(["Carl"]).result(SECONDS)[0][0].text == "Carl"
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "KeyError at " in caplog.text
    assert "running_service.py" in caplog.text
    assert "Bert" not in caplog.text


def test_every_permitted_request_fits_into_the_permitted_body():
    """However its JSON is written: an emoji may be twelve bytes, and a list indented."""
    limits = Limits(characters=1000, texts=1000)
    widest = [json.dumps({"texts": ["🙂" * (1000 // n)] * n}, indent=4) for n in (1, 1000)]
    assert all(len(body) <= limits.body_bytes for body in widest)
