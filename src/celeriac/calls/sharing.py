"""Calls that share a result (`cache_for`): under which key, and whose result is good enough. Pure.

A key stands for one call at a time (`store.sharing.Share`). Whoever calls with the same key gets the result of that
call: at once if it has ended well and not too long ago, later if it was made not too long ago and has not ended. A
call that failed, was revoked, forgotten or takes too long is stale, and the next caller's takes its place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from typing import Any

from celeriac import states
from celeriac.exceptions import EncodeError, InvalidOption
from celeriac.message import document, values
from celeriac.message.format import PLAIN, Format
from celeriac.stores.contract import Message, Share, Shared


def key_of(task: str, what: Any) -> str:
    """The key of a call of this task with these arguments; the order of keys in dictionaries means nothing.

    Raises `InvalidOption` for what cannot be written as JSON.
    """
    try:
        text = values.encode([task, _sorted(what)])
    except EncodeError as error:
        raise InvalidOption(f"cache_for needs arguments that can be JSON, or cache_key on the task: {error}") from error
    return hashlib.blake2b(text, digest_size=20).hexdigest()


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value, key=repr)}
    return [_sorted(item) for item in value] if isinstance(value, list | tuple) else value


def check_seconds(seconds: Any, ignores_result: bool | None) -> float:
    """What `cache_for` may be; raises `InvalidOption`."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < float("inf"):
        raise InvalidOption(f"cache_for cannot be {values.short_repr(seconds, 100)}: a number of seconds")
    if ignores_result:
        raise InvalidOption("cache_for needs a result to share: ignore_result is set")
    return float(seconds)


def sharing(
    key: str, task_id: str, message: Message, seconds: float, now: float, format: Format = PLAIN
) -> Generator[Share, Shared, tuple[str, document.Document | None]]:
    """What to ask the store until a call is found, or made: its task, and its document if it has ended.

    `now` is the wall clock, in seconds.
    """
    stale = ""
    while True:
        pending = format.put(document.write(task_id, states.PENDING, b"null", now))
        shared = yield Share(key, task_id, message, pending, seconds, stale)
        found = None if shared.document is None else format.read(shared.document)
        # Whoever is stale and still there: the message was a duplicate of it, sent under the same id.
        if _is_good(found, shared.age, seconds, now) or shared.task == stale:
            return shared.task, found if found is not None and found.status in states.READY_STATES else None
        stale = shared.task


def _is_good(found: document.Document | None, age: int, seconds: float, now: float) -> bool:
    if found is None:
        return False
    if found.status not in states.READY_STATES:
        return age < seconds * 1000
    done = document.instant(found.date_done)
    return found.status == states.SUCCESS and done is not None and now - done.timestamp() < seconds
