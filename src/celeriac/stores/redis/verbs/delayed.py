"""Delayed messages: promoted when they are due, listed, changed and cancelled."""

from __future__ import annotations

from typing import Any

from celeriac.stores import contract as c
from celeriac.stores.redis import layout
from celeriac.stores.redis.scripts import script
from celeriac.stores.redis.verbs.verb import DEAD_KEYS, DELAYED_KEYS, Command, Place, Verb, read_truths


def _promote(request: c.Promote, place: Place) -> Command:
    return script("promote").call((*DELAYED_KEYS, *DEAD_KEYS), [b"%d" % request.limit, *place.dead_bounds])


def _delayed(request: c.Delayed, place: Place) -> Command:
    due, _, id = request.after.partition("\n")
    words = (str(request.limit), str(request.max_bytes), request.prefix, due, id)
    lists = [layout.list_key(request.queue, step) for step in layout.STEPS] if request.queue else []
    return script("delayed_page").call(DELAYED_KEYS, [word.encode() for word in words] + lists)


def _read_delayed(request: c.ReadDelayed, place: Place) -> Command:
    return script("delayed_read").call(DELAYED_KEYS[:2], [id.encode() for id in request.ids])


def _adjust_delayed(request: c.AdjustDelayed, place: Place) -> Command:
    arguments: Command = []
    for item in request.adjustments:
        delay = b"" if item.delay is None else b"%d" % item.delay
        changed = b"" if item.raw is None else b"1"
        arguments += (item.id.encode(), delay, changed, item.raw or b"", (item.queue or "").encode())
    return script("delayed_adjust").call((*DELAYED_KEYS, layout.QUEUES), arguments)


def _cancel_delayed(request: c.CancelDelayed, place: Place) -> Command:
    arguments = [place.other_db, b"%d" % place.db, b"%d" % place.result_seconds]
    for item in request.cancellations:
        arguments += (item.id.encode(), layout.result_key(item.task), item.result)
    return script("delayed_cancel").call(DELAYED_KEYS, arguments)


def _read_page(request: c.Delayed, reply: Any) -> c.DelayedPage:
    found, last = reply
    messages = (_delayed_of(found[at], found[at + 1 : at + 4]) for at in range(0, len(found), 4))
    return c.DelayedPage(tuple(messages), b"\n".join(last).decode())


def _delayed_of(id: bytes, words: list[bytes]) -> c.DelayedMessage:
    due, key, raw = words
    queue, priority = layout.read_list_key(key)
    return c.DelayedMessage(id.decode(), queue, raw, priority, int(due))


def _read_each_delayed(request: c.ReadDelayed, reply: Any) -> tuple[c.DelayedMessage | None, ...]:
    pairs = zip(request.ids, reply, strict=True)
    return tuple(_delayed_of(id.encode(), words) if words else None for id, words in pairs)


VERBS: dict[type, Verb] = {
    c.Promote: Verb(_promote, lambda request, reply: c.Promoted(int(reply[0]), int(reply[1]))),
    c.Delayed: Verb(_delayed, _read_page),
    c.ReadDelayed: Verb(_read_delayed, _read_each_delayed),
    c.AdjustDelayed: Verb(_adjust_delayed, read_truths),
    c.CancelDelayed: Verb(_cancel_delayed, read_truths),
}
