"""Who gets what: which messages go to which child, and how many more to claim. Pure but for reading the lanes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from msgspec import Struct

from celeriac.worker.crew import Child
from celeriac.worker.frame import Manifest
from celeriac.worker.ledger import Held, Ledger
from celeriac.worker.pace import BACKLOG_SECONDS, FRAME_SECONDS, FRAME_TASKS, Pace
from celeriac.worker.port import Port

_ASYNC_AHEAD = 25
"""Tasks a child's event loop has waiting, so that one that ends is followed at once."""

Plan = list[tuple[Port, list[Held]]]


class Shares(Struct, frozen=True):
    """The limits that come from settings."""

    concurrent: int
    frame_bytes: int
    has_sync: bool
    has_async: bool

    @classmethod
    def of(cls, manifest: Manifest) -> Shares:
        """As the app sets them."""
        kinds = {spec.asynchronous for spec in manifest.tasks.values()}
        return cls(
            int(manifest.settings.get("worker_async_concurrency", 100)),
            int(manifest.settings.get("worker_frame_bytes", 1 << 18)),
            False in kinds,
            True in kinds,
        )


def load(port: Port, pace: Pace) -> float:
    """Seconds of work before a child, by estimate."""
    out = port.out
    if len(out) < 8:
        return sum([pace.estimate(held.name) for held in out.values()])
    return len(out) * pace.overall


def wanted(children: Iterable[Child], ledger: Ledger, pace: Pace, shares: Shares, now: float) -> int:
    """How many messages to claim."""
    alive = [child for child in children if child.alive]
    sync = asynchronous = 0
    if shares.has_sync:
        free = [child.sync for child in alive if not child.sync.stuck(now) and not child.sync.reserved]
        loads = [(len(port.out), load(port, pace)) for port in free]
        sync = pace.wanted(loads, len(ledger.ready))
    if shares.has_async:
        each = shares.concurrent + _ASYNC_AHEAD
        asynchronous = sum(each - len(child.asynchronous.out) for child in alive) - len(ledger.ready_async)
    if not shares.has_async:
        return sync
    if not shares.has_sync:
        return max(0, min(asynchronous, 4 * FRAME_TASKS))
    return pace.split_wanted(sync, asynchronous)


def any_idle(children: Iterable[Child], shares: Shares) -> bool:
    """Whether a message that comes now could begin now."""
    for child in children:
        if shares.has_sync and not child.sync.out:
            return True
        if shares.has_async and len(child.asynchronous.out) < shares.concurrent:
            return True
    return False


def plan(children: Iterable[Child], ledger: Ledger, pace: Pace, shares: Shares, now: float) -> Plan:
    """Take messages out of `ready` and say which child gets them, in frames."""
    alive = [child for child in children if child.alive]
    frames: Plan = []
    if ledger.ready:
        ports = [child.sync for child in alive if not child.sync.reserved and not child.sync.stuck(now)]
        ports.sort(key=lambda port: len(port.out))
        _plan_sync(frames, ports, ledger.ready, pace, shares)
    if ledger.ready_async:
        _plan_async(frames, [child.asynchronous for child in alive], ledger.ready_async, shares)
    return frames


def _plan_sync(frames: Plan, ports: list[Port], ready: deque[Held], pace: Pace, shares: Shares) -> None:
    """Fill each child's backlog, sharing evenly what there is."""
    for index, port in enumerate(ports):
        share = -(-len(ready) // (len(ports) - index))
        most = min(FRAME_TASKS, max(1, share))
        seconds, tasks = load(port, pace), len(port.out)
        while ready and port.room() > FRAME_TASKS:
            head = ready[0]
            if head.needs_start:
                if not tasks:
                    frames.append((port, [ready.popleft()]))
                break
            if tasks and (seconds + pace.estimate(head.name) > BACKLOG_SECONDS or tasks >= 2 * FRAME_TASKS):
                break
            frame, work = _next_frame(ready, most, pace, shares.frame_bytes)
            frames.append((port, frame))
            seconds, tasks = seconds + work, tasks + len(frame)
            if tasks >= share:
                break


def _next_frame(ready: deque[Held], most: int, pace: Pace, most_bytes: int) -> tuple[list[Held], float]:
    """The next messages of one queue that make up one frame, and the work in it."""
    frame = [ready.popleft()]
    queue = frame[0].queue
    work, size = pace.estimate(frame[0].name), len(frame[0].raw)
    while ready and len(frame) < most:
        head = ready[0]
        more, size = work + pace.estimate(head.name), size + len(head.raw)
        if more > FRAME_SECONDS or size > most_bytes or head.queue != queue or head.needs_start:
            break
        frame.append(ready.popleft())
        work = more
    return frame, work


def _plan_async(frames: Plan, ports: list[Port], ready: deque[Held], shares: Shares) -> None:
    """Event loops take as many as they may run, and some to follow."""
    most = shares.concurrent + _ASYNC_AHEAD
    ports.sort(key=lambda port: len(port.out))
    for port in ports:
        free = min(most - len(port.out), port.room() - 1)
        while ready and free > 0:
            head = ready[0]
            if head.needs_start:
                if port.reserved:
                    break
                frames.append((port, [ready.popleft()]))
                break
            frame = [ready.popleft()]
            while ready and len(frame) < min(free, FRAME_TASKS) and ready[0].queue == head.queue:
                if ready[0].needs_start:
                    break
                frame.append(ready.popleft())
            frames.append((port, frame))
            free -= len(frame)
