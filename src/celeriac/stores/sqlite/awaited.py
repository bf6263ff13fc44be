"""Waiting for results in an event loop."""

from __future__ import annotations

import asyncio
import contextlib

from celeriac.stores.contract import is_final
from celeriac.stores.sqlite.waiting import LOOK_SECONDS, SLICE, Read
from celeriac.stores.sqlite.wake import Bell, Bells


class Awaited:
    """What the coroutines of one event loop wait for: one bell, and one look for all of them."""

    def __init__(self, read: Read, bells: Bells) -> None:
        self._read = read
        self._bells = bells
        self._wanted: dict[str, set[asyncio.Future[bytes]]] = {}
        self._wake = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    async def wait(self, tasks: tuple[str, ...], timeout: float | None) -> tuple[bytes | None, ...]:
        """As `wait_for_results`, until all are final."""
        loop = asyncio.get_running_loop()
        futures = {task: loop.create_future() for task in tasks}
        for task, future in futures.items():
            self._wanted.setdefault(task, set()).add(future)
        if self._looking is None or self._looking.done():
            self._looking = loop.create_task(self._look())
        self._wake.set()
        try:
            if futures:
                await asyncio.wait(futures.values(), timeout=timeout)
        finally:
            for task, future in futures.items():
                waiting = self._wanted[task]
                waiting.discard(future)
                if not waiting:
                    del self._wanted[task]
            self._wake.set()
        return tuple(futures[task].result() if futures[task].done() else None for task in tasks)

    async def _look(self) -> None:
        with self._bells.lend() as bell:
            loop = asyncio.get_running_loop()
            loop.add_reader(bell.socket, self._rung, bell)
            try:
                while self._wanted:
                    self._wake.clear()
                    await self._look_once()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_SECONDS):
                            await self._wake.wait()
            except Exception as error:
                self._give_up(error)
            finally:
                loop.remove_reader(bell.socket)

    def _rung(self, bell: Bell) -> None:
        bell.silence()
        self._wake.set()

    async def _look_once(self) -> None:
        wanted = [task for task, futures in self._wanted.items() if not all(each.done() for each in futures)]
        for start in range(0, len(wanted), SLICE):
            part = tuple(wanted[start : start + SLICE])
            for task, document in zip(part, await asyncio.to_thread(self._read, part), strict=True):
                if document is not None and is_final(document):
                    for future in self._wanted.get(task, ()):
                        if not future.done():
                            future.set_result(document)

    def _give_up(self, error: Exception) -> None:
        for futures in self._wanted.values():
            for future in futures:
                if not future.done():
                    future.set_exception(error)
