"""Telling that an event loop is blocked: by whom, and where. A thread beside it looks, for the loop cannot."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import FrameType

logger = logging.getLogger("celeriac.worker")

BLOCKED_SECONDS = 1.0
"""A loop that has not turned for so long is told of, once for each time that it is blocked."""
_LOOK_SECONDS = 0.5

_PLUMBING = (os.path.dirname(asyncio.__file__), os.path.dirname(os.path.dirname(os.path.dirname(__file__))))


class BlockWatch:
    """Watches the loop of the thread that makes it, while something runs there.

    `describe` says what a task of the loop is, for people. What keeps the interpreter's lock keeps this thread from
    looking, too: such a block is told of when it is over.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, describe: Callable[[asyncio.Task[object] | None], str]) -> None:
        self._loop = loop
        self._describe = describe
        self._thread_id = threading.get_ident()
        self._busy = threading.Event()
        self._thread: threading.Thread | None = None

    def begins(self) -> None:
        """Something runs from now on."""
        if not self._busy.is_set():
            self._busy.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="celeriac-blocked", daemon=True)
                self._thread.start()

    def ends(self) -> None:
        """Nothing runs any more: there is nothing to look at, and no wake-up until there is."""
        self._busy.clear()

    def _watch(self) -> None:
        try:
            while self._busy.wait():
                self._look()
                time.sleep(_LOOK_SECONDS)
        except RuntimeError:
            return  # the loop is closed: the child ends

    def _look(self) -> None:
        turned, asked = threading.Event(), time.monotonic()
        self._loop.call_soon_threadsafe(turned.set)
        if turned.wait(BLOCKED_SECONDS):
            return
        frame = sys._current_frames().get(self._thread_id)
        who = self._describe(asyncio.current_task(self._loop))
        if not turned.is_set():
            logger.warning(
                "%s has blocked the event loop of its child for %.1f s: coroutines beside it stand still. Await "
                "instead, or call what blocks by asyncio.to_thread. It is at\n%s",
                *(who, time.monotonic() - asked, where(frame)),
            )
        turned.wait()
        logger.warning("the event loop goes on; it was blocked for %.1f s", time.monotonic() - asked)


def where(frame: FrameType | None) -> str:
    """The stack of a thread as text, from the first frame that is neither ours nor the loop's."""
    stack = traceback.extract_stack(frame) if frame is not None else []
    while stack and stack[0].filename.startswith((*_PLUMBING, "<frozen")):
        del stack[0]
    start = next((n for n in range(len(stack) - 1, -1, -1) if stack[n].filename.startswith(_PLUMBING)), -1)
    return "".join(traceback.format_list(stack[start + 1 :] or stack)).rstrip()
