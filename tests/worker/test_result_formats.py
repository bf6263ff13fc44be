"""Whoever of a worker's processes writes a result, writes it in the format that the settings name."""

from __future__ import annotations

import json
import os
import signal

import pytest

from celeriac.exceptions import WorkerLostError
from celeriac.message import serializers
from celeriac.message.final import PACKED, kind_of, state_of
from celeriac.stores import contract as c
from tests.worker.ledger import wait_until
from tests.worker.scene import Scene

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("name", "packing"), [("msgpack", None), ("pickle", "gzip")])
def test_core_and_children_write_in_the_format(scene: Scene, name: str, packing: str | None) -> None:
    settings = {"result_serializer": name, "result_compression": packing, "task_track_started": True}
    scene.app.conf.update(settings)
    scene.ready_worker(
        1, "-l", "info", environment={"TEST_SETTINGS": json.dumps(settings | {"task_unknown_timeout": 0})}
    )
    lost = scene.send("once", 1, 30)
    (begun,) = scene.ledger.wait_for_starts(1)
    assert lost.state == "STARTED"
    (started,) = scene.app.store.run(c.ReadResults((lost.id,)))
    os.kill(begun.pid, signal.SIGKILL)
    with pytest.raises(WorkerLostError):
        lost.get(20)
    fine, unknown = scene.send("quick", 2), scene.send("unheard.of")
    assert fine.get(20) == 2
    assert unknown.get(20, propagate=False).args == ("unheard.of",)
    documents = scene.app.store.run(c.ReadResults((lost.id, fine.id, unknown.id)))
    assert [state_of(each or b"") for each in documents] == ["FAILURE", "SUCCESS", "FAILURE"]
    for document in (started, *documents):
        assert document is not None
        if packing is None or document == started:
            assert kind_of(document) == serializers.find(name).content_type
        else:
            assert document.startswith(PACKED)
    log = scene.folder / "worker0.log"
    wait_until(lambda: f"quick[{fine.id}] succeeded in" in log.read_text(), 10, "line about the task that succeeded")
