"""Virtual time: one heap of things to come, coroutines without a clock, processes that freeze and die.

Nothing here is random and nothing depends on hashes, so the same program makes the same history.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from celeriac.exceptions import LeaseLost, OperationalError

T = TypeVar("T")
Callback = Callable[..., None]


class Loop:
    """What happens when, in seconds since the beginning."""

    def __init__(self) -> None:
        self.now = 0.0
        self._heap: list[tuple[float, int, Callback, tuple[Any, ...]]] = []
        self._count = 0

    def at(self, delay: float, callback: Callback, *args: Any) -> None:
        """Call it after so many seconds; things of the same instant happen in the order in which they were asked."""
        self._count += 1
        heapq.heappush(self._heap, (self.now + delay, self._count, callback, args))

    def run(self, until: float, enough: Callable[[], bool] | None = None) -> bool:
        """Go on until then, or until `enough`; returns whether it was."""
        while self._heap and self._heap[0][0] <= until:
            if enough is not None and enough():
                return True
            self.now, _, callback, args = heapq.heappop(self._heap)
            callback(*args)
        self.now = max(self.now, until)
        return enough is not None and enough()


class Future(Generic[T]):
    """A value or an error to come; the first one stays."""

    __slots__ = ("_callbacks", "_error", "_value", "done")

    def __init__(self) -> None:
        self.done = False
        self._value: T | None = None
        self._error: Exception | None = None
        self._callbacks: list[Callback] = []

    def set(self, value: T | None = None) -> None:
        """It is this."""
        self._settle(value, None)

    def fail(self, error: Exception) -> None:
        """It went wrong."""
        self._settle(None, error)

    def _settle(self, value: T | None, error: Exception | None) -> None:
        if not self.done:
            self.done, self._value, self._error = True, value, error
            for callback in self._callbacks:
                callback()

    def then(self, callback: Callback) -> None:
        """Call it when the value is there, at once if it is."""
        if self.done:
            callback()
        else:
            self._callbacks.append(callback)

    def result(self) -> T:
        """The value, or the error raised."""
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]

    def __await__(self) -> Generator[Future[Any], None, T]:
        if not self.done:
            yield self
        return self.result()


class Flag:
    """Something to wait for that can be true many times."""

    def __init__(self) -> None:
        self._up: Future[None] = Future()

    def set(self) -> None:
        """Let those who wait go on."""
        self._up.set()

    def clear(self) -> None:
        """The next to wait waits."""
        if self._up.done:
            self._up = Future()

    def wait(self) -> Future[None]:
        """Done while the flag is up."""
        return self._up


class Activity:
    """A coroutine of a process; `ended` has its end, an error of the store included."""

    def __init__(self, process: Process, coroutine: Coroutine[Future[Any], None, None]) -> None:
        self.ended: Future[None] = Future()
        self._process = process
        self._coroutine = coroutine
        self._step()

    def _step(self) -> None:
        if self.ended.done:
            return
        try:
            awaited = self._coroutine.send(None)
        except StopIteration:
            self.ended.set()
        except (LeaseLost, OperationalError) as error:
            self.ended.fail(error)
        else:
            awaited.then(self._resume)

    def _resume(self) -> None:
        self._process.after(0.0, self._step)

    def cancel(self) -> None:
        """It goes no further."""
        self._coroutine.close()
        self.ended.set()


@dataclass(frozen=True)
class Ambush:
    """A fault that waits for a request of this kind: strikes when it is `sent`, or when it is `performed`."""

    request: str
    when: str
    strike: Callable[[], None]


class Process:
    """What freezes and dies as one. What would happen to it while it is frozen happens at the thaw."""

    def __init__(self, loop: Loop, name: str) -> None:
        self.loop = loop
        self.name = name
        self.alive = True
        self.frozen_until = 0.0
        self.ambush: Ambush | None = None
        self._held: deque[tuple[Callback, tuple[Any, ...]]] = deque()
        self._activities: list[Activity] = []

    @property
    def frozen(self) -> bool:
        """Whether it stands still now."""
        return self.loop.now < self.frozen_until

    def act(self, callback: Callback, *args: Any) -> None:
        """Now, at the thaw, or never."""
        if not self.alive:
            return
        if self.frozen or self._held:
            self._held.append((callback, args))
        else:
            callback(*args)

    def after(self, delay: float, callback: Callback, *args: Any) -> None:
        """The same after a time."""
        self.loop.at(delay, self.act, callback, *args)

    def sleep(self, delay: float) -> Future[None]:
        """Done after a time."""
        future: Future[None] = Future()
        self.after(delay, future.set)
        return future

    def start(self, coroutine: Coroutine[Future[Any], None, None]) -> Activity:
        """Run a coroutine until it ends or the process does."""
        activity = Activity(self, coroutine)
        self._activities = [known for known in self._activities if not known.ended.done]
        self._activities.append(activity)
        return activity

    async def first_to_end(self, *coroutines: Coroutine[Future[Any], None, None]) -> None:
        """Run side by side until one ends or fails, then end the others."""
        activities = [self.start(coroutine) for coroutine in coroutines]
        ended: Future[None] = Future()
        for activity in activities:
            activity.ended.then(ended.set)
        await ended
        first = next(activity for activity in activities if activity.ended.done)
        for activity in activities:
            activity.cancel()
        first.ended.result()

    def freeze(self, seconds: float) -> None:
        """Stand still from now on for so long."""
        self.frozen_until = max(self.frozen_until, self.loop.now + seconds)
        self.loop.at(seconds, self._thaw)

    def _thaw(self) -> None:
        while self._held and self.alive and not self.frozen:
            callback, args = self._held.popleft()
            callback(*args)

    def kill(self) -> None:
        """Nothing happens to it any more."""
        self.alive = False
        self._held.clear()
        for activity in self._activities:
            activity.cancel()
