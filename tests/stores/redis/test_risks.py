"""A server that drops what it was given when it is full: said before that happens."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import redis

from celeriac.stores import contract as c
from celeriac.stores.redis import RedisStore
from tests.worker.ledger import wait_until
from tests.worker.process import Worker
from tools.servers.redis import RedisServer

POLICIES = [
    ("noeviction", "100mb", ()),
    ("allkeys-lru", "0", ()),
    ("allkeys-lru", "100mb", ("drops queues with all in them", "104,857,600", "allkeys-lru", "set maxmemory-policy")),
    ("volatile-ttl", "100mb", ("drops results, while they are waited for", "volatile-ttl", "noeviction")),
]


@pytest.mark.parametrize("rules", [(), ("-config",), ("-info",)], ids=["all rights", "no CONFIG", "no INFO"])
def test_what_evicts_is_told(redis_server: RedisServer, rules: tuple[str, ...]):
    with redis.Redis(port=redis_server.port) as admin:
        admin.execute_command("ACL", "SETUSER", "app", "on", "nopass", "~*", "&*", "+@all", *rules)
        url = f"redis://app:x@127.0.0.1:{redis_server.port}/0"
        with contextlib.closing(RedisStore(url)) as store:
            for policy, maximum, words in POLICIES:
                admin.config_set("maxmemory", maximum)
                admin.config_set("maxmemory-policy", policy)
                told = store.risks()
                assert len(told) == bool(words)
                assert all(word in told[0] for word in words)
            assert store.durability() is (c.Durability.NONE if "-config" in rules else c.Durability.COMMIT)


@pytest.mark.slow
def test_a_worker_warns_of_it_at_its_start(tmp_path: Path):
    options = ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lfu"]
    with RedisServer(tmp_path / "redis", options=options) as server:
        (tmp_path / "plain.py").write_text(f"from celeriac import Celeriac\napp = Celeriac('p', broker={server.url!r})")
        worker = Worker(["-c", "1"], tmp_path / "log", environment={}, app="plain")
        try:
            wait_until(lambda: worker.said("; tasks: "), 20, "a worker that says what it serves")
            (line,) = [line for line in (tmp_path / "log").read_text().splitlines() if "maxmemory" in line]
            assert "WARNING" in line
            assert line.endswith("(maxmemory-policy allkeys-lfu): set maxmemory-policy noeviction")
        finally:
            worker.end()
