"""Kills, freezes and outages at random times, and nothing is lost, doubled, robbed or left behind."""

from __future__ import annotations

import os
import random
import statistics
import time
from dataclasses import replace
from pathlib import Path

import pytest

from celeriac.stores import contract as c
from tests.chaos.check import Story, violations
from tests.chaos.faults import KILLS
from tests.chaos.faults import Kind as FaultKind
from tests.chaos.load import is_noop
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
    refusals=20,
    interrupts=True,
    pauses=(0.2, 1.8),
    longest=5.0,
    block=1000,
    watch=3.0,
    patience=240.0,
)


_WHOLE_SECONDS = 150.0
BATCHES_SEEN = 3
REFUSALS = Plan(
    tasks=2000, children=4, kills=2, freezes=0, outages=0, refusals=9, pauses=(0.2, 1.0), longest=1.0, interrupts=True
)


def whole() -> Plan:
    """The long run; `CHAOS_MINUTES` makes it about as long as that."""
    times = float(os.environ.get("CHAOS_MINUTES", "0")) * 60 / _WHOLE_SECONDS
    if not times:
        return WHOLE
    tasks, kills, freezes, outages, refusals = (
        int(count * times) + 1 for count in (WHOLE.tasks, WHOLE.kills, WHOLE.freezes, WHOLE.outages, WHOLE.refusals)
    )
    return replace(WHOLE, tasks=tasks, kills=kills, freezes=freezes, outages=outages, refusals=refusals)


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
        return Chaos(scene, SQLiteWitness(path), replace(plan, outages=0, refusals=0), seed).run()


def batches(story: Story) -> list[int]:
    """The sizes of the batches of 16 and more that children were given."""
    return [record.extra for record in story.records if record.kind == Kind.FRAME and record.extra >= 16]


def batched(story: Story) -> float:
    """The share of all messages that children were given in such batches."""
    return sum(batches(story)) / sum(record.extra for record in story.records if record.kind == Kind.FRAME)


def kills_in_batches(story: Story, plan: Plan) -> int:
    """How many kills struck a process that had begun a no-op in the last five milliseconds."""
    noops = [record for record in story.records if record.kind == Kind.START and is_noop(record.task, plan.block)]
    kills = [fault for fault in story.faults if fault.kind in KILLS]
    return sum(any(0 < kill.began - noop.when < 5e6 and kill.hits(noop) for noop in noops) for kill in kills)


def tell(story: Story, plan: Plan, seed: int, seconds: float) -> str:
    """What the run was like."""
    kinds = [fault.kind for fault in story.faults]
    starts = sum(record.kind == Kind.START for record in story.records)
    delays = [delay / 1e6 for _, delay in story.recoveries]
    often = ", ".join(f"{kinds.count(kind)}x {kind}" for kind in FaultKind if kind in kinds)
    recovered = f"{statistics.median(delays):.0f} ms, at most {max(delays):.0f} ms" if delays else "not measured"
    return (
        f"\n  seed {seed}, {seconds:.0f} s: {often}; {kills_in_batches(story, plan)} kills in the middle of no-ops"
        f"\n  {len(story.results)} tasks done in {starts} executions, {batched(story):.0%} of them handed over in "
        f"batches of 16 and more; work of the killed began again after {recovered}"
    )


def play(store: str, plan: Plan, request: pytest.FixtureRequest, folder: Path) -> None:
    """A run on one of the stores, and its judgement."""
    seed, began = new_seed(), time.monotonic()
    if store == "redis":
        story = on_redis(request.getfixturevalue("redis_server"), folder, plan, seed)
    else:
        story = on_sqlite(folder, plan, seed)
    found = violations(story)
    with request.getfixturevalue("capsys").disabled():
        print(tell(story, plan, seed, time.monotonic() - began))
    assert not found, f"seed {seed}\n" + "\n".join([*found, *map(str, story.faults)])
    # How much comes in batches is the machine's to say; that some did, is what the run is worth.
    assert len(batches(story)) >= BATCHES_SEEN


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("store", ["redis", "sqlite"])
def test_nothing_is_lost_where_it_is_refused_or_interrupted(
    store: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    play(store, REFUSALS, request, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("store", ["redis", "sqlite"])
def test_nothing_is_lost(store: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    play(store, SMALL, request, tmp_path)


@pytest.mark.chaos
@pytest.mark.timeout(900 + 90 * float(os.environ.get("CHAOS_MINUTES", "0")))
@pytest.mark.parametrize("store", ["redis", "sqlite"])
def test_nothing_is_lost_in_the_long_run(store: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    play(store, whole(), request, tmp_path)
