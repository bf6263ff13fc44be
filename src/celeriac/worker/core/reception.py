"""Where claims come in: what becomes of each, and which pool it is for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from celeriac.clock import Clock
from celeriac.exceptions import MalformedMessage
from celeriac.message import task as wire
from celeriac.stores import contract as c
from celeriac.worker.core import intake, recovery
from celeriac.worker.core.claim_table import HeldClaim
from celeriac.worker.core.dispatcher import Dispatcher
from celeriac.worker.core.port import monotonic
from celeriac.worker.core.revoked import RevocationCache
from celeriac.worker.lane.frame import Manifest
from celeriac.worker.log import tasklog


class Reception:
    """Gives claims to the dispatchers, but not before it knows what was revoked before they were taken."""

    def __init__(
        self, dispatchers: list[Dispatcher], manifest: Manifest, clock: Clock, news: Callable[[], None]
    ) -> None:
        self.manifest = manifest
        self.revoked = RevocationCache()
        self.taken: Counter[str] = Counter()
        """How many claims came in from each queue."""
        self._dispatchers = dispatchers
        self._of_queue = {queue: dispatcher for dispatcher in dispatchers for queue in dispatcher.queues}
        self._rules = intake.Rules.of(manifest.settings)
        self._loss_limit = int(manifest.settings["worker_loss_limit"])
        self._clock = clock
        self._news = news

    def _dispatcher_of(self, claim: c.Claim) -> Dispatcher:
        return self._of_queue.get(claim.queue, self._dispatchers[0])

    async def take_in(self, session: c.Session, claims: tuple[c.Claim, ...], revision: int) -> None:
        """Let new claims go where they belong; `revision` is the store's when they were taken."""
        await self.learn(session, revision)
        if claims:
            now = self._clock.now()
            self.taken.update([claim.queue for claim in claims])
            for claim in claims:
                self._admit(claim, self._dispatcher_of(claim), now)
            for dispatcher in self._dispatchers:
                dispatcher.hand_out()

    def _admit(self, claim: c.Claim, dispatcher: Dispatcher, now: float) -> None:
        item = intake.sort(claim, self.manifest.tasks, now, self._rules, dispatcher.pool.time_limit)
        if isinstance(item, HeldClaim):
            revocation = self.revoked.find(item.task_id) if self.revoked else None
            if item.failure is not None:
                dispatcher.warden.fail(item, item.failure)
            elif revocation is not None:
                dispatcher.end(item, c.Outcome("", item.task_id, revocation.result))
            else:
                dispatcher.admit(item)
            return
        if isinstance(item, c.Deferral):
            dispatcher.claim_table.deferrals.append(item)
        else:
            tasklog.say_unfit(claim.queue, item.dead.reason if item.dead else None)
            dispatcher.claim_table.ended.append(item)
        self._news()

    async def learn(self, session: c.Session, revision: int) -> None:
        """Read what was revoked up to this revision, and end what can be ended."""
        if revision <= self.revoked.revision:
            return
        news = await session.call(c.Revocations(self.revoked.revision))
        for entry in self.revoked.take_in(news, monotonic()):
            for dispatcher in self._dispatchers:
                dispatcher.warden.revoke(entry)

    def inherit(self, claims: tuple[c.Claim, ...]) -> None:
        """A dead worker's claims go back to their queues, but for those that may not run again."""
        for claim in claims:
            self._inherit(claim, self._dispatcher_of(claim))

    def _inherit(self, claim: c.Claim, dispatcher: Dispatcher) -> None:
        try:
            headers = wire.read_headers(claim.raw)
        except MalformedMessage:
            dispatcher.claim_table.returns.append(c.Return(claim.id))
            return
        held = intake.hold(claim, headers, self.manifest.tasks)
        losses = headers.losses + 1
        decided = recovery.worker_died(held, started=claim.started, losses=losses, limit=self._loss_limit)
        dispatcher.warden.obey(held, decided)
