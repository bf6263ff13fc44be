"""Messages that go back changed by a person: begun anew, with other arguments, at another time, in Celery's form."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from celeriac.clock import utc_datetime
from celeriac.exceptions import MalformedMessage
from celeriac.message import task as wire
from celeriac.message import values

_OURS = (wire.CRASHES, wire.LOSSES, wire.HELD, wire.PARKED, wire.REQUEUES, wire.ATTEMPTS)


def begin_anew(raw: bytes) -> bytes:
    """The message as if it had never run: no attempts, crashes or losses counted, and no time at which it expires.

    What is no task message comes back as it is.
    """
    try:
        envelope = wire.open_envelope(raw)
    except MalformedMessage:
        return raw
    _drop_marks(envelope)
    if isinstance(envelope.get("properties"), dict):
        envelope["properties"].pop("expiration", None)
    return wire.write_again(envelope, {"retries": 0, "expires": None})


def for_celery(raw: bytes) -> bytes:
    """The message without what only Celeriac writes; a time it waits for is an ETA then, as Celery has it."""
    try:
        envelope = wire.open_envelope(raw)
    except MalformedMessage:
        return raw
    _drop_marks(envelope)
    return wire.write_again(envelope, {})


def _drop_marks(envelope: dict[str, Any]) -> None:
    for mark in _OURS:
        envelope["headers"].pop(mark, None)


def due_at(raw: bytes, seconds: float) -> bytes:
    """The message with another ETA, in seconds since 1970, until which the store holds it back."""
    eta = utc_datetime(seconds).isoformat()
    return wire.rewrite(raw, **{"eta": eta, wire.HELD: eta})


def arguments(raw: bytes) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a message; raises `MalformedMessage`."""
    args, kwargs, _ = wire.read_body(wire.read_task(raw))
    return args, kwargs


def with_arguments(raw: bytes, args: Sequence[Any] | None, kwargs: Mapping[str, Any] | None) -> bytes:
    """The message with other arguments; None leaves them as they are. Raises `MalformedMessage`."""
    if args is None and kwargs is None:
        return raw
    old_args, old_kwargs, embed = wire.read_body(wire.read_task(raw))
    args = old_args if args is None else list(args)
    kwargs = old_kwargs if kwargs is None else dict(kwargs)
    envelope = wire.open_envelope(raw)
    envelope["body"] = base64.b64encode(wire.write_body(args, kwargs, embed)).decode()
    envelope |= {"content-type": "application/json", "content-encoding": "utf-8"}
    properties = envelope.setdefault("properties", {})
    properties["body_encoding"] = "base64"
    envelope["headers"].pop("compression", None)
    return wire.write_again(envelope, {"argsrepr": values.short_repr(args), "kwargsrepr": values.short_repr(kwargs)})
