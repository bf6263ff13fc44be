"""What lands in a thread from outside, at any instruction of a request, locks nobody out of the file."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest

from celeriac.exceptions import LeaseLost, OperationalError
from celeriac.stores import contract as c
from celeriac.stores.sqlite import SQLiteStore
from tests.interrupting import PACKAGE, Interrupt, Step, interrupt
from tests.stores.sqlite.programs import Program, program

WHERE = (f"{PACKAGE}stores/sqlite/", f"{PACKAGE}interrupts.py")
STRANGER = c.Lease("stranger", "never")

# A socket or a file that is lost to an interrupt is closed by the collector, which says so.
pytestmark = [pytest.mark.filterwarnings("ignore::ResourceWarning"), pytest.mark.timeout(180)]


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "tasks.db")


@pytest.fixture
def store(path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(path)
    store.run(c.Forget(()))
    yield store
    store.close()


@pytest.fixture
def other(path, store) -> Iterator[Program]:
    """Another process: enqueues a message a line, and says whether it could within half a second."""
    with program("enqueue_when_told", path) as running:
        yield running


def enqueue(store: SQLiteStore, name: str, queue: str = "q") -> None:
    store.run(c.Enqueue((c.Message(name, queue, b"x"),)), deadline=2)


def count(store: SQLiteStore, queue: str) -> int:
    (stat,) = store.run(c.Stats((queue,)))
    return stat.ready


def check_free(store: SQLiteStore, other: Program, place: str) -> None:
    """All may write and read: another process, another thread, this one."""
    other.go()
    assert other.line() == "ok", place
    failures: list[BaseException] = []

    def use() -> None:
        try:
            enqueue(store, f"t{time.monotonic_ns()}", "others")
            store.run(c.ReadResults(("nobody",)))
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=use, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive(), place
    assert not failures, (place, failures)
    use()
    assert not failures, (place, failures)


def refused(store: SQLiteStore) -> None:
    with contextlib.suppress(LeaseLost):
        store.run(c.Release(STRANGER, ()))


ACTS = {
    "read": lambda store: store.run(c.ReadResults(("nobody",))),
    "wait": lambda store: store.wait_results(("nobody",), 0.001),
    "version": lambda store: store.version(),
    "refused": refused,
}


@pytest.mark.slow
def test_an_interrupt_at_every_instruction_of_sending(store, other):
    for number in itertools.count(1):
        step = Step(number, WHERE)
        reached = interrupt(partial(enqueue, store, f"m{number}", f"q{number}"), step)
        there = count(store, f"q{number}")
        assert there in (0, 1)
        if not reached:
            break
        check_free(store, other, step.place)
        assert count(store, f"q{number}") == there, "it came later"
    assert number > 800


@pytest.mark.slow
@pytest.mark.parametrize("act", ACTS)
def test_an_interrupt_at_every_instruction_of_other_requests(store, other, act):
    for number in itertools.count(1):
        step = Step(number, WHERE)
        if not interrupt(lambda: ACTS[act](store), step):
            break
        check_free(store, other, step.place)
    assert number > 100


@pytest.mark.slow
@pytest.mark.parametrize("there", [True, False], ids=["known file", "new file"])
def test_an_interrupt_while_the_file_is_opened(tmp_path, there):
    """The first request of a process, at many an instruction; every store is one of its own."""
    for number in itertools.count(1, 37):
        path = tmp_path / f"{number}.db"
        if there:
            with contextlib.closing(SQLiteStore(path)) as first:
                first.run(c.Forget(()))
        store = SQLiteStore(path)
        step = Step(number, WHERE)
        reached = interrupt(partial(enqueue, store, "first"), step)
        enqueue(store, "again")
        beside = SQLiteStore(path)
        enqueue(beside, "beside")
        assert count(store, "q") in (2, 3), step.place
        beside.close()
        store.close()
        if not reached:
            break
    assert number > 1500


@pytest.mark.slow
def test_an_interrupt_while_another_process_writes(store, other, path):
    """Then the writer's thread has the request: whoever is interrupted takes it back."""
    with program("hold_the_file", path) as holder:
        assert holder.line() == "held"
        # The thread may be the first of its kind, or have served before.
        for number in range(1, 400, 7):
            step = Step(number, WHERE)
            with contextlib.suppress(OperationalError):
                message = c.Message(f"m{number}", "q", b"x")
                interrupt(partial(store.run, c.Enqueue((message,)), deadline=0.001), step)
    check_free(store, other, "held")
    assert count(store, "q") == 0


