"""Requests that are tagged together."""

import json

import pytest

from tests.support.running_service import SECONDS, GatedTagger
from tools.serve import pieces, tagging_queue
from tools.serve.limits import Limits
from tools.serve.tagging_queue import (
    QueueClosedError,
    QueueFullError,
    Speed,
    TaggerEndedError,
    TaggingQueue,
    TooLongError,
)


@pytest.fixture
def tagger():
    return GatedTagger()


def submit_while_busy(queue, tagger, *requests):
    """Let the requests wait behind one that the tagger works on."""
    first = queue.submit(["first"])
    assert tagger.entered.wait(SECONDS)
    return [first, *(queue.submit(texts) for texts in requests)]


@pytest.mark.parametrize(
    ("subtokens", "calls"),
    [
        pytest.param(100, [["a", "bb", "d", "cc"]], id="together"),
        pytest.param(3, [["a", "bb", "d"], ["cc"]], id="in-turn"),
        pytest.param(1, [["a"], ["bb"], ["cc"], ["d"]], id="one-by-one"),
    ],
)
def test_requests_that_wait_share_a_call_in_turn(tagger, subtokens, calls, monkeypatch):
    """A sentence of each, then the next of each; everybody gets the names of the own texts."""
    monkeypatch.setattr(tagging_queue, "SUBTOKENS_PER_CALL", subtokens)
    with TaggingQueue(tagger, Limits()) as queue:
        answers = submit_while_busy(queue, tagger, ["a"], ["bb", "cc"], ["d"])
        tagger.gate.set()
        assert [len(answer.result(SECONDS)) for answer in answers] == [1, 1, 2, 1]
    assert tagger.calls == [["first"], *calls]


def test_a_short_request_is_answered_while_a_long_one_is_in_work(tagger, monkeypatch):
    monkeypatch.setattr(tagging_queue, "SUBTOKENS_PER_CALL", 2)
    with TaggingQueue(tagger, Limits()) as queue:
        _, long, short = submit_while_busy(queue, tagger, ["A\nB\nC\nD\nE\nF"], ["Anna"])
        tagger.gate.set()
        assert [[one.text for one in found] for found in long.result(SECONDS)] == [list("ABCDEF")]
        assert short.done()
    assert tagger.calls[1:] == [["A", "Anna"], ["B", "C"], ["D", "E"], ["F"]]


def test_a_sentence_longer_than_a_call_waits_for_its_turn_and_no_longer(tagger, monkeypatch):
    """Too few words to be cut, as one word of many subtokens."""
    monkeypatch.setattr(tagging_queue, "SUBTOKENS_PER_CALL", 3)
    with TaggingQueue(tagger, Limits()) as queue:
        answers = submit_while_busy(queue, tagger, ["a"], ["b b b b b"], ["c"], ["d"], ["e"])
        tagger.gate.set()
        assert all(len(one.result(SECONDS)) == 1 for one in answers)
    assert tagger.calls[1:] == [["a", "c", "d"], ["b b b b b"], ["e"]]


def test_a_long_sentence_is_tagged_in_pieces_between_which_others_are_answered(tagger, monkeypatch):
    monkeypatch.setattr(tagging_queue, "SUBTOKENS_PER_CALL", 6)
    monkeypatch.setattr(pieces, "CONTEXT_WORDS", 1)
    text = "A b C d E f G h"
    with TaggingQueue(tagger, Limits()) as queue:
        _, long, short = submit_while_busy(queue, tagger, [text], ["Anna"])
        tagger.gate.set()
        (found,) = long.result(SECONDS)
    assert [one.text for one in found] == list("ACEG")
    assert all(text[one.start : one.end] == one.text for one in found)
    assert short.done()
    assert tagger.calls[1:] == [["A b C d E", "Anna"], ["d E f G h"]]


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        pytest.param({"words": 3}, "holds 4 words; at most 3 are", id="words"),
        pytest.param({"subtokens": 3}, "holds 4 subtokens; at most 3 are", id="subtokens"),
    ],
)
def test_a_request_of_too_much_work_is_refused_before_it_is_tagged(tagger, limits, reason):
    """Four full stops are four words, whatever characters say; the others are answered."""
    with TaggingQueue(tagger, Limits(**limits)) as queue:
        _, long, good = submit_while_busy(queue, tagger, ["..", ".."], ["Anna"])
        tagger.gate.set()
        with pytest.raises(TooLongError, match=reason):
            long.result(SECONDS)
        assert len(good.result(SECONDS)) == 1
    assert tagger.calls == [["first"], ["Anna"]]


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


