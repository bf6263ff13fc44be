"""Groups of results, saved under an id of their own. Part of the contract (`celeriac.store.contract`)."""

from __future__ import annotations

from celeriac.store.request import Request


class SaveGroup(Request[None], frozen=True):
    """Keep the document of a group, for as long as a result is kept; it replaces an earlier one."""

    group: str
    document: bytes

    @property
    def durable(self) -> bool:
        return True


class ReadGroup(Request[bytes | None], frozen=True):
    """The document of a group, None where there is none."""

    group: str


class DropGroup(Request[None], frozen=True):
    """Delete the document of a group."""

    group: str
