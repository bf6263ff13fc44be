"""The log thread: the one thread that writes a worker's log, from the pipe that all log writers lead into.

It runs in the core and does nothing but read and write, so a reader of the log that stands still holds up
nobody but this thread. When the core has ended, in whatever way, the launcher writes what is still in the pipe.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable

from celeriac.exceptions import ImproperlyConfigured
from celeriac.worker.log.log_writer import FIRST, LAST, LOCAL, NUMBER, PIECE, LogWriter

CAPACITY = 1 << 20
"""Bytes that wait in the pipe; what comes when it is full is lost. An unprivileged process may have so much
(pipe(7)); where the system grants less, it is what the system gives, 64 KiB on Linux."""

_CUT = b"... [cut: the rest was lost]\n"
_TURN_SECONDS = 0.02
_UNFINISHED_SECONDS = 1.0


class Assembly:
    """Pieces in, whole records out, in the order in which they were complete.

    `local_writer` gives the core's texts up to a number, wherever the pipe says that they were said there.
    """

    def __init__(self, local_writer: Callable[[int], bytes] = lambda number: b"") -> None:
        self._local_writer = local_writer
        self._open: dict[int, list[bytes]] = {}
        self._tail = b""

    @property
    def unfinished(self) -> bool:
        """Whether the rest of a record is still to come."""
        return bool(self._open)

    def feed(self, data: bytes) -> bytes:
        """The text that these pieces complete."""
        data = self._tail + data
        done: list[bytes] = []
        at, size = 0, len(data)
        while at + PIECE.size <= size:
            process, length, marks = PIECE.unpack_from(data, at)
            begin, end = at + PIECE.size, at + PIECE.size + length
            if end > size:
                break
            if marks == LOCAL:
                done.append(self._local_writer(*NUMBER.unpack(data[begin:end])))
            else:
                self._add(process, data[begin:end], marks, done)
            at = end
        self._tail = data[at:]
        return b"".join(done)

    def _add(self, process: int, text: bytes, marks: int, done: list[bytes]) -> None:
        if marks & FIRST:
            # Its process had no room for the end of the one before.
            if process in self._open:
                done += [*self._open.pop(process), _CUT]
            if marks & LAST:
                done.append(text)
            else:
                self._open[process] = [text]
        elif process in self._open:
            self._open[process].append(text)
            if marks & LAST:
                done += self._open.pop(process)

    def give_up(self) -> bytes:
        """What there is of unfinished records, marked as cut."""
        text = b"".join(b"".join([*pieces, _CUT]) for pieces in self._open.values())
        self._open.clear()
        return text


class Sink:
    """Where text goes: a descriptor, standard error's, or a file that is opened anew when it was moved away."""

    def __init__(self, path: str | None = None, descriptor: int = 2) -> None:
        self._path = path
        self._descriptor = descriptor if path is None else _open(path)

    def write(self, data: bytes) -> None:
        """Write all of it, however long that takes; what the system refuses is lost."""
        try:
            self._follow()
            while data:
                try:
                    data = data[os.write(self._descriptor, data) :]
                except BlockingIOError:
                    # Whoever shares standard error with us has set it so.
                    select.select([], [self._descriptor], [])
        except OSError:
            return

    def _follow(self) -> None:
        """A file that was rotated is somebody else's: go on in a new one."""
        if self._path is None:
            return
        ours = os.fstat(self._descriptor)
        with contextlib.suppress(FileNotFoundError):
            there = os.stat(self._path)
            if (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino):
                return
        new = _open(self._path)
        os.close(self._descriptor)
        self._descriptor = new


def _open(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)


