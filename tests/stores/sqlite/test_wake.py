"""Bells between processes."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from celeriac.stores import contract as c
from celeriac.stores.sqlite import SQLiteStore
from tests.stores.sqlite.programs import program
from tests.worker.ledger import wait_until

LEASE = c.Lease("worker", "epoch")


async def take(session: c.Session) -> bytes:
    while True:
        reply = await session.call(c.Finish(LEASE, queues=("q",), count=1, first=session.reserve(1)))
        if reply.claims:
            return reply.claims[0].raw
        await session.wait(("q",), 1)


def test_a_worker_is_woken_by_another_process(tmp_store_path: Path) -> None:
    many = 30

    async def main() -> None:
        store = SQLiteStore(tmp_store_path)
        session = await store.connect(LEASE)
        await session.call(c.OpenLease(LEASE, c.WorkerRecord()))
        with program("enqueue", tmp_store_path, "", many):
            assert [await take(session) for _ in range(many)] == [b"%d" % number for number in range(many)]
        await session.close()
        store.close()

    asyncio.run(main())


def test_a_message_whose_bell_was_lost_is_found_within_a_beat(tmp_store_path: Path) -> None:
    """As when a producer is killed between its commit and the bell."""

    async def main() -> float:
        store = SQLiteStore(tmp_store_path)
        session = await store.connect(LEASE)
        await session.call(c.OpenLease(LEASE, c.WorkerRecord()))
        waiting = asyncio.create_task(take(session))
        await asyncio.sleep(0.05)
        for bell in _bells(tmp_store_path):
            bell.unlink()
        began = time.monotonic()
        await asyncio.to_thread(store.run, c.Enqueue((c.Message("m1", "q", b"a"),)))
        assert await waiting == b"a"
        took = time.monotonic() - began
        await session.close()
        store.close()
        return took

    assert asyncio.run(main()) < 5 * SQLiteStore.heartbeat_seconds


def test_an_idle_worker_waits_without_being_woken(tmp_store_path: Path) -> None:
    async def main() -> None:
        store = SQLiteStore(tmp_store_path)
        session = await store.connect(LEASE)
        await session.call(c.OpenLease(LEASE, c.WorkerRecord()))
        await is_tidy()
        await take_what_rings(session)
        waiting = asyncio.create_task(session.wait(("q",), 1))
        done, _ = await asyncio.wait((waiting,), timeout=3 * store.heartbeat_seconds)
        assert not done
        await session.stop_waiting()
        await waiting
        await session.close()
        store.close()

    async def is_tidy() -> None:
        """The store has put its file in order, which it does when nothing happens, and which looks like a change."""
        journal = tmp_store_path.with_name(f"{tmp_store_path.name}-wal")
        await asyncio.to_thread(wait_until, lambda: not journal.stat().st_size, 10, "tidy file")

    async def take_what_rings(session: c.Session) -> None:
        """Opening the lease was a change, and so was tidying up: they are seen once."""
        await asyncio.wait((asyncio.create_task(session.wait(("q",), 1)),), timeout=1)
        await session.stop_waiting()

    asyncio.run(main())


def test_the_bell_of_a_dead_process_is_removed(tmp_store_path: Path) -> None:
    store = SQLiteStore(tmp_store_path)
    with program("listen", tmp_store_path) as listener:
        assert listener.line() == "listening"
        assert len(_bells(tmp_store_path)) == 1
        listener.kill()
    store.run(c.Enqueue((c.Message("m1", "q", b"a"),)))
    store.run(c.OpenLease(LEASE, c.WorkerRecord()))
    [claim] = store.run(c.Finish(LEASE, queues=("q",), count=1, first=1)).claims
    store.run(c.Finish(LEASE, (c.Outcome(claim.id, "t1", b"done"),)))
    assert _bells(tmp_store_path) == []
    store.close()


def test_a_path_may_be_longer_than_the_name_of_a_socket(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 20) / ("deeper" * 20)
    folder.mkdir(parents=True)
    path = folder / "tasks.db"

    async def main() -> None:
        store = SQLiteStore(path)
        session = await store.connect(LEASE)
        await session.call(c.OpenLease(LEASE, c.WorkerRecord()))
        began = time.monotonic()
        for number in range(20):
            waiting = asyncio.create_task(take(session))
            message = c.Message(f"m{number}", "q", b"%d" % number)
            await asyncio.to_thread(store.run, c.Enqueue((message,)))
            assert await waiting == message.raw
        assert time.monotonic() - began < 20 * store.heartbeat_seconds / 2
        assert len(_bells(path)) == 2
        await session.close()
        store.close()
        assert _bells(path) == []

    asyncio.run(main())


def test_one_who_waits_for_many_results_reads_them_all(tmp_store_path: Path) -> None:
    many = 700
    tasks = tuple(str(number) for number in range(many))

    async def main() -> None:
        store = SQLiteStore(tmp_store_path)
        waiting = asyncio.create_task(asyncio.to_thread(store.wait_results, tasks, 20))
        messages = (c.Message(task, "q", b'{"status": "SUCCESS"}' + task.encode()) for task in tasks)
        store.run(c.Enqueue(tuple(messages)))
        lease = c.Lease("other", "epoch")
        store.run(c.OpenLease(lease, c.WorkerRecord()))
        claims = store.run(c.Finish(lease, queues=("q",), count=many, first=1)).claims
        for start in reversed(range(0, many, 70)):
            part = claims[start : start + 70]
            outcomes = (c.Outcome(claim.id, tasks[start + place], claim.raw) for place, claim in enumerate(part))
            store.run(c.Finish(lease, tuple(outcomes)))
        assert await waiting == tuple(b'{"status": "SUCCESS"}' + task.encode() for task in tasks)
        store.close()

    asyncio.run(main())


def _bells(path: Path) -> list[Path]:
    folder = Path(f"{path}.wake")
    return [folder / name for name in os.listdir(folder)] if folder.exists() else []
