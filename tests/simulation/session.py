"""A worker's session with the simulated store: one connection for requests, one to wait on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from celeriac.stores import contract as c
from tests.simulation.history import BEAT_SECONDS
from tests.simulation.loop import Future, Process
from tests.simulation.network import Connection, Network

R = TypeVar("R")


class Session:
    """See `stores.contract.Session`; the waiting is that of Redis: wait and claim, on a connection of its own."""

    def __init__(self, network: Network, process: Process, first: int) -> None:
        self._server = network.server
        self._requests = Connection(network, process)
        self._waiting = Connection(network, process)
        self._numbers = first

    async def open(self, lease: c.Lease, on_new_peer: Callable[[], None]) -> None:
        """Connect; from then on the store refuses the claims of earlier sessions of the lease."""
        first = self._numbers
        self._requests.on_new_peer = on_new_peer
        await self._requests.send(lambda future: self._server.hello(self._requests, lease, first, future))

    def call(self, request: c.Request[R]) -> Future[R]:
        """Perform a request."""
        return self._requests.call(request)

    def wait(self, request: c.Finish) -> Future[c.Finished]:
        """Claim as soon as there is something, or nothing after a while."""
        return self._waiting.call(request, patience=BEAT_SECONDS)

    def stop_waiting(self) -> None:
        """Let the wait under way return."""
        self._requests.tell(lambda: self._server.unblock(self._waiting))

    def reserve(self, count: int) -> int:
        """The first of so many claim numbers."""
        first, self._numbers = self._numbers, self._numbers + count
        return first

    def close(self) -> None:
        """Drop both connections."""
        self._requests.close()
        self._waiting.close()
