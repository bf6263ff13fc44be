"""What this worker knows of revocations: a copy of what the store remembers. Pure."""

from __future__ import annotations

from celeriac.stores.contract import Revocation, Revoked


class RevocationCache:
    """Revocations by task, up to a revision; each is forgotten when the store forgets it."""

    def __init__(self) -> None:
        self.revision = 0
        self._entries: dict[str, tuple[float, Revocation]] = {}

    def take_in(self, news: Revoked, now: float) -> tuple[Revocation, ...]:
        """Learn what is newer than `revision`; `now` in seconds of any clock that does not jump."""
        self.revision = max(self.revision, news.revision)
        for entry in news.entries:
            self._entries[entry.task] = (now + entry.seconds, entry)
        for task in [task for task, (until, _) in self._entries.items() if until < now]:
            del self._entries[task]
        return news.entries

    def find(self, task: str) -> Revocation | None:
        """The revocation of a task."""
        found = self._entries.get(task)
        return found[1] if found is not None else None

    def __bool__(self) -> bool:
        return bool(self._entries)
