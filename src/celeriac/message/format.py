"""How result documents are written and read: the serializer, the compression, and what is read at all.

A document is a mapping that one serializer writes as a whole (`result_serializer`), compressed perhaps
(`result_compression`). Nothing in it says how it was written; it is known by how it begins, and only what was
written by a serializer of an add-on has to be taken for it. Plain JSON is written by everybody here first, and put
into the format where it leaves the process.

Sources: celery.backends.base of Celery 5.7 (`encode`, `decode`, `compress_payload`); the specifications of
MessagePack, of pickle's opcodes (Lib/pickletools.py) and of YAML 1.1.
"""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct

from celeriac.exceptions import ContentDisallowed, ImproperlyConfigured, InvalidOption, MalformedMessage
from celeriac.message import compression, document, serializers, values
from celeriac.message.final import PACKED, kind_of, recognize, state_of, unpacked
from celeriac.message.serializers import JSON, ONLY_JSON, Serializer


class Named(Protocol):
    """Settings, or anything else that gives values by name."""

    def __getitem__(self, name: str, /) -> Any: ...


class Format(Struct, frozen=True):
    """The format of an app's results; `serializer` is None for JSON.

    What the app writes it also reads, beside JSON and what `result_accept_content` (or `accept_content`) names.
    """

    serializer: Serializer | None = None
    compression: str | None = None
    accept: frozenset[str | None] = ONLY_JSON
    max_bytes: int = 1 << 26

    @classmethod
    def of(cls, settings: Named) -> Format:
        """The format that settings name; raises `ImproperlyConfigured`."""
        serializer = serializers.find(settings["result_serializer"])
        names = settings["result_accept_content"]
        accept = serializers.accepted(settings["accept_content"] if names is None else names)
        plain = serializer.content_type == JSON
        made = cls(
            None if plain else serializer,
            settings["result_compression"],
            accept | ONLY_JSON | {serializer.content_type},
            settings["result_max_bytes"],
        )
        return PLAIN if made == PLAIN else made._recognized()

    def _recognized(self) -> Format:
        if self.compression is not None:
            try:
                compression.pack(b"", self.compression)
            except InvalidOption as error:
                raise ImproperlyConfigured(f"result_{error}") from error
        if self.serializer is not None and self.serializer.content_type not in serializers.BUILT_IN:
            recognize(self._state)
        return self

    def _state(self, data: bytes) -> str:
        assert self.serializer is not None
        return str(self.serializer.decode(data)["status"])

    @property
    def is_plain(self) -> bool:
        """Whether documents are written as JSON and not compressed."""
        return self.serializer is None and self.compression is None

    def compose(self, plain: bytes, result: Any) -> bytes:
        """A document with a value that need not be JSON; `plain` is the document without it."""
        if self.serializer is None:
            raise TypeError("JSON is written by `document.write`")
        return self._pack(self.serializer.write(values.decode(plain) | {"result": result}))

    def put(self, plain: bytes) -> bytes:
        """A document that was written as JSON, in this format; any other stays as it is."""
        if self.is_plain or not plain.startswith(b"{"):
            return plain
        return self._pack(plain if self.serializer is None else self.serializer.write(values.decode(plain)))

    def _pack(self, data: bytes) -> bytes:
        # Only what is final: whoever must not overwrite that need not unpack it.
        if self.compression is None or state_of(data) is None:
            return data
        packed, method = compression.pack(data, self.compression)
        return b"%b%b\0%b" % (PACKED, method.encode(), packed)

    def write(self, value: Any) -> bytes:
        """Anything else that is kept with results; never compressed."""
        return values.encode(value) if self.serializer is None else self.serializer.write(value)

    def read(self, data: bytes) -> document.Document:
        """Read a document, ours or Celery's.

        Raises `ContentDisallowed` for one of a type that is not read here, ValueError for what is no document. It
        stays where it is.
        """
        return document.from_fields(self.load(data))

    def load(self, data: bytes) -> Any:
        """The same for anything that is kept with results."""
        try:
            return self._load(unpacked(data, self.max_bytes) if data.startswith(PACKED) else data)
        except ContentDisallowed:
            raise
        except MalformedMessage as error:
            raise ValueError(f"the stored result is no document: {error}") from error

    def _load(self, data: bytes) -> Any:
        content_type, own = kind_of(data), JSON if self.serializer is None else self.serializer.content_type
        if content_type is None or (content_type != JSON and own not in serializers.BUILT_IN):
            content_type = own
        if content_type == JSON:
            return values.decode(data)
        if content_type not in self.accept:
            raise serializers.disallowed(content_type, "result_accept_content")
        return serializers.read(data, content_type)


PLAIN = Format()
"""Results as JSON."""
