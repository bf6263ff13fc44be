"""Task messages: Celery protocol 2 in kombu's envelope, as Celery puts it on Redis.

The envelope is a JSON object with the body in base64 beside headers and properties; the body is
`[args, kwargs, embed]`. Three readers exist, each reading no more than it needs: `read_headers` for the
worker's core, which never looks into a body; `read_task` for the child; `rewrite` for the rare cases in
which a message goes back changed. Whatever the bytes are, each of them reads a message or raises
`MalformedMessage`, and builds no more than the limits allow.

Sources: Celery docs, internals/protocol ("Version 2"); kombu.transport.virtual for the envelope.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct, field

from celeriac import ids
from celeriac.exceptions import MalformedMessage
from celeriac.message import compression, limits, serializers, values
from celeriac.message.limits import USUAL, Limits

CRASHES = "x-celeriac-crashes"
LOSSES = "x-celeriac-losses"
HELD = "x-celeriac-held"
PARKED = "x-celeriac-parked"
REQUEUES = "x-celeriac-requeues"
ATTEMPTS = "x-celeriac-attempts"
T = TypeVar("T")

NO_EMBED: dict[str, None] = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
_EMBED = b'{"callbacks":null,"errbacks":null,"chain":null,"chord":null}'

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the fast decoder raises; the standard library is asked before anything is called malformed."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


MOST_NAME = 1024
Name = Annotated[str, Meta(min_length=1, max_length=MOST_NAME)]
Moment = Annotated[str, Meta(max_length=128)]
Count = Annotated[int, Meta(ge=0, le=1 << 31)]
MOST_SECONDS = 10**10
Seconds = Annotated[float, Meta(ge=0, le=MOST_SECONDS)]
MOST_PRIORITY = 255


class CoreHeaders(Struct):
    """What the core must know of a task. `parked`: since when, in seconds since 1970, nobody knew the task.

    `held` is the ETA until which the store has held the message back. A worker of Celery that retries a task takes
    all headers over and writes another ETA: that one nobody has waited for yet.
    """

    id: Name
    task: Name
    retries: Count = 0
    eta: Moment | None = None
    ignore_result: bool | None = False
    timelimit: list[Seconds | None] | None = None
    crashes: Count = field(default=0, name=CRASHES)
    losses: Count = field(default=0, name=LOSSES)
    held: Moment | None = field(default=None, name=HELD)
    parked: Seconds = field(default=0.0, name=PARKED)


class _CoreEnvelope(Struct):
    headers: CoreHeaders
    body: Raw = Raw()


class _OnlyId(Struct):
    id: Name


class _IdEnvelope(Struct):
    headers: _OnlyId


class _SlowEnvelope(Struct):
    headers: CoreHeaders
    body: Any = None


class Headers(Struct):
    """All headers of protocol 2."""

    id: Name
    task: Name
    lang: str = "py"
    shadow: str | None = None
    eta: Moment | None = None
    expires: Moment | None = None
    group: str | None = None
    group_index: int | None = None
    retries: Count = 0
    timelimit: Annotated[list[Seconds | None], Meta(max_length=2)] | None = None
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
    compression: str | None = None
    crashes: Count = field(default=0, name=CRASHES)
    losses: Count = field(default=0, name=LOSSES)
    requeues: Count = field(default=0, name=REQUEUES)


class DeliveryInfo(Struct):
    """Where a message came from."""

    exchange: str | None = ""
    routing_key: str | None = ""
    redelivered: bool = False


class Properties(Struct):
    """The properties of the envelope that a task can see."""

    correlation_id: str | None = None
    reply_to: str | None = None
    priority: Annotated[int, Meta(ge=0, le=MOST_PRIORITY)] | None = 0
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
_read_id = msgspec.json.Decoder(_IdEnvelope).decode
_read_task = msgspec.json.Decoder(TaskMessage).decode
_read_parts = msgspec.json.Decoder(dict[str, Raw]).decode

_ANY = Limits(message_max_bytes=1 << 62, message_max_header_bytes=1 << 62)
_SLOWLY = Limits(message_max_body_bytes=1 << 62, message_max_items=100_000)
"""What an envelope may hold that is not for the fast decoder: the core has other things to do."""


def write_body(args: Any, kwargs: Any, embed: dict[str, Any] | None = None) -> bytes:
    """The body `[args, kwargs, embed]`."""
    tail = _EMBED if embed is None else values.encode(embed)
    return b"[%b,%b,%b]" % (values.encode(args), values.encode(kwargs) if kwargs else b"{}", tail)


def read_headers(raw: bytes, maximum: Limits = _ANY) -> CoreHeaders:
    """The headers the core needs; raises `MalformedMessage` when these bytes are no task message.

    A message is measured once, by `most`, when it comes in; whoever reads it later takes it as it is.
    """
    limits.check_message(raw, maximum.message_max_bytes)
    try:
        envelope = _read_core(raw)
    except _UNREADABLE:
        return _read_headers_slowly(raw, maximum)
    if len(raw) > maximum.message_max_header_bytes:
        _check_size(len(raw) - len(memoryview(envelope.body)), maximum)
    return envelope.headers


def _read_headers_slowly(raw: bytes, maximum: Limits) -> CoreHeaders:
    message = _convert(raw, _SlowEnvelope)
    _check_size(len(raw) - len(message.body) if isinstance(message.body, str) else len(raw), maximum)
    headers = message.headers
    try:
        # Surrogates alone are no text: no store could keep them as a key.
        for text in (headers.id, headers.task, headers.eta or ""):
            text.encode()
    except UnicodeEncodeError as error:
        raise MalformedMessage(f"a header is no text: {error.reason}") from error
    return headers


def _check_size(size: int, maximum: Limits) -> None:
    if size > maximum.message_max_header_bytes:
        name = "message_max_header_bytes"
        raise limits.too_large("the message without its body", size, "bytes", name, maximum.message_max_header_bytes)


def _convert(raw: bytes, kind: type[T]) -> T:
    """For JSON that only the standard library takes (NaN, 1e400); it builds everything, so only of a few values."""
    try:
        limits.check_text(raw, _SLOWLY)
        return msgspec.convert(json.loads(raw), kind)
    except (ValueError, RecursionError) as error:
        raise MalformedMessage(f"not a task message: {error}") from error


class _Stamps(Struct):
    delivery_tag: str | None = None


class _Waits(Struct):
    eta: Moment | None = None


class _WaitingEnvelope(Struct):
    headers: _Waits
    properties: _Stamps


_read_waiting = msgspec.json.Decoder(_WaitingEnvelope).decode


def sent_at(raw: bytes) -> float:
    """When a message of ours was sent, in seconds since 1970; 0 for others. Only its stamp is read: hot path."""
    at = raw.rfind(_STAMP)
    if at < 0 or raw[at + 30 : at + 31] != b"7":
        return 0.0
    try:
        return int(raw[at + 16 : at + 24] + raw[at + 25 : at + 29], 16) / 1000
    except ValueError:
        return 0.0


_STAMP = b'"delivery_tag":"'


def waiting_since(raw: bytes) -> float | None:
    """When a message was sent, or was due if that was later, in seconds since 1970; None where it does not tell."""
    try:
        found = _read_waiting(raw)
        sent = ids.read_stamp(found.properties.delivery_tag or "")
        eta = found.headers.eta
        if sent is None or eta is None:
            return sent
        due = datetime.fromisoformat(eta)
        return max(sent, (due if due.tzinfo else due.replace(tzinfo=UTC)).timestamp())
    except (*_UNREADABLE, ValueError, OverflowError):
        return None


def read_id(raw: bytes) -> str:
    """The id of a message that is refused, if it has one: somebody may wait for its result."""
    try:
        try:
            task_id = _read_id(raw).headers.id
        except _UNREADABLE:
            task_id = _convert(raw, _IdEnvelope).headers.id
        task_id.encode()
    except (MalformedMessage, UnicodeEncodeError):
        return ""
    return task_id


def read_task(raw: bytes) -> TaskMessage:
    """The whole message but for its body; raises `MalformedMessage`."""
    try:
        return _read_task(raw)
    except _UNREADABLE:
        return _convert(raw, TaskMessage)


def read_body(
    message: TaskMessage, maximum: Limits = USUAL, accept: frozenset[str | None] = serializers.ONLY_JSON
) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
    """`args, kwargs, embed` of a message; raises `MalformedMessage`.

    `accept` are the content types that may be read, JSON by default.
    """
    kind = message.content_type
    if kind not in accept:
        raise serializers.disallowed(kind)
    try:
        text = _unpack(message, maximum)
        if kind is None or kind == serializers.JSON:
            limits.check_text(text, maximum)
            args, kwargs, embed = values.decode(text)
        else:
            limits.check_size(text, maximum)
            args, kwargs, embed = serializers.read(text, kind)
            args = list(args) if isinstance(args, tuple) else args
    except MalformedMessage:
        raise
    except (ValueError, TypeError, RecursionError) as error:
        raise MalformedMessage(f"cannot read the body: {error}") from error
    if not isinstance(args, list) or not isinstance(kwargs, dict) or not isinstance(embed, dict):
        raise MalformedMessage("the body must be [list of args, object of kwargs, object]")
    return args, kwargs, embed


def _unpack(message: TaskMessage, maximum: Limits) -> bytes:
    """The body as its serializer wrote it."""
    if message.properties.body_encoding == "base64":
        data = base64.b64decode(message.body, validate=True)
    else:
        data = message.body.encode("utf-8", "surrogatepass")
    method = message.headers.compression
    return data if method is None else compression.unpack(data, method, maximum.unpacked(len(data)))


def rewrite(raw: bytes, **headers: Any) -> bytes:
    """The same message with some headers set; what is not a message comes back as it is."""
    try:
        envelope = open_envelope(raw)
    except MalformedMessage:
        return raw
    return write_again(envelope, headers)


def redelivered(raw: bytes, *, crashes: int = 0, losses: int = 0, more: dict[str, Any] | None = None) -> bytes:
    """The message marked as delivered before, as kombu marks it; deaths of its child and of its workers counted.

    `more` are headers to be set besides.
    """
    headers: dict[str, Any] = {"redelivered": True, **(more or {})}
    if crashes:
        headers[CRASHES] = crashes
    if losses:
        headers[LOSSES] = losses
    try:
        envelope = open_envelope(raw)
    except MalformedMessage:
        return raw
    properties = envelope.get("properties")
    if isinstance(properties, dict) and isinstance(properties.get("delivery_info"), dict):
        properties["delivery_info"]["redelivered"] = True
    return write_again(envelope, headers)


def write_again(envelope: dict[str, Any], headers: dict[str, Any]) -> bytes:
    """The bytes of an envelope that was opened, with some headers set."""
    envelope["headers"] |= headers
    # Numbers that only the standard library reads, only it writes as they were.
    return _encode(envelope) if isinstance(envelope.get("body"), Raw) else values.encode(envelope)


def open_envelope(raw: bytes) -> dict[str, Any]:
    """The envelope as a mapping, its body as it came; raises `MalformedMessage`."""
    try:
        parts = _read_parts(raw)
        envelope = {name: part if name == "body" else _decode(part) for name, part in parts.items()}
    except _UNREADABLE:
        envelope = _convert(raw, dict[str, Any])
    if not isinstance(envelope.get("headers"), dict):
        raise MalformedMessage("not a task message: it has no headers")
    return envelope
