"""The file with a process id by which others find a worker, and by which a second one stays away."""

from __future__ import annotations

import contextlib
import fcntl
import os
from types import TracebackType
from typing import Self

from celeriac.exceptions import CeleriacError, ImproperlyConfigured


class PidfileInUse(CeleriacError):
    """A pidfile names a process that lives: the worker runs already."""

    code = "C103"
    hint = "stop that process, or give this worker a pidfile of its own"
    tells_hint = True


class Pidfile:
    """A pidfile; as a context, it is there for as long as this process works, and nobody else can have it.

    One whose process is gone is replaced. A number may be another program's by now: then somebody has to remove the
    file. In a container all begin with the same numbers, so this process's own is that of one gone.
    """

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)

    def read(self) -> int | None:
        """The number in it; None where there is no file, or none that could be a process's.

        Zero and what is below would mean whole groups of processes to kill(2).
        """
        try:
            number = int(_read(self._path))
        except (OSError, ValueError):
            return None
        return number if 0 < number < 1 << 31 else None

    def check(self) -> None:
        """Raise `PidfileInUse` when its process lives."""
        pid = self.read()
        if pid is not None and pid != os.getpid() and lives(pid):
            raise PidfileInUse(f"{self._path} names the process {pid}, which runs")

    def __enter__(self) -> Self:
        """Write it; raises `PidfileInUse`, or `ImproperlyConfigured` where it cannot be written."""
        new = f"{self._path}.{os.getpid()}"
        try:
            # Two that start at once look one after the other, and what they see has a number in it.
            folder = os.open(os.path.dirname(self._path), os.O_RDONLY)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX)
                self.check()
                with open(new, "w") as file:
                    file.write(f"{os.getpid()}\n")
                os.replace(new, self._path)
            finally:
                os.close(folder)
        except OSError as error:
            raise ImproperlyConfigured(f"the pidfile {self._path} cannot be written: {error.strerror}") from None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.read() == os.getpid():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)


def lives(pid: int) -> bool:
    """Whether there is a process of this number that is not a corpse; whoever it belongs to."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        # proc(5): the state stands behind the name, which may hold anything.
        state = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return True
    return state not in ("Z", "X")


def _read(path: str) -> str:
    with open(path) as file:
        return file.read()
