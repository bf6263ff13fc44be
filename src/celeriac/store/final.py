"""Whether a document ends its task. Part of the contract (`celeriac.store.contract`)."""

from __future__ import annotations


def is_final(document: bytes) -> bool:
    """Whether a result document ends its task; reads only its first bytes, which every writer fills alike."""
    head = document[:40]
    return any(mark in head for mark in _FINAL_MARKS)


_FINAL_MARKS = tuple(
    f'"status":{space}"{state}"'.encode() for state in ("SUCCESS", "FAILURE", "REVOKED") for space in ("", " ")
)
