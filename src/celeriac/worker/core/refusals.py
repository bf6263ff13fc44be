"""What the store refuses of one worker: asked again, singly, and in the end that one task fails and not its worker.

A store that answers and does nothing (`exceptions.Refused`) is there, so the session goes on. A batch that is refused
is sent again one by one: what is not to blame goes through. What is refused alone is tried again at growing
intervals; the store may refuse everything for a while, rights taken away perhaps. It is to blame when the store
refuses it, takes something else of the same task, and refuses it again, all within a moment. Then its task ends as
`FAILURE` with the reason and a dead letter. Where not even that is accepted, it is kept and tried again.

An outcome so large that the connection breaks whenever it is sent is refused as well, without a word.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec

from celeriac.clock import Clock
from celeriac.exceptions import MalformedMessage, OperationalError, OutcomeRefused, Refused
from celeriac.message import document
from celeriac.message import task as wire
from celeriac.stores import contract as c
from celeriac.worker.core import intake, recovery
from celeriac.worker.core.claim_table import ClaimTable, Failure, Item, Refusal
from celeriac.worker.core.port import monotonic
from celeriac.worker.lane.frame import Manifest
from celeriac.worker.lane.outcome import formatted, refusal

logger = logging.getLogger("celeriac.worker")

TRIES = 3
"""How often the store must have refused an outcome alone before it can be to blame."""
BROKEN_TRIES = 4
"""How often the connection must have broken while it was sent."""
RETURN_TRIES = 8
"""The same for a message that goes back: there is no counter-test of that."""
_PAUSES = (0.5, 30.0)
_STOPPING_PAUSE = 0.2

TakeIn = Callable[[c.Session, tuple[c.Claim, ...], int], Awaitable[None]]


class Refusals:
    """The dealings with one store of one worker. `news` is called when it is time to `insist`."""

    def __init__(self, store: c.Store, worker: str, clock: Clock, take_in: TakeIn, news: Callable[[], None]) -> None:
        self._store = store
        self._worker = worker
        self._clock = clock
        self._take_in = take_in
        self._news = news
        self.stopping = False

    async def singly(
        self, session: c.Session, lease: c.Lease, claim_table: ClaimTable, items: tuple[Item, ...]
    ) -> None:
        """Send one by one what was refused together."""
        for item in items:
            try:
                await self._send(session, lease, item)
            except Refused as error:
                claim_table.refuse(item, str(error.args[0]))
                self._wait(claim_table.refused[item.claim])
            claim_table.settle_one(item)

    async def insist(self, session: c.Session, lease: c.Lease, claim_table: ClaimTable, manifest: Manifest) -> None:
        """Try again what is due."""
        now = monotonic()
        for claim, refused in list(claim_table.refused.items()):
            if refused.again > now and not (self.stopping and refused.again > now + _STOPPING_PAUSE):
                continue
            if await self._goes_through(session, lease, refused):
                claim_table.refused.pop(claim, None)
            elif await self._is_to_blame(session, lease, refused):
                await self._fail(session, lease, claim_table, refused, manifest)
            if claim in claim_table.refused:
                self._wait(refused)

    def _wait(self, refused: Refusal) -> None:
        pause = min(_PAUSES[0] * 2 ** (refused.tries - 1), _PAUSES[1])
        pause = min(pause, _STOPPING_PAUSE) if self.stopping else pause
        refused.again = monotonic() + pause
        asyncio.get_running_loop().call_later(pause + 0.001, self._news)

    async def _send(self, session: c.Session, lease: c.Lease, item: Item) -> None:
        match item:
            case c.Outcome():
                outcomes = formatted((item,), self._store.format)
                reply = await session.call(c.Finish(lease, outcomes, first=session.reserve(1)))
                await self._take_in(session, reply.claims, reply.revision)
            case c.Return():
                await session.call(c.Release(lease, (item,)))
            case c.Deferral():
                await session.call(c.Defer(lease, (item,)))

    async def _goes_through(self, session: c.Session, lease: c.Lease, refused: Refusal) -> bool:
        if refused.broke and refused.tries >= BROKEN_TRIES:
            return False
        try:
            await self._send(session, lease, refused.item)
        except Refused as error:
            refused.tries, refused.reason, refused.broke = refused.tries + 1, str(error.args[0]), False
            return False
        except OperationalError as error:
            refused.tries, refused.reason, refused.broke = refused.tries + 1, str(error.args[0]), True
            self._wait(refused)
            raise
        return True

    async def _is_to_blame(self, session: c.Session, lease: c.Lease, refused: Refusal) -> bool:
        """Whether it is this that the store refuses, and not just now everything."""
        item = refused.item
        if refused.broke:
            return refused.tries >= BROKEN_TRIES
        if not isinstance(item, c.Outcome):
            return refused.tries >= RETURN_TRIES and not self.stopping
        if refused.tries < TRIES:
            return False
        probe = document.write_started(item.task, 0, self._worker, self._clock.now())
        try:
            await session.call(
                c.Start(lease, formatted((c.StartItem(item.claim, item.task, probe),), self._store.format))
            )
        except Refused:
            return False
        except OperationalError:
            refused.broke = True  # some answer and hang up
            self._wait(refused)
            raise
        return not await self._goes_through(session, lease, refused)

    async def _fail(
        self, session: c.Session, lease: c.Lease, claim_table: ClaimTable, refused: Refusal, manifest: Manifest
    ) -> None:
        """End the claim as a failure. The message is with the store: what has ended is not kept here."""
        item = refused.item
        known = tuple([claim for claim in claim_table.known() if claim != item.claim])
        reply = await session.call(c.Reconcile(lease, known))
        claim = next((claim for claim in reply.unknown if claim.id == item.claim), None)
        if claim is not None:
            try:
                await self._send(session, lease, self._failure(claim, refused.reason, manifest))
            except Refused as error:
                logger.error("the store refuses the end of a task, and its failure as well: %s", error)
                return
        claim_table.refused.pop(item.claim, None)

    def _failure(self, claim: c.Claim, reason: str, manifest: Manifest) -> c.Outcome:
        now = self._clock.now()
        try:
            headers = wire.read_headers(claim.raw)
        except MalformedMessage as error:
            return refusal(claim.raw, claim.queue, error, now, claim.id)
        held = intake.hold(claim, headers, manifest.tasks)
        logger.error("the store refuses what Task %s[%s] ended with: %s", held.name, held.task_id, reason)
        failed = Failure(OutcomeRefused.__name__, reason, cause=c.Cause.REFUSED)
        return msgspec.structs.replace(recovery.end(held, failed, now, self._worker), claim=claim.id)
