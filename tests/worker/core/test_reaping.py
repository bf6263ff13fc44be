"""Dead workers: how their neighbours notice."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import msgspec
import pytest

from celeriac import ids
from celeriac.stores import contract as c
from celeriac.worker.core import reaping

# -- neighbours -----------------------------------------------------------------------


def peer(worker: str, pid: int, **fields: object) -> c.Peer:
    record = c.WorkerRecord(ids.hostname(), ids.boot_id(), ids.pid_namespace(), pid, ids.process_start(pid))
    return c.Peer(worker, "e", record=msgspec.structs.replace(record, **fields))


def judge_once(*peers: c.Peer) -> list[bool | None]:
    """What a worker that has just come says of these."""

    async def judge() -> list[bool | None]:
        neighbours = reaping.Neighbours(asyncio.get_running_loop(), lambda: None)
        try:
            return [peer.dead for peer in neighbours.judge(peers, "me")]
        finally:
            neighbours.close()

    return asyncio.run(judge())


def ended_process() -> int:
    """The pid of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_process_of_this_machine_that_is_gone_is_dead() -> None:
    gone = ended_process()
    assert judge_once(peer("gone", gone, started=12345)) == [True]


def test_process_that_has_the_pid_of_a_dead_one_is_not_it() -> None:
    parent = os.getppid()
    assert judge_once(peer("w", parent)) == [None]
    assert judge_once(peer("w", parent, started=ids.process_start(parent) - 1)) == [True]


@pytest.mark.parametrize("fields", [{"boot_id": "another"}, {"boot_id": ""}, {"pid_namespace": "pid:[1]"}, {"pid": 0}])
def test_nothing_is_said_of_processes_that_cannot_be_seen_from_here(fields: dict[str, object]) -> None:
    elsewhere = peer("elsewhere", ended_process(), started=12345)
    record = msgspec.structs.replace(elsewhere.record, **fields)
    assert judge_once(msgspec.structs.replace(elsewhere, record=record)) == [None]


def test_what_the_store_knows_is_believed_and_oneself_is_left_alone() -> None:
    gone = ended_process()
    known = [
        msgspec.structs.replace(peer("dead", os.getppid()), dead=True),
        msgspec.structs.replace(peer("lives", gone, started=12345), dead=False),
        peer("me", gone, started=12345),
    ]
    assert judge_once(*known) == [True, False, None]


def test_death_of_a_neighbour_is_heard_of_at_once() -> None:
    async def hear() -> list[bool | None]:
        died = asyncio.Event()
        neighbours = reaping.Neighbours(asyncio.get_running_loop(), died.set)
        process = await asyncio.create_subprocess_exec("sleep", "60")
        seen = peer("sleeper", process.pid)
        assert [peer.dead for peer in neighbours.judge((seen,), "me")] == [None]
        process.kill()
        await asyncio.wait_for(died.wait(), 5)
        await process.wait()
        dead = [peer.dead for peer in neighbours.judge((seen,), "me")]
        neighbours.close()
        return dead

    assert asyncio.run(hear()) == [True]
