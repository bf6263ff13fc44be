"""Whether a document ends its task, told from its bytes, however it was written. Pure.

Every store asks this of every document that somebody waits for, so the usual JSON is looked at first.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from celeriac.interrupts import FROM_OUTSIDE
from celeriac.message import compression
from celeriac.states import READY_STATES

PACKED = b"\0celery-compressed\0"
"""How a compressed document begins: the method and a zero byte follow."""

_FINAL_STATES = sorted(READY_STATES)
_STATES = f"({'|'.join(_FINAL_STATES)})".encode()
_HEAD = 40
_JSON_MARKS = tuple(f'"status":{space}"{state}"'.encode() for state in _FINAL_STATES for space in ("", " "))
_MSGPACK = re.compile(rb"(?:[\x80-\x8f]|\xde..)\xa6status\xa7" + _STATES, re.DOTALL)
_PICKLE = re.compile(
    rb"\x80.(?:\x95.{8})?\}(?:q.|\x94)?\(?"
    rb"(?:X\x06\0\0\0|\x8c\x06)status(?:q.|\x94)?(?:X\x07\0\0\0|\x8c\x07)" + _STATES,
    re.DOTALL,
)
_YAML = re.compile(rb"^status: " + _STATES + rb"$", re.MULTILINE)
_YAML_HEAD = re.compile(rb"[a-z_]+:\s")
_MOST_BYTES = 1 << 26

_recognizers: list[Callable[[bytes], str]] = []


def is_final(document: bytes) -> bool:
    """Whether a result document ends its task; of JSON only the first bytes are read, which all writers fill alike."""
    head = document[:_HEAD]
    return any(mark in head for mark in _JSON_MARKS) or (head[:1] != b"{" and state_of(document) is not None)


def state_of(document: bytes) -> str | None:
    """The final state that a document tells, None for any other; what cannot be read tells none."""
    if document.startswith(PACKED):
        try:
            document = unpacked(document, _MOST_BYTES)
        except FROM_OUTSIDE:
            raise
        except Exception:  # whoever reads it hears why
            return None
    kind = kind_of(document)
    if kind != "application/json" and (known := _recognized(document)) is not None:
        return known if known in _FINAL_STATES else None
    if kind is None:
        return None
    if kind == "application/json":
        mark = next((mark for mark in _JSON_MARKS if mark in document[:_HEAD]), None)
        return mark.decode().split('"')[3] if mark else None
    found = _FINAL[kind](document)
    return found[1].decode() if found else None


_FINAL = {
    "application/x-msgpack": _MSGPACK.match,
    "application/x-python-serialize": _PICKLE.match,
    "application/x-yaml": _YAML.search,
}


def kind_of(document: bytes) -> str | None:
    """The content type that a document begins like; None for what is none of those that everybody knows."""
    first = document[:1]
    if first == b"{":
        return "application/json"
    if first == b"\x80":  # to MessagePack, an empty mapping
        return "application/x-python-serialize"
    if b"\x80" < first < b"\x90" or first == b"\xde":
        return "application/x-msgpack"
    if _YAML_HEAD.match(document):
        return "application/x-yaml"
    return None


def unpacked(document: bytes, maximum: int) -> bytes:
    """A compressed document as it was; raises `MalformedMessage`, or `MessageTooLarge` for one longer than that."""
    method, _, body = document[len(PACKED) :].partition(b"\0")
    return compression.unpack(body, method.decode(errors="replace"), maximum)


def recognize(state: Callable[[bytes], str]) -> None:
    """Have documents looked at that nobody else knows: `state` reads theirs, or raises."""
    if state not in _recognizers:
        _recognizers.append(state)


def _recognized(document: bytes) -> str | None:
    """The state of a document of an add-on's, final or not; it may begin like any other."""
    for state in _recognizers:
        try:
            return state(document)
        except FROM_OUTSIDE:
            raise
        except Exception:  # it was written by another
            continue
    return None
