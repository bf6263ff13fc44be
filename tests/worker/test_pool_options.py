"""Which pools a worker has: the command line, the settings, and what of them contradicts itself."""

from __future__ import annotations

import os

import pytest

from celeriac.exceptions import ImproperlyConfigured
from celeriac.worker.options import Given, Kind, Pool
from celeriac.worker.pools import before_import, completed, kind_named, late_kind, parse_pool
from celeriac.worker.system.cores import usable_cores

CORES = os.cpu_count() or 1
SIDE = {"name": "side", "queues": ["slow"], "kind": "threads", "concurrency": 8, "time_limit": 60}


def test_nothing_said_is_a_child_for_each_core():
    assert completed(Given(), {}) == before_import(Given()) == (Pool(concurrency=CORES, queues=("celery",)),)


def test_settings_fill_what_the_command_line_leaves_open():
    settings = {
        "worker_pool": "threads",
        "worker_concurrency": 7,
        "worker_max_tasks_per_child": 10,
        "worker_max_memory_per_child": 1000,
        "task_time_limit": 5,
        "task_soft_time_limit": 4,
        "task_default_queue": "own",
    }
    assert completed(Given(), settings) == (Pool("default", Kind.THREADS, 7, ("own",), 10, 1000, 5, 4),)
    said = Given(Kind.ASYNCIO, 9, ("a", "b"), 3.0, 2.0, 0, 0)
    assert completed(said, settings) == (Pool("default", Kind.ASYNCIO, 9, ("a", "b"), 0, 0, 3.0, 2.0),)


@pytest.mark.parametrize(
    ("kind", "size"), [(Kind.ASYNCIO, 100), (Kind.GEVENT, 100), (Kind.THREADS, CORES), (Kind.SOLO, 1)]
)
def test_each_kind_has_its_usual_size(kind, size):
    (pool,) = completed(Given(kind), {})
    assert (pool.concurrency, pool.children) == (size, 1)


def test_further_pools_come_from_both():
    said = Given(more=(parse_pool("cpu:prefork:2:heavy,heavier"),))
    _, cpu, side = completed(said, {"worker_pools": [SIDE]})
    assert cpu == Pool("cpu", Kind.PREFORK, 2, ("heavy", "heavier"))
    assert side == Pool("side", Kind.THREADS, 8, ("slow",), time_limit=60.0)


def test_the_command_line_replaces_a_pool_of_the_same_name():
    said = Given(more=(parse_pool("side:asyncio:5:slow"),))
    assert [pool.kind for pool in completed(said, {"worker_pools": [SIDE]})] == [Kind.PREFORK, Kind.ASYNCIO]


@pytest.mark.parametrize(
    ("given", "settings", "reason"),
    [
        (Given(queues=("slow",)), {"worker_pools": [SIDE]}, "both serve the queue 'slow'"),
        (Given(), {"worker_pools": [SIDE, {**SIDE, "queues": ["x"]}]}, "two pools are called 'side'"),
        (Given(), {"worker_pools": [{"name": "x"}]}, "worker_pools: .*queues"),
        (Given(), {"worker_pools": [{**SIDE, "size": 3}]}, "worker_pools: .*size"),
        (Given(), {"worker_pools": ["side"]}, "worker_pools"),
        (Given(), {"worker_pools": [{**SIDE, "queues": []}]}, "serves no queue"),
        (Given(), {"worker_pools": [{**SIDE, "kind": "gevent"}]}, "imported already"),
        (Given(), {"worker_pool": "gevent"}, "--pool gevent"),
        (Given(), {"worker_pool": "solo"}, "--pool solo"),
        (Given(), {"worker_pool": "green"}, "there are prefork, threads, asyncio, gevent, solo"),
        (Given(Kind.SOLO), {"worker_pools": [SIDE]}, "no other process"),
        (Given(Kind.SOLO, max_tasks=5), {}, "no child that could be replaced"),
        (Given(Kind.GEVENT), {"worker_pools": [SIDE]}, "gevent patches the whole worker"),
        (Given(time_limit=1.0, soft_time_limit=2.0), {}, "soft time limit"),
        (Given(), {"worker_concurrency": 1000}, "at most 512"),
    ],
)
def test_contradictions_are_refused_with_the_reason(given, settings, reason):
    with pytest.raises(ImproperlyConfigured, match=reason):
        completed(given, settings)


@pytest.mark.parametrize("name", ["worker_max_tasks_per_child", "worker_max_memory_per_child", "worker_concurrency"])
def test_what_settings_say_of_children_is_not_for_a_solo_worker(name):
    (pool,) = completed(Given(Kind.SOLO), {name: 1000})
    assert (pool.concurrency, pool.max_tasks, pool.max_memory) == (1, 0, 0)


def test_settings_may_ask_for_one_child_a_core():
    (pool,) = completed(Given(), {"worker_concurrency": "auto"})
    assert pool.concurrency == usable_cores()


@pytest.mark.parametrize(
    ("given", "settings", "kind"),
    [
        (Given(), {"worker_pool": "gevent"}, Kind.GEVENT),
        (Given(), {"worker_pool": "solo", "worker_max_tasks_per_child": 5}, Kind.SOLO),
        (Given(), {"worker_pool": "celery.concurrency.solo:TaskPool"}, Kind.SOLO),
        (Given(), {"worker_pool": "threads"}, None),
        (Given(), {"worker_pool": "green"}, None),
        (Given(), {}, None),
        (Given(Kind.PREFORK), {"worker_pool": "solo"}, None),
        (None, {"worker_pool": "solo"}, None),
    ],
)
def test_a_worker_begins_anew_for_a_pool_that_only_the_settings_name(given, settings, kind):
    assert late_kind(given, settings) is kind


def test_a_worker_that_could_not_begin_anew_says_why_at_once():
    with pytest.raises(ImproperlyConfigured, match="no other process"):
        late_kind(Given(more=(Pool("b", queues=("b",)),)), {"worker_pool": "solo"})


def test_celerys_other_names():
    assert kind_named("processes") is Kind.PREFORK
    assert kind_named("celery.concurrency.thread.TaskPool") is Kind.THREADS
    with pytest.raises(ImproperlyConfigured, match="use gevent"):
        kind_named("eventlet")


@pytest.mark.parametrize("text", ["", "a:prefork:2", "a:prefork:x:q", ":prefork:1:q", "a:prefork:0:q"])
def test_a_pool_that_is_none_is_refused(text):
    with pytest.raises(ImproperlyConfigured, match="a pool is NAME:KIND"):
        parse_pool(text)
