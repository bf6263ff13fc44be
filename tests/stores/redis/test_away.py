"""A server that is away, mute, frozen or slow: whoever waits gets an answer in the time that was given."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from celeriac import Celeriac
from celeriac.exceptions import OperationalError, TimeoutError
from celeriac.ids import new_id
from celeriac.message import document
from celeriac.stores import contract as c
from tests.worker.ledger import wait_until
from tools.servers.port import free_port
from tools.servers.redis import RedisServer

SMALL = 1.5
"""More than the time that was given, on a machine that does other things as well."""


@pytest.fixture
def mute() -> Iterator[int]:
    """The port of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server.getsockname()[1]


def sync_get(app: Celeriac, timeout: float) -> Any:
    return app.AsyncResult(new_id()).get(timeout=timeout)


def async_get(app: Celeriac, timeout: float) -> Any:
    return asyncio.run(app.AsyncResult(new_id()).aget(timeout=timeout))


def many(app: Celeriac, timeout: float) -> Any:
    return app.store.wait_results(tuple(new_id() for _ in range(20)), timeout)


WAYS = pytest.mark.parametrize("wait", [sync_get, async_get, many])


def took(call: Callable[[], Any], expected: type[BaseException] | tuple[type[BaseException], ...]) -> tuple[float, str]:
    begun = time.monotonic()
    with pytest.raises(expected) as caught:
        call()
    return time.monotonic() - begun, str(caught.value)


@WAYS
@pytest.mark.parametrize("timeout", [0.0, 0.4])
def test_a_server_that_is_away_is_told_with_address_and_reason(wait, timeout: float):
    port = free_port()
    with Celeriac("away", broker=f"redis://user:s3cr3t@127.0.0.1:{port}/3") as app:
        seconds, text = took(lambda: wait(app, timeout), OperationalError)
    assert timeout <= seconds < timeout + SMALL
    assert text.startswith(f"cannot reach Redis at 127.0.0.1:{port}/3: ")
    assert "Connection refused [C201" in text
    assert "s3cr3t" not in text


@WAYS
@pytest.mark.parametrize("timeout", [0.0, 0.7])
def test_a_server_that_says_nothing_is_not_waited_for_longer(mute: int, wait, timeout: float):
    with Celeriac("mute", broker=f"redis://127.0.0.1:{mute}/0") as app:
        seconds, text = took(lambda: wait(app, timeout), OperationalError)
    assert seconds < timeout + SMALL
    assert f"cannot reach Redis at 127.0.0.1:{mute}/0" in text


@WAYS
@pytest.mark.parametrize("timeout", [0.0, 0.7])
def test_nor_is_one_that_falls_silent(redis_server: RedisServer, wait, timeout: float):
    with Celeriac("frozen", broker=redis_server.url) as app:

        async def both() -> tuple[float, str]:
            with contextlib.suppress(TimeoutError):
                await app.AsyncResult(new_id()).aget(timeout=0.01)
            redis_server.freeze()
            begun = time.monotonic()
            with pytest.raises((OperationalError, TimeoutError)) as caught:
                await app.AsyncResult(new_id()).aget(timeout=timeout)
            return time.monotonic() - begun, str(caught.value)

        if wait is async_get:
            seconds, _ = asyncio.run(both())
        else:
            app.store.wait_results((new_id(),), 0.01)
            redis_server.freeze()
            seconds, _ = took(lambda: wait(app, timeout), (OperationalError, TimeoutError))
        redis_server.thaw()
    assert seconds < timeout + SMALL


@pytest.mark.parametrize("wait", [sync_get, async_get])
def test_who_waits_for_ever_is_told_once_and_outlives_it(redis_server: RedisServer, wait, caplog):
    id = new_id()
    with Celeriac("away", broker=redis_server.url) as app, caplog.at_level(logging.WARNING, "celeriac"):
        redis_server.kill()

        def bring_back() -> None:
            wait_until(lambda: bool(caplog.records), 20, "warning")
            time.sleep(1)
            redis_server.start()
            with redis.Redis(port=redis_server.port) as server:
                server.set(f"celery-task-meta-{id}", document.write(id, "SUCCESS", b"5", 1.9e9))

        helper = threading.Thread(target=bring_back)
        helper.start()
        result = app.AsyncResult(id)
        assert (result.get() if wait is sync_get else asyncio.run(result.aget())) == 5
        helper.join()
    (record,) = caplog.records
    assert f"Redis at 127.0.0.1:{redis_server.port}/0 is away: Connection refused" in record.getMessage()


async def send(app: Celeriac) -> Any:
    return await app.store.arun(c.Enqueue((c.Message("id", "q", b"{}"),)), deadline=0.3)


def test_sending_tells_the_address_as_well(mute: int):
    port = free_port()
    with Celeriac("away", broker=f"redis://127.0.0.1:{port}/0", task_publish_deadline=0.3) as app:
        _, text = took(lambda: app.send_task("t"), OperationalError)
        assert text.startswith(f"cannot reach Redis at 127.0.0.1:{port}/0: Connection refused [C201")
        _, text = took(lambda: asyncio.run(send(app)), OperationalError)
        assert text.startswith(f"cannot reach Redis at 127.0.0.1:{port}/0: Connection refused [C201")
    with Celeriac("mute", broker=f"redis://127.0.0.1:{mute}/0", task_publish_deadline=0.3) as app:
        seconds, text = took(lambda: app.send_task("t"), OperationalError)
        assert seconds < 0.3 + SMALL
        assert f"127.0.0.1:{mute}/0" in text


class Slow:
    """A way to a server on which every answer takes its time."""

    def __init__(self, port: int, seconds: float) -> None:
        self._port, self._seconds = port, seconds
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                ours = self._server.accept()[0]
                theirs = socket.create_connection(("127.0.0.1", self._port))
                for pair, seconds in (((ours, theirs), 0.0), ((theirs, ours), self._seconds)):
                    threading.Thread(target=self._carry, args=(*pair, seconds), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, seconds: float) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                time.sleep(seconds)
                target.sendall(data)
        target.close()

    def close(self) -> None:
        self._server.close()


@WAYS
def test_a_slow_server_is_heard_out_within_the_time_and_read(redis_server: RedisServer, wait):
    slow = Slow(redis_server.port, 0.15)
    with contextlib.closing(slow), Celeriac("slow", broker=f"redis://127.0.0.1:{slow.port}/0") as app:
        begun = time.monotonic()
        with contextlib.suppress(TimeoutError):
            assert wait(app, 1.0) == (None,) * 20
        assert time.monotonic() - begun < 1.0 + SMALL
