"""The lock file of a database: POSIX record locks on single bytes of `<database>-lock`.

Byte 0 is the writer's, byte 1 the turnstile before it, and every open lease has a byte of its own further on,
held for as long as the process of its worker lives.

POSIX locks (fcntl(2), "Traditional advisory record locks"), neither flock(2) nor open file description locks:
the kernel frees them when the process dies, whatever children it has forked, for a child inherits none. The
price is that they belong to the pair of process and file: closing any descriptor of the file frees them all,
and the kernel does not refuse a process what the process itself holds. So there is one `LockFile` per file in
a process, shared by all stores, and what the process holds is remembered here.

The file may be deleted or replaced while workers live: an empty file looks like rubbish. Who notices locks the one
that is there now, too. Until then its leases cannot be judged by the new file, and every lease says in the
database by which file it is locked (`LockFile.inode`). The inode cannot be another file's as long as anybody has
this one open, so of two files with one inode the older has no living holder.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time

from celeriac.exceptions import ImproperlyConfigured, OperationalError
from celeriac.interrupts import Turn, holding, is_foreign
from celeriac.stores.contract import Lease

_WRITER = 0
_TURNSTILE = 1
_FIRST_LEASE = 2


class LockFile:
    """One lock file, open once in this process; get it with `open_lock_file`."""

    def __init__(self, fd: int, path: str) -> None:
        self.fd = fd
        self.path = path
        self.inode = os.fstat(fd).st_ino
        self.users = 0
        self.turn = Turn()
        """Whose turn it is to write among the threads of this process; taken before `acquire`."""
        self.held: dict[int, Lease] = {}
        """The leases of this process, by their bytes."""

    def acquire(self) -> None:
        """Become the writer, in turn with other processes.

        Whoever comes next waits at the writer's byte holding the turnstile. So a process that lets go and at
        once wants the lock again waits behind the one that had been waiting: nobody is overtaken for ever.
        """
        self._lock(_TURNSTILE, fcntl.LOCK_EX)
        try:
            self._lock(_WRITER, fcntl.LOCK_EX)
        finally:
            self._unlock(_TURNSTILE)

    def try_acquire(self) -> bool:
        """Become the writer if that needs no waiting."""
        if not self._lock(_TURNSTILE, fcntl.LOCK_EX | fcntl.LOCK_NB):
            return False
        try:
            return self._lock(_WRITER, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            self._unlock(_TURNSTILE)

    def release(self) -> None:
        """Be the writer no more, nor the next one; only while having the turn. Nothing happens to whoever is not."""
        fcntl.lockf(self.fd, fcntl.LOCK_UN, _FIRST_LEASE, _WRITER)

    def hold(self, lease: Lease) -> None:
        """Show as long as this process lives, or until `drop`, that the holder of a lease lives."""
        byte = _byte(lease)
        if byte not in self.held:
            if not self._lock(byte, fcntl.LOCK_EX | fcntl.LOCK_NB):
                raise OperationalError(f"lease {lease.epoch} of {lease.worker} is held by another process")
            self.held[byte] = lease

    def drop(self, lease: Lease) -> None:
        """Stop showing it; nothing happens when another process holds the lease."""
        byte = _byte(lease)
        if self.held.pop(byte, None) is not None:
            self._unlock(byte)

    def dead(self, lease: Lease) -> bool:
        """Whether no living process holds a lease; a stopped process (SIGSTOP) lives.

        Tried with a shared lock, so that two observers do not take each other for the holder.
        """
        byte = _byte(lease)
        if byte in self.held or not self._lock(byte, fcntl.LOCK_SH | fcntl.LOCK_NB):
            return False
        self._unlock(byte)
        return True

    def is_replaced(self) -> bool:
        """Whether another file, or none, is now where this one was."""
        try:
            return os.stat(self.path).st_ino != self.inode
        except OSError as error:
            if is_foreign(error):
                raise
            return True

    def close(self) -> None:
        """Give up one user's share; the last one closes the file, unless a lease is held by it."""
        holding(_opening, self._give_up)

    def _give_up(self) -> None:
        self.users -= 1
        if self.users == 0 and not self.held:
            _close(self)

    def _lock(self, byte: int, how: int) -> bool:
        while True:
            try:
                fcntl.lockf(self.fd, how, 1, byte)
            except (BlockingIOError, PermissionError):
                return False
            except OSError as error:
                if error.errno != errno.EDEADLK:
                    raise OperationalError(f"the lock file cannot be locked: {error.strerror}") from error
                # The kernel sees processes, not threads: two that wait for each other's writers of two
                # different databases look like a deadlock and are none.
                time.sleep(0.001)
            else:
                return True

    def _unlock(self, byte: int) -> None:
        fcntl.lockf(self.fd, fcntl.LOCK_UN, 1, byte)


_open: dict[tuple[int, int], LockFile] = {}
_opening = Turn()


def open_lock_file(path: str) -> LockFile:
    """The lock file at a path, created when there is none; `LockFile.close` gives it back.

    It holds the leases that this process held by a file that was there before.
    """
    return holding(_opening, lambda: _use(path))


def _use(path: str) -> LockFile:
    try:
        known = _open.get(_identity(os.stat(path)))
    except FileNotFoundError:
        known = None
    if known is None:
        known = _create(path)
    known.users += 1
    return known


def _create(path: str) -> LockFile:
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise ImproperlyConfigured(f"the lock file {path} cannot be opened: {error.strerror}") from error
    file = LockFile(fd, path)
    for before in [each for each in _open.values() if each.path == path]:
        for lease in list(before.held.values()):
            file.hold(lease)
            before.drop(lease)
        if before.users == 0:
            _close(before)
    _open[_identity(os.fstat(fd))] = file
    return file


def _close(file: LockFile) -> None:
    _open.pop(_identity(os.fstat(file.fd)))
    os.close(file.fd)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _byte(lease: Lease) -> int:
    # For workers: a first call would pay 3 ms for it.
    import hashlib

    name = f"{lease.worker}\0{lease.epoch}".encode()
    return _FIRST_LEASE + int.from_bytes(hashlib.blake2b(name, digest_size=6).digest())


def _forget_after_fork() -> None:
    """The child holds none of the locks; while it has no descriptor of its own, closing the parent's is harmless."""
    _opening.leave()
    for file in _open.values():
        os.close(file.fd)
    _open.clear()


os.register_at_fork(before=_opening.take, after_in_parent=_opening.leave, after_in_child=_forget_after_fork)
# Once more, for what an exception has kept from being done the first time.
os.register_at_fork(after_in_parent=_opening.leave, after_in_child=_opening.leave)
