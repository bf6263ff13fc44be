"""Threads, forks and other processes on one file."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from celeriac.exceptions import OperationalError
from celeriac.stores import contract as c
from celeriac.stores.sqlite import SQLiteStore
from tests.stores.sqlite.looking import count_commits, is_sound, ready
from tests.stores.sqlite.programs import program


def test_a_store_can_be_used_on_both_sides_of_a_fork(tmp_store_path: Path) -> None:
    with program("fork", tmp_store_path) as forking:
        assert forking.end() == 0
    assert is_sound(tmp_store_path)
    found = ready(tmp_store_path)
    assert len(found) == len(set(found)) == 310
    for side, many in (("before", 10), ("thread", 100), ("child", 100), ("parent", 100)):
        assert [name for name in found if name.startswith(side)] == [f"{side}{number}" for number in range(many)]


def test_a_forked_child_holds_locks_of_its_own(tmp_store_path: Path) -> None:
    """Else the next process to come and go would take itself for the last one, and remove the child's log."""
    with program("orphan", tmp_store_path) as parent:
        assert parent.line() == "child is ready"
        assert ready(tmp_store_path) == ["before0", "child0"]
        parent.go()
        assert parent.end() == 0
    assert ready(tmp_store_path) == ["before0", "child0", "child again0"]
    assert is_sound(tmp_store_path)


def test_requests_of_many_threads_become_few_transactions(tmp_store_path: Path) -> None:
    store = SQLiteStore(tmp_store_path)
    store.run(c.Stats())  # it opens the file now, not when it is locked
    threads = [threading.Thread(target=_enqueue, args=(store, number)) for number in range(8)]
    with program("lock", tmp_store_path) as holder:
        assert holder.line() == "locked"
        before = count_commits(tmp_store_path)
        for thread in threads:
            thread.start()
        time.sleep(0.2)  # as good as all of them are waiting then; if not, there are a few transactions more
        holder.go()
        assert holder.line() == "released"
        for thread in threads:
            thread.join()
        assert 1 <= count_commits(tmp_store_path) - before <= 4
    assert store.run(c.Stats(("q",))) == (c.QueueStats("q", ready=8),)
    store.close()


def test_in_a_group_everyone_has_the_own_reply_or_the_own_error(tmp_store_path: Path) -> None:
    store = SQLiteStore(tmp_store_path)
    outcomes: dict[int, object] = {}

    def ask(number: int) -> None:
        id = number if number % 4 == 1 else f"m{number}"
        request = c.Enqueue((c.Message(f"before{number}", "q", b"x"), c.Message(id, object(), b"x")))  # type: ignore[arg-type]
        if number % 4 != 1:
            request = c.Enqueue((c.Message(f"m{number}", "q", b"x"),))
        try:
            outcomes[number] = store.run(request)
        except Exception as error:
            outcomes[number] = type(error)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    with program("lock", tmp_store_path) as holder:
        assert holder.line() == "locked"
        for thread in threads:
            thread.start()
        time.sleep(0.1)
        holder.go()
        for thread in threads:
            thread.join()
    good = {number: outcome for number, outcome in outcomes.items() if number % 4 != 1}
    assert set(good.values()) == {c.Enqueued((True,))}
    assert all(isinstance(outcomes[number], type) for number in (1, 5))
    assert store.run(c.Stats(("q",))) == (c.QueueStats("q", ready=6),)
    store.close()


def test_a_deadline_bounds_the_waiting_for_other_processes(tmp_store_path: Path) -> None:
    store = SQLiteStore(tmp_store_path)
    request = c.Enqueue((c.Message("m1", "q", b"a"),))
    with program("lock", tmp_store_path) as holder:
        assert holder.line() == "locked"
        holder.stop()
        with pytest.raises(OperationalError, match="locked by another process"):
            store.run(request, deadline=0.1)
        holder.kill()
    assert store.run(request, deadline=20) == c.Enqueued((True,))
    store.close()


def test_who_only_reads_waits_for_nobody(tmp_store_path: Path) -> None:
    store = SQLiteStore(tmp_store_path)
    store.run(c.Enqueue((c.Message("m1", "q", b"a"),)))
    with program("lock", tmp_store_path) as holder:
        assert holder.line() == "locked"
        assert store.run(c.Stats(("q",)), deadline=0) == (c.QueueStats("q", ready=1),)
    store.close()


def test_a_killed_writer_lets_the_next_one_write(tmp_store_path: Path) -> None:
    store = SQLiteStore(tmp_store_path)
    with program("lock", tmp_store_path) as holder:
        assert holder.line() == "locked"
        waiting = threading.Thread(target=_enqueue, args=(store, 1))
        waiting.start()
        holder.kill()
        waiting.join()
    assert store.run(c.Stats(("q",))) == (c.QueueStats("q", ready=1),)
    store.close()


def test_processes_that_write_all_the_time_do_not_starve_others(tmp_store_path: Path) -> None:
    store = SQLiteStore(tmp_store_path)
    store.run(c.Forget(()))
    with program("work", tmp_store_path, "one") as one, program("work", tmp_store_path, "other") as other:
        assert one.line() == other.line() == "ready"
        for number in range(50):
            _enqueue(store, number)
    store.close()


def _enqueue(store: SQLiteStore, number: int) -> None:
    store.run(c.Enqueue((c.Message(f"m{number}", "q", b"%d" % number),)), deadline=20)
