"""The door to Redis for producers and readers: blocking, from any thread, safe to use after a fork."""

from __future__ import annotations

import contextlib
import os
import time
import weakref
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar

import hiredis

from celeriac.exceptions import ImproperlyConfigured, NotPermitted, OperationalError
from celeriac.message.format import PLAIN, Format
from celeriac.stores import contract as c
from celeriac.stores.redis import verbs
from celeriac.stores.redis.address import UseTls, parse
from celeriac.stores.redis.link import CONNECT_SECONDS, BlockingLink, LinkLost, needs_script, pack_all
from celeriac.stores.redis.prefix import Prefix
from celeriac.stores.redis.refusals import is_passing, is_too_long, refusal
from celeriac.stores.redis.unanswered import DEADLINE_SECONDS, Outage, answer, away, given_up
from celeriac.stores.redis.wait import Wait

if TYPE_CHECKING:
    from celeriac.stores.redis.loop_door import LoopDoor

R = TypeVar("R")

_FOR_EVER = 100 * 365 * 86400
"""What 0 means as `result_seconds`: an expiry that nobody sees keeps each write one command."""


class RedisStore:
    """Queues and results on one Redis server (6.2 or newer), in one or two of its databases."""

    expiring = True
    shared = True
    format: Format = PLAIN

    def __init__(
        self,
        url: str,
        results_url: str | None = None,
        *,
        lease_seconds: float = 10.0,
        result_seconds: int = 86400,
        dead_limit: int = c.DEAD_LETTER_LIMIT,
        dead_seconds: float = c.DEAD_LETTER_SECONDS,
        failed_limit: int = c.FAILED_LIMIT,
        failed_seconds: float = c.FAILED_SECONDS,
        use_tls: UseTls = None,
        key_prefix: str = "",
        results_prefix: str = "",
    ) -> None:
        """`key_prefix` is in front of all keys, `results_prefix` in front of those of results instead; see `prefix`."""
        self.url = url
        self.lease_seconds = lease_seconds
        self.heartbeat_seconds = lease_seconds / 4
        self._address = parse(url, use_tls)
        if self._address.unverified:
            _warn((f"TLS to {self._address.host} without proof of who answers there: ssl_cert_reqs",))
        results = self._address if results_url is None else parse(results_url)
        if results.server != self._address.server:
            raise ImproperlyConfigured("queues and results on two different servers: not supported yet")
        results_db = None if results.db == self._address.db else results.db
        kept = result_seconds or _FOR_EVER
        bounds = dead_limit, dead_seconds, failed_limit, failed_seconds
        prefix = Prefix(key_prefix, results_prefix)
        self._place = verbs.Place(self._address.db, results_db, kept, *bounds, prefix)
        self._links: dict[int, deque[BlockingLink]] = defaultdict(deque)
        self._results_address = results
        self._for_loops: LoopDoor | None = None
        self._hears: bool | None = None
        """Whether results reach us by channels; None before that was tried."""
        self._served = False
        _STORES.add(self)

    @property
    def kombu(self) -> c.Kombu | None:
        """What Celery workers hold on this database."""
        from celeriac.stores.redis.kombu import Kombu

        return Kombu(self._ask, self._address.db, self._place.prefix)

    def run(self, request: c.Request[R], *, deadline: float | None = None) -> R:
        """Perform a request, again and again until the deadline (default 2 s) if repeating it is safe.

        Raises `OperationalError` when nothing happened, `EnqueueUncertain` when that is not known.
        """
        return self._run(request, deadline, sent=False)

    def _run(self, request: c.Request[R], deadline: float | None, *, sent: bool) -> R:
        """The same for a request that was perhaps sent before."""
        command = verbs.encode(request, self._place)
        db = self._database(request)
        ends = time.monotonic() + (DEADLINE_SECONDS if deadline is None else deadline)
        pause = 0.01
        link: BlockingLink | None = None
        while True:
            try:
                link = self._take(db, ends - time.monotonic())
                before, sent = sent, True
                reply = link.exchange(command, ends - time.monotonic())
            except BaseException as error:
                # Half a command may have gone out, or half a reply come in: with that, a link is of no use to anybody.
                if link is not None:
                    link.close()
                    link = None
                if not isinstance(error, ConnectionRefusedError | LinkLost):
                    raise
                failure: Exception = error
            else:
                self._links[db].append(link)
                link = None
                if not is_passing(reply):
                    return answer(request, reply)
                sent, failure = before, refusal(str(reply))
            if time.monotonic() + pause > ends or (sent and not request.repeatable):
                raise given_up(request, sent, failure, self._address.place, command)
            time.sleep(pause)
            pause = min(pause * 2, 0.25)

    def run_many(self, requests: Iterable[c.Request[R]], *, deadline: float | None = None) -> list[R]:
        """See `Store.run_many`; those that follow each other to one database go over one connection."""
        groups = groupby(requests, self._database)
        return [reply for db, some in groups for reply in self._run_in_order(db, some, deadline)]

    def _run_in_order(self, db: int, requests: Iterator[c.Request[R]], deadline: float | None) -> list[R]:
        """Keep one request under way while the next is being made."""
        replies: list[R] = []
        ahead: deque[c.Request[R]] = deque()
        link: BlockingLink | None = None
        try:
            for request in requests:
                if link is None:
                    # The first finds out whether Redis is there, and brings the script if it is not.
                    replies.append(self.run(request, deadline=deadline))
                    link = self._take(db)
                    continue
                ahead.append(request)
                link.send(pack_all(verbs.encode(request, self._place)))
                if len(ahead) > 1:
                    replies.append(_answer(link, ahead, deadline))
            while link is not None and ahead:
                replies.append(_answer(link, ahead, deadline))
        except BaseException as error:
            if link is not None:
                link.close()
            if not isinstance(error, ConnectionRefusedError | LinkLost):
                raise
            # What is unanswered may have happened; sending it again is safe, and so is all that follows.
            replies += [self._run(request, deadline, sent=True) for request in ahead]
            return replies + [self.run(request, deadline=deadline) for request in requests]
        if link is not None:
            self._links[db].append(link)
        return replies

    def _database(self, request: c.Request[Any]) -> int:
        other = self._place.results_db
        return other if other is not None and isinstance(request, verbs.RESULT_REQUESTS) else self._address.db

    def _take(self, db: int, seconds: float = CONNECT_SECONDS) -> BlockingLink:
        """An idle connection, or a new one that may take so long to open."""
        try:
            return self._links[db].pop()
        except IndexError:
            return BlockingLink(self._address, db, seconds)

    async def arun(self, request: c.Request[R], *, deadline: float | None = None) -> R:
        """The same from an event loop; one connection a loop, requests in flight side by side."""
        return await self._loop_door().run(request, deadline)

    async def await_results(self, tasks: tuple[str, ...], timeout: float | None) -> tuple[bytes | None, ...]:
        """The same from an event loop; its coroutines share one subscribed connection."""
        return await self._loop_door().await_results(tasks, timeout)

    def _loop_door(self) -> LoopDoor:
        """The door of event loops, which brings asyncio: a program that only sends does without both."""
        if self._for_loops is None:
            from celeriac.stores.redis.loop_door import LoopDoor

            self._for_loops = LoopDoor(self._address, self._results_address, self._place)
        return self._for_loops

    def wait_results(
        self, tasks: tuple[str, ...], timeout: float | None, minimum: int | None = None
    ) -> tuple[bytes | None, ...]:
        """Subscribe and look in one write, then wait for what is published; looks again every five seconds."""
        wait = Wait(tasks, timeout, minimum, self._place)
        outage = Outage(self._address.place, said=timeout is None)
        while True:
            failure: Exception | None = None
            try:
                self._wait_on(wait)
                outage.over()
            except (LinkLost, ConnectionRefusedError) as error:
                failure = error
                self._fetch(wait)
            if wait.done or wait.over:
                if failure is not None and not wait.found:
                    raise away(self._address.place, failure) from failure
                return tuple(wait.found.get(task) for task in tasks)
            if failure is not None:
                time.sleep(max(0.0, min(outage.pause(failure), wait.left)))

    def _wait_on(self, wait: Wait) -> None:
        """One round of waiting on one connection."""
        db = self._place.db if self._place.results_db is None else self._place.results_db
        link = self._take(db, wait.connecting)
        try:
            if self._hears is None:
                self._hears = wait.may_listen(link)
            (wait.listen if self._hears else wait.look)(link)
        except NotPermitted:
            link.close()
            if not self._hears:
                raise
            self._hears = None  # the right was taken away meanwhile
        except BaseException:
            link.close()
            raise
        else:
            self._links[db].append(link)

    def _fetch(self, wait: Wait) -> None:
        """Read what is there one by one: Redis cuts off a subscriber to whom it owes more than 32 MB."""
        with contextlib.suppress(OperationalError):
            for task in wait.missing:
                if wait.over:
                    return
                wait.note(task, self.run(c.ReadResults((task,)), deadline=min(DEADLINE_SECONDS, wait.left))[0])

    async def connect(self, lease: c.Lease, first: int = 1) -> c.Session:
        """A session for a worker."""
        from celeriac.stores.redis.session import RedisSession

        session = await RedisSession(self._address, self._place, lease, first, self.heartbeat_seconds).open()
        if not self._served:
            self._served = True
            _warn(session.rights.sentences())
        return session

    def durability(self) -> c.Durability:
        """From the server's own settings; the weakest class where it does not tell them."""
        settings = self._settings([b"CONFIG", b"GET", b"append*"])
        if settings.get(b"appendonly") != b"yes":
            return c.Durability.NONE
        policies = {b"always": c.Durability.COMMIT, b"everysec": c.Durability.SECONDS}
        return policies.get(settings.get(b"appendfsync", b""), c.Durability.NONE)

    def risks(self) -> tuple[str, ...]:
        """How the server is set up to drop keys when its memory is full, if it is."""
        settings = self._settings([b"INFO", b"memory"]) or self._settings([b"CONFIG", b"GET", b"maxmemory*"])
        policy = settings.get(b"maxmemory_policy") or settings.get(b"maxmemory-policy")
        maximum = settings.get(b"maxmemory")
        if policy is None or maximum is None:
            return ("this Redis user may not ask INFO or CONFIG whether Redis drops keys when it is full: grant +info",)
        if policy == b"noeviction" or int(maximum) == 0:
            return ()
        dropped = "results, while they are waited for," if policy.startswith(b"volatile") else "queues with all in them"
        text = f"Redis drops {dropped} when its {int(maximum):,} bytes are full (maxmemory-policy {policy.decode()}): "
        return (f"{text}set maxmemory-policy noeviction",)

    def _settings(self, command: list[bytes]) -> dict[bytes, bytes]:
        """What the server tells of itself by CONFIG GET or INFO; nothing where it does not."""
        reply = self._ask(command)
        if isinstance(reply, hiredis.ReplyError):
            return {}
        if isinstance(reply, dict | list):
            return dict(reply) if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))
        text: bytes = reply if isinstance(reply, bytes) else reply.encode()
        return dict(line.partition(b":")[::2] for line in text.splitlines() if b":" in line)

    def _ask(self, command: list[bytes]) -> Any:
        link: BlockingLink | None = None
        try:
            link = self._take(self._address.db)
            reply = link.exchange(command, DEADLINE_SECONDS)
        except BaseException as error:
            if link is not None:
                link.close()
            if not isinstance(error, ConnectionRefusedError | LinkLost):
                raise
            raise away(self._address.place, error) from error
        self._links[self._address.db].append(link)
        return reply

    def close(self) -> None:
        """Drop all connections of this process."""
        for links in self._links.values():
            while links:
                links.pop().close()
        if self._for_loops is not None:
            self._for_loops.close()

    def forget_connections(self) -> None:
        """After a fork: the connections are the parent's. They are left alone, not closed."""
        _INHERITED.append((self._links, self._for_loops))
        self._links = defaultdict(deque)
        self._for_loops = None


def _answer(link: BlockingLink, ahead: deque[c.Request[R]], deadline: float | None) -> R:
    """The reply to the oldest request under way."""
    reply = link.reply(DEADLINE_SECONDS if deadline is None else deadline)
    if needs_script(reply) or is_too_long(reply) or is_passing(reply):
        raise LinkLost("to be sent again")
    return answer(ahead.popleft(), reply)


def _warn(sentences: Iterable[str]) -> None:
    import logging

    for sentence in sentences:
        logging.getLogger("celeriac").warning("%s", sentence)


_STORES: weakref.WeakSet[RedisStore] = weakref.WeakSet()
_INHERITED: list[Any] = []


def _after_fork() -> None:
    for store in _STORES:
        store.forget_connections()


os.register_at_fork(after_in_child=_after_fork)
