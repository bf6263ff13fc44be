"""The core's children: started through the zygote, watched by the kernel, replaced when they are worn out."""

from __future__ import annotations

import array
import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from celeriac.worker.core.claim_table import Failure, HeldClaim
from celeriac.worker.core.port import Port, Quota, monotonic
from celeriac.worker.lane.frame import (
    Exited,
    Fork,
    Forked,
    FromZygote,
    ImportFailed,
    Manifest,
    Ready,
    encode,
    receive_news,
)
from celeriac.worker.lane.lane import Lane
from celeriac.worker.options import Pool

logger = logging.getLogger("celeriac.worker")

_CAUSE_SECONDS = 0.2
"""How long the zygote may take to say what a child died of: less than a millisecond, on a busy machine more."""
_LEAVING_SECONDS = 1.0
"""How long a child that was let go may take to end."""
_EARLY_SECONDS = 1.0
_EARLY_PAUSES = (0.1, 5.0)
_ORPHANED = "the zygote died"


@dataclass(slots=True, frozen=True)
class Cause:
    """What ended a child: words for people, the signal's name where it was one, and its memory in bytes."""

    text: str
    signal: str = ""
    memory: int = 0


UNKNOWN = Cause("unknown")


@dataclass(slots=True, frozen=True)
class Condemned:
    """The message for whose sake its child is killed, and what becomes of it."""

    held: HeldClaim
    failure: Failure | None
    """None: it was revoked."""


@dataclass(slots=True, eq=False)
class Child:
    """One child: `alive` from the moment it may be given work until its death is noticed."""

    slot: int
    sync: Port
    asynchronous: Port
    notify: int
    pool: int = 0
    zygote: socket.socket | None = None
    """The zygote that was asked for it, by the socket to it."""
    pid: int = 0
    pidfd: int = -1
    alive: bool = True
    retiring: bool = False
    """It gets nothing new, and ends when it has nothing left."""
    gone: bool = False
    """It was let go, or is dead: whoever waits for its place may begin."""
    alone: bool = False
    """It runs messages that are suspected of killing their child, one at a time and nothing beside them."""
    predecessor: Child | None = None
    """Whose place it takes: it begins when that one is gone."""
    killed_for: Condemned | None = None
    since: float = 0.0

    @property
    def ports(self) -> tuple[Port, Port]:
        """Both its ports."""
        return self.sync, self.asynchronous

    @property
    def open(self) -> bool:
        """Whether it may be given any message."""
        if not self.alive or self.retiring or self.alone:
            return False
        return self.predecessor is None or self.predecessor.gone

    @property
    def busy(self) -> bool:
        """Whether all its room for plain tasks is taken, or all for coroutines."""
        return any(len(port.out) >= port.width for port in self.ports)

    @property
    def idle(self) -> bool:
        """Whether it has nothing before it."""
        return not self.sync.given and not self.asynchronous.given


class SupervisorEvents(Protocol):
    """What the core wants to hear."""

    def child_started(self, child: Child) -> None:
        """A child can be given work."""

    def outcomes_waiting(self) -> None:
        """A child has put something."""

    def child_died(self, child: Child, cause: Cause) -> None:
        """A child is gone; its lanes may be read a last time and are reused afterwards."""

    def zygote_ready(self, manifest: Manifest) -> None:
        """The app is imported."""

    def zygote_failed(self, failed: ImportFailed, *, replaceable: bool) -> None:
        """The app cannot be imported, or is not there; `replaceable`: a zygote that could lives."""


