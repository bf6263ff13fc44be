"""What a worker has counted of each task: what ended, what failed, how long runs took. Told with its heartbeats.

The hot path only notes run times; they are counted when somebody is told, and of many only some, evenly.
"""

from __future__ import annotations

from collections import defaultdict

from celeriac import states
from celeriac.message.final import state_of
from celeriac.stores.contract import TaskCounters
from celeriac.stores.contract.runtimes import added, count

_SUCCESS = b'{"status":"SUCCESS"'
_SAMPLE = 200
"""So many run times of a task are looked at for each telling."""
_NOTED = 4096
_TASKS = 500
"""The most tasks that are told apart; names come from messages, so somebody may make up as many as they like."""


class Tasks:
    """Counts by task."""

    def __init__(self) -> None:
        self._told: dict[str, TaskCounters] = {}
        self._runtimes: defaultdict[str, list[float]] = defaultdict(list)
        self._failed: dict[str, int] = {}

    def ended(self, name: str, seconds: float, document: bytes | None) -> None:
        """A run has ended; with this document, an empty one where a success keeps none."""
        noted = self._runtimes[name]
        noted.append(seconds)
        if document and not document.startswith(_SUCCESS) and state_of(document) == states.FAILURE:
            self._failed[name] = self._failed.get(name, 0) + 1
        if len(noted) > _NOTED:
            self._fold(name)

    def tell(self) -> dict[str, TaskCounters]:
        """The counts so far."""
        for name in list(self._runtimes):
            self._fold(name)
        return dict(self._told)

    def _fold(self, name: str) -> None:
        noted = self._runtimes.pop(name)
        failed = self._failed.pop(name, 0)
        known = self._told.get(name)
        if known is None:
            if len(self._told) >= _TASKS:
                return
            known = TaskCounters()
        step = -(-len(noted) // _SAMPLE)
        buckets = added(known.runtimes, count(noted[::step], step))
        self._told[name] = TaskCounters(known.done + len(noted), known.failed + failed, buckets)
