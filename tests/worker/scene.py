"""What one test with real workers is played on: a store, a ledger, and the workers themselves."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from celeriac import Celeriac
from celeriac.calls.sender import Call
from celeriac.result import AsyncResult
from celeriac.stores import contract as c
from tests.worker.ledger import Ledger, wait_until
from tests.worker.process import Worker


class Scene:
    """A store by its URL, and a folder for everything else. `lease` is in seconds."""

    def __init__(self, url: str, folder: Path, *, lease: float = 10.0) -> None:
        self.url = url
        self.folder = folder
        self.lease = lease
        self.app = Celeriac("tests", broker=url, worker_lease=lease)
        self.ledger = Ledger(folder / "ledger")
        self.workers: list[Worker] = []

    def worker(self, *arguments: str, **options: Any) -> Worker:
        """Start a worker; it need not be ready yet."""
        environment = {
            "TEST_BROKER": self.url,
            "TEST_LEDGER": str(self.folder / "ledger"),
            "TEST_LEASE": str(self.lease),
            **options.pop("environment", {}),
        }
        number = len(self.workers)
        log = self.folder / f"worker{number}.log"
        worker = Worker([*arguments], log, environment=environment, number=number, **options)
        self.workers.append(worker)
        return worker

    def ready_worker(self, children: int = 2, *arguments: str, **options: Any) -> Worker:
        """Start a worker, and return when it has its children and an open lease."""
        worker = self.worker("-c", str(children), *arguments, **options).wait_ready(children)
        name = f"w{worker.number}@here/"
        wait_until(lambda: any(lease.startswith(name) for lease in self.leases()), 10, "lease of the new worker", 0.02)
        return worker

    def leases(self) -> set[str]:
        """The names of the workers that hold a lease, asked for under one that is ended at once."""
        me = c.Lease("onlooker", os.urandom(4).hex())
        self.app.store.run(c.OpenLease(me, c.WorkerRecord()))
        try:
            peers = self.app.store.run(c.Heartbeat(me)).peers
        finally:
            self.app.store.run(c.CloseLease(me))
        return {peer.worker for peer in peers} - {me.worker}

    def send(self, task: str, *arguments: Any, **options: Any) -> AsyncResult[Any]:
        """Enqueue one task."""
        return self.app.send_task(task, arguments, **options)

    def send_many(self, task: str, arguments: Iterable[tuple[Any, ...]]) -> list[AsyncResult[Any]]:
        """Enqueue many tasks in one request for each five hundred."""
        ids = self.app.sender.send(Call(task=task, args=each) for each in arguments)
        return [self.app.AsyncResult(id) for id in ids]

    def waiting(self) -> int:
        """How many messages are in the queue, in no worker's hands."""
        (row,) = self.app.store.run(c.Stats(("celery",)))
        return row.ready

    def claimed(self) -> int:
        """How many messages are in workers' hands."""
        (row,) = self.app.store.run(c.Stats(("celery",)))
        return row.claimed

    def new_gate(self, name: str = "gate") -> Path:
        """A named pipe: the task `gate` waits until the test opens it with `open_gate`."""
        path = self.folder / name
        os.mkfifo(path)
        return path

    def close(self) -> None:
        """End all workers."""
        for worker in self.workers:
            worker.end()
        self.app.close()
        self.ledger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def open_gate(path: Path) -> None:
    """Let the task that waits there go on."""
    os.close(os.open(path, os.O_WRONLY))
