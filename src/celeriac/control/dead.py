"""`app.dead`: the messages that were set aside for a person. `app.failed`: the tasks that failed, to be run again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from msgspec import Struct

from celeriac.clock import SYSTEM_CLOCK, Clock
from celeriac.message import edit
from celeriac.message import task as wire
from celeriac.stores.contract import (
    Cause,
    DeadLetter,
    DeadLetters,
    DeleteDeadLetters,
    ReadDead,
    Replay,
    ReplayItem,
    Store,
)

_PAGE = 200


class Matching(Struct, frozen=True, kw_only=True):
    """Which letters are meant: those for which all that is given is true. Ages are in seconds."""

    task: str | None = None
    cause: Cause | str | None = None
    queue: str | None = None
    fingerprint: str | None = None
    older: float | None = None
    newer: float | None = None

    def includes(self, letter: DeadLetter, now: float) -> bool:
        """Whether a letter is one of them."""
        return (
            self.task in (None, letter.task)
            and self.cause in (None, letter.cause)
            and self.queue in (None, letter.queue)
            and self.fingerprint in (None, letter.fingerprint)
            and (self.older is None or now - letter.when >= self.older)
            and (self.newer is None or now - letter.when <= self.newer)
        )


EVERY = Matching()


class Group(Struct, frozen=True):
    """Letters of one error: what they have in common, how many there are, and the newest."""

    fingerprint: str
    count: int
    task: str
    cause: Cause
    error: str
    place: str
    first: float
    last: float
    newest: DeadLetter


class Dead:
    """Dead letters: read, put back into their queues, dropped.

    With `failed` it is what is kept of tasks that failed: their result is there, and so is their message.
    Every method raises `OperationalError` when the store cannot be reached.
    """

    def __init__(self, store: Callable[[], Store], clock: Clock = SYSTEM_CLOCK, *, failed: bool = False) -> None:
        self._store = store
        self._clock = clock
        self._failed = failed

    def list(self, matching: Matching = EVERY, limit: int = 100) -> list[DeadLetter]:
        """The newest letters, at most `limit` of them."""
        return list(islice(self.iterate(matching), limit))

    def iterate(self, matching: Matching = EVERY) -> Iterator[DeadLetter]:
        """All letters, the newest first, a page at a time; what comes meanwhile is not among them."""
        after, now = 0, self._clock.now()
        while page := self._store().run(DeadLetters(_PAGE, after, failed=self._failed)):
            yield from (letter for letter in page if matching.includes(letter, now))
            after = page[-1].number

    def get(self, id: str) -> DeadLetter | None:
        """One letter, or None."""
        return self._store().run(ReadDead(id, self._failed))

    def groups(self, matching: Matching = EVERY) -> tuple[Group, ...]:
        """Letters by their fingerprints, the most frequent first."""
        groups: dict[str, Group] = {}
        for letter in self.iterate(matching):
            key = letter.fingerprint
            known = groups.get(key)
            last, newest = (known.last, known.newest) if known else (letter.when, letter)
            about = (letter.task, letter.cause, letter.error, letter.place)
            groups[key] = Group(key, known.count + 1 if known else 1, *about, letter.when, last, newest)
        return tuple(sorted(groups.values(), key=lambda group: -group.count))

    def replay(
        self,
        id: str,
        *,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        queue: str | None = None,
    ) -> bool:
        """Put a letter back into its queue, once; whether it was there.

        The task begins anew: attempts and crashes are not counted any more, its result is forgotten, and it does
        not expire. `args` and `kwargs` replace its arguments (`MalformedMessage` if they cannot be read). Its
        priority and its id stay.
        """
        letter = self.get(id)
        return letter is not None and bool(self._replay([letter], args, kwargs, queue))

    def replay_all(
        self,
        matching: Matching = EVERY,
        *,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        queue: str | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """The same for all letters that match; how many that were. What dies again meanwhile is left.

        `progress` is called with the count so far.
        """
        return _count((self._replay(some, args, kwargs, queue) for some in _some(self.iterate(matching))), progress)

    def _replay(
        self,
        letters: Sequence[DeadLetter],
        args: Sequence[Any] | None,
        kwargs: Mapping[str, Any] | None,
        queue: str | None,
    ) -> int:
        revivals = (
            ReplayItem(
                letter.id,
                edit.with_arguments(edit.begin_anew(letter.raw), args, kwargs),
                queue or letter.queue,
                letter.priority,
                wire.read_id(letter.raw),
            )
            for letter in letters
        )
        return len(self._store().run(Replay(tuple(revivals), self._failed)))

    def drop(self, id: str) -> bool:
        """Delete a letter; whether it was there."""
        return bool(self._store().run(DeleteDeadLetters((id,), self._failed)))

    def drop_all(self, matching: Matching = EVERY, progress: Callable[[int], None] | None = None) -> int:
        """Delete all letters that match; how many that were. `progress` is called with the count so far."""
        found = _some(self.iterate(matching))
        drops = (
            len(self._store().run(DeleteDeadLetters(tuple(letter.id for letter in some), self._failed)))
            for some in found
        )
        return _count(drops, progress)


def _count(parts: Iterable[int], progress: Callable[[int], None] | None) -> int:
    """The sum, told as it grows."""
    count = 0
    for part in parts:
        count += part
        if progress is not None:
            progress(count)
    return count


def _some(letters: Iterator[DeadLetter]) -> Iterator[tuple[DeadLetter, ...]]:
    """A page of letters at a time."""
    while some := tuple(islice(letters, _PAGE)):
        yield some
