"""What a new worker that was given its queues sees beside them: messages that wait where nobody serves."""

from __future__ import annotations

import logging

from celeriac.stores import contract as c
from celeriac.stores.contract.workers import ListWorkers
from celeriac.worker.log.words import some

logger = logging.getLogger("celeriac.worker")

_SHOWN = 5


async def look_around(session: c.Session, queues: tuple[str, ...]) -> None:
    """Warn if one of these queues is empty while others, which no living worker serves, are not: a slip of the pen?"""
    rows = await session.call(c.Stats())
    filled = {row.queue for row in rows if row.ready or row.delayed or row.claimed}
    empty = [queue for queue in queues if queue not in filled]
    waiting = {row.queue: row.ready for row in rows if row.ready and row.queue not in queues}
    if not empty or not waiting:
        return
    for sight in await session.call(ListWorkers(0)):
        for queue in () if sight.peer.dead else sight.peer.record.queues:
            waiting.pop(queue, None)
    if waiting:
        logger.warning("%s", warning(empty, waiting))


def warning(empty: list[str], waiting: dict[str, int]) -> str:
    """What is said of it: pure."""
    from difflib import get_close_matches  # not in every worker's memory

    named = [f"{queue} ({count:,} ready)" for queue, count in list(waiting.items())[:_SHOWN]]
    if len(waiting) > _SHOWN:
        named.append(some(len(waiting) - _SHOWN, "other"))
    meant = [f"{close[0]} for {queue}" for queue in empty if (close := get_close_matches(queue, waiting, 1))]
    hint = f"; did you mean {', '.join(meant)}?" if meant else ""
    are = "is" if len(empty) == 1 else "are"
    have = "has" if len(waiting) == 1 else "have"
    return f"nothing waits in {', '.join(empty)}, which {are} served here; {', '.join(named)} {have} no worker{hint}"
