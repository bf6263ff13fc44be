"""A worker lives as long as its process does, and the kernel tells."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from celeriac.exceptions import LeaseLost, OperationalError
from celeriac.stores import contract as c
from celeriac.stores.contract.watch import Watch
from celeriac.stores.sqlite import SQLiteStore
from tests.stores.sqlite.programs import program

ME = c.Lease("me", "mine")


@pytest.fixture
def store(tmp_store_path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(tmp_store_path)
    store.run(c.OpenLease(ME, c.WorkerRecord()))
    yield store
    store.close()


def look(store: SQLiteStore, worker: str) -> c.Peer:
    return next(peer for peer in store.run(c.Heartbeat(ME)).peers if peer.worker == worker)


def test_a_worker_is_dead_when_its_process_is_though_a_child_of_it_lives(store: SQLiteStore) -> None:
    store.run(c.Enqueue((c.Message("m1", "q", b"a"),)))
    with program("hold", store.path, "holder") as holder:
        lease = c.Lease("holder", holder.line())
        child = int(holder.line())
        [claim] = store.run(c.Finish(lease, queues=("q",), count=1, first=1)).claims
        alive = look(store, "holder")
        assert (alive.dead, alive.record.pid) == (False, holder.pid)
        assert store.run(c.Reap(ME, alive, 1)).claims == ()
        holder.kill()
        os.kill(child, 0)
        dead = look(store, "holder")
        assert dead.dead
        [adopted] = store.run(c.Reap(ME, dead, 1)).claims
        assert adopted.raw == claim.raw
        with pytest.raises(LeaseLost):
            store.run(c.Finish(lease, (c.Outcome(claim.id, "t1", b"late"),)))
        os.kill(child, signal.SIGKILL)


def test_a_worker_that_is_stopped_lives(store: SQLiteStore) -> None:
    with program("hold", store.path, "holder") as holder:
        assert holder.line()
        holder.stop()
        frozen = look(store, "holder")
        assert frozen.dead is False
        assert store.run(c.Reap(ME, frozen, 1)).claims == ()
        holder.signal(signal.SIGCONT)
        assert look(store, "holder").dead is False
        os.kill(int(holder.line()), signal.SIGKILL)


def test_the_observer_is_not_trusted_but_the_lock(store: SQLiteStore) -> None:
    """What was seen dead may have been replaced since; what was seen alive may be dead now."""
    with program("hold", store.path, "holder") as holder:
        assert holder.line()
        seen_alive = look(store, "holder")
        claimed_dead = c.Peer("holder", seen_alive.epoch, dead=True)
        assert store.run(c.Reap(ME, claimed_dead, 1)) == c.Reaped()
        assert look(store, "holder").dead is False
        os.kill(int(holder.line()), signal.SIGKILL)
        holder.kill()
        store.run(c.Reap(ME, seen_alive, 1))
        assert [peer.worker for peer in store.run(c.Heartbeat(ME)).peers] == ["me"]


def test_leases_of_one_process_do_not_free_each_other(store: SQLiteStore) -> None:
    with program("crowd", store.path) as crowd, program("look", store.path, "observer") as observer:
        assert observer.line() == "ready"
        assert crowd.line() == "opened"

        def dead() -> list[str]:
            observer.go()
            return observer.line().split()

        assert dead() == []
        crowd.go()
        assert crowd.line() == "closed"
        assert dead() == []
        assert {peer.worker for peer in store.run(c.Heartbeat(ME)).peers} == {"me", "observer", "lease1", "lease2"}
        crowd.kill()
        assert sorted(dead()) == ["lease1", "lease2"]


def test_looking_at_others_does_not_free_ones_own_lease(store: SQLiteStore) -> None:
    with program("look", store.path, "observer") as observer:
        assert observer.line() == "ready"
        other = SQLiteStore(store.path)
        for _ in range(3):
            assert look(store, "observer").dead is False
            assert other.run(c.Heartbeat(ME)).peers
        other.close()
        observer.go()
        assert observer.line() == ""


def test_a_lease_is_opened_by_one_process(store: SQLiteStore) -> None:
    with program("hold", store.path, "holder") as holder:
        lease = c.Lease("holder", holder.line())
        with pytest.raises(OperationalError, match="held by another process"):
            store.run(c.OpenLease(lease, c.WorkerRecord()))
        os.kill(int(holder.line()), signal.SIGKILL)


@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_a_worker_lives_though_its_lock_file_is_gone(store: SQLiteStore, how: str) -> None:
    lock = Path(f"{store.path}-lock")
    with program("look", store.path, "holder") as holder:
        assert holder.line() == "ready"
        lock.unlink()
        if how == "replaced":
            lock.touch()
        newcomer, lease = SQLiteStore(store.path), c.Lease("newcomer", "new")
        newcomer.run(c.OpenLease(lease, c.WorkerRecord()))
        unknown = look(newcomer, "holder")
        assert unknown.dead is None
        # It has its leases locked in the file that is there now, from its next request on.
        holder.go()
        assert holder.line() == ""
        assert look(newcomer, "holder").dead is False
        assert newcomer.run(c.Reap(lease, unknown, 1)) == c.Reaped()
        assert {peer.worker for peer in newcomer.run(c.Heartbeat(lease)).peers} == {"me", "holder", "newcomer"}
        holder.kill()
        assert look(newcomer, "holder").dead is True
        newcomer.close()


def test_whoever_died_before_the_lock_file_went_is_given_a_whole_lease(store: SQLiteStore) -> None:
    with program("look", store.path, "holder") as holder:
        assert holder.line() == "ready"
        Path(f"{store.path}-lock").unlink()
        holder.kill()
        unknown = look(store, "holder")
        assert unknown.dead is None
        watch = Watch(store.lease_seconds, store.lease_seconds)
        assert [watch.look(now, (unknown,), "me") for now in (0.0, 9.9, 10.0)] == [[], [], [unknown]]
        store.run(c.Reap(ME, unknown, 1))
        assert [peer.worker for peer in store.run(c.Heartbeat(ME)).peers] == ["me"]


def test_a_lock_file_that_goes_again_and_again_leaves_nothing_open(store: SQLiteStore) -> None:
    def files() -> int:
        return len(os.listdir("/proc/self/fd"))

    store.run(c.Heartbeat(ME))
    before = files()
    for _ in range(20):
        Path(f"{store.path}-lock").unlink()
        assert look(store, "me").dead is False
    assert files() <= before + 1


def test_a_folder_that_is_moved_away_and_back_changes_nothing(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    folder.mkdir()
    store = SQLiteStore(folder / "tasks.db")
    store.run(c.OpenLease(ME, c.WorkerRecord()))
    folder.rename(elsewhere)
    with pytest.raises(OperationalError, match="there is no folder"):
        store.run(c.Heartbeat(ME))
    moved = SQLiteStore(elsewhere / "tasks.db")
    moved.run(c.OpenLease(c.Lease("other", "o"), c.WorkerRecord()))
    with program("look", moved.path, "observer") as observer:
        assert observer.line() == "ready"
        observer.go()
        assert observer.line() == ""
    moved.run(c.CloseLease(c.Lease("other", "o")))
    moved.close()
    elsewhere.rename(folder)
    assert look(store, "me").dead is False
    store.close()
