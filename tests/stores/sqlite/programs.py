"""Other processes: what the tests of the SQLite store start, stop and kill.

Each function below is run as `python programs.py <name> <path> ...` and says what it has done line by line.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from celeriac.exceptions import OperationalError
from celeriac.ids import new_epoch, new_id
from celeriac.stores import contract as c
from celeriac.stores.sqlite import SQLiteStore
from celeriac.stores.sqlite.lockfile import open_lock_file


class Program:
    """A process under way."""

    def __init__(self, name: str, *arguments: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, name, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self._output = self._process.stdout
        self.pid = self._process.pid

    def line(self) -> str:
        """The next line it says; empty when it has ended."""
        return self._output.readline().strip()

    def lines(self) -> list[str]:
        """All whole lines that are left, once it has ended."""
        return [line.strip() for line in self._output if line.endswith("\n")]

    def go(self) -> None:
        """Let it go on from where it waits for input."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def stop(self) -> None:
        """Freeze it, and return when it is frozen."""
        self._process.send_signal(signal.SIGSTOP)
        os.waitpid(self.pid, os.WUNTRACED)

    def kill(self) -> None:
        """Kill it without warning, and return when it is dead."""
        self._process.kill()
        self._process.wait()

    def end(self) -> int:
        """Wait until it ends by itself."""
        return self._process.wait()

    def close(self) -> None:
        """Whatever it does, be rid of it."""
        self.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


@contextmanager
def program(name: str, *arguments: object) -> Iterator[Program]:
    """A process that is gone at the end."""
    running = Program(name, *arguments)
    try:
        yield running
    finally:
        running.close()


def say(*words: object) -> None:
    """A line, in one write, so that a kill does not cut it."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def enqueue(path: str, prefix: str, many: str) -> None:
    """Enqueue messages one by one and say the number of each that was accepted."""
    store = SQLiteStore(path)
    for number in range(int(many)):
        raw = f"{prefix}{number}".encode()
        store.run(c.Enqueue((c.Message(new_id(), "q", raw),)))
        say(number)


def enqueue_when_told(path: str) -> None:
    """Enqueue a message for every line that comes, and say whether that was possible within half a second."""
    store = SQLiteStore(path)
    store.run(c.Forget(()))
    for number, _ in enumerate(sys.stdin):
        try:
            store.run(c.Enqueue((c.Message(f"told{number}", "told", b"x"),)), deadline=0.5)
        except OperationalError as error:
            say(error)
        else:
            say("ok")


def hold_the_file(path: str) -> None:
    """Be the writer, until killed."""
    open_lock_file(f"{path}-lock").acquire()
    say("held")
    time.sleep(600)


def work(path: str, worker: str) -> None:
    """Finish whatever is in the queue, one transaction after another, with the message as the result."""
    store = SQLiteStore(path)
    lease = c.Lease(worker, new_epoch())
    store.run(c.OpenLease(lease, c.WorkerRecord()))
    say("ready")
    outcomes: tuple[c.Outcome, ...] = ()
    first = 1
    while True:
        reply = store.run(c.Finish(lease, outcomes, ("q",), 5, first=first))
        first += 5
        for outcome in outcomes:
            say(outcome.task)
        outcomes = tuple(c.Outcome(claim.id, claim.raw.decode(), claim.raw) for claim in reply.claims)


def hold(path: str, *workers: str) -> None:
    """Open leases, say their epochs, and live; a child lives on when this process dies."""
    store = SQLiteStore(path)
    for worker in workers:
        lease = c.Lease(worker, new_epoch())
        store.run(c.OpenLease(lease, c.WorkerRecord(pid=os.getpid())))
        say(lease.epoch)
    if os.fork() == 0:
        say(os.getpid())
        time.sleep(60)
        os._exit(0)
    signal.pause()


def look(path: str, worker: str) -> None:
    """Open a lease, and say for every line of input who is dead."""
    store = SQLiteStore(path)
    lease = c.Lease(worker, new_epoch())
    store.run(c.OpenLease(lease, c.WorkerRecord()))
    say("ready")
    for _ in sys.stdin:
        say(*(peer.worker for peer in store.run(c.Heartbeat(lease)).peers if peer.dead))


def lock(path: str) -> None:
    """Be the writer until a line of input comes, or for ever."""
    store = SQLiteStore(path)
    store.run(c.Forget(()))
    held = open_lock_file(f"{path}-lock")
    held.acquire()
    say("locked")
    sys.stdin.readline()
    held.release()
    say("released")


def listen(path: str) -> None:
    """Wait for a result that never comes."""
    store = SQLiteStore(path)
    waiting = threading.Thread(target=store.wait_results, args=(("never",), None), daemon=True)
    waiting.start()
    while not any(Path(f"{path}.wake").glob("*")):
        time.sleep(0.005)
    say("listening")
    waiting.join()


def fork(path: str) -> None:
    """Use a store, fork, and use it on both sides, and in a third process meanwhile."""
    store = SQLiteStore(path)
    busy = threading.Thread(target=_enqueue_from, args=(store, "thread", 100))
    _enqueue_from(store, "before", 10)
    store.wait_results(("nothing",), timeout=0.01)
    busy.start()
    child = os.fork()
    if child == 0:
        _enqueue_from(store, "child", 100)
        os._exit(0)
    _enqueue_from(store, "parent", 100)
    busy.join()
    _, status = os.waitpid(child, 0)
    store.close()
    sys.exit(os.waitstatus_to_exitcode(status))


def orphan(path: str) -> None:
    """Fork after use; the parent closes the store while the child goes on when told to."""
    store = SQLiteStore(path)
    _enqueue_from(store, "before", 1)
    child = os.fork()
    if child == 0:
        _enqueue_from(store, "child", 1)
        say("child is ready")
        sys.stdin.readline()
        _enqueue_from(store, "child again", 1)
        os._exit(0)
    store.close()
    _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status))


def crowd(path: str) -> None:
    """Several leases in one process, through two stores; one lease and both stores are closed when told to."""
    one, other = SQLiteStore(path), SQLiteStore(os.path.relpath(path))
    leases = [c.Lease(f"lease{number}", new_epoch()) for number in range(3)]
    for store, lease in zip((one, one, other), leases, strict=True):
        store.run(c.OpenLease(lease, c.WorkerRecord()))
    dead = [peer.worker for peer in other.run(c.Heartbeat(leases[2])).peers if peer.dead]
    say("opened", *dead)
    sys.stdin.readline()
    one.run(c.CloseLease(leases[0]))
    one.close()
    other.close()
    say("closed")
    sys.stdin.readline()


def small_disk(path: str) -> None:
    """Enqueue on a disk where no file may grow beyond 4 MB."""
    import resource

    store = SQLiteStore(path)
    _enqueue_from(store, "before", 1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 22, resource.RLIM_INFINITY))
    try:
        store.run(c.Enqueue((c.Message(new_id(), "q", b"x" * (1 << 23)),)))
    except Exception as error:
        say(type(error).__name__)
    _enqueue_from(store, "after", 1)
    say(store.run(c.Stats(("q",)))[0].ready)


def _enqueue_from(store: SQLiteStore, prefix: str, many: int) -> None:
    for number in range(many):
        store.run(c.Enqueue((c.Message(new_id(), "q", f"{prefix}{number}".encode()),)))


if __name__ == "__main__":
    sys.path.pop(0)
    globals()[sys.argv[1]](*sys.argv[2:])
