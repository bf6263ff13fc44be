"""The log writer: how each process of a worker writes into the worker's log and never waits for whoever reads it.

All log writers of a worker lead into one pipe, which the log thread empties. What is written goes in pieces of at most
`PIPE_BUF` bytes, which the kernel takes whole or not at all (pipe(7)); a piece names its process, so long
records are put together again at the other end. What was written is in the kernel: it outlives its process.
"""

from __future__ import annotations

import os
import select
import struct

PIECE = struct.Struct("<IHB")
"""Before each piece: the process, the length, and whether a record begins and ends here, or one kept in memory does."""
NUMBER = struct.Struct("<Q")
FIRST, LAST, LOCAL = 1, 2, 4
ROOM = select.PIPE_BUF - PIECE.size

LONGEST = 1 << 18
"""Bytes of a record that are written; the rest is cut off, and the record says so."""


class LogWriter:
    """A process's way into the log. Safe for one thread at a time: a logging handler's lock sees to that."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, record: bytes) -> bool:
        """Write one record, whole lines; False when there was no room for all of it."""
        if len(record) <= ROOM:
            return self._put(record, FIRST | LAST)
        if len(record) > LONGEST:
            record = b"%b... [cut: %d bytes]\n" % (record[:LONGEST], len(record))
        last = len(record) - ROOM
        for start in range(0, len(record), ROOM):
            if not self._put(record[start : start + ROOM], (not start and FIRST) | (start >= last and LAST)):
                return False
        return True

    def write_lines(self, text: bytes) -> int:
        """Write lines that need not stay together; how many there was no room for."""
        lost = start = 0
        while start < len(text):
            end = text.rfind(b"\n", start, start + ROOM) + 1 or text.find(b"\n", start) + 1 or len(text)
            if not self.write(text[start:end]):
                lost += text.count(b"\n", start, end)
            start = end
        return lost

    def mark(self, number: int) -> bool:
        """Note that the local writer's texts up to this number are said here; False when there was no room."""
        return self._put(NUMBER.pack(number), LOCAL)

    def _put(self, data: bytes, marks: int) -> bool:
        try:
            os.write(self._descriptor, PIECE.pack(os.getpid(), len(data), marks) + data)
        except OSError:
            return False
        return True
