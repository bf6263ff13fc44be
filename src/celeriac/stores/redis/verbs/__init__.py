"""Each request of the contract as one Redis command, and its reply read back: pure, no connection here.

`encode(request, place)` gives the command, `decode(request, reply)` the contract's reply. Both doors, the
blocking one of producers and the asynchronous one of workers, send what is written here. Each noun is a file, whose
`VERBS` has a line for each of its requests.
"""

from __future__ import annotations

from typing import Any, TypeVar

from celeriac.stores import contract as c
from celeriac.stores.redis.verbs import claims, dead_letters, delayed, leases, queues, results, revocations
from celeriac.stores.redis.verbs.claims import paused_lists, strange_lists
from celeriac.stores.redis.verbs.leases import fence
from celeriac.stores.redis.verbs.results import RESULT_REQUESTS
from celeriac.stores.redis.verbs.verb import Command, Place, Verb

__all__ = ["RESULT_REQUESTS", "Command", "Place", "decode", "encode", "fence", "paused_lists", "strange_lists"]

R = TypeVar("R")

_VERBS: dict[type, Verb] = {
    **queues.VERBS,
    **claims.VERBS,
    **leases.VERBS,
    **delayed.VERBS,
    **revocations.VERBS,
    **results.VERBS,
    **dead_letters.VERBS,
}


def encode(request: c.Request[Any], place: Place) -> Command:
    """The command of a request."""
    command = _VERBS[type(request)].encode(request, place)
    return place.prefix.of(command) if place.prefix.given else command


def decode(request: c.Request[R], reply: Any) -> R:
    """The reply of a request."""
    result: R = _VERBS[type(request)].decode(request, reply)
    return result