@pytest.mark.slow
def test_an_interrupt_while_closing_and_forking(store, other):
    def fork() -> None:
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)

    for act in (store.close, lambda: _in_order(fork, store)):
        for number in itertools.count(1, 17):
            enqueue(store, f"{act}{number}", "before")
            step = Step(number, WHERE)
            # What lands in a hook of a fork is only printed, by the interpreter.
            with contextlib.suppress(AssertionError), _unraisable_is_no_error():
                if not interrupt(act, step):
                    break
            check_free(store, other, step.place)


def _in_order(fork, store: SQLiteStore) -> None:
    fork()
    enqueue(store, f"fork{time.monotonic_ns()}", "forks")


@contextlib.contextmanager
def _unraisable_is_no_error() -> Iterator[None]:
    import sys

    before, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        yield
    finally:
        sys.unraisablehook = before


def test_signals_at_random(store, other, path):
    """As Ctrl-C and SIGALRM come: the handler raises, wherever the main thread is."""
    source = random.Random(1)
    armed = False

    def handle(number: int, frame: object) -> None:
        if armed:
            raise Interrupt

    before = signal.signal(signal.SIGALRM, handle)
    sent = hits = 0
    ends = time.monotonic() + 2.5
    try:
        while time.monotonic() < ends:
            try:
                armed = True
                signal.setitimer(signal.ITIMER_REAL, source.uniform(0.0003, 0.003), 0.05)
                while True:
                    sent += 1
                    enqueue(store, f"m{sent}", "many")
            except Interrupt:
                armed = False
                hits += 1
            if hits % 10 == 0:
                check_free(store, other, "signal")
        check_free(store, other, "signal")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert hits > 50
    assert sent - hits <= count(store, "many") <= sent


def test_a_handler_that_asks_the_store_in_the_midst_of_a_request(store, other):
    """It gets its answer or an error, at once, and the request it has interrupted goes on."""
    answers: list[str] = []

    def handle(number: int, frame: object) -> None:
        try:
            enqueue(store, f"h{time.monotonic_ns()}", "handlers")
            store.run(c.ReadResults(("nobody",)))
        except OperationalError as error:
            answers.append(str(error))
        else:
            answers.append("done")

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    sent = 0
    try:
        ends = time.monotonic() + 1
        while time.monotonic() < ends:
            sent += 1
            enqueue(store, f"m{sent}", "main")
            store.run(c.ReadResults(("nobody",)))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    check_free(store, other, "handler")
    assert count(store, "main") == sent
    assert len(answers) > 20
    assert count(store, "handlers") >= answers.count("done")
    assert {answer.partition(" asks")[0] for answer in answers} <= {"done", "a signal's handler"}


def test_a_handlers_timeout_is_not_taken_for_ours(store):
    """Many a handler of SIGALRM raises `TimeoutError`: it ends the wait, and is neither swallowed nor translated."""

    def handle(number: int, frame: object) -> None:
        raise TimeoutError("enough")

    before = signal.signal(signal.SIGALRM, handle)
    try:
        for wait in (0.05, 0.3):
            signal.setitimer(signal.ITIMER_REAL, wait)
            started = time.monotonic()
            with pytest.raises(TimeoutError, match="enough"):
                store.wait_results(("nobody",), 10)
            assert time.monotonic() - started < 5
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
