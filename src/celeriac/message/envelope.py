"""The bytes of a message that is sent: Celery protocol 2 in kombu's envelope, its fields in their order.

Structs, because to make and write one takes half the time of the same dictionary (1.1 against 2.1 microseconds),
and made by place: to name the fields would take 0.7 more.
What `task` reads is wider: other senders leave fields out, and write other things into them.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from celeriac.message import serializers, values
from celeriac.message.task import HELD

_encode = msgspec.json.Encoder().encode


class SentHeaders(Struct, gc=False):
    """The headers of protocol 2; what is unset is left out."""

    lang: str
    task: str
    id: str
    shadow: str | None
    eta: str | None
    expires: str | None
    group: str | None
    group_index: int | None
    retries: int
    timelimit: tuple[float | None, float | None]
    root_id: str
    parent_id: str | None
    argsrepr: str
    kwargsrepr: str
    origin: str
    ignore_result: bool
    replaced_task_nesting: int
    stamped_headers: list[str] | None
    stamps: Mapping[str, Any]
    compression: str | UnsetType = UNSET
    held: str | UnsetType = field(default=UNSET, name=HELD)


class SentProperties(Struct, gc=False):
    """The properties of a message as kombu writes them to Redis."""

    correlation_id: str
    reply_to: str
    delivery_mode: int
    expiration: str | UnsetType
    delivery_info: Mapping[str, str]
    priority: int
    body_encoding: str
    delivery_tag: str


class _Envelope(Struct, gc=False):
    body: str
    content_encoding: str = field(name="content-encoding")
    content_type: str = field(name="content-type")
    headers: SentHeaders | Mapping[str, Any]
    properties: SentProperties | Mapping[str, Any]


def write_envelope(
    body: bytes,
    headers: SentHeaders | Mapping[str, Any],
    properties: SentProperties | Mapping[str, Any],
    content_type: str = serializers.JSON,
    encoding: str = "utf-8",
) -> bytes:
    """The bytes that go into a queue."""
    text = binascii.b2a_base64(body, newline=False).decode()
    envelope = _Envelope(text, encoding, content_type, headers, properties)
    try:
        return _encode(envelope)
    except (UnicodeEncodeError, OverflowError, TypeError):
        # Surrogates in a repr, or a caller's own header: the standard library escapes what it can.
        return values.encode(
            {**spell_out(envelope), "headers": spell_out(headers), "properties": spell_out(properties)}
        )


def spell_out(part: Struct | Mapping[str, Any]) -> dict[str, Any]:
    """The same as a dictionary, for what is rare: another's names beside these."""
    if not isinstance(part, Struct):
        return dict(part)
    names = zip(part.__struct_fields__, part.__struct_encode_fields__, strict=True)
    return {encoded: value for name, encoded in names if (value := getattr(part, name)) is not UNSET}
