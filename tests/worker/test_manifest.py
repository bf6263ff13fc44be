"""What the zygote tells the core of the app, however large the app is."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from celeriac import Celeriac
from celeriac.worker.lane.frame import (
    Exited,
    FromZygote,
    ImportFailed,
    Manifest,
    Ready,
    TaskSpec,
    receive_news,
    send_news,
)
from tests.worker.process import Worker

MANY = 50_000
APP = f"""
import os
from celeriac import Celeriac

app = Celeriac("many", broker=os.environ["TEST_BROKER"])
for number in range({MANY}):
    app.task(name=f"package.of.tasks.with.a.long.name.task_{{number}}")(lambda number=number: number)
"""


def test_news_of_any_size_arrive_in_order():
    core, zygote = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with core, zygote:
        tasks = {f"some.module.task_{number}": TaskSpec() for number in range(MANY)}
        news: list[FromZygote] = [Ready(Manifest("url", {"a": 1}, tasks)), Exited(1, 2), ImportFailed("x" * 1_000_000)]
        for item in news:
            send_news(zygote, item)
        assert [receive_news(core) for _ in news] == news
        zygote.close()
        assert receive_news(core) is None


@pytest.mark.slow
def test_a_worker_serves_fifty_thousand_tasks(tmp_path: Path, redis_url: str):
    (tmp_path / "many.py").write_text(APP)
    worker = Worker(["-c", "1"], tmp_path / "log", environment={"TEST_BROKER": redis_url}, app="many")
    try:
        with Celeriac("client", broker=redis_url) as app:
            for number in (0, MANY - 1):
                name = f"package.of.tasks.with.a.long.name.task_{number}"
                assert app.send_task(name).get(timeout=30) == number
        assert worker.stop() == 0
    finally:
        worker.end()
