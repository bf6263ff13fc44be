"""A wire between a worker and its server that can be cut in one direction while both ends believe it whole."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from enum import Flag
from types import TracebackType
from typing import Self


class Way(Flag):
    """Which bytes vanish."""

    NONE = 0
    TO_SERVER = 1
    TO_CLIENT = 2


class Wire:
    """Passes bytes between clients of `port` and a server on 127.0.0.1.

    While `cut`, the bytes of that way vanish, of connections that are made meanwhile as well, and no end of a
    connection is passed on. A connection that lost bytes stays as it is after `heal`, as one whose router has
    forgotten it: nothing of it arrives any more in that way. New ones are whole.
    """

    def __init__(self, server: int) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._selector = selectors.DefaultSelector()
        self._wakeup, self._trigger = socket.socketpair()
        self._broken = Way.NONE
        self._lost: dict[socket.socket, bool] = {}
        self.swallowed = 0
        self._thread = threading.Thread(target=self._run, name="wire", daemon=True)

    @property
    def port(self) -> int:
        """Where clients connect to."""
        number: int = self._listener.getsockname()[1]
        return number

    def cut(self, way: Way) -> None:
        """From now on these bytes vanish."""
        self._broken = way

    def heal(self) -> None:
        """New connections are whole."""
        self._broken = Way.NONE

    def _run(self) -> None:
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wakeup, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._wakeup:
                    return
                if key.fileobj is self._listener:
                    self._accept()
                elif isinstance(key.fileobj, socket.socket) and key.fileobj.fileno() >= 0:
                    self._pass_on(key.fileobj, *key.data)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        server = socket.create_connection(("127.0.0.1", self._server))
        for one, other, way in ((client, server, Way.TO_SERVER), (server, client, Way.TO_CLIENT)):
            self._lost[one] = False
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(one, selectors.EVENT_READ, (other, way))

    def _pass_on(self, source: socket.socket, target: socket.socket, way: Way) -> None:
        try:
            data = source.recv(1 << 16)
        except OSError:
            data = b""
        if way & self._broken or self._lost[source]:
            self._lost[source] = True
            self.swallowed += len(data)
            if not data:
                self._forget(source)
            return
        with contextlib.suppress(OSError):
            if data:
                target.sendall(data)
                return
        for end in (source, target):
            self._forget(end)

    def _forget(self, end: socket.socket) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(end)
        end.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._trigger.send(b"x")
        self._thread.join()
        for end in (*self._lost, self._listener, self._wakeup, self._trigger):
            end.close()
        self._selector.close()
