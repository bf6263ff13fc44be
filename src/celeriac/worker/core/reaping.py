"""Seeing at once that a worker on this machine died."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

import msgspec

from celeriac import ids
from celeriac.stores import contract as c


def own_record(queues: tuple[str, ...], slots: int, opened: float) -> c.WorkerRecord:
    """What this process tells the others of itself."""
    pid = os.getpid()
    started = ids.process_start(pid)
    return c.WorkerRecord(ids.hostname(), ids.boot_id(), ids.pid_namespace(), pid, started, queues, slots, opened)


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
        if not is_here(peer.record) or peer.record.pid == os.getpid():
            return peer
        if peer.worker not in self._watched:
            self._watch(peer.worker, peer.record.pid)
        return msgspec.structs.replace(peer, dead=True) if peer.dead is None and is_gone(peer) else peer

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


def is_gone(peer: c.Peer) -> bool:
    """Whether a worker's process was on this machine and is there no more; a store that knows is believed."""
    if peer.dead is not None:
        return peer.dead
    return is_here(peer.record) and ids.process_start(peer.record.pid) != peer.record.started


def is_here(record: c.WorkerRecord) -> bool:
    """Whether the process of a record could be seen from here."""
    here = (record.boot_id, record.pid_namespace) == (ids.boot_id(), ids.pid_namespace())
    return bool(record.boot_id and record.pid and here)
