"""Redis users as they are in the wild: with few rights, few commands, or an old protocol."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import redis

from celeriac import Celeriac
from celeriac.exceptions import NotPermitted, TimeoutError
from celeriac.stores import contract as c
from celeriac.stores.redis import RedisStore
from celeriac.stores.redis.scripts import names, read, script
from tests.worker.process import Worker
from tools.servers.redis import RedisServer

APP = """
import os
from celeriac import Celeriac

app = Celeriac("rights", broker=os.environ["TEST_BROKER"])


@app.task(name="add")
def add(x, y):
    return x + y
"""

Start = Callable[..., Worker]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a worker at a URL; all of them end with the test."""
    workers: list[Worker] = []
    (tmp_path / "rights.py").write_text(APP)

    def begin(url: str, *arguments: str) -> Worker:
        log = tmp_path / f"log{len(workers)}"
        workers.append(Worker(["-c", "1", *arguments], log, environment={"TEST_BROKER": url}, app="rights"))
        return workers[-1]

    yield begin
    for worker in workers:
        worker.end()


def user(server: RedisServer, *rules: str) -> str:
    """The URL of a user with these rights."""
    with redis.Redis(port=server.port) as admin:
        admin.execute_command("ACL", "SETUSER", "app", "reset", "on", ">s3cr3t", *rules)
    return f"redis://app:s3cr3t@127.0.0.1:{server.port}/0"


def without(directory: Path, *commands: str) -> RedisServer:
    """A server with commands renamed away."""
    return RedisServer(directory, options=[word for command in commands for word in ("--rename-command", command, "")])


def works(url: str) -> list[float]:
    """Tasks of all kinds end, and their results come; how long each took."""
    took = []

    def timed(send: Callable[[], Any]) -> None:
        begun = time.monotonic()
        assert send().get(timeout=20) == 5
        took.append(time.monotonic() - begun)

    with Celeriac("client", broker=url) as app:
        timed(lambda: app.send_task("add", (2, 3)))
        for options in ({}, {"priority": 6}, {"countdown": 0.2}, {"queue": "second"}, {}):
            timed(lambda options=options: app.send_task("add", (2, 3), **options))  # type: ignore[misc]

        async def asked() -> list[Any]:
            results = [app.send_task("add", (2, 3)) for _ in range(3)]
            return await asyncio.gather(*[result.aget(timeout=20) for result in results])

        assert asyncio.run(asked()) == [5, 5, 5]
    return took


FALLBACKS = [
    (("+@all", "~*", "&*", "-@dangerous", "-@admin", "-script", "-select"), "may not CLIENT UNBLOCK"),
    (("+@all", "~*", "resetchannels"), "has no channels"),
    (("+@all", "~*", "&*", "-publish", "-info", "-config"), "may not ask INFO or CONFIG"),
    (
        ("-@all", "+@read", "+@write", "+evalsha", "+eval", "+time", "resetchannels", "~*", "-blmove"),
        "has no channels",
    ),
]


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize(("rules", "said"), FALLBACKS, ids=lambda value: str(value)[-40:])
def test_a_user_with_fewer_rights_is_served(redis_server: RedisServer, start: Start, rules: Sequence[str], said: str):
    url = user(redis_server, *rules)
    worker = start(url, "-Q", "celery,second")
    took = works(url)
    assert sorted(took[1:])[2] < 1.9, took
    assert worker.stop() == 0
    log = worker.log.read_text()
    assert log.count(said) == 1 or not said
    assert not [word for word in ("ERROR", "IndexError", "lost the store", "s3cr3t") if word in log]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_user_of_the_page_lacks_nothing(redis_server: RedisServer, start: Start):
    page = (Path(__file__).parents[3] / "docs" / "howto" / "redis.md").read_text()
    rules = page.partition("ACL SETUSER celeriac on >password")[2].partition("```")[0]
    url = user(redis_server, *rules.replace("<name of each queue>", "second").split())
    worker = start(url, "-Q", "celery,second")
    works(url)
    assert worker.stop() == 0
    assert "WARNING" not in worker.log.read_text()


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("commands", "said"),
    [
        (("CLIENT", "PUBLISH"), "may not CLIENT UNBLOCK"),
        (("HELLO", "SCRIPT", "SUBSCRIBE"), "has no channels"),
    ],
)
def test_commands_renamed_away_are_done_without(tmp_path: Path, start: Start, commands: tuple[str, ...], said: str):
    (tmp_path / "server").mkdir()
    server = without(tmp_path / "server", *commands)
    with server:
        worker = start(server.url, "-Q", "celery,second")
        took = works(server.url)
        assert sorted(took[1:])[2] < 1.9, took
        assert worker.stop() == 0
        assert worker.log.read_text().count(said) == 1


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_rights_may_come_and_go_while_a_worker_runs(redis_server: RedisServer, start: Start):
    url = user(redis_server, "+@all", "~*", "&*")
    worker = start(url)
    with redis.Redis(port=redis_server.port) as admin, Celeriac("client", broker=url) as app:
        for rules in (["+@all"], ["resetchannels"], ["&*", "-client|unblock"]):
            admin.execute_command("ACL", "SETUSER", "app", *rules)
            results = [app.send_task("add", (number, 1)) for number in range(20)]
            assert [result.get(timeout=20) for result in results] == list(range(1, 21))
        admin.execute_command("ACL", "SETUSER", "app", "-hset")
        held = app.send_task("add", (2, 3))
        with pytest.raises(TimeoutError):
            held.get(timeout=1)
        admin.execute_command("ACL", "SETUSER", "app", "+hset")
        assert held.get(timeout=20) == 5
    assert worker.stop() == 0


