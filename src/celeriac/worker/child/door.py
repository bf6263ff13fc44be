"""The child's end of a lane: the socket that brings frames, and the call that wakes the core."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable

from celeriac.exceptions import ResultTooLarge
from celeriac.worker.lane.frame import Cancel, Frame, LargeOutcome, Splitter, Verdict, cut, decode_frame, receive
from celeriac.worker.lane.lane import LARGEST, SPAN, Lane
from celeriac.worker.lane.outcome import WORD, Judged, Word, encode_word

monotonic = time.monotonic

LEASE_POLL = 0.002

Entry = tuple[int, str, bytes, Verdict | None]
"""What a child has before it: number, queue, message, and the verdict where there is nothing left to run."""


class Door:
    """One lane as the child sees it. `cancel` is told of running messages that are to end."""

    def __init__(self, lane: Lane, sock: socket.socket, notify: Callable[[], None]) -> None:
        self.lane = lane
        self.sock = sock
        self.notify = notify
        self.entries: deque[Entry] = deque()
        self.cancel: Callable[[int, str], None] = _nobody
        self._splitter = Splitter()
        self._token = False
        self._heard = 0
        self._putting = threading.Lock()
        self._pid = os.getpid()

    def wait_for_frames(self) -> bool:
        """Block until more messages are here; False when the core is gone."""
        found = receive(self.sock, self._splitter)
        if found is None:
            return False
        for data in found:
            self.accept(data)
        return True

    def wait_for_news(self) -> bool:
        """Block until there is something to read, and leave it there; False when the core is gone."""
        try:
            return bool(self.sock.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def feed(self, data: bytes) -> None:
        """The same for data read elsewhere."""
        for piece in self._splitter.feed(data):
            self.accept(piece)

    def accept(self, data: bytes) -> None:
        """Unpack what the core says."""
        said = decode_frame(data)
        self._heard += 1
        if isinstance(said, Frame):
            queue = said.queue
            for number, raw in enumerate(said.messages, said.first):
                self.entries.append((number, queue, raw, None))
        elif isinstance(said, Verdict):
            self.entries.append((said.number, said.queue, said.raw, said))
        elif isinstance(said, Cancel):
            self.cancel(said.number, said.reason)
        self.lane.heard = self._heard

    def ask_to_be_replaced(self) -> None:
        """Begin nothing more, and let the core know: another child is to run what waits here."""
        self.lane.retiring = True
        self.notify()

    @property
    def held_up(self) -> bool:
        """Whether nothing may begin for now: the lease may be over, or the child asks to be replaced."""
        lane = self.lane
        return monotonic() > lane.valid_until or lane.retiring

    def take(self, beginning: Callable[[int], None]) -> Entry | None:
        """The next message that may begin; None when none may now. One caller at a time.

        `beginning` is called with its number just before the core can see that it has begun.
        """
        lane, entries = self.lane, self.entries
        while entries:
            if self.held_up or (not self._token and not lane.tokens.acquire(False)):
                return None
            entry = entries.popleft()
            slot = entry[0] % SPAN
            self._token = bool(lane.taken[slot])
            if not self._token:
                beginning(entry[0])
                lane.begun[slot] = 1
                return entry
        return None

    def put(self, number: int, seconds: float, judged: Judged) -> None:
        """Hand an outcome over, whatever its size; waits while the ring is full."""
        kind, data = judged
        if len(data) > LARGEST:
            self.sock.setblocking(True)
            self.sock.sendall(cut(LargeOutcome(number, seconds, kind, data)))
            return
        with self._putting:
            while not self.lane.put(number, seconds, kind, data):
                self.notify()
                time.sleep(0.0005)

    def say(self, task: str, document: bytes) -> None:
        """Have a document of a running task written, if its claim is still held; raises `ResultTooLarge`.

        From any thread of this process. In a copy of it that user code has forked nothing happens.
        """
        data = encode_word(Word(task, document))
        if len(data) > LARGEST:
            raise ResultTooLarge(f"the state of a running task may have {LARGEST} bytes, this one has {len(data)}")
        if os.getpid() == self._pid:
            self.put(0, 0.0, (WORD, data))
            self.notify()


def _nobody(number: int, reason: str) -> None:
    """A plain task on the main thread is ended from outside: nobody here could hear of it in time."""
