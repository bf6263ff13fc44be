"""Who gets what: which messages go to which child, and how many more to claim. Pure but for reading the lanes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from msgspec import Struct

from celeriac.worker.core.claim_table import ClaimTable, HeldClaim
from celeriac.worker.core.pace import BACKLOG_SECONDS, FRAME_SECONDS, FRAME_TASKS, Pace
from celeriac.worker.core.port import Port
from celeriac.worker.core.supervisor import Child
from celeriac.worker.lane.frame import Manifest

Plan = list[tuple[Port, list[HeldClaim]]]


class Shares(Struct, frozen=True):
    """The limits that come from settings, and the kinds of tasks there are."""

    frame_bytes: int
    has_sync: bool
    has_async: bool
    crash_limit: int = 3
    failed_bytes: int = 0
    """The largest message of a failed task that is kept."""

    @classmethod
    def of(cls, manifest: Manifest) -> Shares:
        """As the app sets them."""
        # An app without tasks claims as well: what it does not know is parked, what nobody can read set aside.
        kinds = {spec.asynchronous for spec in manifest.tasks.values()} or {False}
        settings = manifest.settings
        return cls(
            int(settings["worker_frame_bytes"]),
            False in kinds,
            True in kinds,
            int(settings["worker_crash_limit"]),
            int(settings["failed_max_bytes"]) if settings["failed_limit"] else 0,
        )


def load(port: Port, pace: Pace) -> float:
    """Seconds of work before a child, by estimate."""
    if port.given < 8:
        return sum([pace.estimate(held.name) for held in (*port.out.values(), *port.coming)])
    return port.given * pace.overall


def room(port: Port, now: float) -> int:
    """How many more messages a port that runs several side by side can use."""
    if port.deaf(now):
        return 0
    return max(0, min(port.width + port.ahead(now) - port.given, port.room() - 1, port.quota.left))


def wanted(children: Iterable[Child], claim_table: ClaimTable, pace: Pace, shares: Shares, now: float) -> int:
    """How many messages to claim."""
    ready = [child for child in children if child.open]
    sync = asynchronous = 0
    if shares.has_sync:
        sync = _wanted_plain([child.sync for child in ready], len(claim_table.ready), pace, now)
    if shares.has_async:
        asynchronous = sum([room(child.asynchronous, now) for child in ready]) - len(claim_table.ready_async)
    if not shares.has_async:
        return sync
    if not shares.has_sync:
        return max(0, min(asynchronous, 4 * FRAME_TASKS))
    return pace.split_wanted(sync, asynchronous)


def _wanted_plain(ports: list[Port], waiting: int, pace: Pace, now: float) -> int:
    """How many plain tasks to claim."""
    if ports and ports[0].width > 1:
        return max(0, min(sum([room(port, now) for port in ports]) - waiting, 4 * FRAME_TASKS))
    free = [port for port in ports if not port.stuck(now)]
    claims = pace.wanted([(port.given, load(port, pace)) for port in free], waiting)
    return min(claims, sum([port.quota.left for port in free]))


def any_idle(children: Iterable[Child], shares: Shares, now: float) -> bool:
    """Whether a message that comes now could begin now."""
    for child in children:
        if not child.open:
            continue
        if (shares.has_sync and _has_place(child.sync, now)) or (
            shares.has_async and _has_place(child.asynchronous, now)
        ):
            return True
    return False


def _has_place(port: Port, now: float) -> bool:
    return port.given < port.width and not port.deaf(now)


def plan(children: Iterable[Child], claim_table: ClaimTable, pace: Pace, shares: Shares, now: float) -> Plan:
    """Take messages out of `ready` and say which child gets them, in frames; they count against its quota."""
    ready = [child for child in children if child.open]
    frames: Plan = []
    if claim_table.ready:
        ports = [child.sync for child in ready if not child.sync.stuck(now)]
        ports.sort(key=lambda port: port.given)
        if ports and ports[0].width > 1:
            _plan_wide(frames, ports, claim_table.ready, now)
        else:
            _plan_plain(frames, ports, claim_table.ready, pace, shares)
    if claim_table.ready_async:
        ports = [child.asynchronous for child in ready]
        ports.sort(key=lambda port: port.given)
        _plan_wide(frames, ports, claim_table.ready_async, now)
    return frames


def _plan_plain(frames: Plan, ports: list[Port], ready: deque[HeldClaim], pace: Pace, shares: Shares) -> None:
    """Fill each child's backlog, sharing evenly what there is."""
    for index, port in enumerate(ports):
        share = -(-len(ready) // (len(ports) - index))
        seconds, tasks = load(port, pace), port.given
        while ready and port.room() > FRAME_TASKS and port.quota.left > 0:
            max_seconds, max_tasks = _backlog(ready[0])
            if tasks and (seconds + pace.estimate(ready[0].name) > max_seconds or tasks >= max_tasks):
                break
            maximum = min(FRAME_TASKS, max(1, share), port.quota.left)
            frame, work = _next_frame(ready, maximum, pace, shares.frame_bytes)
            frames.append((port, frame))
            port.quota.left -= len(frame)
            seconds, tasks = seconds + work, tasks + len(frame)
            if tasks >= share:
                break


def _backlog(head: HeldClaim) -> tuple[float, int]:
    """How much a child may have before it, in seconds and in messages, when this one comes on top.

    Of what is marked before it begins, a worker that is lost loses all: less of it lies ahead than of the rest.
    """
    return (FRAME_SECONDS, FRAME_TASKS + 1) if head.needs_start else (BACKLOG_SECONDS, 2 * FRAME_TASKS)


def _next_frame(ready: deque[HeldClaim], maximum: int, pace: Pace, max_bytes: int) -> tuple[list[HeldClaim], float]:
    """The next messages of one queue that make up one frame, and the work in it."""
    frame = [ready.popleft()]
    queue = frame[0].queue
    work, size = pace.estimate(frame[0].name), len(frame[0].raw)
    while ready and len(frame) < maximum:
        head = ready[0]
        more, size = work + pace.estimate(head.name), size + len(head.raw)
        if more > FRAME_SECONDS or size > max_bytes or head.queue != queue:
            break
        frame.append(ready.popleft())
        work = more
    return frame, work


def _plan_wide(frames: Plan, ports: list[Port], ready: deque[HeldClaim], now: float) -> None:
    """Children that run several side by side take as many as they may run, and some to follow."""
    for port in ports:
        free = room(port, now)
        while ready and free > 0:
            frame = [ready.popleft()]
            while ready and len(frame) < min(free, FRAME_TASKS) and ready[0].queue == frame[0].queue:
                frame.append(ready.popleft())
            frames.append((port, frame))
            port.quota.left -= len(frame)
            free -= len(frame)
