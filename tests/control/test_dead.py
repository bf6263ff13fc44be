"""Dead letters from Python, and what workers write into them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from celeriac import Celeriac
from celeriac.calls.sender import Call
from celeriac.control.dead import Matching
from celeriac.exceptions import MalformedMessage, Reject
from celeriac.message import edit
from celeriac.message import task as wire
from celeriac.stores import contract as c
from celeriac.testing.conformance.hand import Hand, put
from celeriac.worker.processes.inprocess import InProcessWorker
from tests.worker.ledger import wait_until


@pytest.fixture
def app():
    with Celeriac("tests", broker="memory://") as app:
        yield app


def bury(app, letter):
    hand = Hand(app.store, "gravedigger")
    put(app.store, b"x", queue="digging")
    [claim] = hand.claim(1, "digging")
    hand.finish(c.Outcome(claim.id, dead=letter))
    hand.close()


def letter_of(app, **options):
    """A letter with the message of a call."""
    task_id, message = app.sender.message(Call(task="shop.pay", **options))
    return c.DeadLetter(task_id, "celery", message.raw, "why", task="shop.pay")


def test_letters_are_chosen_by_all_that_is_given(app):
    for number, cause in enumerate((c.Cause.FAILED, c.Cause.CRASHED, c.Cause.FAILED)):
        bury(app, c.DeadLetter(f"m{number}", f"q{number}", b"x", "why", cause=cause, task=f"task{number % 2}"))
    every = app.dead.list()
    assert [letter.id for letter in every] == ["m2", "m1", "m0"]
    for matching, ids in [
        (Matching(cause="failed"), ["m2", "m0"]),
        (Matching(cause=c.Cause.FAILED, queue="q0"), ["m0"]),
        (Matching(task="task1"), ["m1"]),
        (Matching(fingerprint=every[1].fingerprint), ["m1"]),
        (Matching(older=60), []),
        (Matching(newer=60, task="task0"), ["m2", "m0"]),
    ]:
        assert [letter.id for letter in app.dead.list(matching)] == ids
    assert [letter.id for letter in app.dead.list(limit=1)] == ["m2"]
    assert app.dead.get("m1") == every[1]


def test_groups_tell_how_many_and_since_when(app):
    for number in range(5):
        bury(app, c.DeadLetter(f"m{number}", "q", b"x", "why", task="t", error="E", place=f"p{number // 4}"))
    often, once = app.dead.groups()
    assert (often.count, often.place, often.newest.id, often.first <= often.last) == (4, "p0", "m3", True)
    assert (once.count, once.place) == (1, "p1")


def test_more_letters_than_a_page_are_all_replayed(app):
    hand = Hand(app.store, "gravedigger")
    for number in range(450):
        put(app.store, b"x", queue="digging")
        [claim] = hand.claim(1, "digging")
        hand.finish(c.Outcome(claim.id, dead=c.DeadLetter(f"m{number}", "q", b"x", "why")))
    assert app.dead.replay_all() == 450
    assert app.store.run(c.Stats(("q",))) == (c.QueueStats("q", ready=450),)
    assert app.dead.replay_all() == 0


def test_who_is_replayed_begins_anew(app):
    letter = letter_of(app, retries=3, expires=60, args=(1,))
    marks = {wire.CRASHES: 2, wire.LOSSES: 1, wire.REQUEUES: 4}
    bury(app, c.DeadLetter(letter.id, "celery", wire.rewrite(letter.raw, **marks), "why"))
    assert app.dead.replay(letter.id)
    [claim] = Hand(app.store).claim(1, "celery")
    message = wire.read_task(claim.raw)
    headers = message.headers
    assert (headers.id, headers.retries, headers.expires, headers.crashes) == (letter.id, 0, None, 0)
    assert b"x-celeriac" not in claim.raw
    assert edit.arguments(claim.raw) == ([1], {})


def test_bytes_that_are_no_message_are_replayed_as_they_are(app):
    bury(app, c.DeadLetter("m", "q", b"\xff\x00", "malformed"))
    with pytest.raises(MalformedMessage):
        app.dead.replay("m", args=(1,))
    assert app.dead.replay("m")
    assert [claim.raw for claim in Hand(app.store).claim()] == [b"\xff\x00"]
    assert not app.dead.replay("m")


def test_callbacks_survive_other_arguments(app):
    embed = {"callbacks": [{"task": "after"}], "errbacks": None, "chain": None, "chord": None}
    letter = letter_of(app, args=(1,), kwargs={"a": 1}, embed=embed, eta=datetime.now(UTC) - timedelta(hours=1))
    raw = edit.with_arguments(letter.raw, None, {"b": 2})
    assert wire.read_body(wire.read_task(raw)) == ([1], {"b": 2}, embed)


def test_the_result_of_a_replay_is_the_new_one(app):
    wrong = True

    @app.task(name="flaky", acks_late=True)
    def flaky():
        if wrong:
            raise Reject("not now", requeue=False)
        return 5

    with InProcessWorker(app):
        result = flaky.delay()
        wait_until(lambda: app.dead.list() != [], 20, "a dead letter")
        (letter,) = app.dead.list()
        assert (letter.cause, letter.task, letter.error) == (c.Cause.REJECTED, "flaky", "Reject")
        assert letter.worker == letter.attempts[0].worker != ""
        assert letter.place.startswith(f"{__file__}:")
        assert letter.place.endswith(" in flaky")
        assert "raise Reject" in letter.attempts[0].traceback
        wrong = False
        assert app.dead.replay(letter.id)
        assert result.get(timeout=20) == 5
    assert app.dead.list() == []


def test_an_error_in_text_that_cannot_be_written_leaves_a_letter_all_the_same(app):
    @app.task(name="reads", acks_on_failure=False)
    def reads():
        raise ValueError("no file bad\udc80name")

    with InProcessWorker(app):
        result = reads.delay()
        assert isinstance(result.get(timeout=20, propagate=False), ValueError)
    (letter,) = app.dead.list()
    assert r"bad\udc80name" in letter.attempts[0].traceback


def test_what_cannot_be_read_and_what_is_not_known_say_so(app):
    app.conf.task_unknown_timeout = 0
    app.task(name="known")(print)
    with InProcessWorker(app):
        put(app.store, b"{", queue="celery")
        unknown = app.send_task("unheard.of")
        wait_until(lambda: len(app.dead.list()) == 2, 20, "two dead letters")
    causes = {letter.cause: letter for letter in app.dead.list()}
    assert causes[c.Cause.UNKNOWN].id == unknown.id
    assert causes[c.Cause.UNKNOWN].task == "unheard.of"
    assert causes[c.Cause.MALFORMED].error == "MalformedMessage"
