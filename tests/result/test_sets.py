"""Many results together, on each store."""

from __future__ import annotations

import asyncio
import pickle
import threading

import pytest

from celeriac.calls.apps import set_current_app
from celeriac.exceptions import TimeoutError
from celeriac.result import AsyncResult, EagerResult, GroupResult, ResultSet, agather, result_from_tuple
from tests.result.writer import Writer, failed, succeeded


@pytest.fixture
def writer(app):
    return Writer(app)


def results_of(app, *ids):
    return ResultSet([app.AsyncResult(id) for id in ids])


def test_values_in_order(app, writer):
    for id in ("b", "a", "c"):
        writer.write(id, succeeded(id, id.upper()))
    results = results_of(app, "a", "b", "c")
    heard = []
    assert results.get(5, callback=lambda id, value: heard.append((id, value))) == ["A", "B", "C"]
    assert heard == [("a", "A"), ("b", "B"), ("c", "C")]
    assert results.join_native() == results.join() == ["A", "B", "C"]


def test_first_error_in_order_does_not_wait_for_the_rest(app, writer):
    writer.write("a", succeeded("a", 1))
    writer.write("b", failed("b", KeyError("gone")))
    results = results_of(app, "a", "b", "never")
    with pytest.raises(KeyError):
        results.get(20, interval=0.05)
    with pytest.raises(TimeoutError, match="2 of 3 results"):
        results.get(0.1, propagate=False)


def test_as_they_end(app, writer):
    results = results_of(app, "a", "b", "c")
    seen = results.iter_native(20)
    for id in ("c", "a", "b"):
        writing = threading.Thread(target=writer.write, args=(id, succeeded(id, id)))
        writing.start()
        found, meta = next(seen)
        writing.join()
        assert (found, meta["status"], meta["result"]) == (id, "SUCCESS", id)
    assert list(seen) == []


def test_waiting_for_those_that_never_end(app):
    with pytest.raises(TimeoutError):
        list(results_of(app, "a").iter_native(0.1))


def test_what_is_known(app, writer):
    results = results_of(app, "a", "b")
    assert (results.ready(), results.waiting(), results.completed_count()) == (False, True, 0)
    writer.write("a", succeeded("a", 1))
    writer.write("b", failed("b", ValueError("no")))
    assert (results.ready(), results.successful(), results.failed(), results.completed_count()) == (
        True,
        False,
        True,
        1,
    )
    with pytest.raises(ValueError, match="no"):
        results.maybe_throw()


def test_forget_and_revoke_all(app, writer):
    writer.write("a", succeeded("a", 1))
    results = results_of(app, "a", "b")
    results.revoke()
    results.forget()
    assert [each.exists() for each in results] == [False, False]


def test_as_a_collection(app):
    results = results_of(app, "a")
    results.add(app.AsyncResult("a"))
    results.update([app.AsyncResult("b"), app.AsyncResult("c")])
    results.remove("b")
    results.discard("nobody")
    assert [each.id for each in results] == ["a", "c"]
    assert (len(results), results[1].id) == (2, "c")
    with pytest.raises(KeyError):
        results.remove("b")
    results.clear()
    assert (results.get(), list(results)) == ([], [])


def test_then_is_called_once_all_are_known(app, writer):
    results = results_of(app, "a", "b")
    heard: list[ResultSet] = []
    results.then(heard.append)
    writer.write("a", succeeded("a", 1))
    assert not results.ready()
    assert heard == []
    writer.write("b", succeeded("b", 1))
    assert results.ready()
    assert heard == [results]


def test_from_an_event_loop(app, writer):
    async def main():
        results = results_of(app, *(f"t{number}" for number in range(30)))
        waiting = [asyncio.ensure_future(each.aget(20)) for each in results]
        together = asyncio.ensure_future(results.aget(20))
        await asyncio.sleep(0)
        for number in reversed(range(30)):
            await asyncio.to_thread(writer.write, f"t{number}", succeeded(f"t{number}", number))
        expected = list(range(30))
        assert await asyncio.gather(*waiting) == await together == expected
        assert await agather(list(results)) == await results_of(app, "t0", "t1").aget() + expected[2:]
        assert await app.AsyncResult("t7") == 7
        with pytest.raises(TimeoutError):
            await app.AsyncResult("never").aget(0.05)
        with pytest.raises(TimeoutError):
            await app.AsyncResult("never").aget(0)

    asyncio.run(main())


def test_group_written_and_read(app):
    parent = app.AsyncResult("parent")
    group = GroupResult("g", [app.AsyncResult("a"), app.AsyncResult("b")], parent=parent)
    assert group.as_tuple() == (("g", (("parent", None), None)), [(("a", None), None), (("b", None), None)])
    again = result_from_tuple(group.as_tuple(), app)
    assert (again, again.parent, again.children) == (group, parent, group.results)
    assert result_from_tuple([["a", [["p", None], None]], None], app).as_list() == ["a", "p"]
    assert result_from_tuple("a", app).id == "a"
    with pytest.raises(ValueError, match="no result"):
        result_from_tuple(7, app)


def test_mixed_with_what_ran_here(app, writer):
    writer.write("a", succeeded("a", 1))
    assert ResultSet([EagerResult("e", 0, "SUCCESS"), app.AsyncResult("a")]).get(5) == [0, 1]


def test_the_current_app_is_meant_where_none_is_named(app, writer):
    writer.write("a", succeeded("a", 1))
    set_current_app(app)
    try:
        assert AsyncResult("a").get(5) == pickle.loads(pickle.dumps(app.AsyncResult("a"))).get(5) == 1
    finally:
        set_current_app(None)
