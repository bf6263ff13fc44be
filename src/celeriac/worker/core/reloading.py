"""Reading the code anew when a file of it has changed: one reading after the other, through the launcher."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Collection
from functools import partial

from celeriac.message.values import one_line
from celeriac.worker.core.port import monotonic
from celeriac.worker.core.screen import Screen
from celeriac.worker.lane.frame import Sources
from celeriac.worker.log.words import span
from celeriac.worker.sources import Watcher

logger = logging.getLogger("celeriac.worker")

_NAMED = 3


class Reloading:
    """Watches the sources it is told of. What changes while the code is being read is read once that has ended.

    It begins at the first sources: a worker that is not to watch is told of none.
    """

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._watcher: Watcher | None = None
        self._changed: list[str] = []
        self._begun = 0.0

    def begin(self) -> None:
        """The code is being read anew, whoever wanted that."""
        self._begun = monotonic()

    def end(self, sources: Sources | None) -> None:
        """It was read, or could not be; this is where it is."""
        self._begun = 0.0
        if sources is None:
            return
        if self._watcher is None:
            self._watcher = Watcher(partial(self._hear, asyncio.get_running_loop()))
        self._watcher.watch(sources.folders, sources.since)
        if self._changed:
            self._reload()

    def _hear(self, loop: asyncio.AbstractEventLoop, names: list[str]) -> None:
        """On the watcher's thread, which may outlive the loop for a moment."""
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(self._note, names)

    def _note(self, names: list[str]) -> None:
        self._changed = sorted({*self._changed, *names})
        if not self._begun:
            self._reload()

    def _reload(self) -> None:
        names, self._changed = self._changed, []
        shown = one_line(", ".join(names[:_NAMED])) + (f" and {len(names) - _NAMED} more" if names[_NAMED:] else "")
        logger.info("%s changed", shown)
        self._screen.say(f"  {shown} changed: the code is read anew")
        self.begin()
        # From here it does not mean that a terminal is gone.
        os.kill(os.getppid(), signal.SIGHUP)

    def say_new(self, before: Collection[str], after: Collection[str]) -> None:
        """Say that new code is in use, and which tasks came and went with it."""
        if not self._begun:
            return
        told = [f"{word}: {', '.join(sorted(names))}" for word, names in _moved(before, after) if names]
        lasted = f" after {span(monotonic() - self._begun)}"
        self._screen.say(one_line("; ".join([f"  The new code is in use{lasted}", *told])))


def _moved(before: Collection[str], after: Collection[str]) -> list[tuple[str, set[str]]]:
    return [("new", {*after} - {*before}), ("gone", {*before} - {*after})]
