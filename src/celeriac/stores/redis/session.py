"""A worker's door to Redis: a connection for requests, one to be called by, one for each list it waits on.

They are separate because Redis cuts off a subscriber to whom it owes more than 32 MB (its setting
`client-output-buffer-limit`), and a claim may be longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any, TypeVar

import hiredis

from celeriac.exceptions import OperationalError
from celeriac.stores import contract as c
from celeriac.stores.redis import layout, rights, verbs
from celeriac.stores.redis.address import Address
from celeriac.stores.redis.link import LinkLost, check, needs_script, spell_out
from celeriac.stores.redis.loop_link import AsyncLink
from celeriac.stores.redis.prefix import Prefix
from celeriac.stores.redis.refusals import is_denied, is_too_long, size_note, too_large

R = TypeVar("R")

_LOADED = (
    "rights",
    "fence",
    "finish",
    "heartbeat",
    "start",
    "release",
    "reap",
    "reconcile",
    "promote",
    "open",
    "close",
)
_NO_CALLS_SECONDS = 1.0
"""Who hears no calls looks so often for what they would have said."""
_NO_UNBLOCK_SECONDS = 0.2
"""A wait that nobody can end lasts so long."""


class RedisSession:
    """See `stores.contract.Session`. `reply_seconds` without a reply end the session."""

    def __init__(self, address: Address, place: verbs.Place, lease: c.Lease, first: int, wait_seconds: float) -> None:
        self._address = address
        self._place = place
        self._lease = lease
        self._wait_seconds = wait_seconds
        self.reply_seconds = wait_seconds * 2
        self._numbers = first
        self._woken = False
        self._asked = 0.0
        self._was_woken = asyncio.Event()
        self._waiters: dict[bytes, _Waiter] = {}
        self._lists_seen: set[bytes] = set()
        self._left_out: frozenset[bytes] = frozenset()
        self._said: frozenset[bytes] = frozenset()
        self._marks = False
        """Whether tasks are marked here before they begin."""
        self.rights = rights.Rights()
        self.on_news: Callable[[], None] = _nothing

    async def open(self) -> RedisSession:
        """Connect, bring the scripts along, find out what we may do, and listen to calls to wake up."""
        self._link = await AsyncLink.open(self._address)
        self._ear: AsyncLink | None = None
        try:
            async with asyncio.timeout(self.reply_seconds):
                await self._prepare()
        except (LinkLost, TimeoutError) as error:
            await self.close()
            raise OperationalError(f"cannot talk to Redis at {self._address.place}: {_why(error)}") from error
        except BaseException:
            await self.close()
            raise
        if not self.rights.channels:
            self._wait_seconds = min(self._wait_seconds, _NO_CALLS_SECONDS)
        if not self.rights.unblock:
            self._wait_seconds = min(self._wait_seconds, _NO_UNBLOCK_SECONDS)
        return self

    async def _prepare(self) -> None:
        # Where SCRIPT is refused, each script comes with its first call.
        loads = [[b"SCRIPT", b"LOAD", self._place.prefix.script(name).text] for name in _LOADED]
        asked = rights.questions(self._place)
        replies = await asyncio.gather(*self._link.call_all(*loads, *asked))
        for reply in replies[: len(loads)]:
            if not is_denied(reply):
                check(reply)
        unblock, blocking, refused = replies[len(loads) :]
        if needs_script(refused):
            refused = await self._link.call(spell_out(asked[-1]))
        self.rights = rights.read(unblock, blocking, check(refused), self._address.username)
        if self.rights.channels and not (self._link.hears and await self._listen()):
            self.rights = self.rights._replace(channels=False)
        if not self._link.client_id:
            self.rights = self.rights._replace(unblock=False)
        fence = self._place.prefix.of(verbs.fence(self._lease, self._numbers))
        reply = await self._link.call(fence)
        check(await self._link.call(spell_out(fence)) if needs_script(reply) else reply)

    async def _listen(self) -> bool:
        """Whether we may hear the calls; if so we do from now on."""
        ear = self._ear = await AsyncLink.open(self._address, self._on_push, self._link.abort)
        if not is_denied(await ear.tell(self._place.prefix.of([b"SUBSCRIBE", layout.WAKE_CHANNEL]))):
            return True
        self._ear = None
        ear.forsake()
        return False

    def _on_push(self, push: list[Any]) -> None:
        if push[0] == b"message":
            if push[2] == b"news":
                self.on_news()
            elif push[2] != b"rights":
                self._woken = True
                self._was_woken.set()

    async def call(self, request: c.Request[R]) -> R:
        """Perform a request; the session is over after `OperationalError`."""
        if isinstance(request, c.OpenLease):
            await self._look_at(request.record.queues)
        command = verbs.encode(request, self._place)
        if isinstance(request, c.Start):
            self._marks = True
        # Where tasks begin others have mostly ended: both are said in one write.
        reply = await self._exchange(command, soon=self._marks and isinstance(request, (c.Start, c.Finish)))
        if needs_script(reply):
            reply = await self._exchange(spell_out(command))
        if is_too_long(reply):
            raise too_large(command)
        decoded = verbs.decode(request, check(reply))
        if isinstance(decoded, c.Finished):
            self._note_lists(decoded.claims)
            self._leave_out(reply)
        return decoded

    async def _look_at(self, queues: tuple[str, ...]) -> None:
        """Raise `NotPermitted` where we may not have the lists of the queues."""
        look = self._place.prefix.of([b"EXISTS", *layout.sources(queues)])
        reply = await self._link.call(look)
        if is_denied(reply):
            check(reply)

    async def _exchange(self, command: verbs.Command, *, soon: bool = False) -> Any:
        try:
            async with asyncio.timeout(self.reply_seconds):
                return await (self._link.call_soon(command) if soon else self._link.call(command))
        except (LinkLost, TimeoutError) as error:
            self._link.abort()
            why = str(error) or f"within {self.reply_seconds:g} s"
            raise OperationalError(
                f"no reply from Redis at {self._address.place}: {why}{size_note(command)}"
            ) from error

    def _note_lists(self, claims: tuple[c.Claim, ...]) -> None:
        """Lists of other priorities are waited on once something came from them."""
        for claim in claims:
            if claim.priority:
                self._lists_seen.add(layout.list_key(claim.queue, claim.priority))

    def _leave_out(self, reply: Any) -> None:
        """Lists of which nothing is claimed are not waited on: a move from them would end the wait at once."""
        strange = verbs.strange_lists(reply)
        self._left_out = verbs.paused_lists(reply) | strange
        if not strange:
            return
        for key in sorted(strange - self._said):
            logging.getLogger("celeriac.worker").error(
                "nothing is served from the queue %s: its key in Redis is no list, but what another program put there",
                layout.read_list_key(key)[0],
            )
        self._said |= strange

    def reserve(self, count: int) -> int:
        """The next claim numbers."""
        first = self._numbers
        self._numbers += count
        return first

    async def wait(self, queues: tuple[str, ...], count: int) -> c.WaitReply | None:
        """Let Redis move the next message and claim in the same write; nothing stays under way."""
        sources = sorted(({layout.list_key(queue, 0) for queue in queues} | self._lists_seen) - self._left_out)
        if not sources:
            await self._wait_to_be_called(self._wait_seconds)
            return None
        if not self.rights.blocking:
            return await self._look_again(queues, count)
        waiters = [self._waiters.get(source) or await self._open_waiter(source) for source in sources]
        if not self._woken:
            self._was_woken.clear()
        requests = [c.Finish(self._lease, queues=queues, count=count, first=self.reserve(count)) for _ in sources]
        commands = [verbs.encode(request, self._place) for request in requests]
        handoffs = [
            waiter.land(source, self._wait_seconds, command, self._wake)
            for waiter, source, command in zip(waiters, sources, commands, strict=True)
        ]
        try:
            async with asyncio.timeout(self._wait_seconds + self.reply_seconds):
                await self._was_woken.wait()
                await self._unblock(handoffs)
            replies = [
                check(await self._link.call(spell_out(command)) if needs_script(handoff.result()) else handoff.result())
                for handoff, command in zip(handoffs, commands, strict=True)
            ]
        except (LinkLost, TimeoutError) as error:
            self._link.abort()
            raise OperationalError(f"lost Redis while waiting: {_why(error)}") from error
        self._leave_out(replies[-1])
        taken = [verbs.decode(request, reply) for request, reply in zip(requests, replies, strict=True)]
        claims = tuple([claim for finished in taken for claim in finished.claims])
        self._note_lists(claims)
        if not claims and any(_is_refused(waiter.move) for waiter in waiters):
            # A full server moves nothing, and says so at once.
            await self._wait_to_be_called(_NO_UNBLOCK_SECONDS)
        self._ask_for_news()
        woken, self._woken = self._woken, False
        return None if woken and not claims else c.WaitReply(claims, max(finished.revision for finished in taken))

    async def _wait_to_be_called(self, seconds: float) -> None:
        """There is nothing to wait for at Redis: the queues are paused, or we may not wait there."""
        if not self._woken:
            self._was_woken.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._was_woken.wait()
        self._woken = False
        self._ask_for_news()

    async def _look_again(self, queues: tuple[str, ...], count: int) -> c.WaitReply:
        """Claim what has come meanwhile."""
        await self._wait_to_be_called(_NO_UNBLOCK_SECONDS)
        finished = await self.call(c.Finish(self._lease, queues=queues, count=count, first=self.reserve(count)))
        return c.WaitReply(finished.claims, finished.revision)

    def _ask_for_news(self) -> None:
        """Nobody would tell."""
        now = asyncio.get_running_loop().time()
        if not self.rights.channels and now - self._asked >= _NO_CALLS_SECONDS:
            self._asked = now
            self.on_news()

    def _wake(self, _: object = None) -> None:
        self._was_woken.set()

    async def _open_waiter(self, source: bytes) -> _Waiter:
        try:
            async with asyncio.timeout(self.reply_seconds):
                waiter = self._waiters[source] = await _Waiter.open(self._address, self._place.prefix)
                return waiter
        except (LinkLost, TimeoutError) as error:
            self._link.abort()
            raise OperationalError(f"cannot wait at Redis: {_why(error)}") from error

    async def _unblock(self, handoffs: list[asyncio.Future[Any]]) -> None:
        """End the waits that are left. One that has not reached Redis yet is asked again."""
        while waiting := [handoff for handoff in handoffs if not handoff.done()]:
            if not self.rights.unblock:
                await asyncio.wait(waiting)
                continue
            for waiter in self._waiters.values():
                self._link.call([b"CLIENT", b"UNBLOCK", waiter.client_id])
            await asyncio.wait(waiting, timeout=0.05)

    async def stop_waiting(self) -> None:
        """Let the wait under way return."""
        self._was_woken.set()

    async def close(self) -> None:
        """Drop all connections."""
        self._link.abort()
        if self._ear is not None:
            self._ear.abort()
        for waiter in self._waiters.values():
            waiter.link.abort()


class _Waiter:
    """A connection that may be blocked, and the number by which another one can unblock it."""

    def __init__(self, link: AsyncLink, prefix: Prefix) -> None:
        self.link = link
        self.client_id = link.client_id
        self.move: asyncio.Future[Any] | None = None
        self._prefix = prefix

    @classmethod
    async def open(cls, address: Address, prefix: Prefix) -> _Waiter:
        return cls(await AsyncLink.open(address), prefix)

    def land(
        self, source: bytes, seconds: float, claim: verbs.Command, done: Callable[[object], None]
    ) -> asyncio.Future[Any]:
        """Wait for a message of a list and claim at once, in one write; the reply to the claim."""
        move = [b"BLMOVE", source, layout.handoff_key(source), b"RIGHT", b"LEFT", b"%f" % seconds]
        self.move, claimed = self.link.call_all(self._prefix.of(move), claim)
        claimed.add_done_callback(done)
        return claimed


def _is_refused(move: asyncio.Future[Any] | None) -> bool:
    return move is not None and move.done() and isinstance(move.result(), hiredis.ReplyError)


def _why(error: Exception) -> str:
    return str(error) or "timeout"


def _nothing() -> None:
    """Nobody wants to know."""
