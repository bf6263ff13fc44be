"""Dropping what waits in a worker's queues, before it begins."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from celeriac.stores import contract as c
from celeriac.worker.log.words import some

logger = logging.getLogger("celeriac.worker")

_PIECE = 10_000


async def purge(session: c.Session, queues: Iterable[str]) -> None:
    """Drop what is ready in these queues; what comes meanwhile may stay."""
    dropped = 0
    for row in await session.call(c.Stats(tuple(queues))):
        left = row.ready
        while left > 0 and (count := await session.call(c.Purge(row.queue, min(left, _PIECE)))):
            left, dropped = left - count, dropped + count
    logger.warning("purged %s", some(dropped, "message"))