DENIED = [
    (("+@all", "~*", "&*", "-lpush", "-zadd"), r"user app may not run LPUSH, ZADD .*ACL SETUSER app \+lpush \+zadd"),
    (("+@all", "~*", "&*", "-evalsha"), r"run EVALSHA: ACL SETUSER <user> \+evalsha"),
    (("+@all", "~*", "&*", "-eval", "-script"), r"run EVAL: ACL SETUSER <user> \+eval"),
    (("+@all", "~celeriac:*", "~celery-task-meta-*", "&*"), r"keys it needs.*~<name of each queue>"),
    (("+@all", "~celery*", "~unacked*", "&*"), r"have the keys it needs.*~celeriac\*"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("rules", "said"), DENIED, ids=lambda value: str(value)[-40:])
def test_what_is_needed_and_not_allowed_is_said_at_the_start(
    redis_server: RedisServer, start: Start, rules: Sequence[str], said: str
):
    worker = start(user(redis_server, *rules))
    assert worker.wait() == 69
    lines = [line for line in worker.log.read_text().splitlines() if re.search(said, line)]
    assert len(lines) == 1, worker.log.read_text()
    assert "[C204" in lines[0]


@pytest.mark.slow
def test_a_cluster_is_told_from_a_server(tmp_path: Path, start: Start):
    (tmp_path / "server").mkdir()
    with RedisServer(tmp_path / "server", options=["--cluster-enabled", "yes"]) as server:
        with redis.Redis(port=server.port) as admin:
            admin.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            while b"cluster_state:ok" not in admin.execute_command("CLUSTER", "INFO"):
                time.sleep(0.05)
        worker = start(server.url)
        assert worker.wait() == 69
        assert worker.log.read_text().count("this Redis is a cluster, which is not supported yet") == 1


def test_producers_are_told_which_right_they_lack(redis_server: RedisServer):
    with contextlib.closing(RedisStore(user(redis_server, "+@all", "~*", "&*", "-evalsha"))) as store:
        message = c.Message("id", "celery", b"{}")
        with pytest.raises(NotPermitted, match=r"\+evalsha"):
            store.run(c.Enqueue((message,)))
        begun = time.monotonic()
        with pytest.raises(NotPermitted, match=r"\+evalsha"):
            asyncio.run(store.arun(c.Enqueue((message,))))
        assert time.monotonic() - begun < 1.5


def test_every_command_of_the_scripts_is_tried_at_the_start():
    tried = set(re.findall(r"\{'([A-Z]+)'|(?<=try\(')([A-Z]+)'", read("rights")))
    tried = {word for pair in tried for word in pair}
    for name in names():
        used = set(re.findall(r"(?:redis\.p?call\(|put\(|back\(\{)'([A-Z]+)'", script(name).text.decode()))
        assert used <= tried, (name, used - tried)
