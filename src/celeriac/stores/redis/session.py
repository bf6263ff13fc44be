"""A worker's door to Redis: a connection for requests, one to be called by, one for each list it waits on.

They are separate because Redis cuts off a subscriber to whom it owes more than 32 MB (its setting
`client-output-buffer-limit`), and a claim may be longer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

from celeriac.exceptions import OperationalError
from celeriac.store import contract as c
from celeriac.stores.redis import layout, verbs
from celeriac.stores.redis.address import Address
from celeriac.stores.redis.link import LinkLost, check, needs_script, spell_out
from celeriac.stores.redis.loop_link import AsyncLink
from celeriac.stores.redis.scripts import script

R = TypeVar("R")

_LOADED = ("fence", "finish", "beat", "start", "release", "reap", "reconcile", "promote", "open", "close")


class RedisSession:
    """See `store.contract.Session`. `reply_seconds` without a reply end the session."""

    def __init__(self, address: Address, place: verbs.Place, lease: c.Lease, first: int, wait_seconds: float) -> None:
        self._address = address
        self._place = place
        self._lease = lease
        self._wait_seconds = wait_seconds
        self.reply_seconds = wait_seconds * 2
        self._numbers = first
        self._woken = False
        self._stirred = asyncio.Event()
        self._waiters: dict[bytes, _Waiter] = {}
        self._lists_seen: set[bytes] = set()
        self._paused: frozenset[bytes] = frozenset()
        self.on_news: Callable[[], None] = _nothing

    async def open(self) -> RedisSession:
        """Connect, bring the scripts along, and listen to calls to wake up."""
        self._link = await AsyncLink.open(self._address)
        loads = [[b"SCRIPT", b"LOAD", script(name).text] for name in _LOADED]
        try:
            self._ear = await AsyncLink.open(self._address, self._on_push, self._link.abort)
        except BaseException:
            self._link.abort()
            raise
        self._ear.tell([b"SUBSCRIBE", layout.WAKE_CHANNEL])
        try:
            async with asyncio.timeout(self.reply_seconds):
                fence = verbs.fence(self._lease, self._numbers)
                for reply in await asyncio.gather(*self._link.call_all(*loads, fence), self._ear.call([b"PING"])):
                    check(reply)
        except (LinkLost, TimeoutError) as error:
            await self.close()
            raise OperationalError(f"cannot talk to Redis: {str(error) or 'timeout'}") from error
        return self

    def _on_push(self, push: list[Any]) -> None:
        if push[0] == b"message":
            if push[2] == b"news":
                self.on_news()
            else:
                self._woken = True
                self._stirred.set()

    async def call(self, request: c.Request[R]) -> R:
        """Perform a request; the session is over after `OperationalError`."""
        command = verbs.encode(request, self._place)
        reply = await self._exchange(command)
        if needs_script(reply):
            reply = await self._exchange(spell_out(command))
        decoded = verbs.decode(request, check(reply))
        if isinstance(decoded, c.Finished):
            self._note_lists(decoded.claims)
            self._paused = verbs.paused_lists(reply)
        return decoded

    async def _exchange(self, command: verbs.Command) -> Any:
        try:
            async with asyncio.timeout(self.reply_seconds):
                return await self._link.call(command)
        except (LinkLost, TimeoutError) as error:
            self._link.abort()
            reason = str(error) or f"within {self.reply_seconds:g} s"
            raise OperationalError(f"no reply from Redis: {reason}") from error

    def _note_lists(self, claims: tuple[c.Claim, ...]) -> None:
        """Lists of other priorities are waited on once something came from them."""
        for claim in claims:
            if claim.priority:
                self._lists_seen.add(layout.list_key(claim.queue, claim.priority))

    def reserve(self, count: int) -> int:
        """The next claim numbers."""
        first = self._numbers
        self._numbers += count
        return first

    async def wait(self, queues: tuple[str, ...], count: int) -> c.Handed | None:
        """Let Redis move the next message and claim in the same write; nothing stays under way."""
        # A move from a paused list would end the wait at once, and bring nothing.
        sources = sorted(({layout.list_key(queue, 0) for queue in queues} | self._lists_seen) - self._paused)
        if not sources:
            await self._wait_to_be_called()
            return None
        waiters = [self._waiters.get(source) or await self._open_waiter(source) for source in sources]
        if not self._woken:
            self._stirred.clear()
        requests = [c.Finish(self._lease, queues=queues, count=count, first=self.reserve(count)) for _ in sources]
        landings = [
            waiter.land(source, self._wait_seconds, verbs.encode(request, self._place), self._stir)
            for waiter, source, request in zip(waiters, sources, requests, strict=True)
        ]
        try:
            async with asyncio.timeout(self._wait_seconds + self.reply_seconds):
                await self._stirred.wait()
                await self._unblock(landings)
            replies = [check(landing.result()) for landing in landings]
        except (LinkLost, TimeoutError) as error:
            self._link.abort()
            raise OperationalError(f"lost Redis while waiting: {str(error) or 'timeout'}") from error
        self._paused = verbs.paused_lists(replies[-1])
        taken = [verbs.decode(request, reply) for request, reply in zip(requests, replies, strict=True)]
        claims = tuple([claim for finished in taken for claim in finished.claims])
        self._note_lists(claims)
        woken, self._woken = self._woken, False
        return None if woken and not claims else c.Handed(claims, max(finished.revision for finished in taken))

    async def _wait_to_be_called(self) -> None:
        """All the queues are paused."""
        if not self._woken:
            self._stirred.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._wait_seconds):
                await self._stirred.wait()
        self._woken = False

    def _stir(self, _: object = None) -> None:
        self._stirred.set()

    async def _open_waiter(self, source: bytes) -> _Waiter:
        try:
            async with asyncio.timeout(self.reply_seconds):
                waiter = self._waiters[source] = await _Waiter.open(self._address)
                return waiter
        except (LinkLost, TimeoutError) as error:
            self._link.abort()
            raise OperationalError(f"cannot wait at Redis: {str(error) or 'timeout'}") from error

    async def _unblock(self, landings: list[asyncio.Future[Any]]) -> None:
        """End the waits that are left. One that has not reached Redis yet is asked again."""
        while waiting := [landing for landing in landings if not landing.done()]:
            for waiter in self._waiters.values():
                self._link.call([b"CLIENT", b"UNBLOCK", waiter.client_id])
            await asyncio.wait(waiting, timeout=0.05)

    async def stop_waiting(self) -> None:
        """Let the wait under way return."""
        self._stirred.set()

    async def close(self) -> None:
        """Drop all connections."""
        self._link.abort()
        self._ear.abort()
        for waiter in self._waiters.values():
            waiter.link.abort()


class _Waiter:
    """A connection that may be blocked, and the number by which another one can unblock it."""

    def __init__(self, link: AsyncLink, client_id: bytes) -> None:
        self.link = link
        self.client_id = client_id

    @classmethod
    async def open(cls, address: Address) -> _Waiter:
        link = await AsyncLink.open(address)
        try:
            return cls(link, b"%d" % await link.call([b"CLIENT", b"ID"]))
        except BaseException:
            link.abort()
            raise

    def land(
        self, source: bytes, seconds: float, claim: verbs.Command, done: Callable[[object], None]
    ) -> asyncio.Future[Any]:
        """Wait for a message of a list and claim at once, in one write; the reply to the claim."""
        move = [b"BLMOVE", source, layout.landing_key(source), b"RIGHT", b"LEFT", b"%f" % seconds]
        claimed = self.link.call_all(move, claim)[1]
        claimed.add_done_callback(done)
        return claimed


def _nothing() -> None:
    """Nobody wants to know."""
