"""How many dead letters a store keeps, for how long, and what it makes of those an earlier version wrote."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing

import pytest
import redis

from celeriac.stores import contract as c
from celeriac.stores.contract.dead_letters import fingerprint
from celeriac.stores.memory import MemoryStore
from celeriac.stores.redis import RedisStore
from celeriac.stores.sqlite import SQLiteStore
from celeriac.stores.sqlite.statements import UPGRADES
from celeriac.testing.conformance.hand import Hand, put
from tests.stores.sqlite.first_version import SCHEMA


@pytest.fixture(params=["memory", "sqlite", "redis"])
def make_store(request, tmp_path):
    """Make a store with bounds of one's own."""
    made: list[c.Store] = []

    def make(**bounds):
        if request.param == "memory":
            made.append(MemoryStore(**bounds))
        elif request.param == "sqlite":
            made.append(SQLiteStore(tmp_path / "tasks.db", **bounds))
        else:
            made.append(RedisStore(request.getfixturevalue("redis_url"), **bounds))
        return made[-1]

    yield make
    for store in made:
        store.close()


KINDS = pytest.mark.parametrize(("failed", "kind"), [(False, "dead"), (True, "failed")])


def bury(store, *ids, failed=False):
    hand = Hand(store)
    for id in ids:
        put(store, b"x")
        [claim] = hand.claim()
        hand.finish(c.Outcome(claim.id, dead=c.DeadLetter(id, f"queue of {id}", b"x", "why", failed=failed)))
    hand.close()


def ids(store, failed=False):
    return [letter.id for letter in store.run(c.DeadLetters(failed=failed))]


@KINDS
def test_the_oldest_fall_out(make_store, failed, kind):
    store = make_store(**{f"{kind}_limit": 3})
    bury(store, "other", failed=not failed)
    bury(store, "a", "b", "c", "d", "e", failed=failed)
    assert ids(store, failed) == ["e", "d", "c"]
    assert store.run(c.ReadDead("a", failed)) is None
    counted = store.run(c.Stats(tuple(f"queue of {id}" for id in "abcde")))
    assert [getattr(stats, kind) for stats in counted] == [0, 0, 1, 1, 1]
    assert ids(store, not failed) == ["other"]


@KINDS
def test_letters_are_kept_for_a_time(make_store, failed, kind):
    store = make_store(**{f"{kind}_seconds": 0.3})
    bury(store, "other", failed=not failed)
    bury(store, "a", failed=failed)
    ends = time.monotonic() + 10
    while ids(store, failed) and time.monotonic() < ends:
        time.sleep(0.02)
    assert ids(store, failed) == []
    assert store.run(c.ReadDead("a", failed)) is None
    bury(store, "b", failed=failed)
    assert store.run(c.Stats(("queue of a",))) == (c.QueueStats("queue of a"),)
    assert ids(store, not failed) == ["other"]


def test_letters_of_the_first_version_on_redis(redis_url):
    server = redis.Redis.from_url(redis_url)
    server.zadd("celeriac:dead", {"old": 1_700_000_000_000})
    server.hset("celeriac:dead:letters", "old", b"q\nValueError: too bad\nthe\nmessage")
    server.hset("celeriac:dead:counts", "q", 1)
    server.close()
    store = RedisStore(redis_url, dead_seconds=100 * 365 * 86400)
    letter = c.DeadLetter("old", "q", b"the\nmessage", "ValueError: too bad", when=1.7e9, number=1_700_000_000_000)
    assert store.run(c.DeadLetters()) == (letter,)
    assert store.run(c.Replay((c.ReplayItem("old", letter.raw, "q"),))) == ("old",)
    assert [stats for stats in store.run(c.Stats()) if stats.dead] == []
    store.close()


