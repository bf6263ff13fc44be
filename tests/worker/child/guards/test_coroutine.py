"""Limits of a coroutine, raised at its `await`."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from celeriac import Celeriac
from celeriac.exceptions import SoftTimeLimitExceeded, TaskRevokedError, TimeLimitExceeded
from celeriac.worker.child.guards.coroutine import CoroutineGuard
from tests.worker.child.bench_of_one import BenchOfOne


@pytest.fixture
def app():
    with Celeriac("guards", broker="memory://") as app:
        yield app


@pytest.fixture
def bench(app):
    return BenchOfOne(app)


def run(bench, task, *arguments, **options):
    return asyncio.run(bench.arun(CoroutineGuard(), task, *arguments, **options))


def test_a_soft_limit_is_raised_where_it_waits(app, bench):
    task = app.task(soft_time_limit=0.02)(nap)
    document = run(bench, task, 30)
    assert (document.status, type(document.result)) == ("FAILURE", SoftTimeLimitExceeded)
    assert "in nap" in (document.traceback or "")


async def nap(seconds):
    await asyncio.sleep(seconds)
    return seconds


def test_it_may_be_caught_and_the_task_goes_on(app, bench):
    @app.task(soft_time_limit=0.02)
    async def patient():
        try:
            await nap(30)
        except SoftTimeLimitExceeded as error:
            await nap(0.05)
            task = asyncio.current_task()
            assert task is not None
            return [type(error).__name__, task.cancelling()]

    assert run(bench, patient).result == ["SoftTimeLimitExceeded", 0]


def test_a_timeout_of_the_tasks_own_still_works_after_it(app, bench):
    @app.task(soft_time_limit=0.02)
    async def patient():
        with pytest.raises(SoftTimeLimitExceeded):
            async with asyncio.timeout(10):
                await nap(30)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await nap(30)
        return "both"

    assert run(bench, patient).result == "both"


def test_children_of_a_task_group_are_not_left_behind(app, bench):
    ended = []

    async def member():
        try:
            await nap(30)
        finally:
            ended.append(1)

    @app.task(soft_time_limit=0.02)
    async def family():
        async with asyncio.TaskGroup() as group:
            group.create_task(member())
            group.create_task(member())

    document = run(bench, family)
    assert document.status == "FAILURE"
    assert ended == [1, 1]


def test_the_hard_limit_cancels_it(app, bench):
    task = app.task(time_limit=0.02)(nap)
    document = run(bench, task, 30)
    assert (type(document.result), document.result.args) == (TimeLimitExceeded, (0.02,))


def test_the_hard_limit_counts_whatever_it_returns(app, bench):
    @app.task(time_limit=0.02, soft_time_limit=0.01)
    async def stubborn():
        for _ in range(2):
            with contextlib.suppress(SoftTimeLimitExceeded, asyncio.CancelledError):
                await nap(30)
        return "done"

    assert isinstance(run(bench, stubborn).result, TimeLimitExceeded)


def test_cancelled_while_it_waits(app, bench):
    task = app.task(nap)

    async def main():
        guard = CoroutineGuard()
        running = asyncio.create_task(bench.arun(guard, task, 30))
        await nap(0.01)
        guard.end(TaskRevokedError("no longer wanted"))
        return await running

    document = asyncio.run(main())
    assert (document.status, str(document.result)) == ("REVOKED", "no longer wanted")


def test_cancelled_before_it_begins(app, bench):
    async def main():
        guard = CoroutineGuard()
        guard.end(TaskRevokedError("at once"))
        return await bench.arun(guard, app.task(nap), 30)

    assert asyncio.run(main()).status == "REVOKED"


def test_no_limit_hits_what_has_ended(app, bench):
    """Limits of about the length of the tasks, side by side."""
    limited = app.task(name="limited", soft_time_limit=0.005)(nap)
    free = app.task(name="free")(nap)

    async def main():
        runs = [bench.arun(CoroutineGuard(), task, 0.005) for _ in range(1000) for task in (limited, free)]
        return await asyncio.gather(*runs)

    documents = asyncio.run(main())
    assert {document.status for document in documents[1::2]} == {"SUCCESS"}
    assert all(document.status == "SUCCESS" or "Soft" in repr(document.result) for document in documents[::2])
