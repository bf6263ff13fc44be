"""Where a worker leaves its socket for those who ask after it on the same machine: a folder of one user."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import stat
import sys
from collections.abc import Iterator

from celeriac import ids

_NAME_LENGTH = 39
"""Of a worker's name that goes into the name of its socket; the path of one holds 107 bytes (unix(7))."""

_UNSAFE = re.compile(rb"[^A-Za-z0-9_.~@-]")
"""What is written as in a URL there."""


def candidates() -> Iterator[str]:
    """The folders that may be it, the preferred one first: a service and a login do not see the same.

    CELERIAC_RUNTIME_DIR names the only one, for where /tmp cannot be written to.
    """
    named = os.environ.get("CELERIAC_RUNTIME_DIR")
    if named:
        yield named
        return
    ours = os.environ.get("XDG_RUNTIME_DIR")
    if ours and os.path.isdir(ours):
        yield os.path.join(ours, "celeriac")
    yield f"/tmp/celeriac-{os.getuid()}"


def own() -> str:
    """The folder, made if need be; raises `OSError` when it is not this user's alone."""
    folder = next(candidates())
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder, 0o700)
    _check(folder)
    return folder


def project(app: str) -> str:
    """A short word for the project that `-A` means, from where its topmost module lies: nothing is imported.

    The same for every way to name an app of it, and another for a project elsewhere, whatever its modules are called.
    """
    from hashlib import blake2b
    from importlib.machinery import PathFinder

    module = app.partition(":")[0].partition(".")[0]
    found = PathFinder.find_spec(module, [os.getcwd(), *sys.path]) if module else None
    places = [] if found is None else [found.origin or "", *(found.submodule_search_locations or ())]
    place = next((os.path.realpath(each) for each in places if each), f"{os.getcwd()}\n{app}")
    return blake2b(place.encode(errors="surrogateescape"), digest_size=4).hexdigest()


def new_socket(worker: str, app: str) -> str:
    """A path that no other worker uses."""
    name = _UNSAFE.sub(lambda found: b"%%%02X" % found[0][0], worker.encode())[:_NAME_LENGTH]
    return os.path.join(own(), f"{name.decode()}.{project(app)}.{ids.new_epoch()[:12]}.sock")


def sweep() -> None:
    """Remove what workers left behind that were killed."""
    for path in _sockets_in(own()):
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.setblocking(False)
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                os.unlink(path)


def sockets(app: str | None = None) -> Iterator[tuple[str, str]]:
    """The workers that there may be, by name and socket, of this app's project alone; dead ones included."""
    from urllib.parse import unquote

    wanted = None if app is None else project(app)
    for folder in candidates():
        try:
            _check(folder)
        except OSError:
            continue
        for path in sorted(_sockets_in(folder)):
            worker, its_project, *_ = os.path.basename(path).rsplit(".", 3)
            if wanted in (None, its_project):
                yield unquote(worker), path


def _sockets_in(folder: str) -> list[str]:
    return [os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".sock")]


def _check(folder: str) -> None:
    """Others of this machine could put a socket of theirs into a folder that is not ours."""
    status = os.lstat(folder)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a folder of this user alone")
