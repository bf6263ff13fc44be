"""An outcome that the store does not take: its task fails with the reason, its neighbours and its worker are well."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from celeriac.exceptions import OutcomeRefused
from celeriac.result import gather
from celeriac.stores import contract as c
from tests.worker.ledger import wait_until
from tests.worker.scene import Scene
from tools.servers.redis import RedisServer

pytestmark = pytest.mark.slow


@pytest.fixture(params=["redis", "sqlite"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    """A store that takes all results but large ones; Redis hangs up instead of saying so."""
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        url = server.url
        with redis.Redis(port=server.port) as client:
            client.config_set("proto-max-bulk-len", str(1 << 20))
    else:
        url = f"sqlite:///{tmp_path / 'tasks.db'}"
    with Scene(url, tmp_path) as scene:
        if request.param == "sqlite":
            scene.app.store.run(c.Stats())
            with sqlite3.connect(tmp_path / "tasks.db") as connection:
                connection.execute(
                    "CREATE TRIGGER picky BEFORE INSERT ON result WHEN length(new.document) > 100000 "
                    "BEGIN SELECT RAISE(ABORT, 'no document as large as this'); END"
                )
            connection.close()
        yield scene


@pytest.mark.timeout(60)
def test_only_its_own_task_fails(scene: Scene) -> None:
    worker = scene.ready_worker(2, environment={"TEST_SETTINGS": '{"result_max_bytes": 16777216}'})
    before = scene.send_many("quick", [(number,) for number in range(20)])
    refused = scene.send("large", 999, "x", 2_000_000)
    behind = scene.send_many("quick", [(number,) for number in range(20, 60)])
    assert gather([*before, *behind], timeout=20) == list(range(60))
    with pytest.raises(OutcomeRefused):
        refused.get(timeout=30)
    assert len(scene.ledger.starts(999)) == 1
    (letter,) = scene.app.store.run(c.DeadLetters())
    assert (letter.id, letter.cause) == (refused.id, c.Cause.REFUSED)
    wait_until(lambda: scene.claimed() == 0, 5, "end of all claims")
    assert scene.send("quick", 1000).get(timeout=10) == 1000
    assert worker.stop() == 0
