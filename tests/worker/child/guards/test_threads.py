"""Limits in the thread that runs a task: by signal on the main thread, by the interpreter on any."""

from __future__ import annotations

import importlib
import logging
import signal
import sys
import threading
import time

import pytest

from celeriac import Celeriac, interrupts
from celeriac.exceptions import SoftTimeLimitExceeded, TaskRevokedError, TimeLimitExceeded
from celeriac.worker.child.guards.main_thread import MainThreadGuard
from celeriac.worker.child.guards.thread import ThreadGuard
from celeriac.worker.child.guards.watchdog import Watchdog
from tests.worker.child.bench_of_one import BenchOfOne


@pytest.fixture
def app():
    with Celeriac("guards", broker="memory://") as app:
        yield app


@pytest.fixture
def bench(app):
    return BenchOfOne(app)


@pytest.fixture(params=["main thread", "thread"])
def guard(request):
    """A guard that obeys all limits itself; both kinds work on the main thread."""
    before = signal.getsignal(signal.SIGUSR1)
    yield MainThreadGuard(Watchdog(), alone=True) if request.param == "main thread" else ThreadGuard(Watchdog())
    signal.signal(signal.SIGUSR1, before)


def spin(seconds: float) -> None:
    """Run Python code for so long."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        pass


def test_a_soft_limit_is_raised_in_the_task(app, bench, guard):
    task = app.task(soft_time_limit=0.05)(spin)
    started = time.monotonic()
    document = bench.run(guard, task, 30)
    assert (document.status, type(document.result)) == ("FAILURE", SoftTimeLimitExceeded)
    assert 0.05 <= time.monotonic() - started < 5
    assert "in spin" in (document.traceback or "")


def test_a_task_may_catch_it_and_go_on(app, bench, guard):
    @app.task(soft_time_limit=0.05)
    def patient():
        try:
            spin(30)
        except SoftTimeLimitExceeded:
            spin(0.1)
            return "cleaned up"

    assert bench.run(guard, patient).result == "cleaned up"


def test_who_goes_on_for_too_long_meets_the_hard_limit(app, bench, guard):
    @app.task(soft_time_limit=0.05, time_limit=0.1)
    def stubborn():
        with pytest.raises(SoftTimeLimitExceeded):
            spin(30)
        spin(30)

    document = bench.run(guard, stubborn)
    assert (document.status, type(document.result)) == ("FAILURE", TimeLimitExceeded)
    assert document.result.args == (0.1,)


def test_the_hard_limit_counts_whatever_the_task_returns(app, bench, guard):
    @app.task(time_limit=0.05)
    def swallows():
        with pytest.raises(TimeLimitExceeded):
            spin(30)
        return "done"

    assert isinstance(bench.run(guard, swallows).result, TimeLimitExceeded)


def test_limits_come_from_message_task_and_worker_in_that_order(app, guard):
    bench = BenchOfOne(app)
    plain, own = app.task(name="plain")(spin), app.task(name="own", soft_time_limit=30)(spin)
    assert bench.run(guard, plain, 0.01).status == "SUCCESS"
    assert isinstance(bench.run(guard, own, 30, soft_time_limit=0.02).result, SoftTimeLimitExceeded)
    assert isinstance(bench.run(guard, plain, 30, time_limit=0.02).result, TimeLimitExceeded)


@pytest.mark.parametrize("length", [0.0002, 0.001])
def test_no_limit_ever_hits_the_next_task(app, bench, guard, length):
    """Limits of about the length of the tasks: each hits its own task or none."""
    limited = app.task(name="limited", soft_time_limit=length)(spin)
    free = app.task(name="free")(lambda: sum(range(50)))
    raws = [bench.message(limited, length * share) for share in (0.95, 1.0, 1.05, 1.5)]
    other = bench.message(free)
    execute = bench.executor.execute
    hit = 0
    for turn in range(2500):
        hit += b"SoftTimeLimitExceeded" in execute(raws[turn % 4], "celery", guard)[1]
        assert execute(other, "celery", guard)[1].startswith(b'{"status":"SUCCESS"')
    assert 0 < hit < 2500
    assert guard.running is None
    spin(0.06)


def test_end_ends_the_task_that_was_prepared(app, bench, guard):
    begun = threading.Event()

    @app.task
    def hold():
        begun.set()
        spin(30)

    def cancel():
        begun.wait(10)
        guard.end(TaskRevokedError("no longer wanted"))

    thread = threading.Thread(target=cancel)
    guard.prepare()
    thread.start()
    document = bench.run(guard, hold)
    thread.join()
    assert (document.status, type(document.result)) == ("REVOKED", TaskRevokedError)
    guard.end(TaskRevokedError("too late"))
    guard.prepare()
    assert bench.run(guard, app.task(name="next")(spin), 0.01).status == "SUCCESS"


def test_end_before_the_task_is_called_counts(app, bench, guard):
    guard.prepare()
    guard.end(TaskRevokedError("at once"))
    assert bench.run(guard, app.task(spin), 30).status == "REVOKED"


def test_a_wait_on_the_main_thread_is_interrupted(app, bench):
    before = signal.getsignal(signal.SIGUSR1)
    task = app.task(soft_time_limit=0.05)(lambda: time.sleep(30))
    assert isinstance(bench.run(MainThreadGuard(Watchdog()), task).result, SoftTimeLimitExceeded)
    signal.signal(signal.SIGUSR1, before)


def test_a_child_that_can_be_killed_leaves_the_hard_limit_to_the_core(app, bench):
    before = signal.getsignal(signal.SIGUSR1)
    task = app.task(time_limit=0.01)(spin)
    assert bench.run(MainThreadGuard(Watchdog()), task, 0.1).status == "SUCCESS"
    signal.signal(signal.SIGUSR1, before)


def test_alarms_stay_the_users(app, bench, guard):
    rung = []

    @app.task(soft_time_limit=30)
    def alarmed():
        before = signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        while not rung:
            time.sleep(0.01)
        signal.signal(signal.SIGALRM, before)

    assert bench.run(guard, alarmed).status == "SUCCESS"
    assert rung


def test_a_limit_waits_for_the_end_of_a_section_and_is_not_lost(app, bench, guard):
    """It comes right after, in the same task; the next one hears nothing of it."""
    told = []

    @interrupts.section
    def section():
        spin(0.3)

    @app.task(soft_time_limit=0.05)
    def careful():
        section()
        told.append("whole")
        if interrupts.due:
            interrupts.deliver()
        told.append("too late")

    document = bench.run(guard, careful)
    assert (document.status, type(document.result)) == ("FAILURE", SoftTimeLimitExceeded)
    assert told == ["whole"]
    assert bench.run(guard, app.task(soft_time_limit=30)(spin), 0.1).status == "SUCCESS"
    assert not interrupts.due


def test_a_limit_waits_no_longer_than_a_second_for_what_a_handler_calls(app, bench, guard):
    """A handler that never ends is no reason to run for ever."""
    logger = logging.getLogger("slow handler")
    logger.propagate = False

    class Slow(logging.Handler):
        def emit(self, record):
            spin(30)

    logger.addHandler(Slow())
    task = app.task(name="logs", soft_time_limit=0.05)(lambda: logger.warning("x"))
    started = time.monotonic()
    document = bench.run(guard, task)
    assert type(document.result) is SoftTimeLimitExceeded
    assert time.monotonic() - started < 20


def test_a_limit_during_an_import_leaves_the_modules_lock_free(app, bench, guard, tmp_path, monkeypatch):
    """Whoever imports the same next, on another thread, is let in."""
    monkeypatch.syspath_prepend(tmp_path)
    hits = 0
    for number in range(3):
        name = f"limited_{number}"
        (tmp_path / f"{name}.py").write_text(
            "import time\nends = time.monotonic() + 0.02\nwhile time.monotonic() < ends: pass\n"
        )

        def imports(name=name):
            while True:
                sys.modules.pop(name, None)
                importlib.import_module(name)

        task = app.task(name=name, soft_time_limit=0.03)(imports)
        hits += type(bench.run(guard, task).result) is SoftTimeLimitExceeded
        thread = threading.Thread(target=importlib.import_module, args=(name,), daemon=True)
        thread.start()
        thread.join(10)
        assert not thread.is_alive()
    assert hits == 3


def test_a_limit_in_a_finalizer_is_not_lost(app, bench, guard):
    """What is raised in `__del__` the interpreter prints and forgets."""

    class Costly:
        def __del__(self):
            spin(0.005)

    @app.task(soft_time_limit=0.1)
    def frees():
        while True:
            Costly()
            spin(0.005)

    assert type(bench.run(guard, frees).result) is SoftTimeLimitExceeded
