"""Where a worker leaves its socket for those who ask after it on the same machine: a folder of one user."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

from celeriac import ids

_NAME_LENGTH = 48
"""Of a worker's name that goes into the name of its socket; the path of one holds 107 bytes (unix(7))."""


def candidates() -> Iterator[Path]:
    """The folders that may be it, the preferred one first: a service and a login do not see the same.

    CELERIAC_RUNTIME_DIR names the only one, for where /tmp cannot be written to.
    """
    named = os.environ.get("CELERIAC_RUNTIME_DIR")
    if named:
        yield Path(named)
        return
    ours = os.environ.get("XDG_RUNTIME_DIR")
    if ours and os.path.isdir(ours):
        yield Path(ours, "celeriac")
    yield Path(f"/tmp/celeriac-{os.getuid()}")


def own() -> Path:
    """The folder, made if need be; raises `OSError` when it is not this user's alone."""
    folder = next(candidates())
    folder.mkdir(mode=0o700, exist_ok=True)
    _check(folder)
    return folder


def new_socket(worker: str) -> Path:
    """A path that no other worker uses."""
    return own() / f"{quote(worker, safe='@')[:_NAME_LENGTH]}.{ids.new_epoch()[:12]}.sock"


def sweep() -> None:
    """Remove what workers left behind that were killed."""
    for path in own().glob("*.sock"):
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.setblocking(False)
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()


def sockets() -> Iterator[tuple[str, Path]]:
    """The workers that there may be, by name and socket; those that are dead included."""
    for folder in candidates():
        try:
            _check(folder)
        except OSError:
            continue
        for path in sorted(folder.glob("*.sock")):
            yield unquote(path.name.rsplit(".", 2)[0]), path


def _check(folder: Path) -> None:
    """Others of this machine could put a socket of theirs into a folder that is not ours."""
    status = os.lstat(folder)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a folder of this user alone")
