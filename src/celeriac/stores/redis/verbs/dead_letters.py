"""Dead letters and failed tasks: listed, read, replayed and deleted."""

from __future__ import annotations

from typing import Any

from celeriac.stores import contract as c
from celeriac.stores.contract import dead_letters as letters
from celeriac.stores.redis import layout
from celeriac.stores.redis.scripts import script
from celeriac.stores.redis.verbs.verb import DEAD_KEYS, Command, Place, Verb, read_ids

_FAILED_KEYS = (layout.FAILED, layout.FAILED_LETTERS, layout.FAILED_COUNTS)


def _dead_letters(request: c.DeadLetters, place: Place) -> Command:
    after = b"%d" % request.after if request.after else b""
    arguments = [b"%d" % request.limit, after, b"%d" % request.max_bytes, _letter_ms(request, place)]
    return script("letters").call(_letter_keys(request)[:2], arguments)


_AboutLetters = c.DeadLetters | c.ReadDead | c.Replay | c.DeleteDeadLetters


def _letter_keys(request: _AboutLetters) -> tuple[bytes, ...]:
    return _FAILED_KEYS if request.failed else DEAD_KEYS


def _letter_ms(request: _AboutLetters, place: Place) -> bytes:
    return place.failed_ms if request.failed else place.dead_ms


def _read_dead(request: c.ReadDead, place: Place) -> Command:
    return script("letter").call(_letter_keys(request)[:2], [request.id.encode(), _letter_ms(request, place)])


def _replay(request: c.Replay, place: Place) -> Command:
    arguments = [place.other_db, b"%d" % place.db]
    for item in request.revivals:
        key = layout.list_key(item.queue, item.priority)
        arguments += (item.id.encode(), key, item.queue.encode(), item.raw)
        arguments.append(layout.result_key(item.task))
    return script("replay").call((*_letter_keys(request), layout.QUEUES), arguments)


def _delete_dead_letters(request: c.DeleteDeadLetters, place: Place) -> Command:
    return script("delete_dead_letters").call(_letter_keys(request), [id.encode() for id in request.ids])


def _read_letters(request: c.DeadLetters, reply: Any) -> tuple[c.DeadLetter, ...]:
    return tuple(_letter_of(*words) for words in zip(reply[::3], reply[1::3], reply[2::3], strict=True))


def _letter_of(id: bytes, number: bytes, value: bytes) -> c.DeadLetter:
    queue, known, raw = value.split(b"\n", 2)
    return letters.unpack(id.decode(), queue.decode(), raw, known, int(number) / 1000, int(number))


VERBS: dict[type, Verb] = {
    c.DeadLetters: Verb(_dead_letters, _read_letters),
    c.ReadDead: Verb(_read_dead, lambda request, reply: _letter_of(*reply) if reply else None),
    c.Replay: Verb(_replay, read_ids),
    c.DeleteDeadLetters: Verb(_delete_dead_letters, read_ids),
}
