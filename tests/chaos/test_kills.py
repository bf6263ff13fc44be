"""Kills, freezes and outages at random times, and nothing is lost, doubled, robbed or left behind."""

from __future__ import annotations

import os
import random
import statistics
import time
from dataclasses import replace
from pathlib import Path

import pytest

from celeriac.store import contract as c
from tests.chaos.check import Story, violations
from tests.chaos.faults import Kind as FaultKind
from tests.chaos.scenario import Chaos, Plan
from tests.chaos.witness import RedisWitness, SQLiteWitness
from tests.worker.ledger import Kind
from tests.worker.scene import Scene
from tools.servers.redis import RedisServer

LEASE = 2.0
SMALL = Plan(tasks=2000, children=4, kills=8, freezes=1, outages=1, pauses=(0.2, 1.2), longest=2.0)
WHOLE = Plan(
    tasks=20_000,
    children=6,
    kills=60,
    freezes=10,
    outages=3,
    pauses=(0.2, 1.8),
    longest=5.0,
    block=1000,
    watch=3.0,
    patience=240.0,
)


def new_seed() -> int:
    """Another one each time; `CHAOS_SEED` repeats a run, as far as processes can be made to repeat anything."""
    return int(os.environ.get("CHAOS_SEED") or random.randrange(1 << 30))


def on_redis(server: RedisServer, folder: Path, plan: Plan, seed: int) -> Story:
    with Scene(server.url, folder, lease=LEASE) as scene:
        return Chaos(scene, RedisWitness(server), plan, seed, server).run()


def on_sqlite(folder: Path, plan: Plan, seed: int) -> Story:
    path = folder / "tasks.db"
    with Scene(f"sqlite:///{path}", folder, lease=LEASE) as scene:
        scene.app.store.run(c.Stats())
        return Chaos(scene, SQLiteWitness(path), replace(plan, outages=0), seed).run()


def tell(story: Story, seed: int, seconds: float) -> str:
    """What the run was like, in two lines."""
    kinds = [fault.kind for fault in story.faults]
    starts = sum(record.kind == Kind.START for record in story.records)
    frames = [record.extra for record in story.records if record.kind == Kind.FRAME]
    batched = sum(size for size in frames if size >= 16) / sum(frames)
    delays = [delay / 1e6 for _, delay in story.recoveries]
    often = ", ".join(f"{kinds.count(kind)}x {kind}" for kind in FaultKind if kind in kinds)
    recovered = f"{statistics.median(delays):.0f} ms, at most {max(delays):.0f} ms" if delays else "not measured"
    return (
        f"\n  seed {seed}, {seconds:.0f} s: {often}"
        f"\n  {len(story.results)} tasks done in {starts} executions, {batched:.0%} of them handed over in batches of "
        f"16 and more; work of the killed began again after {recovered}"
    )


def judge(story: Story, seed: int, began: float, capsys: pytest.CaptureFixture[str]) -> None:
    found = violations(story)
    with capsys.disabled():
        print(tell(story, seed, time.monotonic() - began))
    assert not found, f"seed {seed}\n" + "\n".join(found)
    assert any(record.kind == Kind.FRAME and record.extra >= 16 for record in story.records)


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("store", ["redis", "sqlite"])
def test_nothing_is_lost(
    store: str, request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed, began = new_seed(), time.monotonic()
    if store == "redis":
        story = on_redis(request.getfixturevalue("redis_server"), tmp_path, SMALL, seed)
    else:
        story = on_sqlite(tmp_path, SMALL, seed)
    judge(story, seed, began, capsys)


@pytest.mark.chaos
@pytest.mark.timeout(900)
@pytest.mark.parametrize("store", ["redis", "sqlite"])
def test_nothing_is_lost_in_the_long_run(
    store: str, request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed, began = new_seed(), time.monotonic()
    if store == "redis":
        story = on_redis(request.getfixturevalue("redis_server"), tmp_path, WHOLE, seed)
    else:
        story = on_sqlite(tmp_path, WHOLE, seed)
    judge(story, seed, began, capsys)
