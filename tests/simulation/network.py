"""What lies between a worker and the store: ordered connections that are slow, break, or are given up.

Within a connection requests arrive in the order in which they were sent, and replies too. Between connections
nothing is ordered. What breaks takes everything behind it along; the client sees it at once or at its timeout.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from celeriac.exceptions import OperationalError
from celeriac.stores import contract as c
from tests.simulation.loop import Future, Process

if TYPE_CHECKING:
    from tests.simulation.server import Server

R = TypeVar("R")

REPLY_SECONDS = 5.0
"""How long a client waits before it gives a connection up."""


@dataclass
class Weather:
    """What a request may meet: chances that its connection breaks, and how."""

    lost: float = 0.0
    late: float = 0.0
    late_seconds: float = 15.0
    slow: float = 0.01


class Network:
    """Makes connections to one server; `blame` is told whose connection it broke, and when that was noticed."""

    def __init__(self, server: Server, random: Random, weather: Weather, blame: Callable[[str], None]) -> None:
        self.server = server
        self.loop = server.loop
        self.weather = weather
        self.blame = blame
        self.calm = False
        self._random = random

    def latency(self) -> float:
        """One way."""
        if self._random.random() < self.weather.slow:
            return self._random.uniform(0.05, 1.0)
        return 0.0005 + self._random.expovariate(200)

    def fate(self) -> str:
        """What becomes of the next request."""
        if self.calm:
            return ""
        roll = self._random.random()
        if roll < self.weather.lost:
            return self._random.choice(("request lost", "reply lost"))
        return "late" if roll < self.weather.lost + self.weather.late else ""

    def noticed_after(self) -> float:
        """Until the client of a broken connection hears of it: sometimes a reset, sometimes only silence."""
        return self._random.uniform(0.001, 0.5) if self._random.random() < 0.5 else REPLY_SECONDS

    def resets(self) -> bool:
        """Whether a connection that is dropped takes along what has not been read."""
        return self._random.random() < 0.5

    def how_late(self) -> float:
        """How much later than usual."""
        return self._random.uniform(0.5, self.weather.late_seconds)


class Connection:
    """One ordered way up and one down. `calls` are the futures of what was not answered yet."""

    def __init__(self, network: Network, client: Process, owner: str = "") -> None:
        self.client = client
        self.owner = owner or client.name
        self.closed = False
        self.on_new_peer: Callable[[], None] | None = None
        self.up: deque[Callable[[], None]] = deque()
        """What will arrive."""
        self.inbox: deque[Callable[[], None]] = deque()
        """What has arrived at a server that is out."""
        self._network = network
        self._calls: list[Future[Any]] = []
        self._cut_up = self._cut_down = False
        self._late = 0.0
        self._ambushed: tuple[Future[Any], Callable[[], None]] | None = None
        self._last_up = self._last_down = 0.0
        network.server.accept(self)

    def call(self, request: c.Request[R], patience: float = 0.0) -> Future[R]:
        """Send a request; with patience it waits at the server until there is something to claim."""
        server = self._network.server
        future = self.send(lambda future: server.perform(self, request, future, patience), patience)
        ambush = self.client.ambush
        if ambush is not None and ambush.request == type(request).__name__:
            self.client.ambush = None
            if ambush.when == "sent":
                self._network.loop.at(0.0, ambush.strike)
            else:
                self._ambushed = future, ambush.strike
        return future

    def send(self, act: Callable[[Future[Any]], None], patience: float = 0.0) -> Future[Any]:
        """Let the server do something that ends in an answer."""
        future: Future[Any] = Future()
        if self.closed:
            future.fail(OperationalError("the connection is closed"))
            return future
        self._calls.append(future)
        self._meet_fate()
        self.tell(lambda: act(future))
        self.client.after(patience + REPLY_SECONDS, self._time_out, future)
        return future

    def _meet_fate(self) -> None:
        fate = self._network.fate()
        if not fate:
            return
        self._network.blame(self.owner)
        self._cut_up = self._cut_up or fate == "request lost"
        self._cut_down = True
        if fate == "late":
            self._late = max(self._late, self._network.how_late())
        self.client.after(self._network.noticed_after(), self._give_up, "broken")

    def tell(self, act: Callable[[], None]) -> None:
        """Let the server do something without an answer."""
        if self._cut_up:
            return
        loop = self._network.loop
        self._last_up = max(self._last_up, loop.now + self._network.latency() + self._late)
        self.up.append(act)
        loop.at(self._last_up - loop.now, self._network.server.arrive, self)

    def answer(self, future: Future[Any], value: Any, error: Exception | None) -> None:
        """Called by the server."""
        if self._ambushed is not None and self._ambushed[0] is future:
            self._network.loop.at(0.0, self._ambushed[1])
        if self._cut_down or self.closed:
            return
        loop = self._network.loop
        self._last_down = max(self._last_down, loop.now + self._network.latency())
        loop.at(self._last_down - loop.now, self.client.act, self._take, future, value, error)

    def push(self) -> None:
        """Called by the server when a lease was opened."""
        if self.on_new_peer is not None and not self.closed and not self._cut_down:
            self._network.loop.at(self._network.latency(), self.client.act, self.on_new_peer)

    def _take(self, future: Future[Any], value: Any, error: Exception | None) -> None:
        if self.closed:
            return
        self._calls.remove(future)
        if error is None:
            future.set(value)
        else:
            future.fail(error)

    def _time_out(self, future: Future[Any]) -> None:
        if not future.done:
            self._give_up("no reply")

    def _give_up(self, why: str) -> None:
        if self.closed:
            return
        if self._cut_down:
            self._network.blame(self.owner)
        self.close()
        for future in self._calls:
            future.fail(OperationalError(why))

    def close(self) -> None:
        """The client wants no more of it: what is under way arrives all the same, or is lost with a reset."""
        if self.closed:
            return
        self.closed = True
        if self._network.resets():
            self.up.clear()
            self.inbox.clear()
            self._network.server.hang_up(self)
        else:
            self.tell(lambda: self._network.server.hang_up(self))
