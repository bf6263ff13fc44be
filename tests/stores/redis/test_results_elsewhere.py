"""Results in another database of the same Redis: what ends, or forgets, a task reaches it in the same step."""

from __future__ import annotations

import pytest
import redis

from celeriac.stores import contract as c
from celeriac.stores.redis import RedisStore
from celeriac.testing.conformance.hand import HOUR, Hand, document, put

KEY = "celery-task-meta-t1"


@pytest.fixture
def results(new_redis_url):
    with redis.Redis.from_url(new_redis_url()) as results:
        yield results


@pytest.fixture
def store(redis_url, results):
    database = results.connection_pool.connection_kwargs["db"]
    store = RedisStore(redis_url, f"{redis_url.rpartition('/')[0]}/{database}")
    yield store
    store.close()


@pytest.mark.parametrize(
    "request_",
    [
        c.Revoke((c.Revocation("t1", document("REVOKED")),)),
        c.CancelDelayed((c.Cancellation("t1", "t1", document("REVOKED")),)),
    ],
    ids=["revoke", "cancel"],
)
def test_the_end_of_a_delayed_task_is_written_there(store, results, redis_url, request_):
    store.run(c.Enqueue((c.Message("t1", "q", b"a", delay=HOUR),)))
    store.run(request_)
    assert results.get(KEY) == document("REVOKED")
    assert 0 < results.ttl(KEY) <= 86400
    with redis.Redis.from_url(redis_url) as queues:
        assert not queues.exists(KEY)
    put(store, b"b")  # the connection is still at the queues
    assert store.run(c.Stats(("q",))) == (c.QueueStats("q", ready=1),)


def test_the_result_of_a_replay_is_forgotten_there(store, results):
    hand = Hand(store)
    put(store, b"a")
    [claim] = hand.claim()
    hand.finish(c.Outcome(claim.id, "t1", document("FAILURE"), dead=c.DeadLetter("t1", "q", b"a", "why")))
    assert results.exists(KEY)
    store.run(c.Replay((c.ReplayItem("t1", b"a", "q", task="t1"),)))
    assert not results.exists(KEY)
    assert len(hand.claim()) == 1


def test_many_requests_go_each_to_its_own_database(store, results, redis_url):
    results.set(KEY, document("SUCCESS"))
    read, send = c.ReadResults(("t1",)), [c.Enqueue((c.Message(f"m{number}", "q", b"a"),)) for number in range(3)]
    replies = store.run_many([read, read, send[0], read])
    assert [reply for reply in replies if isinstance(reply, tuple)] == [(document("SUCCESS"),)] * 3
    store.run(send[1])
    store.run_many([send[2], read])
    with redis.Redis.from_url(redis_url) as broker:
        assert broker.llen("q") == 3
    assert not results.exists("q")
