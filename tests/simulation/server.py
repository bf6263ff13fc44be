"""The store at the other end of the network: the real `State`, one request at a time, and its outages."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from celeriac.exceptions import LeaseLost, OperationalError
from celeriac.stores import contract as c
from celeriac.stores.memory.state import State
from tests.simulation.history import History
from tests.simulation.loop import Future, Loop

if TYPE_CHECKING:
    from tests.simulation.network import Connection

EPOCH = 1_700_000_000
"""The wall clock at the beginning, in seconds since 1970."""


@dataclass
class _Waiter:
    connection: Connection
    request: c.Finish
    future: Future[Any]


class Server:
    """Performs what arrives; during an outage it lies in the inboxes, and is performed late.

    What a connection had under way when its client gave it up may arrive any time later, after requests of
    the next one. So a session begins by saying from which number on it claims, and what would claim under
    lower ones is refused: `fenced` false leaves that out.
    """

    def __init__(self, loop: Loop, state: State, history: History, random: Random, *, fenced: bool) -> None:
        self.loop = loop
        self.state = state
        self.history = history
        self.out_until = 0.0
        self._random = random
        self._fenced = fenced
        self._floors: dict[str, int] = {}
        self._connections: list[Connection] = []
        self._waiters: list[_Waiter] = []

    @property
    def out(self) -> bool:
        """Whether nothing is answered now."""
        return self.loop.now < self.out_until

    def go_out(self, seconds: float) -> None:
        """Answer nothing for so long."""
        self.out_until = max(self.out_until, self.loop.now + seconds)
        self.history.outage(seconds)
        self.loop.at(seconds, self._come_back)

    def _come_back(self) -> None:
        if self.out:
            return
        self.history.back()
        while waiting := [connection for connection in self._connections if connection.inbox]:
            self._random.choice(waiting).inbox.popleft()()

    def accept(self, connection: Connection) -> None:
        """Know a connection from its first byte on."""
        self._connections = [old for old in self._connections if not old.closed or old.up or old.inbox]
        self._connections.append(connection)

    def hello(self, connection: Connection, lease: c.Lease, first: int, future: Future[Any]) -> None:
        """A session begins."""
        if self._fenced:
            # Never lower: this may be the late beginning of a session that was given up.
            self._floors[lease.epoch] = max(first, self._floors.get(lease.epoch, 0))
        connection.answer(future, None, None)

    def arrive(self, connection: Connection) -> None:
        """The next of what a connection has under way is here."""
        if not connection.up:
            return
        act = connection.up.popleft()
        if self.out:
            connection.inbox.append(act)
        else:
            act()

    def perform(self, connection: Connection, request: c.Request[Any], future: Future[Any], patience: float) -> None:
        """Do it, or wait until there is something to claim."""
        if patience and isinstance(request, c.Finish) and not self._ready(request):
            waiter = _Waiter(connection, request, future)
            self._waiters.append(waiter)
            self.loop.at(patience, self._tire, waiter)
        else:
            self._do(connection, request, future)
            self._serve()

    def _do(self, connection: Connection, request: c.Request[Any], future: Future[Any]) -> None:
        reply, error = None, None
        try:
            self._check_floor(request)
            reply = self.state.apply(request, self.now_ms())
        except (LeaseLost, OperationalError) as refusal:
            error = refusal
        self.history.performed(request, reply, error)
        connection.answer(future, reply, error)
        if isinstance(request, c.OpenLease):
            for other in self._connections:
                other.push()

    def _check_floor(self, request: c.Request[Any]) -> None:
        if isinstance(request, c.Finish | c.Reap) and request.first < self._floors.get(request.lease.epoch, 0):
            raise OperationalError("a later session of this lease has begun")

    def now_ms(self) -> int:
        """The store's clock."""
        return int((EPOCH + self.loop.now) * 1000)

    def _ready(self, request: c.Finish) -> bool:
        queues = self.state.queues
        return any(any(queues[name].values()) for name in (c.ADVANCE_QUEUE, *request.queues) if name in queues)

    def _serve(self) -> None:
        while waiter := next((waiter for waiter in self._waiters if self._ready(waiter.request)), None):
            self._release(waiter)

    def _release(self, waiter: _Waiter) -> None:
        self._waiters.remove(waiter)
        self._do(waiter.connection, waiter.request, waiter.future)

    def _tire(self, waiter: _Waiter) -> None:
        if waiter in self._waiters:
            if self.out:
                self.loop.at(self.out_until - self.loop.now, self._tire, waiter)
            else:
                self._release(waiter)

    def unblock(self, connection: Connection) -> None:
        """Let a waiting request go on with what there is."""
        for waiter in [waiter for waiter in self._waiters if waiter.connection is connection]:
            self._release(waiter)

    def hang_up(self, connection: Connection) -> None:
        """A client has gone: what waits for it waits no more."""
        self._waiters = [waiter for waiter in self._waiters if waiter.connection is not connection]
