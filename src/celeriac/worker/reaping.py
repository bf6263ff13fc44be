"""Dead workers: seeing at once that one on this machine died, and what becomes of its claims."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

import msgspec

from celeriac import ids
from celeriac.exceptions import WorkerLostError
from celeriac.message import document
from celeriac.message import task as wire
from celeriac.store import contract as c


def own_record(queues: tuple[str, ...]) -> c.WorkerRecord:
    """What this process tells the others of itself."""
    pid = os.getpid()
    return c.WorkerRecord(ids.hostname(), ids.boot_id(), ids.pid_namespace(), pid, ids.process_start(pid), queues)


class Neighbours:
    """Workers of this machine: the kernel says when one dies.

    Two processes can see each other's deaths when they share the boot of the kernel and the PID namespace;
    the host's name alone proves nothing.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, died: Callable[[], None]) -> None:
        self._loop = loop
        self._died = died
        self._watched: dict[str, int] = {}

    def judge(self, peers: tuple[c.Peer, ...], me: str) -> tuple[c.Peer, ...]:
        """The peers, those marked as dead whose process is gone from this machine; a store that knows is believed."""
        judged = [peer if peer.worker == me or peer.dead else self._judge(peer) for peer in peers]
        present = {peer.worker for peer in peers}
        for worker in self._watched.keys() - present:
            self._unwatch(worker)
        return tuple(judged)

    def _judge(self, peer: c.Peer) -> c.Peer:
        record = peer.record
        here = record.boot_id and (record.boot_id, record.pid_namespace) == (ids.boot_id(), ids.pid_namespace())
        if not here or not record.pid or record.pid == os.getpid():
            return peer
        if peer.worker not in self._watched:
            self._watch(peer.worker, record.pid)
        if peer.dead is not None or ids.process_start(record.pid) == record.started:
            return peer
        return msgspec.structs.replace(peer, dead=True)

    def _watch(self, worker: str, pid: int) -> None:
        try:
            descriptor = os.pidfd_open(pid)
        except OSError:
            return
        self._watched[worker] = descriptor
        self._loop.add_reader(descriptor, self._noticed, worker)

    def _noticed(self, worker: str) -> None:
        self._unwatch(worker)
        self._died()

    def _unwatch(self, worker: str) -> None:
        descriptor = self._watched.pop(worker)
        self._loop.remove_reader(descriptor)
        os.close(descriptor)

    def close(self) -> None:
        """Watch nobody any more."""
        for worker in list(self._watched):
            self._unwatch(worker)


def sort(claims: tuple[c.Claim, ...], now: float) -> tuple[list[c.Return], list[c.Outcome]]:
    """What becomes of a dead worker's claims: pure.

    What had not begun, or may run again, returns to the front of its queue, marked as delivered before.
    What may run only once and had begun has failed.
    """
    returns, outcomes = [], []
    for claim in claims:
        if claim.started:
            outcomes.append(failed(claim, now))
        else:
            returns.append(c.Return(claim.id, wire.redelivered(claim.raw)))
    return returns, outcomes


def failed(claim: c.Claim, now: float) -> c.Outcome:
    """The end of a task that may run only once and whose worker died over it; a person can replay it."""
    headers = wire.read_headers(claim.raw)
    error = WorkerLostError(f"the worker running {headers.task}[{headers.id}] died")
    dead = c.DeadLetter(headers.id, claim.queue, claim.raw, str(error))
    return c.Outcome(claim.id, headers.id, document.write_failure(headers.id, error, now), dead=dead)
