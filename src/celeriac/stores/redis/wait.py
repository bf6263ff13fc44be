"""One wait for results on a connection that blocks: what is missing, until when, and the two ways to learn of it."""

from __future__ import annotations

import time
from typing import Any

import hiredis

from celeriac.stores.contract import is_final
from celeriac.stores.redis import verbs
from celeriac.stores.redis.link import CONNECT_SECONDS, BlockingLink, check, pack_all
from celeriac.stores.redis.refusals import is_denied
from celeriac.stores.redis.unanswered import DEADLINE_SECONDS, FIRST_LOOK_SECONDS, RECHECK_SECONDS, pauses


class Wait:
    """For `tasks`, or `least` of them, up to `timeout` seconds; `found` are the final documents."""

    def __init__(self, tasks: tuple[str, ...], timeout: float | None, minimum: int | None, place: verbs.Place) -> None:
        self.tasks = tasks
        self.found: dict[str, bytes] = {}
        self._wanted = len(set(tasks)) if minimum is None else minimum
        self._ends = None if timeout is None else time.monotonic() + timeout
        self._place = place

    @property
    def done(self) -> bool:
        """Whether enough is found."""
        return len(self.found) >= self._wanted

    @property
    def left(self) -> float:
        """Seconds until it is over, or until it is time to look again."""
        return RECHECK_SECONDS if self._ends is None else self._ends - time.monotonic()

    @property
    def over(self) -> bool:
        """Whether there is no time left."""
        return self.left <= 0

    def patience(self, maximum: float) -> float:
        """How long an answer is waited for."""
        return max(FIRST_LOOK_SECONDS, min(maximum, self.left))

    @property
    def missing(self) -> list[str]:
        """What is not found, each once."""
        return [task for task in dict.fromkeys(self.tasks) if task not in self.found]

    def note(self, task: str, document: bytes | None) -> None:
        """A document of a task was read or published."""
        if document is not None and is_final(document):
            self.found[task] = document

    def look(self, link: BlockingLink) -> None:
        """Look again and again, until it is done or over."""
        for pause in pauses():
            missing = self.missing
            reply = link.exchange([b"MGET", *map(self._place.result_key, missing)], self.patience(RECHECK_SECONDS))
            for task, document in zip(missing, check(reply), strict=True):
                self.note(task, document)
            if self.done or self.over:
                return
            time.sleep(min(pause, self.left))

    def listen(self, link: BlockingLink) -> None:
        """Subscribe and look in one write, then hear what is published, until it is time to look again."""
        tasks = {self._place.result_key(task): task for task in self.missing}
        keys = list(tasks)
        commands = [[b"UNSUBSCRIBE", *link.channels]] if link.channels else []
        link.send(pack_all(*commands, [b"SUBSCRIBE", *keys], [b"MGET", *keys]))
        link.channels = keys

        def hear(push: Any) -> None:
            if isinstance(push, hiredis.PushNotification) and push[0] == b"message" and push[1] in tasks:
                self.note(tasks[push[1]], push[2])

        patience = self.patience(RECHECK_SECONDS)
        while isinstance(reply := link.read(patience), hiredis.PushNotification):
            hear(reply)
        for key, document in zip(keys, check(reply), strict=True):
            self.note(tasks[key], document)
        again = time.monotonic() + RECHECK_SECONDS
        while not self.done and (left := min(again - time.monotonic(), self.left)) > 0:
            hear(link.poll(left))

    def may_listen(self, link: BlockingLink) -> bool:
        """Whether what is published reaches us, tried with a channel that is named like a result's."""
        if not link.hears:
            return False
        channel = self._place.result_key("celeriac-heard")
        commands = [[b"SUBSCRIBE", channel], [b"PUBLISH", channel, b""], [b"UNSUBSCRIBE", channel], [b"MGET", channel]]
        link.send(pack_all(*commands))
        ends = time.monotonic() + self.patience(DEADLINE_SECONDS)
        refused = []
        # Nobody is sure to have the right to PING; without that to MGET nothing can be done.
        while not isinstance(reply := link.reply(ends - time.monotonic()), list):
            refused += [reply] if is_denied(reply) else []
            if len(refused) == len(commands):
                check(reply)
        return not refused

    @property
    def connecting(self) -> float:
        """How long a connection may take to open."""
        return self.patience(CONNECT_SECONDS)
