"""Workers as others see them: whose lease it is, what is told of them, and a look at all."""

from __future__ import annotations

from msgspec import Struct

from celeriac.stores.contract.locations import HeldMessage
from celeriac.stores.contract.request import Request

REAPED = ":reaped"
"""What stands behind the epoch of a lease that is closed by a first `Reap` and not yet empty."""


def is_reaped(epoch: str) -> bool:
    """Whether this is what is left of a closed lease: nobody's any more, whoever wakes up."""
    return epoch.endswith(REAPED)


class Lease(Struct, frozen=True):
    """The right of one worker to hold claims: the worker's name and the epoch drawn when it was opened."""

    worker: str
    epoch: str


class WorkerRecord(Struct, frozen=True):
    """What a worker tells the others of itself; enough to see from the same machine that it is dead.

    `slots`: how many plain tasks its pools run at once. `opened`: when it opened the lease, on its own clock, in
    seconds since 1970.
    """

    host: str = ""
    boot_id: str = ""
    pid_namespace: str = ""
    pid: int = 0
    started: int = 0
    queues: tuple[str, ...] = ()
    slots: int = 0
    opened: float = 0.0


class Peer(Struct, frozen=True):
    """A lease as the others see it. `dead` is None where the store cannot know and heartbeats must tell."""

    worker: str
    epoch: str
    heartbeat: int = 0
    dead: bool | None = None
    record: WorkerRecord = WorkerRecord()


class TaskCounters(Struct, frozen=True, omit_defaults=True):
    """How often a task has ended, how often of these as FAILURE, and how long its runs took (`runtimes`)."""

    done: int = 0
    failed: int = 0
    runtimes: dict[int, int] = {}


class WorkerCounters(Struct, frozen=True, omit_defaults=True):
    """What a worker has counted under its lease: tasks that ended, in all and by name; messages claimed, by queue.

    `slots`: how many plain tasks it runs at once by now, where that is not what its record says.
    """

    done: int = 0
    taken: dict[str, int] = {}
    tasks: dict[str, TaskCounters] = {}
    slots: int = 0


class WorkerInfo(Struct, frozen=True):
    """A worker as `ListWorkers` shows it.

    `quiet`: for how many milliseconds it has told nothing (-1: it never has). `held`: how many claims it holds.
    `holdings`: the first of them, by their numbers.
    """

    peer: Peer
    counters: WorkerCounters = WorkerCounters()
    quiet: int = -1
    held: int = 0
    holdings: tuple[HeldMessage, ...] = ()


class ListWorkers(Request[tuple[WorkerInfo, ...]], frozen=True):
    """All open leases, by the names of their workers, each with at most `limit` of its claims.

    Once `max_bytes` of messages are reached, further claims come without theirs. Needs no lease, and no worker hears
    of it. For people, not for hot paths.
    """

    limit: int = 32
    max_bytes: int = 1 << 20
