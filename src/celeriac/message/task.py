"""Task messages: Celery protocol 2 in kombu's envelope, as Celery puts it on Redis.

The envelope is a JSON object with the body in base64 beside headers and properties; the body is
`[args, kwargs, embed]`. Three readers exist, each reading no more than it needs: `read_headers` for the
worker's core, which never looks into a body; `read_task` for the child; `rewrite` for the rare cases in
which a message goes back changed.

Sources: Celery docs, internals/protocol ("Version 2"); kombu.transport.virtual for the envelope.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

import msgspec
from msgspec import Struct, field

from celeriac.exceptions import MalformedMessage
from celeriac.message import values

CRASHES = "x-celeriac-crashes"
HELD = "x-celeriac-held"
_EMBED = b'{"callbacks":null,"errbacks":null,"chain":null,"chord":null}'

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the fast decoder raises; the standard library is asked before anything is called malformed."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class CoreHeaders(Struct):
    """What the core must know of a task."""

    id: str
    task: str
    retries: int = 0
    eta: str | None = None
    ignore_result: bool | None = False
    crashes: int = field(default=0, name=CRASHES)
    held: bool = field(default=False, name=HELD)


class _CoreEnvelope(Struct):
    headers: CoreHeaders


class Headers(Struct):
    """All headers of protocol 2."""

    id: str
    task: str
    lang: str = "py"
    shadow: str | None = None
    eta: str | None = None
    expires: str | None = None
    group: str | None = None
    group_index: int | None = None
    retries: int = 0
    timelimit: list[float | None] | None = None
    root_id: str | None = None
    parent_id: str | None = None
    argsrepr: str | None = None
    kwargsrepr: str | None = None
    origin: str | None = None
    ignore_result: bool | None = False
    replaced_task_nesting: int = 0
    stamped_headers: list[str] | None = None
    stamps: dict[str, Any] | None = None
    redelivered: bool = False
    crashes: int = field(default=0, name=CRASHES)


class DeliveryInfo(Struct):
    """Where a message came from."""

    exchange: str | None = ""
    routing_key: str | None = ""
    redelivered: bool = False


class Properties(Struct):
    """The properties of the envelope that a task can see."""

    correlation_id: str | None = None
    reply_to: str | None = None
    priority: int | None = 0
    delivery_info: DeliveryInfo = field(default_factory=DeliveryInfo)
    body_encoding: str | None = None


class TaskMessage(Struct):
    """A task message as the child reads it; `body` is still encoded."""

    body: str
    headers: Headers
    properties: Properties = field(default_factory=Properties)
    content_type: str | None = field(default="application/json", name="content-type")
    content_encoding: str | None = field(default="utf-8", name="content-encoding")


_read_core = msgspec.json.Decoder(_CoreEnvelope).decode
_read_task = msgspec.json.Decoder(TaskMessage).decode


def write_envelope(body: bytes, headers: dict[str, Any], properties: dict[str, Any]) -> bytes:
    """The bytes that go into a queue."""
    envelope = {
        "body": binascii.b2a_base64(body, newline=False).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers,
        "properties": properties,
    }
    return _write(envelope)


def _write(envelope: dict[str, Any]) -> bytes:
    try:
        return _encode(envelope)
    except (UnicodeEncodeError, OverflowError, TypeError):
        # Surrogates in a repr, or a caller's own header: the standard library escapes what it can.
        return values.encode(envelope)


def write_body(args: Any, kwargs: Any, embed: dict[str, Any] | None = None) -> bytes:
    """The body `[args, kwargs, embed]`."""
    tail = _EMBED if embed is None else values.encode(embed)
    return b"[%b,%b,%b]" % (values.encode(args), values.encode(kwargs) if kwargs else b"{}", tail)


def read_headers(raw: bytes) -> CoreHeaders:
    """The headers the core needs; raises `MalformedMessage` when these bytes are no task message."""
    try:
        headers = _read_core(raw).headers
    except _UNREADABLE:
        headers = _read_headers_slowly(raw)
    if not headers.id or not headers.task:
        raise MalformedMessage("the message has no task name or no id")
    return headers


def _read_headers_slowly(raw: bytes) -> CoreHeaders:
    """For JSON that only the standard library takes (NaN, 1e400)."""
    try:
        headers: CoreHeaders = msgspec.convert(_loads(raw), _CoreEnvelope).headers
    except (ValueError, RecursionError) as error:
        raise MalformedMessage(f"not a task message: {error}") from error
    return headers


def _loads(raw: bytes) -> dict[str, Any]:
    try:
        value = _decode(raw)
    except _UNREADABLE:
        value = json.loads(raw)
    if not isinstance(value, dict):
        raise MalformedMessage(f"a message must be a JSON object, not {type(value).__name__}")
    return value


def read_task(raw: bytes) -> TaskMessage:
    """The whole message but for its body; raises `MalformedMessage`."""
    try:
        return _read_task(raw)
    except _UNREADABLE:
        try:
            return msgspec.convert(_loads(raw), TaskMessage)
        except (ValueError, RecursionError) as error:
            raise MalformedMessage(f"not a task message: {error}") from error


def read_body(message: TaskMessage) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
    """`args, kwargs, embed` of a message; raises `MalformedMessage`."""
    if message.content_type not in (None, "application/json"):
        raise MalformedMessage(f"cannot read content type {message.content_type!r}")
    try:
        text: bytes | str = message.body
        if message.properties.body_encoding == "base64":
            text = base64.b64decode(message.body, validate=True)
        args, kwargs, embed = values.decode(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise MalformedMessage(f"cannot read the body: {error}") from error
    if not isinstance(args, list) or not isinstance(kwargs, dict) or not isinstance(embed, dict):
        raise MalformedMessage("the body must be [list of args, object of kwargs, object]")
    return args, kwargs, embed


def rewrite(raw: bytes, **headers: Any) -> bytes:
    """The same message with some headers set; what is not a message comes back as it is."""
    try:
        envelope = _loads(raw)
    except (ValueError, RecursionError, MalformedMessage):
        return raw
    if not isinstance(envelope.get("headers"), dict):
        return raw
    envelope["headers"] |= headers
    return _write(envelope)


def redelivered(raw: bytes, *, crashes: int = 0) -> bytes:
    """The message marked as delivered before, as kombu marks it, with its crashes counted."""
    headers: dict[str, Any] = {"redelivered": True}
    if crashes:
        headers[CRASHES] = crashes
    try:
        envelope = _loads(raw)
        envelope["headers"] |= headers
        envelope["properties"]["delivery_info"]["redelivered"] = True
    except (ValueError, RecursionError, MalformedMessage, KeyError, TypeError):
        return rewrite(raw, **headers)
    return _write(envelope)
