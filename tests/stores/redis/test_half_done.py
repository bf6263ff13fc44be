"""What was done in part and could not be taken back: whoever enqueues is told that nobody knows."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from celeriac.exceptions import EnqueueUncertain
from celeriac.stores import contract as c
from celeriac.stores.redis import RedisStore

REFUSED = b"-HALFDONE OOM command not allowed; and it could not be taken back: NOPERM this user\r\n"


@pytest.fixture
def store() -> Iterator[RedisStore]:
    """At a server that refuses each script so, and takes all else."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=[listening], daemon=True).start()
        one = RedisStore(f"redis://127.0.0.1:{listening.getsockname()[1]}/0")
        yield one
        one.close()


def serve(listening: socket.socket) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=talk, args=[connection], daemon=True).start()


def talk(connection: socket.socket) -> None:
    with connection:
        while data := connection.recv(1 << 20):
            # One command at a time is sent here.
            connection.sendall(REFUSED if b"EVAL" in data else b"+OK\r\n" * max(1, data.count(b"*")))


def test_who_enqueues_is_told_the_ids(store: RedisStore) -> None:
    messages = (c.Message("one", "q", b"1"), c.Message("two", "q", b"2"))
    with pytest.raises(EnqueueUncertain, match="could not be taken back") as raised:
        store.run(c.Enqueue(messages))
    assert raised.value.ids == ("one", "two")


def test_who_enqueues_from_a_loop_is_told_too(store: RedisStore) -> None:
    with pytest.raises(EnqueueUncertain) as raised:
        asyncio.run(store.arun(c.Enqueue((c.Message("one", "q", b"1"),))))
    assert raised.value.ids == ("one",)
