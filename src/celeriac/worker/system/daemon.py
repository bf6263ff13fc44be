"""What makes a worker a daemon: away from its terminal, as another user."""

from __future__ import annotations

import grp
import os
import pwd
import sys
from collections.abc import Callable

from celeriac.exceptions import ImproperlyConfigured

EXIT_FAILED = 1
_READY = b"\0"


class Detached:
    """This process without its terminal, while the one that was started waits to hear that it is ready.

    Made in the process that was started, which ends here: with 0 once the other one says `ready`, with 1 if that
    ends before.
    """

    def __init__(self, log_file: str | None) -> None:
        waiting, self._ready = os.pipe()
        if os.fork() != 0:
            os.close(self._ready)
            os._exit(0 if os.read(waiting, 1) == _READY else EXIT_FAILED)
        os.close(waiting)
        os.setsid()
        # Who leads no session can be given no terminal.
        if os.fork() != 0:
            os._exit(0)
        self._log_file = log_file

    def ready(self) -> None:
        """Let the one that was started end, and say everything into the log from now on, or nowhere."""
        out = self._log_file or os.devnull
        nothing, log = os.open(os.devnull, os.O_RDONLY), os.open(out, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor, source in ((0, nothing), (1, log), (2, log)):
            os.dup2(source, descriptor)
        for descriptor in {nothing, log} - {0, 1, 2}:
            os.close(descriptor)
        os.write(self._ready, _READY)
        os.close(self._ready)


def aside(work: Callable[[], object]) -> int:
    """Do something in a process of its own, of which nothing stays here; its exit code.

    Exceptions go on in that process as if it were this one.
    """
    process = os.fork()
    if process == 0:
        work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def become(user: str | None, group: str | None) -> None:
    """Go on as this user and group, by name or number, for good; with a user alone, with all groups of theirs.

    Raises `ImproperlyConfigured` for who is not known here, or if the system does not allow it.
    """
    if user is None and group is None:
        return
    account = None if user is None else _account(user)
    number = _group(group) if group is not None else account.pw_gid if account is not None else os.getgid()
    try:
        if os.geteuid() == 0:
            os.setgroups([]) if account is None else os.initgroups(account.pw_name, number)
        os.setgid(number)
        if account is not None:
            os.setuid(account.pw_uid)
    except OSError as error:
        raise ImproperlyConfigured(f"cannot run as {user or group}: {error.strerror}; only root may do that") from None


def _account(user: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(int(user)) if user.isdigit() else pwd.getpwnam(user)
    except KeyError:
        raise ImproperlyConfigured(f"no user {user!r} is known here") from None


def _group(group: str) -> int:
    try:
        return int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
    except KeyError:
        raise ImproperlyConfigured(f"no group {group!r} is known here") from None


def mask(text: str) -> int:
    """The umask that a text means: octal if it begins with 0, else decimal, as Celery reads it."""
    try:
        number = int(text, 8 if text.startswith("0") else 10)
    except ValueError:
        number = -1
    if not 0 <= number <= 0o777:
        raise ImproperlyConfigured(f"{text!r} is no umask: 022")
    return number
