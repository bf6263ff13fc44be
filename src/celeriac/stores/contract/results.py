"""Results: documents of tasks, and of groups, by their ids."""

from __future__ import annotations

from celeriac.stores.contract.request import Request


class ReadResults(Request[tuple[bytes | None, ...]], frozen=True):
    """The result documents of tasks, None where there is none."""

    tasks: tuple[str, ...]


class Note(Request[None], frozen=True):
    """Write the document of a task that no worker speaks for, unless it has a final one."""

    task: str
    document: bytes

    @property
    def durable(self) -> bool:
        return True


class Forget(Request[None], frozen=True):
    """Delete result documents."""

    tasks: tuple[str, ...]


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
