"""Serializers by Celery's names and content types: json, msgpack, yaml, pickle, and those of add-ons.

JSON is always there, and the only one that is read unless `accept_content` names others. YAML needs PyYAML.
Reading pickle runs whatever code the message names: it is for queues that nobody else can write to.

Sources: kombu.serialization for names, content types and what each of them writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

import msgspec
from msgspec import Struct

from celeriac.exceptions import ContentDisallowed, EncodeError, ImproperlyConfigured, MalformedMessage
from celeriac.interrupts import FROM_OUTSIDE
from celeriac.message import values

JSON = "application/json"
ONLY_JSON: frozenset[str | None] = frozenset({JSON, None})

_GROUPS = ("kombu.serializers", "celeriac.serializers")


class Serializer(Struct, frozen=True):
    """A way to write values as bytes and to read them again."""

    name: str
    content_type: str
    encoding: str
    encode: Callable[[Any], bytes | str]
    decode: Callable[[bytes], Any]

    def write(self, value: Any) -> bytes:
        """The bytes of a value; raises `EncodeError`."""
        try:
            data = self.encode(value)
        except (EncodeError, *FROM_OUTSIDE):
            raise
        except Exception as error:  # each serializer has errors of its own
            raise EncodeError(f"cannot be written as {self.name}: {error}") from error
        return data.encode() if isinstance(data, str) else data


def register(
    name: str,
    encoder: Callable[[Any], bytes | str],
    decoder: Callable[[Any], Any],
    content_type: str,
    content_encoding: str = "utf-8",
) -> None:
    """Make a serializer known by its name and its content type; what kombu's `register` takes.

    A decoder of text gets text, one of `binary` gets bytes.
    """
    binary = content_encoding in ("binary", "ascii-8bit")
    decode = decoder if binary else lambda data: decoder(data.decode(content_encoding))
    made = Serializer(name, content_type, content_encoding, encoder, decode)
    _known[name] = _known[content_type] = made


def find(name: str) -> Serializer:
    """A serializer by its name or content type; raises `ImproperlyConfigured`."""
    if name not in _known:
        _load_add_ons()
    try:
        return _known[name]
    except (KeyError, TypeError):
        raise ImproperlyConfigured(f"no serializer is called {name!r}: {', '.join(_names())}") from None


def accepted(names: Iterable[str]) -> frozenset[str | None]:
    """The content types that serializers, by name or content type, stand for."""
    types: set[str | None] = {find(name).content_type for name in names}
    return frozenset({*types, None}) if JSON in types else frozenset(types)


def read(data: bytes, content_type: str) -> Any:
    """The value of such bytes; raises `MalformedMessage` for what cannot be read."""
    try:
        return find(content_type).decode(data)
    except FROM_OUTSIDE:
        raise
    except Exception as error:  # each serializer has errors of its own, and pickle any at all
        raise MalformedMessage(f"cannot read {content_type}: {type(error).__name__}: {error}") from error


def disallowed(content_type: str | None, setting: str = "accept_content") -> ContentDisallowed:
    """The error for what is not to be read."""
    kind = JSON if content_type is None else content_type
    known = _known[kind].name if kind in _known else kind[:100]
    return ContentDisallowed(f"content of type {kind[:100]!r} is not read here: {setting} must name {known!r}")


def _names() -> list[str]:
    return sorted({each.name for each in _known.values()})


def _load_add_ons() -> None:
    """Those that installed packages bring, looked for once: where nothing asks, the packages are not read."""
    if _loaded:
        return
    _loaded.append(True)
    metadata = import_module("importlib.metadata")
    for group in _GROUPS:
        for entry in metadata.entry_points(group=group):
            if entry.name not in _known:
                register(entry.name, *entry.load())


def _yaml(function: str) -> Callable[[Any], Any]:
    def call(value: Any) -> Any:
        try:
            yaml = import_module("yaml")
        except ModuleNotFoundError as error:
            raise ImproperlyConfigured("the serializer yaml needs PyYAML: pip install 'celeriac[yaml]'") from error
        return getattr(yaml, function)(value)

    return call


def _pickle(value: Any) -> bytes:
    data: bytes = import_module("pickle").dumps(value)
    return data


def _unpickle(data: bytes) -> Any:
    return import_module("pickle").loads(data)


_loaded: list[bool] = []
_known: dict[str, Serializer] = {}
register("json", values.encode, values.decode, JSON)
register("msgpack", msgspec.msgpack.encode, msgspec.msgpack.decode, "application/x-msgpack", "binary")
register("yaml", _yaml("safe_dump"), _yaml("safe_load"), "application/x-yaml")
register("pickle", _pickle, _unpickle, "application/x-python-serialize", "binary")
BUILT_IN = frozenset(each.content_type for each in _known.values())
"""The content types of those that need no add-on."""
