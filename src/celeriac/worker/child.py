"""The child: takes messages from its lanes, runs them, puts outcomes back. Hot path: core -> here -> executor.

Tasks with `async def` run in an event loop on a second thread, the others one at a time on the main
thread, so that signals reach them and a long one of either kind does not stop the other.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NoReturn

from celeriac.worker.executor import Executor, Judged
from celeriac.worker.frame import Frame, LargeOutcome, Splitter, cut, decode_frame, receive
from celeriac.worker.lane import LARGEST, SPAN, Lane

monotonic = time.monotonic

_LEASE_POLL = 0.002


class Door:
    """The child's end of a lane: the socket that brings frames, and the call that wakes the core."""

    def __init__(self, lane: Lane, sock: socket.socket, notify: Callable[[], None]) -> None:
        self.lane = lane
        self.sock = sock
        self.notify = notify
        self.entries: deque[tuple[int, str, bytes]] = deque()
        self._splitter = Splitter()

    def wait_for_frames(self) -> bool:
        """Block until more messages are here; False when the core is gone."""
        found = receive(self.sock, self._splitter)
        if found is None:
            return False
        for data in found:
            self.accept(data)
        return True

    def feed(self, data: bytes) -> None:
        """The same for data read elsewhere."""
        for piece in self._splitter.feed(data):
            self.accept(piece)

    def accept(self, data: bytes) -> None:
        """Unpack a frame."""
        frame = decode_frame(data)
        if not isinstance(frame, Frame):
            raise NotImplementedError(frame)
        for number, raw in enumerate(frame.messages, frame.first):
            self.entries.append((number, frame.queue, raw))

    def put(self, number: int, seconds: float, judged: Judged) -> None:
        """Hand an outcome over, whatever its size; waits while the ring is full."""
        kind, data = judged
        if len(data) > LARGEST:
            self.sock.setblocking(True)
            self.sock.sendall(cut(LargeOutcome(number, seconds, kind, data)))
            return
        while not self.lane.put(number, seconds, kind, data):
            self.notify()
            time.sleep(0.0005)


def run_sync(door: Door, executor: Executor) -> None:
    """Run tasks one at a time until the core closes the socket."""
    lane, entries, execute = door.lane, door.entries, executor.execute
    acquire, taken, begun = lane.tokens.acquire, lane.taken, lane.begun
    token = False
    while True:
        while entries:
            if monotonic() > lane.valid_until:
                time.sleep(_LEASE_POLL)
                # Taken back meanwhile? Then the token is gone and the loop below ends.
            elif not token and not acquire(False):
                break
            else:
                number, queue, raw = entries.popleft()
                slot = number % SPAN
                token = bool(taken[slot])
                if token:
                    continue
                begun[slot] = 1
                lane.since = started = monotonic()
                judged = execute(raw, queue)
                door.put(number, monotonic() - started, judged)
                lane.since = 0.0
                if not entries:
                    door.notify()
        if not door.wait_for_frames():
            return


class AsyncRunner:
    """Runs up to `limit` tasks side by side in an event loop of its own."""

    def __init__(self, door: Door, executor: Executor, limit: int) -> None:
        self._door = door
        self._executor = executor
        self._limit = limit
        self._running: set[asyncio.Task[None]] = set()
        self._busy = 0
        self._token = False
        self._noted = False
        self._gone = asyncio.Event()

    async def run(self) -> None:
        """Until the core closes the socket."""
        loop = asyncio.get_running_loop()
        self._door.sock.setblocking(False)
        loop.add_reader(self._door.sock.fileno(), self._read)
        await self._gone.wait()
        loop.remove_reader(self._door.sock.fileno())

    def _read(self) -> None:
        try:
            data = self._door.sock.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._gone.set()
            return
        self._door.feed(data)
        self._start()

    def _start(self) -> None:
        """Begin what may begin: the rules are those of `run_sync`."""
        lane, entries = self._door.lane, self._door.entries
        loop = asyncio.get_running_loop()
        while entries and self._busy < self._limit:
            if monotonic() > lane.valid_until:
                loop.call_later(_LEASE_POLL, self._start)
                return
            if not self._token and not lane.tokens.acquire(False):
                return
            number, queue, raw = entries.popleft()
            slot = number % SPAN
            self._token = bool(lane.taken[slot])
            if self._token:
                continue
            lane.begun[slot] = 1
            self._busy += 1
            task = loop.create_task(self._one(number, queue, raw))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _one(self, number: int, queue: str, raw: bytes) -> None:
        started = monotonic()
        judged = await self._executor.aexecute(raw, queue)
        self._door.put(number, monotonic() - started, judged)
        self._busy -= 1
        # Where a hundred end at the same moment, the next must not wait for the last of them to be judged.
        self._start()
        if not self._noted:
            self._noted = True
            asyncio.get_running_loop().call_soon(self._note)

    def _note(self) -> None:
        """Wake the core once for all that ended in this turn of the loop."""
        self._noted = False
        self._door.notify()


def run_async(door: Door, executor: Executor, limit: int) -> None:
    """Run `async def` tasks until the core closes the socket."""

    async def main() -> None:
        await AsyncRunner(door, executor, limit).run()

    asyncio.run(main())


def run_child(sync: Door, asynchronous: Door | None, executor: Executor, limit: int) -> NoReturn:
    """The life of a forked child; ends with the process."""
    if asynchronous is not None:
        threading.Thread(target=run_async, args=(asynchronous, executor, limit), name="async", daemon=True).start()
    run_sync(sync, executor)
    os._exit(0)