class Supervisor:
    """Keeps the pools at their sizes.

    A child's messages can be handed over before it is forked: they wait in its socket. When a zygote dies its
    children die with it (they are tied to it by the kernel); the launcher brings a new one. A second zygote
    that comes while the first lives takes over as soon as it is ready: its children begin, the others end.
    """

    def __init__(self, lanes: list[Lane], pools: tuple[Pool, ...], events: SupervisorEvents) -> None:
        self.pools = list(pools)
        self.children: dict[int, Child] = {}
        self.coroutines = 100
        self._lanes = lanes
        self._free = deque(range(len(lanes) // 2))
        self._events = events
        self._loop = asyncio.get_running_loop()
        self._control: socket.socket | None = None
        self._importing: set[socket.socket] = set()
        """Zygotes of which nothing was heard yet."""
        self._wanted = self._over = False
        self._early = [0] * len(pools)

    @property
    def places(self) -> int:
        """How many children there can be at once, those that are being replaced included."""
        return len(self._lanes) // 2

    def plan(self, pools: tuple[Pool, ...]) -> None:
        """Have these pools; before there is any child."""
        self.pools, self._early = list(pools), [0] * len(pools)

    # -- zygotes --------------------------------------------------------------

    def attach(self, control: socket.socket) -> None:
        """Use this zygote as soon as it is ready."""
        control.setblocking(False)
        self._importing.add(control)
        self._loop.add_reader(control.fileno(), self._hear, control)

    def _hear(self, control: socket.socket) -> None:
        try:
            news = receive_news(control)
        except BlockingIOError:
            return
        except OSError:
            news = None
        if news is not None:
            self._act(news, control)
            return
        self._drop(control)
        if control in self._importing:
            self._importing.discard(control)
            if self._control is not None:
                self._events.zygote_failed(ImportFailed("the process that imported it died"), replaceable=True)
        if self._control is control:
            self._control = None
            if self._wanted:
                logger.error("the zygote is gone, and its children with it")
        for child in list(self.children.values()):
            if child.zygote is control:
                self._abandon(child)

    def _drop(self, control: socket.socket) -> None:
        """Say no more to this zygote: it ends when it finds its socket closed."""
        self._loop.remove_reader(control.fileno())
        control.close()

    def _abandon(self, child: Child) -> None:
        """The kernel kills it with its zygote, but only its own end is proof that it begins nothing more."""
        if child.pidfd < 0:
            self._loop.call_later(_CAUSE_SECONDS, self._bury, child, Cause(_ORPHANED))
            return
        self.kill(child)

    def _act(self, news: FromZygote, control: socket.socket) -> None:
        match news:
            case Ready(manifest):
                self._importing.discard(control)
                self._take_over(control, manifest)
            case ImportFailed():
                self._importing.discard(control)
                self._events.zygote_failed(news, replaceable=self._control is not None)
            case Forked(slot, pid):
                self._watch(slot, pid)
            case Exited(pid, status, memory):
                for child in list(self.children.values()):
                    if child.pid == pid:
                        self._bury(child, describe_status(status, memory))

    def _take_over(self, control: socket.socket, manifest: Manifest) -> None:
        """Let this zygote fork all children from now on, and let those of an earlier one end."""
        if self._over:
            self._drop(control)
            return
        earlier, self._control = self._control, control
        self._events.zygote_ready(manifest)
        self._wanted = True
        for pool in range(len(self.pools)):
            self._early[pool] = 0
            if earlier is not None:
                for child in self._of(pool):
                    self.retire(child, at_once=True)
            self._fill(pool)
        if earlier is not None:
            logger.info("the new code is in use")
            self._leave_zygote(earlier)

    # -- sizes ----------------------------------------------------------------

    def _of(self, pool: int) -> list[Child]:
        """The children that make up a pool's size."""
        children = self.children.values()
        return [child for child in children if child.pool == pool and not (child.retiring or child.gone or child.alone)]

    def _fill(self, pool: int) -> None:
        """Start what a pool lacks."""
        while self._wanted and self._free and len(self._of(pool)) < self.pools[pool].children:
            if self._spawn(pool) is None:
                return

    def resize(self, pool: int, changed: Pool) -> None:
        """Give a pool another size; what runs is not disturbed."""
        before, self.pools[pool] = self.pools[pool], changed
        if changed.children == before.children:
            for child in self._of(pool):
                self.retire(child, at_once=True)  # another width: another child
        surplus = sorted(self._of(pool), key=lambda child: len(child.sync.out) + len(child.asynchronous.out))
        for child in surplus[: max(0, len(surplus) - changed.children)]:
            self.retire(child)
        self._fill(pool)

    def hire(self, pool: int) -> Child | None:
        """One child more, for messages that must run alone; None when there is no place now."""
        return self._spawn(pool, alone=True) if self._wanted and self._free else None

    def retire(self, child: Child, *, at_once: bool = False) -> None:
        """Let another take its place, which begins when this one has nothing left, or at once."""
        if child.retiring or child.gone:
            return
        child.retiring = True
        if self._wanted and self._free and len(self._of(child.pool)) < self.pools[child.pool].children:
            successor = self._spawn(child.pool)
            if successor is not None and not at_once:
                successor.predecessor = child
        self._wake()

    def _wake(self) -> None:
        """Let the dispatchers look again, but later: it may be one of them that asked."""
        self._loop.call_soon(self._events.outcomes_waiting)

    # -- one child ------------------------------------------------------------

    def _spawn(self, pool: int, *, alone: bool = False) -> Child | None:
        if self._control is None or not self._wanted:
            return None
        slot = self._free.popleft()
        for lane in self._lanes[2 * slot : 2 * slot + 2]:
            lane.reset()
        ours, theirs = zip(socket.socketpair(), socket.socketpair(), strict=True)
        notify = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        child = self._new_child(slot, pool, ours, notify)
        child.alone = alone
        descriptors = array.array("i", [*(sock.fileno() for sock in theirs), notify])
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)]
        try:
            self._control.sendmsg([encode(Fork(slot, self.pools[pool]))], ancillary)
        except OSError:
            self._control = None  # its end is heard of next
            self._bury(child, Cause(_ORPHANED))
            return None
        finally:
            for sock in theirs:
                sock.close()
        self._loop.add_reader(notify, self._notified, notify)
        for port in child.ports:
            self._loop.add_reader(port.fileno(), self._large, port)
        self._events.child_started(child)
        return child

    def _new_child(self, slot: int, pool: int, sockets: tuple[socket.socket, ...], notify: int) -> Child:
        made_of = self.pools[pool]
        quota = Quota(made_of.max_tasks) if made_of.max_tasks else Quota()
        widths = made_of.width, made_of.coroutines or self.coroutines
        sync, asynchronous = (
            Port(lane, sock, self._loop, width, quota, attentive=attentive or width > 1)
            for lane, sock, width, attentive in zip(
                self._lanes[2 * slot : 2 * slot + 2], sockets, widths, (False, True), strict=True
            )
        )
        child = Child(slot, sync, asynchronous, notify, pool, self._control, since=monotonic())
        self.children[slot] = child
        return child

    def _notified(self, notify: int) -> None:
        os.eventfd_read(notify)
        self._events.outcomes_waiting()

    def _large(self, port: Port) -> None:
        if port.read():
            self._events.outcomes_waiting()
        else:
            self._loop.remove_reader(port.fileno())

    def _watch(self, slot: int, pid: int) -> None:
        """Let the kernel say when the child dies; a message of the zygote would come later."""
        child = self.children.get(slot)
        if child is None:
            return
        child.pid = pid
        try:
            child.pidfd = os.pidfd_open(pid)
        except OSError:
            self._bury(child, Cause("it died at once"))
            return
        self._loop.add_reader(child.pidfd, self._died, child)
        if child.killed_for is not None:
            self.kill(child)  # nobody knew its number when it was decided

    def kill(self, child: Child, number: int = signal.SIGKILL) -> None:
        """Send it a signal; its end is heard of later."""
        if child.pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(child.pidfd, number)

    def dismiss(self, child: Child) -> None:
        """Let go a child that has nothing left: it ends when it finds its sockets closed."""
        if child.gone:
            return
        child.gone = True
        self._close(child)
        self._loop.call_later(_LEAVING_SECONDS, self.kill, child)
        self._wake()

    def _close(self, child: Child) -> None:
        self._loop.remove_reader(child.notify)
        os.close(child.notify)
        for port in child.ports:
            port.close()

    def _died(self, child: Child) -> None:
        """The kernel says so first; the zygote knows the cause and says it within a moment."""
        self._loop.remove_reader(child.pidfd)
        if child.zygote is not None and child.zygote.fileno() >= 0:
            self._loop.call_later(_CAUSE_SECONDS, self._bury, child, Cause("killed"))
        else:
            self._bury(child, Cause(_ORPHANED))

    def _bury(self, child: Child, cause: Cause) -> None:
        """Read what the child left, tell the core, and start the next one in its place."""
        if not child.alive:
            return
        child.alive = False
        if child.pidfd >= 0:
            self._loop.remove_reader(child.pidfd)
            os.close(child.pidfd)
            child.pidfd = -1
        if child.gone:
            self._early[child.pool] = 0
        else:
            for port in child.ports:
                port.read()
            self._events.child_died(child, cause)
            self._close(child)
            child.gone = True
        del self.children[child.slot]
        self._free.append(child.slot)
        self._leave_zygote(child.zygote)
        self._loop.call_later(self._pause(child), self._fill, child.pool)

    def _leave_zygote(self, zygote: socket.socket | None) -> None:
        """An earlier zygote has nothing to do any more once its last child is gone."""
        if zygote is None or zygote is self._control or zygote.fileno() < 0:
            return
        if not any(child.zygote is zygote for child in self.children.values()):
            self._drop(zygote)

    def _pause(self, child: Child) -> float:
        """How long to wait before the next is started: nothing, unless one after the other dies at its start."""
        early = monotonic() - child.since < _EARLY_SECONDS and not (child.sync.ended or child.asynchronous.ended)
        self._early[child.pool] = deaths = self._early[child.pool] + 1 if early else 0
        if deaths < 2:
            return 0.0
        shortest, longest = _EARLY_PAUSES
        return min(longest, shortest * (1 << min(deaths - 2, 10)))

    def stop(self) -> None:
        """Let all children go: they end when they find their sockets closed. No zygote is listened to any more."""
        self._wanted, self._over = False, True
        for child in self._living():
            child.gone = True
            self._close(child)
            if child.pidfd >= 0:
                self._loop.remove_reader(child.pidfd)
        self.children.clear()

    def _living(self) -> Iterator[Child]:
        return (child for child in self.children.values() if not child.gone)


def describe_status(status: int, memory: int = 0) -> Cause:
    """A wait status in words; `memory` in KiB."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = str(number)  # a real-time signal has no name
        return Cause(f"signal {number} ({name})", name, memory << 10)
    return Cause(f"exit code {os.waitstatus_to_exitcode(status)}", memory=memory << 10)
