"""Revocations: remembered, and told to those who ask since when."""

from __future__ import annotations

from typing import Any

from celeriac.stores import contract as c
from celeriac.stores.redis import layout
from celeriac.stores.redis.scripts import script
from celeriac.stores.redis.verbs.verb import DELAYED_KEYS, Command, Place, Verb, read_ids

_REVOKED_KEYS = (layout.SESSIONS, layout.REVOKED, layout.REVOKED_ENDS, layout.REVOKED_ENTRIES)


def _revoke(request: c.Revoke, place: Place) -> Command:
    arguments = [place.other_db, b"%d" % place.db, b"%d" % place.result_seconds]
    for item in request.revocations:
        arguments += (
            item.task.encode(),
            layout.result_key(item.task),
            item.result,
            b"1" if item.terminate else b"",
            item.signal.encode(),
            b"%d" % (item.seconds * 1000),
        )
    return script("revoke").call((*DELAYED_KEYS, *_REVOKED_KEYS), arguments)


def _revocations(request: c.Revocations, place: Place) -> Command:
    return script("revocations").call(_REVOKED_KEYS, [b"%d" % request.since])


def _read_revoked(request: c.Revocations, reply: Any) -> c.Revoked:
    revision, found = reply
    entries = []
    for task, left, value in zip(found[::3], found[1::3], found[2::3], strict=True):
        terminate, signal, document = value.split(b"\n", 2)
        entries.append(c.Revocation(task.decode(), document, terminate == b"1", signal.decode(), left / 1000))
    return c.Revoked(revision, tuple(entries))


VERBS: dict[type, Verb] = {
    c.Revoke: Verb(_revoke, lambda request, reply: c.Ended(read_ids(request, reply))),
    c.Revocations: Verb(_revocations, _read_revoked),
}