@pytest.mark.parametrize(
    ("n_words", "n_waiting", "seconds"),
    [
        pytest.param(50, 0, None, id="first-of-any-length"),
        pytest.param(10, 2, None, id="within-the-wait"),
        pytest.param(10, 4, 1, id="a-little-more"),
        pytest.param(10, 9, 6, id="much-more"),
        pytest.param(1, 20, None, id="short-beside-long-ones"),
    ],
)
def test_the_queue_is_as_long_as_the_speed_allows(tagger, n_words, n_waiting, seconds):
    """At 10 words a second and 3 seconds; Retry-After is how long the excess takes."""
    queue = TaggingQueue(tagger, Limits(wait_seconds=3))
    queue.speed = Speed(words_per_second=10)
    for _ in range(n_waiting):
        queue._jobs.append(tagging_queue._Job([], 10))
    text = "a " * n_words
    if seconds is None:
        queue.submit([text])
    else:
        with pytest.raises(QueueFullError) as refused:
            queue.submit([text])
        assert refused.value.seconds == seconds


def test_refused_requests_are_told_to_come_one_after_the_other(tagger, monkeypatch):
    """Each finds the room of those before it taken; who was to come by now is forgotten."""
    queue = TaggingQueue(tagger, Limits())
    queue.speed = Speed(words_per_second=10)
    now = [100.0]
    monkeypatch.setattr(tagging_queue.time, "monotonic", lambda: now[0])
    assert [queue.promise(QueueFullError(2, 30)) for _ in range(3)] == [2, 5, 8]
    now[0] = 105.5
    assert queue.promise(QueueFullError(2, 30)) == 5
    assert queue.promise(QueueFullError(2, 10_000)) == 8
    assert queue.promise(QueueFullError(2, 30)) == tagging_queue.LONGEST_RETRY_SECONDS
    now[0] += 3_600
    assert queue.promise(QueueFullError(0.1, 30)) == 1


def test_the_speed_is_that_of_the_last_full_calls():
    """A call of one short sentence takes nearly as long as a fuller one: it tells too little to refuse by."""
    speed = Speed(words_per_second=200)
    speed.measure(1, 0.1, is_full=False)
    assert speed.seconds_for(200) == 1.0
    speed.measure(1000, 1.0, is_full=False)
    assert speed.seconds_for(1000) == 1.0
    speed.measure(100, 1.0, is_full=True)
    assert 1 < speed.seconds_for(1000) < 10
    for _ in range(100):
        speed.measure(10, 1.0, is_full=True)
    assert speed.seconds_for(100) == pytest.approx(10, rel=0.01)


def test_a_request_that_is_given_up_costs_no_work(tagger, monkeypatch):
    """Neither before its first sentence nor behind it."""
    monkeypatch.setattr(tagging_queue, "SUBTOKENS_PER_CALL", 1)
    with TaggingQueue(tagger, Limits()) as queue:
        begun, given_up, kept = submit_while_busy(queue, tagger, ["given up"], ["kept"])
        given_up.cancel()
        begun.cancel()
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
    with pytest.raises(QueueClosedError):
        queue.submit(["late"])


