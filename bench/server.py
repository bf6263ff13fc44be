"""The one Redis of a run, and what it knows of those who talk to it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import redis

from bench.proc import cpu_seconds
from tools.servers.redis import RedisServer

_LEAVING_SECONDS = 5.0
_OURS = ("info", "client", "config", "flushall", "ping", "dbsize", "scan", "hlen", "hello")
"""Commands that this module sends; they are not counted."""


class Crowded(Exception):
    """Somebody else talks to the server: figures taken now would be worth nothing."""


@dataclass(frozen=True)
class Traffic:
    """What the server was asked to do.

    `commands` counts what it executed by name, those inside scripts and transactions each for itself.
    `reads` counts how often it found something to read: a pipeline that arrives at once counts once, a
    request of more than 16 KB several times. It is never less than the number of round trips.
    """

    commands: dict[str, int]
    reads: int


class BenchServer:
    """A Redis without persistence, and a connection to watch it through."""

    def __init__(self, directory: Path) -> None:
        self._server = RedisServer(directory)

    def __enter__(self) -> Self:
        self._server.start()
        self._redis = redis.Redis(port=self._server.port, host="127.0.0.1", decode_responses=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._redis.close()
        self._server.close()

    @property
    def url(self) -> str:
        """Of the database that is measured."""
        return self._server.url

    @property
    def version(self) -> str:
        """Which Redis it is."""
        return str(self._info("server")["redis_version"])

    def prepare(self) -> None:
        """Make sure that nobody else is there, and empty it; raises `Crowded`."""
        own = self._redis.client_id()
        ends = time.monotonic() + _LEAVING_SECONDS
        while others := [client for client in self._redis.client_list() if client["id"] != str(own)]:
            if time.monotonic() > ends:
                raise Crowded(f"{len(others)} other clients are on the server: {others}")
            time.sleep(0.05)
        self._redis.flushall()
        self._redis.config_resetstat()

    def cpu_seconds(self) -> float:
        """What its process has used so far."""
        return cpu_seconds(self._server.pid)

    def traffic(self) -> Traffic:
        """Everything since `prepare`."""
        names = self._info("commandstats")
        calls = {name.removeprefix("cmdstat_"): int(entry["calls"]) for name, entry in names.items()}
        theirs = {name: count for name, count in calls.items() if name.partition("|")[0] not in _OURS}
        return Traffic(theirs, int(self._info("stats")["total_reads_processed"]))

    def results(self) -> int:
        """How many results are stored: each is a key of its own, or a field of a hash that is called so."""
        hashes = self._redis.scan_iter(match="*result*", _type="hash", count=10_000)
        return int(self._redis.dbsize()) + sum(int(self._redis.hlen(key)) for key in hashes)

    def _info(self, section: str) -> dict[str, Any]:
        found: dict[str, Any] = self._redis.info(section)
        return found
