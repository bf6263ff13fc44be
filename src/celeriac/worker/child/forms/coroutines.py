"""`async def` tasks, side by side in an event loop of their own thread."""

from __future__ import annotations

import asyncio
import logging
import time

from celeriac.exceptions import CeleriacError, TaskRevokedError
from celeriac.message import task as wire
from celeriac.worker.child.blocked import BlockWatch
from celeriac.worker.child.door import LEASE_POLL, Door, Entry
from celeriac.worker.child.executor import Executor
from celeriac.worker.child.guards.coroutine import CoroutineGuard
from celeriac.worker.child.memory import Memory
from celeriac.worker.lane.frame import PIECE_BYTES

logger = logging.getLogger("celeriac.worker")

monotonic = time.monotonic


class AsyncRunner:
    """Runs up to `limit` tasks side by side in an event loop of its own."""

    def __init__(
        self, door: Door, executor: Executor, limit: int, memory: Memory | None, *, watched: bool = False
    ) -> None:
        self._door = door
        self._executor = executor
        self._limit = limit
        self._memory = memory
        self._guards: dict[int, CoroutineGuard] = {}
        self._running: dict[asyncio.Task[object], bytes] = {}
        self._watched = watched
        self._watch: BlockWatch | None = None
        self._noted = False
        self._gone = asyncio.Event()
        door.cancel = self._cancel

    async def run(self) -> None:
        """Until the core closes the socket."""
        loop = asyncio.get_running_loop()
        self._watch = BlockWatch(loop, self._describe) if self._watched else None
        self._door.sock.setblocking(False)
        loop.add_reader(self._door.sock.fileno(), self._read)
        await self._gone.wait()
        loop.remove_reader(self._door.sock.fileno())

    def _read(self) -> None:
        try:
            data = self._door.sock.recv(PIECE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._gone.set()
            return
        self._executor.leave_if_copied(0)
        self._door.feed(data)
        self._start()

    def _start(self) -> None:
        """Begin what may begin."""
        door, loop = self._door, asyncio.get_running_loop()
        while len(self._guards) < self._limit:
            entry = door.take(self._register)
            if entry is None:
                if door.entries and door.held_up and not door.lane.retiring:
                    loop.call_later(LEASE_POLL, self._start)
                return
            guard = self._guards[entry[0]]
            guard.task = loop.create_task(self._one(entry, guard))
            self._running[guard.task] = entry[2]
            if self._watch is not None:
                self._watch.begins()

    def _register(self, number: int) -> None:
        self._guards[number] = CoroutineGuard()

    def _cancel(self, number: int, reason: str) -> None:
        guard = self._guards.get(number)
        if guard is not None:
            guard.end(TaskRevokedError(reason))

    async def _one(self, entry: Entry, guard: CoroutineGuard) -> None:
        number, queue, raw, verdict = entry
        started = monotonic()
        if verdict is None:
            judged = await self._executor.aexecute(raw, queue, guard)
        else:
            judged = self._executor.verdict(verdict)
        self._door.put(number, monotonic() - started, judged)
        del self._guards[number]
        if guard.task is not None:
            self._running.pop(guard.task, None)
        if not self._running and self._watch is not None:
            self._watch.ends()
        if self._memory is not None:
            self._memory.look()
        # Where a hundred end at the same moment, the next must not wait for the last of them to be judged.
        self._start()
        if not self._noted:
            self._noted = True
            asyncio.get_running_loop().call_soon(self._note)

    def _describe(self, task: asyncio.Task[object] | None) -> str:
        """What runs there, for people; from another thread."""
        raw = self._running.get(task) if task is not None else None
        try:
            headers = wire.read_headers(raw) if raw is not None else None
        except CeleriacError:
            headers = None
        return "Something" if headers is None else f"Task {headers.task}[{headers.id}]"

    def _note(self) -> None:
        """Wake the core once for all that ended in this turn of the loop."""
        self._noted = False
        self._door.notify()


def run_async(door: Door, executor: Executor, limit: int, memory: Memory | None = None) -> None:
    """Run `async def` tasks until the core closes the socket."""

    async def main() -> None:
        await AsyncRunner(door, executor, limit, memory).run()

    asyncio.run(main())


def run_async_when_asked(door: Door, executor: Executor, limit: int, memory: Memory | None = None) -> None:
    """The same, with an event loop from the first task on: it is a megabyte of a child that is sent none.

    A child to which plain tasks have left nothing for one, no descriptors perhaps, asks to be replaced.
    """
    if not door.wait_for_news():
        return
    try:
        loop = asyncio.new_event_loop()
    except Exception:
        logger.exception("no event loop can be had in this process any more")
        door.ask_to_be_replaced()
        return
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(AsyncRunner(door, executor, limit, memory, watched=True).run())
