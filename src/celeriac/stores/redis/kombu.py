"""What Celery workers keep on Redis of their own: the messages they hold, written by kombu.

A consumer takes a message from a list and then writes it to the hash `unacked` (delivery tag -> JSON of message,
exchange and routing key) and the tag with the time to the sorted set `unacked_index`; acknowledging removes both.
What a consumer held that died stays there until another Celery worker restores it, an hour later by default.
Sources: kombu.transport.redis, `QoS` and `Channel`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from celeriac.exceptions import MalformedMessage, OperationalError
from celeriac.message import task as wire
from celeriac.stores.contract import Adopted
from celeriac.stores.redis import layout
from celeriac.stores.redis.link import check, spell_out
from celeriac.stores.redis.prefix import Prefix
from celeriac.stores.redis.scripts import script

Ask = Callable[[list[bytes]], Any]

_UNACKED, _INDEX = b"unacked", b"unacked_index"
_BINDINGS = b"_kombu.binding."
_PAGE = b"200"

_read_entry = msgspec.json.Decoder(tuple[msgspec.Raw, str | None, str | None]).decode


class Kombu:
    """See `stores.contract.Kombu`. `ask` sends one command and gives the reply."""

    def __init__(self, ask: Ask, db: int, prefix: Prefix) -> None:
        self._ask: Ask = lambda command: ask(prefix.of(command))
        self._spell: Ask = lambda command: ask(spell_out(prefix.of(command)))
        self._db = db

    def consumers(self) -> tuple[str, ...]:
        """The addresses of clients whose last command was the one that Celery workers wait with."""
        reply = self._ask([b"CLIENT", b"LIST"])
        try:
            check(reply)
        except OperationalError as error:
            raise OperationalError(f"cannot see which Celery workers are connected: {error.args[0]}") from error
        text = reply if isinstance(reply, str) else reply.decode()
        clients = [dict(word.partition("=")[::2] for word in line.split()) for line in text.splitlines()]
        waiting = (client for client in clients if client.get("cmd") == "brpop" and client.get("db") == str(self._db))
        return tuple(client.get("addr", "?") for client in waiting)

    def adopt(self, older: float) -> Adopted:
        """Give what has been held for so many seconds back to its lists, as kombu would."""
        adopted = young = left = 0
        for page in self._pages():
            arguments: list[bytes] = []
            for tag, entry in page:
                try:
                    arguments += (tag, *self._restored(entry))
                except MalformedMessage:
                    left += 1
            done, early, stuck = self._run("adopt", [_UNACKED, _INDEX], [b"%f" % older, *arguments])
            adopted, young, left = adopted + done, young + early, left + stuck
        return Adopted(adopted, young, left)

    def _pages(self) -> Iterator[list[tuple[bytes, bytes]]]:
        cursor = b"0"
        while True:
            cursor, flat = check(self._ask([b"HSCAN", _UNACKED, cursor, b"COUNT", _PAGE]))
            if flat:
                yield list(zip(flat[::2], flat[1::2], strict=True))
            if cursor == b"0":
                return

    def _restored(self, entry: bytes) -> tuple[bytes, bytes]:
        """The list and the message of an entry; raises `MalformedMessage` for what is no task."""
        try:
            raw, exchange, routing_key = _read_entry(entry)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise MalformedMessage(f"not an entry of kombu's: {error}") from error
        headers, properties = wire.read_headers(bytes(raw)), wire.read_task(bytes(raw)).properties
        queue = self._queue(exchange or "", routing_key or headers.task)
        return layout.list_key(queue, properties.priority or 0), wire.redelivered(bytes(raw))

    def _queue(self, exchange: str, routing_key: str) -> str:
        """The queue that an exchange sends a routing key to; without a binding it has the name of the key."""
        if not exchange:
            return routing_key
        bindings = check(self._ask([b"SMEMBERS", _BINDINGS + exchange.encode()]))
        rows = sorted(binding.decode().split(layout.SEPARATOR) for binding in bindings)
        return next((row[-1] for row in rows if row[0] == routing_key), routing_key)

    def drain_handoff(self) -> int:
        """Bring messages back to their lists that landed for a worker of ours and were never claimed."""
        return int(self._run("drain_handoff", [layout.QUEUES], []))

    def _run(self, name: str, keys: list[bytes], arguments: list[bytes]) -> Any:
        return check(self._spell(script(name).call(keys, arguments)))
