"""The door to Redis for producers and readers: blocking, from any thread, safe to use after a fork."""

from __future__ import annotations

import contextlib
import os
import time
import weakref
from collections import defaultdict, deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import hiredis

from celeriac.exceptions import ImproperlyConfigured, NotPermitted, OperationalError
from celeriac.message.format import PLAIN, Format
from celeriac.store import contract as c
from celeriac.stores.redis import verbs
from celeriac.stores.redis.address import UseTls, parse
from celeriac.stores.redis.link import CONNECT_SECONDS, BlockingLink, LinkLost, check, needs_script, pack_all
from celeriac.stores.redis.prefix import Prefix
from celeriac.stores.redis.refusals import is_denied, is_passing, is_too_long, refusal
from celeriac.stores.redis.unanswered import (
    DEADLINE_SECONDS,
    FIRST_LOOK_SECONDS,
    RECHECK_SECONDS,
    away,
    given_up,
    pauses,
)

if TYPE_CHECKING:
    from celeriac.stores.redis.loop_door import LoopDoor

R = TypeVar("R")

_PAUSES = (0.05, 0.5)
"""Seconds between two tries to reach the server for results, at first and at last."""
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
        self.beat_seconds = lease_seconds / 4
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
        while True:
            try:
                link = self._take(db, ends - time.monotonic())
                before, sent = sent, True
                reply = self._exchange(link, command, ends - time.monotonic())
            except ConnectionRefusedError as error:
                failure: Exception = error
            except LinkLost as error:
                failure = error
            else:
                self._links[db].append(link)
                if not is_passing(reply):
                    return verbs.decode(request, check(reply))
                sent, failure = before, refusal(str(reply))
            if time.monotonic() + pause > ends or (sent and not request.repeatable):
                raise given_up(request, sent, failure, self._address.place, command)
            time.sleep(pause)
            pause = min(pause * 2, 0.25)

    def _exchange(self, link: BlockingLink, command: verbs.Command, seconds: float) -> Any:
        """The reply; a connection that did not bring one is closed."""
        try:
            return link.exchange(command, seconds)
        except BaseException:
            link.close()
            raise

    def run_many(self, requests: Iterable[c.Request[R]], *, deadline: float | None = None) -> list[R]:
        """Keep one request under way while the next is being made; all on one connection, so in order."""
        replies: list[R] = []
        ahead: deque[c.Request[R]] = deque()
        link: BlockingLink | None = None
        requests = iter(requests)
        try:
            for request in requests:
                if link is None:
                    # The first finds out whether Redis is there, and brings the script if it is not.
                    replies.append(self.run(request, deadline=deadline))
                    link = self._take(self._database(request))
                    continue
                ahead.append(request)
                link.send(pack_all(verbs.encode(request, self._place)))
                if len(ahead) > 1:
                    replies.append(_answer(link, ahead, deadline))
            while link is not None and ahead:
                replies.append(_answer(link, ahead, deadline))
        except (LinkLost, ConnectionRefusedError):
            if link is not None:
                link.close()
            # What is unanswered may have happened; sending it again is safe, and so is all that follows.
            replies += [self._run(request, deadline, sent=True) for request in ahead]
            return replies + [self.run(request, deadline=deadline) for request in requests]
        if link is not None:
            self._links[self._address.db].append(link)
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
        self, tasks: tuple[str, ...], timeout: float | None, least: int | None = None
    ) -> tuple[bytes | None, ...]:
        """Subscribe and look in one write, then wait for what is published; looks again every five seconds."""
        enough = 0 if least is None else len(set(tasks)) - least
        ends = None if timeout is None else time.monotonic() + timeout
        found: dict[str, bytes] = {}
        db = self._place.db if self._place.results_db is None else self._place.results_db
        pause = _PAUSES[0]
        while True:
            failure: Exception | None = None
            try:
                done = self._wait_on(db, tasks, found, ends, enough)
                pause = _PAUSES[0]
            except (LinkLost, ConnectionRefusedError) as error:
                failure = error
                done = self._fetch(tasks, found, ends)
            if done or _left(ends) <= 0:
                if failure is not None and not found:
                    raise away(self._address.place, failure) from failure
                return tuple(found.get(task) for task in tasks)
            if failure is not None:
                time.sleep(min(pause, _left(ends)))
                pause = min(pause * 2, _PAUSES[1])

    def _wait_on(
        self, db: int, tasks: tuple[str, ...], found: dict[str, bytes], ends: float | None, enough: int
    ) -> bool:
        """One round of waiting on one connection; True when no more than `enough` results are missing."""
        link = self._take(db, max(FIRST_LOOK_SECONDS, min(CONNECT_SECONDS, _left(ends))))
        try:
            if self._hears is None:
                self._hears = self._try_channels(link, max(FIRST_LOOK_SECONDS, min(DEADLINE_SECONDS, _left(ends))))
            wait = self._watch if self._hears else self._poll
            done = wait(link, tasks, found, ends, enough)
        except NotPermitted:
            link.close()
            if not self._hears:
                raise
            self._hears = None  # the right was taken away meanwhile
            return False
        except BaseException:
            link.close()
            raise
        self._links[db].append(link)
        return done

    def _try_channels(self, link: BlockingLink, seconds: float) -> bool:
        """Whether we hear what is published, tried with a channel that is named like a result's."""
        if not link.hears:
            return False
        channel = self._place.result_key("celeriac-heard")
        commands = [[b"SUBSCRIBE", channel], [b"PUBLISH", channel, b""], [b"UNSUBSCRIBE", channel], [b"MGET", channel]]
        link.send(pack_all(*commands))
        ends = time.monotonic() + seconds
        refused = []
        # Nobody is sure to have the right to PING; without that to MGET nothing can be done.
        while not isinstance(reply := link.reply(ends - time.monotonic()), list):
            refused += [reply] if is_denied(reply) else []
            if len(refused) == len(commands):
                check(reply)
        return not refused

    def _poll(
        self, link: BlockingLink, tasks: tuple[str, ...], found: dict[str, bytes], ends: float | None, enough: int
    ) -> bool:
        """The same without channels: look again and again."""
        for pause in pauses():
            self._note(tasks, found, link.exchange(self._reading(tasks, found), _patience(ends)))
            missing, left = len(set(tasks)) - len(found), _left(ends)
            if missing <= enough or left <= 0:
                return missing <= enough
            time.sleep(min(pause, left))
        raise AssertionError("pauses end")

    def _reading(self, tasks: tuple[str, ...], found: dict[str, bytes]) -> verbs.Command:
        return [b"MGET", *[self._place.result_key(task) for task in dict.fromkeys(tasks) if task not in found]]

    def _note(self, tasks: tuple[str, ...], found: dict[str, bytes], reply: Any) -> None:
        missing = [task for task in dict.fromkeys(tasks) if task not in found]
        for task, document in zip(missing, check(reply), strict=True):
            if document is not None and c.is_final(document):
                found[task] = document

    def _watch(
        self, link: BlockingLink, tasks: tuple[str, ...], found: dict[str, bytes], ends: float | None, enough: int
    ) -> bool:
        """Subscribe, look, and listen."""
        missing = {self._place.result_key(task): task for task in tasks if task not in found}
        keys = list(missing)
        commands = [[b"UNSUBSCRIBE", *link.channels]] if link.channels else []
        link.send(pack_all(*commands, [b"SUBSCRIBE", *keys], [b"MGET", *keys]))
        link.channels = keys

        def note(key: bytes, document: bytes | None) -> None:
            if document is not None and key in missing and c.is_final(document):
                found[missing.pop(key)] = document

        def note_push(push: Any) -> None:
            if isinstance(push, hiredis.PushNotification) and push[0] == b"message":
                note(push[1], push[2])

        patience = _patience(ends)
        while isinstance(reply := link.read(patience), hiredis.PushNotification):
            note_push(reply)
        for key, document in zip(keys, check(reply), strict=True):
            note(key, document)
        pause_ends = time.monotonic() + RECHECK_SECONDS
        while len(missing) > enough:
            now = time.monotonic()
            left = pause_ends - now if ends is None else min(pause_ends, ends) - now
            if left <= 0:
                break
            note_push(link.poll(left))
        return len(missing) <= enough

    def _fetch(self, tasks: tuple[str, ...], found: dict[str, bytes], ends: float | None) -> bool:
        """Read what is there one by one: Redis cuts off a subscriber to whom it owes more than 32 MB."""
        with contextlib.suppress(OperationalError):
            for task in tasks:
                left = _left(ends)
                if task not in found and left > 0:
                    (document,) = self.run(c.ReadResults((task,)), deadline=min(DEADLINE_SECONDS, left))
                    if document is not None and c.is_final(document):
                        found[task] = document
        return len(found) == len(set(tasks))

    async def connect(self, lease: c.Lease, first: int = 1) -> c.Session:
        """A session for a worker."""
        from celeriac.stores.redis.session import RedisSession

        session = await RedisSession(self._address, self._place, lease, first, self.beat_seconds).open()
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
        most = settings.get(b"maxmemory")
        if policy is None or most is None:
            return ("this Redis user may not ask INFO or CONFIG whether Redis drops keys when it is full: grant +info",)
        if policy == b"noeviction" or int(most) == 0:
            return ()
        dropped = "results, while they are waited for," if policy.startswith(b"volatile") else "queues with all in them"
        text = f"Redis drops {dropped} when its {int(most):,} bytes are full (maxmemory-policy {policy.decode()}): "
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
        try:
            link = self._take(self._address.db)
            reply = self._exchange(link, command, DEADLINE_SECONDS)
        except (LinkLost, ConnectionRefusedError) as error:
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
    return verbs.decode(ahead.popleft(), check(reply))


def _left(ends: float | None) -> float:
    return RECHECK_SECONDS if ends is None else ends - time.monotonic()


def _patience(ends: float | None) -> float:
    """How long the answer to a look is waited for."""
    return min(RECHECK_SECONDS, max(FIRST_LOOK_SECONDS, _left(ends)))


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
