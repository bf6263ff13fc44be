"""Bells: how a commit wakes those who wait for it, in whatever process.

Whoever waits binds a datagram socket in the folder `<database>.wake`; whoever has committed sends a byte to
every socket of the kind concerned. A byte that finds the buffer full is not missed: others lie there unread.
A socket whose owner died refuses the byte and is removed.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from celeriac.clock import Clock
from celeriac.exceptions import OperationalError
from celeriac.ids import new_epoch
from celeriac.interrupts import Turn, holding, is_foreign
from celeriac.stores.sqlite.filesystem import match_mode

WORKER = "w"
"""The kind of bells that ring when there may be something to claim, or a new time to wait for."""

NEWS = "n"
"""The kind that rings when a lease was opened or something was revoked."""

READER = "r"
"""The kind that rings when results were written."""

_LONGEST_PATH = 103
"""Bytes in the path of a socket: 107 on Linux (unix(7)), 103 on macOS."""

_LONGEST_NAME = len("/w") + 12
_SETTLED = 0.1
"""Seconds after which a folder's time of change will show another change: file systems count in ticks."""


class Bell:
    """One bound socket."""

    def __init__(self, address: str, path: str, database: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self._path = path
        try:
            self.socket.bind(address)
            match_mode(path, database)
        except OSError as error:
            self.socket.close()
            raise OperationalError(f"the socket {path} cannot be made: {error.strerror}") from error

    def silence(self) -> bool:
        """Take away what has arrived; whether there was anything."""
        rung = False
        with contextlib.suppress(BlockingIOError):
            while self.socket.recv(16):
                rung = True
        return rung

    def wait(self, seconds: float) -> None:
        """Return when the bell has rung, or after some seconds."""
        # Not by the socket's own timeout: a signal's handler may raise the same error, to end the wait.
        poller = select.poll()
        poller.register(self.socket, select.POLLIN)
        if poller.poll(max(0.0, seconds) * 1000):
            self.silence()

    def close(self) -> None:
        """Remove the socket."""
        self.socket.close()
        with contextlib.suppress(OSError):
            os.unlink(self._path)


class Bells:
    """The bells of a database: makes them, and rings those that are there."""

    def __init__(self, database: str, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._folder = _folder(database)
        self._address, self._fd = self._folder, -1
        self._sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sender.setblocking(False)
        self._names: tuple[str, ...] = ()
        self._seen = 0
        self._idle: list[Bell] = []
        self._making = Turn()

    def make(self, kind: str) -> Bell:
        """A bell that rings from now on; the caller closes it."""
        holding(self._making, self._reach)
        name = f"{kind}{new_epoch()}"
        return Bell(f"{self._address}/{name}", f"{self._folder}/{name}", self._database)

    @contextmanager
    def lend(self) -> Iterator[Bell]:
        """A silent reader's bell, kept for the next one who asks."""
        try:
            bell = self._idle.pop()
            bell.silence()
        except IndexError:
            bell = self.make(READER)
        try:
            yield bell
        finally:
            self._idle.append(bell)

    def ring(self, kinds: set[str]) -> None:
        """Ring all bells of some kinds. Fails silently: those who wait look up now and then by themselves."""
        self._look()
        for name in self._names:
            if name[0] in kinds:
                self._ring(name)

    def close(self) -> None:
        """Close the bells that were lent, and the sender."""
        while self._idle:
            self._idle.pop().close()
        self._sender.close()
        if self._fd >= 0:
            os.close(self._fd)

    def _ring(self, name: str) -> None:
        try:
            self._sender.sendto(b"!", f"{self._address}/{name}")
        except ConnectionRefusedError:
            with contextlib.suppress(OSError):
                os.unlink(f"{self._folder}/{name}")
        except OSError as error:
            if is_foreign(error):
                raise

    def _look(self) -> None:
        """Learn which bells there are, reading the folder only when it has changed."""
        try:
            changed = os.stat(self._folder).st_mtime_ns
            if changed == self._seen:
                return
            holding(self._making, self._reach)
            self._names = tuple(os.listdir(self._folder))
        except OSError as error:
            if is_foreign(error):
                raise
            self._names = ()
            return
        self._seen = changed if changed < (self._clock.now() - _SETTLED) * 1e9 else 0

    def _reach(self) -> None:
        """Make the folder, and an address for it that is short enough for a socket."""
        if not os.path.isdir(self._folder):
            with contextlib.suppress(FileExistsError):
                os.mkdir(self._folder)
            match_mode(self._folder, self._database)
        if len(os.fsencode(self._folder)) + _LONGEST_NAME > _LONGEST_PATH and self._fd < 0:
            self._fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            self._address = f"/proc/self/fd/{self._fd}"


def _folder(database: str) -> str:
    """The folder beside the database, or where its path is too long and `/proc` is missing, a temporary one."""
    folder = f"{database}.wake"
    if len(os.fsencode(folder)) + _LONGEST_NAME <= _LONGEST_PATH or os.path.isdir("/proc/self/fd"):
        return folder
    import hashlib
    import tempfile

    name = hashlib.blake2b(os.fsencode(folder), digest_size=8).hexdigest()
    return os.path.join(tempfile.gettempdir(), f"celeriac-{os.geteuid()}-{name}")
