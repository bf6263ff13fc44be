"""The door to Redis for event loops: one connection a loop for requests, one for results."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TypeVar

from celeriac.exceptions import OperationalError
from celeriac.stores import contract as c
from celeriac.stores.redis import verbs
from celeriac.stores.redis.address import Address
from celeriac.stores.redis.ear import ResultLink
from celeriac.stores.redis.link import LinkLost, Unreachable, needs_script, spell_out
from celeriac.stores.redis.loop_link import AsyncLink
from celeriac.stores.redis.loops import LoopLinks
from celeriac.stores.redis.refusals import is_passing, is_too_long, refusal, too_large
from celeriac.stores.redis.unanswered import (
    DEADLINE_SECONDS,
    FIRST_LOOK_SECONDS,
    RECHECK_SECONDS,
    Outage,
    answer,
    away,
    given_up,
)

R = TypeVar("R")


class LoopDoor:
    """The half of `RedisStore` that is awaited."""

    def __init__(self, address: Address, results_address: Address, place: verbs.Place) -> None:
        self._place = place
        self._where = address.place
        self._links = LoopLinks(address, AsyncLink)
        self._ears = LoopLinks(results_address, ResultLink)

    async def run(self, request: c.Request[R], deadline: float | None = None) -> R:
        """See `RedisStore.run`; requests are in flight side by side."""
        command = verbs.encode(request, self._place)
        links = self._ears if isinstance(request, verbs.RESULT_REQUESTS) else self._links
        sent, pause = False, 0.01
        seconds = DEADLINE_SECONDS if deadline is None else deadline
        failure: Exception = TimeoutError(f"no reply within {seconds:g} s")
        try:
            async with asyncio.timeout(seconds):
                while True:
                    try:
                        link: AsyncLink = await links.get()
                        before, sent = sent, True
                        reply = await link.call(command)
                        if needs_script(reply):
                            reply = await link.call(spell_out(command))
                        if is_too_long(reply):
                            raise too_large(command)
                        if not is_passing(reply):
                            return answer(request, reply)
                        sent, failure = before, refusal(str(reply))
                    except (LinkLost, Unreachable) as error:
                        failure = error
                        if sent and not request.repeatable:
                            raise given_up(request, sent, error, self._where, command) from error
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, 0.25)
        except TimeoutError:
            raise given_up(request, sent, failure, self._where, command) from failure

    async def await_results(self, tasks: tuple[str, ...], timeout: float | None) -> tuple[bytes | None, ...]:
        """See `RedisStore.wait_results`; all coroutines of a loop share one subscribed connection."""
        ends = None if timeout is None else time.monotonic() + timeout
        found: dict[str, bytes] = {}
        outage = Outage(self._where, said=timeout is None)
        while missing := [task for task in dict.fromkeys(tasks) if task not in found]:
            left = RECHECK_SECONDS if ends is None else max(0.0, min(RECHECK_SECONDS, ends - time.monotonic()))
            failure: Exception | None = None
            try:
                link = await self._ear(left)
                documents = await link.listen([self._place.result_key(task) for task in missing], left)
                outage.over()
                found.update((task, doc) for task, doc in zip(missing, documents, strict=True) if doc is not None)
            except (LinkLost, Unreachable) as error:
                failure = error
                await self._fetch(missing, found, ends)
            if ends is not None and time.monotonic() >= ends:
                if failure is not None and not found:
                    raise away(self._where, failure) from failure
                break
            if failure is not None:
                pause = outage.pause(failure)
                await asyncio.sleep(pause if ends is None else min(pause, max(0.0, ends - time.monotonic())))
        return tuple(found.get(task) for task in tasks)

    async def _ear(self, seconds: float) -> ResultLink:
        """The subscribed connection; opening one goes on, for others, when this one does not wait any longer."""
        try:
            async with asyncio.timeout(max(seconds, FIRST_LOOK_SECONDS)):
                return await self._ears.get()
        except TimeoutError:
            raise Unreachable("no answer", "no answer") from None

    async def _fetch(self, tasks: list[str], found: dict[str, bytes], ends: float | None) -> None:
        """Read them one by one, as `RedisStore` does."""
        with contextlib.suppress(OperationalError):
            for task in tasks:
                left = None if ends is None else ends - time.monotonic()
                if left is not None and left <= 0:
                    return
                (document,) = await self.run(c.ReadResults((task,)), left and min(left, DEADLINE_SECONDS))
                if document is not None and c.is_final(document):
                    found[task] = document

    def close(self) -> None:
        """Drop all connections, from any thread."""
        self._links.close()
        self._ears.close()
