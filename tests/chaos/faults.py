"""What was done to the workers and to the store, as the checker is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tests.worker.ledger import Record

CLEARING_UP = 200_000_000
"""Nanoseconds for which children may go on after the kill: of their core, which the launcher has to notice, or of
their zygote, whose memory the kernel takes apart before it signals the orphans (up to
5 ms were seen under load)."""


class Kind(StrEnum):
    """What happens to whom."""

    KILL_CHILD = "kill of a child"
    KILL_ZYGOTE = "kill of a zygote"
    KILL_CORE = "kill of a core"
    KILL_GROUP = "kill of a whole worker"
    FREEZE_CORE = "freeze of a core"
    FREEZE_GROUP = "freeze of a whole worker"
    FREEZE_STORE = "freeze of the store"
    KILL_STORE = "kill of the store"
    REFUSE_MEMORY = "refusal for lack of memory"
    REFUSE_RIGHTS = "loss of a right"
    REFUSE_KIND = "queue that is no list"
    STALL = "stall of the machine"
    """Nobody did it: this process itself was not let run for a while, so neither were the others."""


CHILD_KILLS = (Kind.KILL_CHILD, Kind.KILL_ZYGOTE)
WORKER_KILLS = (Kind.KILL_CORE, Kind.KILL_GROUP)
KILLS = CHILD_KILLS + WORKER_KILLS
FREEZES = (Kind.FREEZE_CORE, Kind.FREEZE_GROUP)
OUTAGES = (Kind.FREEZE_STORE, Kind.KILL_STORE)
REFUSALS = (Kind.REFUSE_MEMORY, Kind.REFUSE_RIGHTS, Kind.REFUSE_KIND)
STALLS = (Kind.STALL,)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: from `began` to `ended` (nanoseconds of the monotonic clock), both the same for a kill.

    `children` are the pids of those that died of it, `worker` is the number of the worker; a fault of the store
    has neither.
    """

    kind: Kind
    began: int
    ended: int
    worker: int = -1
    children: tuple[int, ...] = ()

    def hits(self, start: Record) -> bool:
        """Whether this struck the process that had begun a task."""
        if self.kind in CHILD_KILLS:
            return start.pid in self.children and start.when <= self.ended + CLEARING_UP
        if self.kind in WORKER_KILLS:
            return start.worker == self.worker and start.when <= self.ended + CLEARING_UP
        return self.kind in FREEZES and start.worker == self.worker and start.when <= self.ended

    def explains(self, before: Record, again: Record) -> bool:
        """Whether a task that had begun may begin again because of this."""
        return self.hits(before) and again.when >= self.began

    def overlaps(self, began: int, ended: int) -> bool:
        """Whether this was going on at some time between the two."""
        return self.began <= ended and self.ended >= began
