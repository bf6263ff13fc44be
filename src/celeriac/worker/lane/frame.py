"""What travels between the processes of a worker, and how it is cut into pieces.

Everything is msgpack behind a length of four bytes. Messages from the store travel as they came: the core
never unpacks a body.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from celeriac.worker.options import Pool

_LENGTH = struct.Struct("<I")
_PACKET = 1 << 16
_IN_FILE = b"file"


class Frame(Struct, array_like=True, tag=0):
    """Core to child: messages `first`, `first + 1`, ..., all of one queue."""

    first: int
    queue: str
    messages: list[bytes]


class Cancel(Struct, array_like=True, tag=1):
    """Core to child: end the running message `number`, whose outcome shall be this error."""

    number: int
    reason: str


class Verdict(Struct, array_like=True, tag=2):
    """Core to child: message `number` has failed where no code of its own could run any more.

    The child opens it as if to run it, calls the task's hooks, and reports what follows: result, errbacks and,
    where `dead` says so, the dead letter.
    """

    number: int
    queue: str
    raw: bytes
    error: str
    """A name in `celeriac.exceptions`."""
    reason: str
    dead: bool


class Knock(Struct, array_like=True, tag=3):
    """Core to child: nothing, but to be read. A child that does not read begins nothing either."""


class LargeOutcome(Struct, array_like=True):
    """Child to core: an outcome too long for the ring."""

    number: int
    seconds: float
    kind: int
    data: bytes


class TaskSpec(Struct, array_like=True, frozen=True):
    """What the core must know of a task; times in seconds."""

    asynchronous: bool = False
    once: bool = False
    """At most once: marked in the store before it begins, never run again."""
    tracked: bool = False
    time_limit: float = 0.0
    """After how long it is ended from outside; 0 means never."""
    repeats: bool = True
    """Whether it runs again when its child dies; else that is a failure."""
    retry_lost: float = -1.0
    """The pause before a retry that a child's death counts as; below 0 it is none."""
    max_retries: int = -1
    """How many retries there may be; below 0 no limit."""
    keeps_timeouts: bool = False
    """Whether its end by a time limit leaves a dead letter."""
    hooks: bool = False
    """Whether it has code of its own to run when it fails."""


UNKNOWN_TASK = TaskSpec()
"""Nothing is known of it: it runs as tasks do by default."""


class Sources(Struct, array_like=True):
    """The folders of an app's own modules, and when their import began, in seconds since 1970."""

    folders: list[str]
    since: float


class Manifest(Struct):
    """Zygote to core, after the import of the app: all that the core ever learns of user code."""

    broker_url: str
    settings: dict[str, Any]
    tasks: dict[str, TaskSpec]
    zygote: int = 0
    sources: Sources | None = None
    """Where its code is, for workers that are to notice when it changes."""


class ImportFailed(Struct, tag=True):
    """Zygote to core: the app cannot be imported; why, and whether there is something of that name at all."""

    reason: str
    found: bool = True
    sources: Sources | None = None


class Ready(Struct, tag=True):
    """Zygote to core: the app is imported."""

    manifest: Manifest


class Fork(Struct, tag=True):
    """Core to zygote: fork a child for this slot. The sockets and event descriptors travel along."""

    slot: int
    pool: Pool
    """What it belongs to, as that is now."""


class Forked(Struct, tag=True):
    """Zygote to core: the child of a slot runs."""

    slot: int
    pid: int


class Exited(Struct, tag=True):
    """Zygote to core: a child has ended, with its wait status and the most memory it ever had, in KiB."""

    pid: int
    status: int
    memory: int = 0


FromZygote = Ready | ImportFailed | Forked | Exited

encode = msgspec.msgpack.Encoder().encode
decode_frame = msgspec.msgpack.Decoder(Frame | Cancel | Verdict | Knock).decode
decode_outcome = msgspec.msgpack.Decoder(LargeOutcome).decode
decode_from_zygote = msgspec.msgpack.Decoder(FromZygote).decode
decode_fork = msgspec.msgpack.Decoder(Fork).decode


def send_news(control: socket.socket, news: FromZygote) -> None:
    """Tell the core; what no packet can hold (the tasks of a large app) travels as a file in memory beside it.

    A core that is gone hears nothing. Whoever tells finds the end of the socket when it listens to it next.
    """
    with contextlib.suppress(ConnectionError):
        data = encode(news)
        if len(data) <= _PACKET:
            control.send(data)
        else:
            _send_file(control, data)


def _send_file(control: socket.socket, data: bytes) -> None:
    file = os.memfd_create("news", os.MFD_CLOEXEC)
    try:
        with open(file, "wb", closefd=False) as stream:
            stream.write(data)
        socket.send_fds(control, [_IN_FILE], [file])
    finally:
        os.close(file)


def receive_news(control: socket.socket) -> FromZygote | None:
    """What the zygote says next; None when it is gone."""
    data, files, _, _ = socket.recv_fds(control, _PACKET, 1)
    if not data:
        return None
    for file in files:
        with open(file, "rb") as stream:
            stream.seek(0)
            data = stream.read()
    news: FromZygote = decode_from_zygote(data)
    return news


def cut(message: Struct) -> bytes:
    """A message with its length in front."""
    data = encode(message)
    return _LENGTH.pack(len(data)) + data


PIECE_BYTES = 1 << 16
"""How much to read at once: for more, malloc maps memory and gives it back at every read (5 microseconds)."""


class Splitter:
    """Puts pieces of a stream together and cuts it into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that are complete with this piece."""
        self._buffer += data
        start = 0
        while len(self._buffer) - start >= 4:
            (size,) = _LENGTH.unpack_from(self._buffer, start)
            if len(self._buffer) - start < 4 + size:
                break
            yield bytes(self._buffer[start + 4 : start + 4 + size])
            start += 4 + size
        del self._buffer[:start]


def receive(sock: socket.socket, splitter: Splitter) -> list[bytes] | None:
    """Block until at least one message is complete; None when the other side is gone."""
    while True:
        try:
            data = sock.recv(PIECE_BYTES)
        except OSError:
            return None
        if not data:
            return None
        found = list(splitter.feed(data))
        if found:
            return found
