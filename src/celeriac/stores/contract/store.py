"""The store: what it is for everyone, and for the core of a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Protocol, TypeVar

from msgspec import Struct

from celeriac.message.format import Format
from celeriac.stores.contract.claims import WaitReply
from celeriac.stores.contract.request import Request
from celeriac.stores.contract.workers import Lease

R = TypeVar("R")


class Durability(StrEnum):
    """What survives the loss of power of the machine that holds the store."""

    NONE = "nothing"
    SECONDS = "all but the last seconds"
    COMMIT = "every accepted request"
    REPLICATED = "every accepted request, on more than one machine"


class Session(Protocol):
    """A worker's own door to a store, used from one event loop.

    `LeaseLost` and `Refused` are answers: nothing has happened, and the session goes on. Any other error ends it: the
    request may or may not have happened. The worker then connects anew and reconciles.
    """

    on_news: Callable[[], None]
    """Called when something was revoked and, by a store that can, when a lease was opened: send a heartbeat now.

    The sooner a peer is known, the sooner it is missed.
    """

    async def call(self, request: Request[R]) -> R:
        """Perform a request."""

    async def wait(self, queues: tuple[str, ...], count: int) -> WaitReply | None:
        """Return when a queue may have something, or a delayed message may have become the next one due.

        A store that can hand messages over in the same step returns up to about `count` claims, none when
        it got tired of waiting; None means: something may be there, claim it yourself. Missing a message for
        longer than a heartbeat is not allowed.
        """

    def reserve(self, count: int) -> int:
        """The first of `count` claim numbers never given out before in this lease."""

    async def stop_waiting(self) -> None:
        """Make a `wait` under way return soon, with what had been handed over meanwhile."""

    async def close(self) -> None:
        """Drop the connection. The lease stays open until it is closed or reaped."""


class Adopted(Struct, frozen=True):
    """How many messages were given back to their queues, had not been held for long enough, and had to stay.

    These are no tasks, or the key of their queue is no list.
    """

    adopted: int
    young: int = 0
    left: int = 0


class Kombu(Protocol):
    """What Celery's workers keep of their own in a store that is also a broker of theirs."""

    def consumers(self) -> tuple[str, ...]:
        """The addresses from which Celery's workers seem to be connected."""

    def adopt(self, older: float) -> Adopted:
        """Give back what they have held for at least so many seconds, whoever holds it."""

    def drain_handoff(self) -> int:
        """Bring what the store keeps beside Celery's lists back into them; how many messages that were."""


class Store(Protocol):
    """The door for everyone but a worker's core: producers, results, commands."""

    url: str
    lease_seconds: float
    """After how long without a heartbeat a worker may be reaped."""
    heartbeat_seconds: float
    """How often a worker sends a heartbeat; infinite leases (known by the system) still look around this often."""
    expiring: bool
    """Whether a lease ends by time. Where the store sees death itself it does not."""
    shared: bool
    """Whether another process can open the same store."""
    format: Format
    """How documents are written and read by those who use this store; the store itself takes any bytes."""

    @property
    def kombu(self) -> Kombu | None:
        """What Celery keeps here; None where it cannot be."""

    def run(self, request: Request[R], *, deadline: float | None = None) -> R:
        """Perform a request, from any thread; retried until `deadline` seconds if it is safe to repeat."""

    def run_many(self, requests: Iterable[Request[R]], *, deadline: float | None = None) -> list[R]:
        """Perform requests in order, each as with `run`; the next may be made and sent before the last is answered.

        Raises at the first that fails: what came before it is done; of what comes after, one that was sent already may
        be done, and no other is.
        """

    async def arun(self, request: Request[R], *, deadline: float | None = None) -> R:
        """The same, from an event loop."""

    def wait_results(
        self, tasks: tuple[str, ...], timeout: float | None, minimum: int | None = None
    ) -> tuple[bytes | None, ...]:
        """The documents of tasks once all are final, or `least` of them; None for those that are not.

        At the timeout it returns what is there.
        """

    async def await_results(self, tasks: tuple[str, ...], timeout: float | None) -> tuple[bytes | None, ...]:
        """The same once all are final, from an event loop: however many wait there, over one connection."""

    async def connect(self, lease: Lease, first: int = 1) -> Session:
        """A session for a worker; raises `OperationalError` when the store cannot be reached.

        `first` is the first claim number to give out: where an earlier session of the same lease stopped.
        """

    def durability(self) -> Durability:
        """What a loss of power would cost, as the store is set up now."""

    def risks(self) -> tuple[str, ...]:
        """How it is set up to lose what it has accepted, each as a sentence that says what to change; mostly none."""

    def close(self) -> None:
        """Drop all connections of this process."""