def test_a_file_of_the_first_version_is_brought_up_to_date(tmp_path):
    path = tmp_path / "tasks.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(SCHEMA)
        database.execute("INSERT INTO message VALUES (1, ?)", (b"later",))
        database.execute("INSERT INTO delayed VALUES (1, 4000000000000, 1, 'q', 3)")
        letters = [("same", "q", b"a", "first"), ("same", "q", b"b", "second"), ("other", "q", b"c", "third")]
        database.executemany("INSERT INTO dead (id, queue, raw, reason) VALUES (?, ?, ?, ?)", letters)
        database.commit()
    store = SQLiteStore(path)
    kept = [(letter.id, letter.raw, letter.reason) for letter in store.run(c.DeadLetters())]
    assert kept == [("other", b"c", "third"), ("same#2", b"b", "second"), ("same", b"a", "first")]
    [delayed] = store.run(c.Delayed()).messages
    assert (delayed.queue, delayed.raw, delayed.priority, delayed.due) == ("q", b"later", 3, 4_000_000_000_000)
    assert store.run(c.Revoke((c.Revocation("t1", b"x"),))) == c.Ended()
    assert Hand(store).finish().revision == 1
    store.close()


def test_a_file_of_the_second_version_is_brought_up_to_date(tmp_path):
    path = tmp_path / "tasks.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(SCHEMA + UPGRADES[2])
        database.execute("INSERT INTO message VALUES (1, ?)", (b"held",))
        database.execute("INSERT INTO lease VALUES (1, 'w', 'e', '{}')")
        database.execute("INSERT INTO claim VALUES (1, 1, 1, 'q', 0, 0)")
        database.execute("PRAGMA user_version = 2")
        database.commit()
    store = SQLiteStore(path)
    assert store.run(c.Locate("held")).held == (c.HeldMessage("w", "e:1", "q", 0, b"held"),)
    store.run(c.Pause(("q",)))
    assert store.run(c.Stats(("q",))) == (c.QueueStats("q", claimed=1, paused=True),)
    store.run(c.SaveGroup("g", b"document"))
    assert store.run(c.ReadGroup("g")) == b"document"
    store.close()


def test_a_file_of_the_fourth_version_is_brought_up_to_date(tmp_path):
    path = tmp_path / "tasks.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(SCHEMA + UPGRADES[2] + UPGRADES[3] + UPGRADES[4])
        database.execute("INSERT INTO dead (id, queue, raw, reason, buried) VALUES ('a', 'q', 'x', 'why', 4e12)")
        database.execute("PRAGMA user_version = 4")
        database.commit()
    store = SQLiteStore(path)
    assert (ids(store), ids(store, failed=True)) == (["a"], [])
    bury(store, "a", failed=True)
    assert (ids(store), ids(store, failed=True)) == (["a"], ["a"])
    store.close()


def test_a_fingerprint_is_that_of_task_class_and_place():
    task, error, place = "proj.add", "ValueError", "proj.py:7 in add"
    one = fingerprint(task, error, place)
    assert one == fingerprint(task, error, place)
    assert len({one, fingerprint("x", error, place), fingerprint(task, "x", place), fingerprint(task, error, "x")}) == 4
    letter = c.DeadLetter("m", "q", b"", "why", task="proj.add", cause=c.Cause.CRASHED)
    assert letter.fingerprint == fingerprint("proj.add", "crashed", "")


def test_failed_tasks_are_kept_under_a_prefix_and_go_when_none_has_failed_for_long(redis_url):
    store = RedisStore(redis_url, key_prefix="shop:", failed_seconds=50)
    bury(store, "a", failed=True)
    assert ids(store, failed=True) == ["a"]
    server = redis.Redis.from_url(redis_url)
    kept = [b"shop:celeriac:failed", b"shop:celeriac:failed:counts", b"shop:celeriac:failed:letters"]
    assert sorted(server.keys("*failed*")) == kept
    assert all(0 < server.pttl(key) <= 50_000 for key in kept)
    assert store.run(c.Replay((c.ReplayItem("a", b"x", "q"),), failed=True)) == ("a",)
    server.close()
    store.close()
