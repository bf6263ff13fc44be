"""What lands in a thread while it calls a task or waits for a result: the next call goes through as ever."""

from __future__ import annotations

import itertools
import signal
import threading
import time
from functools import partial

import pytest

from celeriac import Celeriac
from celeriac.exceptions import SoftTimeLimitExceeded
from celeriac.exceptions import TimeoutError as NoResult
from celeriac.stores import contract as c
from tests.interrupting import PACKAGE, Interrupt, Step, interrupt

pytestmark = [pytest.mark.filterwarnings("ignore::ResourceWarning"), pytest.mark.timeout(180)]

LINES = (PACKAGE,)


@pytest.fixture(params=["sqlite", "redis"])
def app(request, tmp_path):
    url = f"sqlite:///{tmp_path}/tasks.db" if request.param == "sqlite" else request.getfixturevalue("redis_url")
    with Celeriac("interrupted", broker=url, task_publish_deadline=20) as app:
        yield app


def ready(app, queue: str) -> int:
    (stat,) = app.store.run(c.Stats((queue,)))
    return stat.ready


@pytest.mark.slow
@pytest.mark.parametrize("error", [Interrupt, SoftTimeLimitExceeded, TimeoutError])
def test_at_every_line_of_sending(app, error):
    """The message is in or not, the error comes out, and what is asked next gets its own answer."""
    task = app.task(name="sent")(lambda number: None)
    task.delay(0)
    for number in itertools.count(1):
        step = Step(number, LINES, error, lines=app.conf.broker_url.startswith("sqlite"))
        queue = f"q{number}"
        if not interrupt(partial(task.apply_async, (1,), queue=queue), step):
            break
        there = ready(app, queue)
        assert there in (0, 1), step.place
        task.apply_async((1,), queue=queue)
        assert ready(app, queue) == there + 1, step.place
    assert number > 60


@pytest.mark.slow
def test_at_every_line_of_sending_many(app):
    task = app.task(name="sent")(lambda number: None)
    task.delay(0)
    for number in itertools.count(1, 3):
        step = Step(number, LINES, lines=True)
        queue = f"q{number}"
        arguments = [(n,) for n in range(4)]
        if not interrupt(partial(task.delay_many, arguments, queue=queue), step):
            break
        assert ready(app, queue) in (0, 4), step.place
    assert number > 150


@pytest.mark.slow
def test_at_every_line_of_getting(app):
    result = app.AsyncResult("nobody")

    def get() -> None:
        with pytest.raises(NoResult):
            result.get(timeout=0.002)

    get()
    for number in itertools.count(1):
        step = Step(number, LINES, lines=True)
        if not interrupt(get, step):
            break
        app.store.run(c.Enqueue((c.Message(f"m{number}", f"q{number}", b"x"),)))
        assert ready(app, f"q{number}") == 1, step.place
    assert number > 40


@pytest.mark.parametrize("error", [KeyboardInterrupt, TimeoutError])
def test_a_wait_ends_at_once(app, error):
    """A wait is no section: whatever a handler raises ends it, at once and as what it is."""

    def handle(number: int, frame: object) -> None:
        raise error("enough")

    result = app.AsyncResult("nobody")
    before = signal.signal(signal.SIGALRM, handle)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        started = time.monotonic()
        with pytest.raises(error, match="enough"):
            result.get(timeout=20)
        assert time.monotonic() - started < 8
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    task = app.task(name="after")(lambda: None)
    task.delay()
    assert ready(app, "celery") == 1


def test_signals_at_random_while_threads_send(app):
    """The main thread is interrupted hundreds of times; other threads of the process notice nothing."""
    task = app.task(name="sent")(lambda number: None)
    task.delay(0)  # what is imported first is the interpreter's to keep whole: its locks do not survive an exception
    failures, stop = [], threading.Event()

    def send() -> None:
        number = 0
        try:
            while not stop.is_set():
                task.apply_async((number,), queue="beside")
                number += 1
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    hits, armed = 0, False

    def handle(number: int, frame: object) -> None:
        if armed:
            raise Interrupt

    before = signal.signal(signal.SIGALRM, handle)
    try:
        ends = time.monotonic() + 2
        while time.monotonic() < ends:
            try:
                armed = True
                # Again and again: one that lands in a hook of the collector is printed there, and goes no further.
                signal.setitimer(signal.ITIMER_REAL, 0.0005 + hits % 17 * 0.0001, 0.05)
                while True:
                    task.apply_async((1,), queue="main")
            except Interrupt:
                armed = False
                hits += 1
        armed = False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        stop.set()
        thread.join(20)
    assert not thread.is_alive()
    assert not failures
    assert hits > 50
    # What another thread had in hand when its caller was interrupted ends by itself, and before this.
    task.apply_async((1,), queue="main")
    there = ready(app, "main")
    task.apply_async((1,), queue="main")
    assert ready(app, "main") == there + 1
