"""Workers that are wrong on purpose: `python -m tests.chaos.mutants` is `celeriac` with the mutation in it.

`TEST_MUTANT` names the mutation. Each takes away one thing that the promises rest on, and the checker has to
notice; where it does not, the checker proves nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import msgspec

from celeriac.cli.main import main
from celeriac.stores import contract as c
from celeriac.stores.contract.watch import Watch
from celeriac.stores.redis import layout, scripts, session, verbs
from celeriac.worker.core import core
from celeriac.worker.launch_spec import LaunchSpec
from celeriac.worker.processes.launcher import launch

ACK_SECONDS = 4.0


def no_fence() -> None:
    """Redis believes what a worker says of its lease and of its claims."""

    held = "redis.call('HEXISTS', KEYS[2], id) == 1"
    assert held in scripts.script("finish").text.decode(), "the fence has another form now"

    def believe(text: str) -> str:
        text = re.sub(r"if [^\n]*\n  return redis\.error_reply\('LEASELOST[^\n]*\nend\n", "", text)
        text = text.replace(held, "true")
        return text.replace("return {unknown, missing}", "return {unknown, {}}")

    _mutate_scripts(believe)


def _mutate_scripts(change: Callable[[str], str]) -> None:
    original = scripts.script

    def mutated(name: str) -> scripts.Script:
        text = change(original(name).text.decode()).encode()
        return scripts.Script(text, hashlib.sha1(text, usedforsecurity=False).hexdigest().encode())

    nouns = [module for module in vars(verbs).values() if hasattr(module, "VERBS")]
    for module in (scripts, session, *nouns):
        module.script = mutated


def slow_finish() -> None:
    """Not wrong: it only waits before each report, so that there is time for a kill."""
    _replace_finish(_finish_slowly)


def ack_first() -> None:
    """The message is acknowledged first, and the result is written afterwards."""
    _replace_finish(_finish_in_two_steps)


Finish = Callable[[session.RedisSession, c.Finish], Any]


def _replace_finish(replacement: Callable[[Finish, session.RedisSession, c.Finish], Any]) -> None:
    original = session.RedisSession.call

    async def call(self: session.RedisSession, request: c.Request[Any]) -> Any:
        if isinstance(request, c.Finish) and request.outcomes:
            return await replacement(original, self, request)
        return await original(self, request)

    session.RedisSession.call = call  # type: ignore[method-assign]


async def _finish_slowly(original: Finish, self: session.RedisSession, request: c.Finish) -> Any:
    await asyncio.sleep(ACK_SECONDS)
    return await original(self, request)


async def _finish_in_two_steps(original: Finish, self: session.RedisSession, request: c.Finish) -> Any:
    acks = tuple(msgspec.structs.replace(outcome, result=None) for outcome in request.outcomes)
    reply = await original(self, msgspec.structs.replace(request, outcomes=acks))
    await asyncio.sleep(ACK_SECONDS)
    for outcome in request.outcomes:
        if outcome.result is not None:
            await self._link.call([b"SET", layout.result_key(outcome.task), outcome.result])
    return reply


def trust_clock() -> None:
    """A heartbeat is the time of day, and who has sent none for a lease is dead: as simple as it looks."""
    _mutate_scripts(lambda text: text.replace("'HINCRBY', KEYS[2], ARGV[1], 1", "'HSET', KEYS[2], ARGV[1], now_ms()"))

    def look(self: Watch, now: float, peers: tuple[c.Peer, ...], me: str) -> list[c.Peer]:
        times = {peer.worker: peer.heartbeat for peer in peers if peer.heartbeat > 1_000_000}  # a small one only counts
        return [peer for peer in peers if times[me] - times.get(peer.worker, times[me]) > self.lease * 1000]

    Watch.look = look  # type: ignore[method-assign]


def stay(order: LaunchSpec) -> NoReturn:
    """Be the launcher without exec(2), which would leave the mutation behind."""
    sys.exit(launch(order.options))


MUTATIONS = {"no_fence": no_fence, "slow_finish": slow_finish, "ack_first": ack_first, "trust_clock": trust_clock}

if __name__ == "__main__":
    MUTATIONS[os.environ["TEST_MUTANT"]]()
    core._RECONNECT_SECONDS = (0.05, 0.05)
    LaunchSpec.execute = stay  # type: ignore[assignment,method-assign]
    main()
