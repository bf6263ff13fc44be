"""The core's children: started through the zygote, watched by the kernel, each with its two ports."""

from __future__ import annotations

import array
import asyncio
import contextlib
import logging
import os
import signal
import socket
from dataclasses import dataclass
from typing import Protocol

from celeriac.worker.frame import (
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
from celeriac.worker.lane import Lane
from celeriac.worker.port import Port

logger = logging.getLogger("celeriac.worker")

_CAUSE_SECONDS = 0.02
_ORPHANED = "the zygote died"


@dataclass(slots=True, eq=False)
class Child:
    """One child: `alive` from the moment it may be given work until its death is noticed."""

    slot: int
    sync: Port
    asynchronous: Port
    notify: int
    zygote: socket.socket | None = None
    """The zygote that was asked for it, by the socket to it."""
    pid: int = 0
    pidfd: int = -1
    alive: bool = True

    @property
    def ports(self) -> tuple[Port, Port]:
        """Both its ports."""
        return self.sync, self.asynchronous


class CrewEvents(Protocol):
    """What the core wants to hear."""

    def child_started(self, child: Child) -> None:
        """A child can be given work."""

    def outcomes_waiting(self) -> None:
        """A child has put something."""

    def child_died(self, child: Child, cause: str) -> None:
        """A child is gone; its lanes may be read a last time and are reused afterwards."""

    def zygote_ready(self, manifest: Manifest) -> None:
        """The app is imported."""

    def zygote_failed(self, reason: str, found: bool) -> None:
        """The app cannot be imported, or is not there."""


class Crew:
    """Keeps `size` children running.

    A child's messages can be handed over before it is forked: they wait in its socket. When the zygote
    dies its children die with it (they are tied to it by the kernel); the launcher brings a new one.
    """

    def __init__(self, lanes: list[Lane], size: int, events: CrewEvents) -> None:
        self.size = size
        self.children: dict[int, Child] = {}
        self._lanes = lanes
        self._events = events
        self._loop = asyncio.get_running_loop()
        self._control: socket.socket | None = None
        self._wanted = False

    def attach(self, control: socket.socket) -> None:
        """Use this zygote from now on."""
        self._control = control
        control.setblocking(False)
        self._loop.add_reader(control.fileno(), self._hear, control)

    def _hear(self, control: socket.socket) -> None:
        try:
            news = receive_news(control)
        except BlockingIOError:
            return
        except OSError:
            news = None
        if news is not None:
            self._act(news)
            return
        self._loop.remove_reader(control.fileno())
        control.close()
        if self._control is control:
            self._control = None
            if self._wanted:
                logger.error("the zygote is gone, and its children with it")
        for child in list(self.children.values()):
            if child.zygote is control:
                self._abandon(child)

    def _abandon(self, child: Child) -> None:
        """The kernel kills it with its zygote, but only its own end is proof that it begins nothing more."""
        if child.pidfd < 0:
            self._loop.call_later(_CAUSE_SECONDS, self._bury, child, _ORPHANED)
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(child.pidfd, signal.SIGKILL)

    def _act(self, news: FromZygote) -> None:
        match news:
            case Ready(manifest):
                self._events.zygote_ready(manifest)
                self._wanted = True
                for slot in range(self.size):
                    if slot not in self.children:
                        self._spawn(slot)
            case ImportFailed(reason, found):
                self._events.zygote_failed(reason, found)
            case Forked(slot, pid):
                self._watch(slot, pid)
            case Exited(pid, status):
                for child in list(self.children.values()):
                    if child.pid == pid:
                        self._bury(child, describe_status(status))

    def _spawn(self, slot: int) -> None:
        if self._control is None or not self._wanted:
            return
        for lane in self._lanes[2 * slot : 2 * slot + 2]:
            lane.reset()
        ours, theirs = zip(socket.socketpair(), socket.socketpair(), strict=True)
        notify = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        sync, asynchronous = (
            Port(lane, sock, self._loop) for lane, sock in zip(self._lanes[2 * slot :], ours, strict=False)
        )
        child = self.children[slot] = Child(slot, sync, asynchronous, notify, self._control)
        descriptors = array.array("i", [*(sock.fileno() for sock in theirs), notify])
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)]
        try:
            self._control.sendmsg([encode(Fork(slot))], ancillary)
        except OSError:
            self._control = None  # its end is heard of next
            self._bury(child, _ORPHANED)
            return
        finally:
            for sock in theirs:
                sock.close()
        self._loop.add_reader(notify, self._notified, notify)
        for port in child.ports:
            self._loop.add_reader(port.fileno(), self._large, port)
        self._events.child_started(child)

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
            self._bury(child, "it died at once")
            return
        self._loop.add_reader(child.pidfd, self._died, child)

    def _died(self, child: Child) -> None:
        """The kernel says so first; the zygote knows the cause and says it within a moment."""
        self._loop.remove_reader(child.pidfd)
        if child.zygote is self._control:
            self._loop.call_later(_CAUSE_SECONDS, self._bury, child, "killed")
        else:
            self._bury(child, _ORPHANED)

    def _bury(self, child: Child, cause: str) -> None:
        """Read what the child left, tell the core, and start the next one in its place."""
        if not child.alive:
            return
        child.alive = False
        if child.pidfd >= 0:
            self._loop.remove_reader(child.pidfd)
            os.close(child.pidfd)
        for port in child.ports:
            port.read()
        self._loop.remove_reader(child.notify)
        self._events.child_died(child, cause)
        for port in child.ports:
            port.close()
        os.close(child.notify)
        if self.children.get(child.slot) is child:
            del self.children[child.slot]
            self._spawn(child.slot)

    def stop(self) -> None:
        """Let all children go: they end when they find their sockets closed."""
        self._wanted = False
        for child in self.children.values():
            child.alive = False
            for port in child.ports:
                port.close()
            self._loop.remove_reader(child.notify)
            if child.pidfd >= 0:
                self._loop.remove_reader(child.pidfd)
        self.children.clear()


def describe_status(status: int) -> str:
    """A wait status in words."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return f"signal {number} ({signal.Signals(number).name})"
    return f"exit code {os.waitstatus_to_exitcode(status)}"
