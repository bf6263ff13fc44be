"""Argument and result values as Celery's JSON.

Celery marks what JSON cannot say as `{"__type__": name, "__value__": value}` (kombu.utils.json). Nearly all
values are plain, and for these the fast codec gives the same text; whatever it does not know, or would write
differently from Celery (dates, NaN, huge integers, lone surrogates), goes through the standard library.
"""

from __future__ import annotations

import base64
import json
import math
import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from celeriac.exceptions import EncodeError
from celeriac.interrupts import FROM_OUTSIDE

_SCALARS = frozenset({str, int, bool, type(None)})
_encode_plain = msgspec.json.Encoder().encode
_decode_plain = msgspec.json.Decoder().decode


def encode(value: Any) -> bytes:
    """The JSON of a value; raises `EncodeError` for what neither JSON nor Celery's marks can say."""
    try:
        if is_plain(value):
            return _encode_plain(value)
    except (ValueError, OverflowError, RecursionError):
        pass
    try:
        return json.dumps(value, default=_mark).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise EncodeError(str(error)) from error


def decode(data: bytes | str) -> Any:
    """The value of a JSON text, Celery's marks resolved; raises ValueError for anything else."""
    marked = (b"__type__" if isinstance(data, bytes) else "__type__") in data  # type: ignore[operator]
    if not marked:
        try:
            return _decode_plain(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
    try:
        return json.loads(data, object_hook=_unmark if marked else None)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except (ArithmeticError, AttributeError, TypeError) as error:
        raise ValueError(f"a type mark with a value that does not fit: {error}") from error


def is_plain(value: Any) -> bool:
    """Whether the fast codec writes a value exactly as Celery would."""
    kind = type(value)
    if kind in _SCALARS:
        return True
    if kind is float:
        return math.isfinite(value)
    if kind is dict:
        for key, item in value.items():  # noqa: SIM110 - see below
            if type(key) is not str or not is_plain(item):
                return False
        return True
    if kind is list or kind is tuple:
        for item in value:  # noqa: SIM110 - a generator costs more than the items of a usual call
            if not is_plain(item):
                return False
        return True
    return False


def _mark(value: Any) -> Any:
    """What `json.dumps` writes in place of a value it does not know."""
    reduce = getattr(value, "__json__", None)
    if reduce is not None:
        return reduce()
    for kind, name, write in _MARKS:
        if isinstance(value, kind):
            return {"__type__": name, "__value__": write(value)}
    if isinstance(value, bytes):
        try:
            return {"__type__": "bytes", "__value__": value.decode()}
        except UnicodeDecodeError:
            return {"__type__": "base64", "__value__": base64.b64encode(value).decode()}
    promise = getattr(sys.modules.get("django.utils.functional"), "Promise", None)
    if promise is not None and isinstance(value, promise):
        return str(value)
    for kind, (name, write) in _of_kombu("_encoders").items():
        if isinstance(value, kind):
            return write(value) if name is None else {"__type__": name, "__value__": write(value)}
    raise TypeError(f"a value of type {type(value).__name__} cannot be written as JSON")


def _of_kombu(table: str) -> Mapping[Any, Any]:
    """What a program has given to kombu's `register_type`, if kombu is loaded."""
    return getattr(sys.modules.get("kombu.utils.json"), table, None) or {}


def _unmark(value: dict[str, Any]) -> Any:
    if value.keys() != {"__type__", "__value__"}:
        return value
    mark = value["__type__"]
    read = _READERS.get(mark) or _of_kombu("_decoders").get(mark)
    if read is None:
        raise ValueError(f"unknown type mark {mark!r}")
    return read(value["__value__"])


# datetime before date: a datetime is a date as well.
_MARKS: tuple[tuple[type, str, Callable[[Any], Any]], ...] = (
    (datetime, "datetime", datetime.isoformat),
    (date, "date", date.isoformat),
    (time, "time", time.isoformat),
    (Decimal, "decimal", str),
    (UUID, "uuid", lambda value: {"hex": value.hex}),
)
_READERS: dict[str, Callable[[Any], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": lambda text: datetime.fromisoformat(text).date(),
    "time": time.fromisoformat,
    "decimal": Decimal,
    "uuid": lambda fields: UUID(**fields),
    "bytes": lambda text: text.encode(),
    "base64": base64.b64decode,
}


def one_line(text: str) -> str:
    """Text from anywhere so that it can stand in a line for people: what does not print is escaped as in Python."""
    if text.isprintable():
        return text
    return "".join([c if c.isprintable() else c.encode("unicode_escape").decode() for c in text])


def short_repr(value: Any, limit: int = 1024) -> str:
    """`repr` for people, never much longer than `limit` and never slower than the limit allows."""
    kind = type(value)
    if kind is str and len(value) > limit:
        return repr(value[:limit]) + "..."
    if kind is tuple or kind is list:
        parts, size = [], 2
        for item in value:
            parts.append(short_repr(item, limit - size))
            size += len(parts[-1]) + 2
            if size >= limit:
                parts.append("...")
                break
        inner = ", ".join(parts)
        if kind is list:
            return f"[{inner}]"
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if kind is dict:
        parts, size = [], 2
        for key, item in value.items():
            parts.append(f"{short_repr(key, limit)}: {short_repr(item, limit - size)}")
            size += len(parts[-1]) + 2
            if size >= limit:
                parts.append("...")
                break
        return "{" + ", ".join(parts) + "}"
    try:
        text = repr(value)
    except FROM_OUTSIDE:
        raise
    except BaseException as error:  # it is for people, and no reason to end for
        return f"<{kind.__name__}: repr raised {type(error).__name__}>"
    return text if len(text) <= limit else text[:limit] + "..."
