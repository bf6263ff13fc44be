"""Results: documents of tasks, of groups and of chords."""

from __future__ import annotations

from celeriac.stores import contract as c
from celeriac.stores.redis import layout
from celeriac.stores.redis.scripts import script
from celeriac.stores.redis.verbs.verb import Command, Place, Verb, nothing


def _read_results(request: c.ReadResults, place: Place) -> Command:
    return [b"MGET", *_result_keys(request.tasks)]


def _result_keys(tasks: tuple[str, ...]) -> Command:
    """The keys of results; for no task at all one that is never there, because Redis wants at least one."""
    return [layout.result_key(task) for task in tasks] or [layout.NO_RESULT]


def _note(request: c.Note, place: Place) -> Command:
    document = [layout.result_key(request.task), request.document]
    return script("note").call((), [b"%d" % place.result_seconds, *document])


def _forget(request: c.Forget, place: Place) -> Command:
    return [b"UNLINK", *_result_keys(request.tasks)]


def _save_group(request: c.SaveGroup, place: Place) -> Command:
    return [b"SET", layout.group_key(request.group), request.document, b"EX", b"%d" % place.result_seconds]


def _read_group(request: c.ReadGroup, place: Place) -> Command:
    return [b"GET", layout.group_key(request.group)]


def _drop_group(request: c.DropGroup, place: Place) -> Command:
    return [b"UNLINK", layout.group_key(request.group)]


def _read_slots(request: c.ReadSlots, place: Place) -> Command:
    return [b"HMGET", layout.chord_key(request.chord), *(b"%d" % index for index in range(request.size))]


RESULT_REQUESTS = (c.ReadResults, c.Note, c.Forget, c.SaveGroup, c.ReadGroup, c.DropGroup)
"""Requests that go to the database of the results."""


VERBS: dict[type, Verb] = {
    c.ReadResults: Verb(_read_results, lambda request, reply: tuple(reply[: len(request.tasks)])),
    c.Note: Verb(_note, nothing),
    c.Forget: Verb(_forget, nothing),
    c.ReadSlots: Verb(_read_slots, lambda request, reply: tuple(reply)),
    c.SaveGroup: Verb(_save_group, nothing),
    c.ReadGroup: Verb(_read_group, lambda request, reply: reply),
    c.DropGroup: Verb(_drop_group, nothing),
}
