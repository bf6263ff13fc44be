"""What a worker is to be: its name, and its pools, each with its kind, its size and its queues."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Kind(StrEnum):
    """How the children of a pool run plain tasks; coroutines run beside them in an event loop of each child."""

    PREFORK = "prefork"
    """Many children, each runs one plain task at a time on its main thread."""
    THREADS = "threads"
    """One child with many threads."""
    ASYNCIO = "asyncio"
    """One child whose event loop runs many coroutines; a plain task has the main thread beside them."""
    GEVENT = "gevent"
    """One child with many greenlets, the standard library patched before the app is imported."""
    SOLO = "solo"
    """No child: tasks run one at a time on the main thread of the worker's only process."""


class Pool(Struct, frozen=True):
    """One pool. `concurrency` counts children (prefork), threads, coroutines or greenlets; limits are in seconds.

    `max_tasks` and `max_memory` (KiB of resident memory, looked at after each task) are what a child may
    have done and grown to before another takes its place; 0 means no end.
    """

    name: str = "default"
    kind: Kind = Kind.PREFORK
    concurrency: int = 1
    queues: tuple[str, ...] = ()
    max_tasks: int = 0
    max_memory: int = 0
    time_limit: float = 0.0
    soft_time_limit: float = 0.0

    @property
    def children(self) -> int:
        """How many children it keeps."""
        return self.concurrency if self.kind is Kind.PREFORK else 1

    @property
    def width(self) -> int:
        """How many plain tasks one child runs side by side."""
        return self.concurrency if self.kind in (Kind.THREADS, Kind.GEVENT) else 1

    @property
    def coroutines(self) -> int:
        """How many coroutines one child runs side by side; 0 means as many as the app's settings say."""
        return self.concurrency if self.kind is Kind.ASYNCIO else 0

    @property
    def shared(self) -> bool:
        """Whether a child's death ends several plain tasks at once."""
        return self.width > 1


class Given(Struct, frozen=True):
    """What the command line says; None where it says nothing.

    `more` are further pools, `excluded` queues that the first one does not serve.
    """

    kind: Kind | None = None
    concurrency: int | None = None
    queues: tuple[str, ...] | None = None
    time_limit: float | None = None
    soft_time_limit: float | None = None
    max_tasks: int | None = None
    max_memory: int | None = None
    more: tuple[Pool, ...] = ()
    excluded: tuple[str, ...] = ()


class Scale(Struct, frozen=True):
    """The least and the most children that a pool may have, and for how many seconds it keeps what it needs no more."""

    minimum: int
    maximum: int
    keep_seconds: float = 30.0


class WorkerOptions(Struct, frozen=True):
    """What the command line says of a worker."""

    app: str
    name: str
    pools: tuple[Pool, ...]
    log_level: str = "INFO"
    log_format: str | None = None
    """Before what the settings say: a format, or `json`."""
    log_file: str | None = None
    """Where the log goes; unset, to standard error."""
    given: Given | None = None
    """What the command line says of the pools, until the settings of the app have completed them."""
    start_method: str | None = None
    """`fork` or `spawn`; unset, what the settings say."""
    include: tuple[str, ...] = ()
    """Modules to import beside those that the app names."""
    purge: bool = False
    """Whether to drop first what waits in its queues."""
    scale: Scale | None = None
    """Between which sizes the first pool is kept by its load; unset, it keeps its size."""
    shown: bool = False
    """Whether it shows on standard output what it is and what it waits for."""
    begun: float = 0.0
    """When it was started, on the monotonic clock; 0 where nobody noted it."""
    reload: bool = False
    """Whether it reads the code anew when a file of it has changed."""

    @property
    def alone(self) -> bool:
        """Whether it is one process, without children."""
        return any(pool.kind is Kind.SOLO for pool in self.pools)

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues of all its pools."""
        return tuple(queue for pool in self.pools for queue in pool.queues)

    @property
    def children(self) -> int:
        """How many children it keeps."""
        return sum(pool.children for pool in self.pools)

    @property
    def max_children(self) -> int:
        """How many children it keeps when the load is at its highest."""
        grown = 0 if self.scale is None else max(0, self.scale.maximum - self.pools[0].children)
        return self.children + grown
