"""What a run comes to, as it goes through a lane: a result document, or a whole `Outcome`."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from celeriac import exceptions
from celeriac.exceptions import NotRegistered, TimeLimitExceeded, WorkerLostError
from celeriac.message import document
from celeriac.message import task as wire
from celeriac.message.format import Format
from celeriac.stores.contract import Cause, DeadLetter, Message, Outcome, StartItem
from celeriac.stores.contract.dead_letters import sanitized

DOCUMENT, REPORT, WORD = 0, 1, 2
"""Kinds of what goes through a lane: a result document (empty: a success of which none is kept), an `Outcome` in
msgpack, or no outcome yet: a `Word` of a task that runs."""

Judged = tuple[int, bytes]

_encode = msgspec.msgpack.Encoder().encode
decode_report = msgspec.msgpack.Decoder(Outcome).decode

_REASON_LENGTH = 1000


class Word(Struct, array_like=True):
    """A document that a running task wants to be read meanwhile."""

    task: str
    document: bytes


encode_word = msgspec.msgpack.Encoder().encode
decode_word = msgspec.msgpack.Decoder(Word).decode


def report(
    task_id: str, result: bytes | None, successors: tuple[Message, ...] = (), dead: DeadLetter | None = None
) -> Judged:
    """An outcome; as a plain document where it is nothing else.

    `result` is empty for a task that succeeded and keeps none, and None for one that keeps none and did not.
    """
    if result is not None and not successors and dead is None:
        return DOCUMENT, result
    return REPORT, _encode(Outcome("", task_id, result, successors, dead=dead))


def ignored(task_id: str, said: bytes | None) -> Judged:
    """The outcome of a task that keeps no result of its own; its last word, if it said one, stays."""
    return REPORT, _encode(Outcome("", task_id, said))


def refusal(raw: bytes, queue: str, error: Exception, now: float, claim: str = "") -> Outcome:
    """The outcome of a message that cannot be run; it goes to the dead letters, whoever waits gets the error."""
    task_id = wire.read_id(raw)
    reason = f"{type(error).__name__}: {error}"[:_REASON_LENGTH]
    unknown = error.args[0] if isinstance(error, NotRegistered) and error.args else ""
    cause, name = Cause.UNKNOWN if unknown else Cause.MALFORMED, type(error).__name__
    dead = sanitized(DeadLetter(task_id or f"malformed-{claim}", queue, raw, reason, 0, cause, unknown, error=name))
    result = document.write_failure(task_id, error, now) if task_id else None
    return Outcome(claim, task_id, result, dead=dead)


Ended = TypeVar("Ended", Outcome, StartItem)


def formatted(items: tuple[Ended, ...], format: Format) -> tuple[Ended, ...]:
    """The same with all documents in the format of results: what a core writes is JSON."""
    if format.is_plain:
        return items
    return tuple(item if item.result is None else replace(item, result=_put(item.result, format)) for item in items)


def _put(document: bytes, format: Format) -> bytes:
    try:
        return format.put(document)
    except Exception:  # the serializer of an add-on: better in JSON than not at all
        return document


def named_error(name: str, reason: str) -> BaseException:
    """The error of a message that failed without its child's word: a class of `celeriac.exceptions`, by its name."""
    kind = getattr(exceptions, name, WorkerLostError)
    error: BaseException = kind(_number(reason) if kind is TimeLimitExceeded else reason)
    return error


def _number(text: str) -> float | str:
    """A limit in seconds; what is no number stays text."""
    try:
        return float(text)
    except ValueError:
        return text
