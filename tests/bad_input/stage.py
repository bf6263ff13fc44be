"""One worker that is given bad input for as long as it lives, and what must hold after each piece of it."""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from celeriac import Celeriac, gather
from celeriac.message import document
from celeriac.result import AsyncResult
from celeriac.stores import contract as c
from tests.worker.ledger import wait_until
from tests.worker.process import Worker

GROWTH_KIB = 64 << 10
END_SECONDS = 60


class Stage:
    """A store, a worker of two children, and an app to look at both."""

    def __init__(self, url: str, folder: Path) -> None:
        self.app = Celeriac("stage", broker=url, task_publish_deadline=END_SECONDS)
        self.worker = Worker(
            ["-c", "2"],
            folder / "worker.log",
            environment={"TEST_BROKER": url},
            app="tests.bad_input.tasks",
        )
        self._numbers = itertools.count(1)
        self._dead = 0
        try:
            self.worker.wait_ready(2)
            self.work()
        except BaseException:
            self.worker.end()
            self.app.close()
            raise
        self._core = self.worker.core
        self._memory = resident(self._core)

    def put(self, raw: bytes) -> None:
        """Lay bytes into the queue as some other program would."""
        self.app.store.run(c.Enqueue((c.Message(f"raw-{os.urandom(8).hex()}", "celery", raw),)), deadline=END_SECONDS)

    def refuses(self, raw: bytes, reason: str) -> c.DeadLetter:
        """These bytes become one dead letter, whole and for this reason; who waits for the task is told."""
        self.put(raw)
        letter = self.dead_letter(reason)
        assert letter.raw == raw
        if not letter.id.startswith("malformed-"):
            (data,) = self.app.store.wait_results((letter.id,), END_SECONDS)
            assert data is not None
            assert document.read(data).status == "FAILURE"
        return letter

    def dead_letter(self, reason: str) -> c.DeadLetter:
        """The one dead letter that is new, once everything is settled."""
        self._wait(lambda row: row.dead > self._dead, "dead letter")
        self.settle()
        self._dead += 1
        assert self._row().dead == self._dead
        (letter,) = self.app.store.run(c.DeadLetters(1), deadline=END_SECONDS)
        assert re.search(reason, letter.reason), letter.reason
        assert len(letter.reason) < 2000
        return letter

    def _row(self) -> c.QueueStats:
        (row,) = self.app.store.run(c.Stats(("celery",)), deadline=END_SECONDS)
        return row

    def settle(self) -> None:
        """Return when nothing is queued, delayed or claimed."""
        self._wait(lambda row: not (row.ready or row.delayed or row.claimed), "quiet")

    def _wait(self, condition: Callable[[c.QueueStats], bool], what: str) -> None:
        """Ask less and less often: counting claims costs Redis time for each of their megabytes."""
        ends, pause = time.monotonic() + END_SECONDS, 0.005
        while not condition(self._row()):
            assert time.monotonic() < ends, f"there was still no {what}"
            time.sleep(pause)
            pause = min(2 * pause, 0.5)

    def forgive(self) -> None:
        """The dead letters there are now are as they should be."""
        self.settle()
        self._dead = self._row().dead

    def send(self, task: str, *arguments: Any, **options: Any) -> AsyncResult[Any]:
        """Call a task of the worker."""
        return self.app.send_task(task, arguments, **options)

    def work(self) -> None:
        """A hundred tasks, each done."""
        numbers = list(itertools.islice(self._numbers, 100))
        results = [self.send("good", number) for number in numbers]
        assert gather(results, timeout=END_SECONDS) == [[number, 2 * number] for number in numbers]

    def stands(self) -> None:
        """The worker is the same, does its work, has not grown, and keeps nothing that nobody knows of."""
        self.work()
        self.settle()
        assert self.worker.core == self._core
        assert self._row().dead == self._dead
        wait_until(lambda: resident(self._core) - self._memory < GROWTH_KIB, 5, "memory given back by the core", 0.05)
        assert not self.worker.said("MainProcess] Traceback")

    def close(self) -> None:
        """End the worker, in order."""
        try:
            assert self.worker.stop() == 0
        finally:
            self.worker.end()
            self.app.close()


def resident(pid: int) -> int:
    """The memory of a process, in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    assert found is not None
    return int(found[1])


def message(text: bytes = b"[[1], {}, {}]", *, task: str = "good", **parts: Any) -> bytes:
    """A message as Celery writes it; `text` is its body, `parts` replace or extend what is in the envelope."""
    whole: dict[str, Any] = {
        "body": base64.b64encode(text).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "py", "task": task, "id": f"bad-{os.urandom(8).hex()}", "retries": 0},
        "properties": {"delivery_info": {"exchange": "", "routing_key": "celery"}, "body_encoding": "base64"},
    }
    for name, part in parts.items():
        name = name.replace("_", "-")
        whole[name] = whole[name] | part if isinstance(part, dict) and name != "body" else part
    return json.dumps(whole).encode()