def test_what_cannot_be_tagged_in_time_is_refused_at_once(tagger):
    """And the rest at the end of the time, while the thread is still in its call."""
    queue = TaggingQueue(tagger, Limits())
    queue.speed = Speed(words_per_second=10)
    with queue:
        first, soon, late = submit_while_busy(queue, tagger, ["Anna " * 10], ["Bert " * 100])
        queue.close(seconds=2)
        assert isinstance(late.exception(SECONDS), QueueClosedError)
        assert not first.done()
        assert not soon.done()
        queue.abandon()
        assert isinstance(first.exception(SECONDS), QueueClosedError)
        assert isinstance(soon.exception(SECONDS), QueueClosedError)
        tagger.gate.set()
    assert tagger.calls == [["first"]]


def test_at_the_end_the_shortest_request_is_finished_first(tagger, monkeypatch):
    """In turn, all would be nearly finished and none answered."""
    monkeypatch.setattr(tagging_queue, "SUBTOKENS_PER_CALL", 1)
    with TaggingQueue(tagger, Limits()) as queue:
        submit_while_busy(queue, tagger, ["a\nb\nc"], ["d"])
        queue.close()
        tagger.gate.set()
    assert tagger.calls == [["first"], ["d"], ["a"], ["b"], ["c"]]


class Panic(BaseException):
    """What a panic in the tokenizer's Rust code raises is no `Exception` either."""


@pytest.mark.parametrize("error", [KeyError, Panic, SystemExit, MemoryError])
def test_a_failure_is_that_of_its_request_alone_and_the_thread_lives_on(tagger, caplog, error):
    """Those that shared the call are tagged again; the log names the place and quotes no text."""
    tagger.error = error
    with TaggingQueue(tagger, Limits()) as queue:
        _, good, bad = submit_while_busy(queue, tagger, ["Anna"], ["Bert: fail"])
        tagger.gate.set()
        assert good.result(SECONDS)[0][0].text == "Anna"
        assert isinstance(bad.exception(SECONDS), error)
        assert queue.submit(["Carl"]).result(SECONDS)[0][0].text == "Carl"
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert f"{error.__name__} at " in caplog.text
    assert "running_service.py" in caplog.text
    assert "Bert" not in caplog.text


@pytest.mark.parametrize("error", [KeyError, Panic])
def test_a_text_that_cannot_be_split_fails_alone(tagger, error, monkeypatch):
    def count(sentences):
        if ["panic"] in sentences:
            raise error
        return [len(words) for words in sentences]

    monkeypatch.setattr(tagger, "count_subtokens", count)
    tagger.gate.set()
    with TaggingQueue(tagger, Limits()) as queue:
        assert isinstance(queue.submit(["panic"]).exception(SECONDS), error)
        assert len(queue.submit(["Anna"]).result(SECONDS)[0]) == 1


def test_whatever_ends_the_thread_leaves_nobody_without_an_answer(tagger, monkeypatch, caplog):
    queue = TaggingQueue(tagger, Limits())
    told = []
    queue.on_failure = lambda: told.append(True)
    with queue:
        waiting = submit_while_busy(queue, tagger, ["Anna"])
        monkeypatch.setattr(queue, "_finish", lambda: 1 / 0)
        tagger.gate.set()
        assert [type(one.exception(SECONDS)) for one in waiting] == [TaggerEndedError] * 2
        with pytest.raises(TaggerEndedError):
            queue.submit(["late"])
    assert (told, queue.is_ready, queue.has_failed) == ([True], False, True)
    assert "the tagger's thread ended: ZeroDivisionError at " in caplog.text


def test_every_permitted_request_fits_into_the_permitted_body():
    """However its JSON is written: an emoji may be twelve bytes, and a list indented."""
    limits = Limits(characters=1000, texts=1000)
    widest = [json.dumps({"texts": ["🙂" * (1000 // n)] * n}, indent=4) for n in (1, 1000)]
    assert all(len(body) <= limits.body_bytes for body in widest)