class LocalWriter:
    """The log writer of the log thread's own process: texts wait in memory, and only their places are in the pipe.

    So what the core says of a task and what its child says stand in the log in the order in which they were said.
    """

    def __init__(self, log_writer: LogWriter) -> None:
        self._log_writer = log_writer
        self._lock = threading.Lock()
        self._texts: list[bytes] = []
        self._size = self._taken = 0
        self._unmarked = False
        """Whether there was no room for the place of the last text."""

    def write(self, record: bytes) -> bool:
        """Leave a record there; False when too much is there already."""
        with self._lock:
            if self._size + len(record) > CAPACITY:
                return False
            self._texts.append(record)
            self._size += len(record)
            self._unmarked = not self._log_writer.mark(self._taken + len(self._texts))
        return True

    def write_lines(self, text: bytes) -> int:
        """Leave lines there; how many there was no room for: none or all."""
        return 0 if self.write(text) else text.count(b"\n")

    def take(self, number: int | None = None) -> bytes:
        """What was said up to the text of this number, or all that is there."""
        with self._lock:
            count = len(self._texts) if number is None else max(0, number - self._taken)
            texts = self._texts[:count]
            del self._texts[:count]
            self._taken += len(texts)
            text = b"".join(texts)
            self._size -= len(text)
        return text

    def take_unmarked(self) -> bytes:
        """All that is there if the pipe was too full to say where it belongs: behind what was read of it since."""
        return self.take() if self._unmarked else b""


class Log:
    """A worker's log: made by the launcher before it forks, inherited by all.

    `path` is a file, or None for standard error. Raises `ImproperlyConfigured` when it cannot be opened.
    """

    def __init__(self, path: str | None = None) -> None:
        try:
            self._sink = Sink(path)
        except OSError as error:
            raise ImproperlyConfigured(f"the log cannot be written to {path}: {error.strerror}") from error
        self._source, self.descriptor = os.pipe()
        os.set_blocking(self.descriptor, False)
        with contextlib.suppress(OSError):
            fcntl.fcntl(self.descriptor, fcntl.F_SETPIPE_SZ, CAPACITY)
        self._thread: threading.Thread | None = None
        self._ending = False
        self._capacity = fcntl.fcntl(self.descriptor, fcntl.F_GETPIPE_SZ)
        self.log_writer = LogWriter(self.descriptor)
        """For the processes that children are forked from."""
        self.local_writer = LocalWriter(self.log_writer)
        """For the core."""
        self._assembly = Assembly(self.local_writer.take)
        self._screen = Sink(None, 1)
        self._shown: deque[bytes] = deque()

    def start(self) -> None:
        """Let the log thread begin, in this process."""
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def show(self, text: bytes) -> None:
        """Let text that is no part of the log be written to standard output."""
        self._shown.append(text)
        self.log_writer.write(b"")

    def keep_log_writer(self) -> LogWriter:
        """Give up the reading end, in a process that only writes."""
        os.close(self._source)
        return self.log_writer

    def end(self, seconds: float = 1.0) -> None:
        """Let the log thread write what has been said so far, and stop; no longer than this."""
        if self._thread is not None:
            self._ending = True
            os.set_blocking(self._source, False)
            self.log_writer.write(b"")
            self._thread.join(seconds)

    def finish(self, seconds: float = 1.0) -> None:
        """Write what nobody has written, once all others have ended; no longer than this."""
        self.start()
        self.end(seconds)

    def _run(self) -> None:
        while True:
            try:
                data = self._read()
            except BlockingIOError:
                break
            text = self._assembly.feed(data) if data else self._assembly.give_up()
            self._write_shown()
            self._sink.write(text + self.local_writer.take_unmarked())
            if len(data) < self._capacity // 4 and not self._ending:
                # Many small records cost no more than one: the core wants the interpreter too.
                time.sleep(_TURN_SECONDS)
        self._sink.write(self._assembly.give_up() + self.local_writer.take())
        self._write_shown()

    def _write_shown(self) -> None:
        while self._shown:
            self._screen.write(self._shown.popleft())

    def _read(self) -> bytes:
        """What has come; nothing when the rest of a record is overdue."""
        if self._assembly.unfinished and not self._ending:
            ready, _, _ = select.select([self._source], [], [], _UNFINISHED_SECONDS)
            if not ready:
                return b""
        return os.read(self._source, CAPACITY)
