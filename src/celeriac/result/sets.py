"""Many results together: `gather`, `ResultSet`, `GroupResult`. They are waited for over one connection."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from celeriac import states
from celeriac.calls.apps import get_current_app
from celeriac.control.revoke import revoke
from celeriac.exceptions import TimeoutError
from celeriac.message import document
from celeriac.result.joining import assert_will_not_block
from celeriac.result.single import App, AsyncResult, ResultBase
from celeriac.stores.contract import DropGroup, Forget, ReadGroup, ReadResults, SaveGroup, Store

R_co = TypeVar("R_co", covariant=True)

_INTERVAL = 0.5


def gather(results: Sequence[AsyncResult[R_co]], timeout: float | None = None, propagate: bool = True) -> list[R_co]:
    """The values of many results, over one connection; as `AsyncResult.get` for each."""
    assert_will_not_block()
    missing = _missing(results)
    if missing:
        _take_in(missing, missing[0]._store().wait_results(tuple(each.id for each in missing), timeout))
    return _values(results, timeout, propagate)


async def agather(
    results: Sequence[AsyncResult[R_co]], timeout: float | None = None, propagate: bool = True
) -> list[R_co]:
    """`gather` for event loops."""
    assert_will_not_block()
    missing = _missing(results)
    if missing:
        _take_in(missing, await missing[0]._store().await_results(tuple(each.id for each in missing), timeout))
    return _values(results, timeout, propagate)


def _missing(results: Iterable[AsyncResult[Any]]) -> list[AsyncResult[Any]]:
    """Those whose end is not known here."""
    return [result for result in results if result._final is None and not result.ignored]


def _take_in(missing: Sequence[AsyncResult[Any]], found: Sequence[bytes | None]) -> None:
    for result, data in zip(missing, found, strict=True):
        if data is not None:
            result._note(result._store().format.read(data))


def _values(results: Iterable[AsyncResult[R_co]], timeout: float | None, propagate: bool) -> list[R_co]:
    values: list[R_co] = []
    for result in results:
        if result._final is None and not result.ignored:
            raise TimeoutError(f"no result of {result.id} within {timeout} s")
        values.append(result.get(0, propagate, disable_sync_subtasks=False))
    return values


class ResultSet(ResultBase):
    """Results of tasks that belong together, in an order; each is there once."""

    supports_native_join = True
    app: App | None = None

    def __init__(
        self, results: Iterable[AsyncResult[Any]] = (), app: App | None = None, ready_barrier: Any = None
    ) -> None:
        self.results: list[AsyncResult[Any]] = list(results)
        self.parent: ResultBase | None = None
        if app is not None:
            self.app = app

    # -- as a collection ------------------------------------------------------

    def add(self, result: AsyncResult[Any]) -> None:
        """Put a result at the end, unless it is there."""
        if result not in self.results:
            self.results.append(result)

    def remove(self, result: AsyncResult[Any] | str) -> None:
        """Take a result, or the one of an id, out; KeyError where it is not there."""
        try:
            self.results.remove(result)  # type: ignore[arg-type]
        except ValueError:
            raise KeyError(result) from None

    def discard(self, result: AsyncResult[Any] | str) -> None:
        """The same, and no error."""
        if result in self.results:
            self.remove(result)

    def update(self, results: Iterable[AsyncResult[Any]]) -> None:
        """Add several."""
        for result in results:
            self.add(result)

    def clear(self) -> None:
        """Take all out."""
        self.results.clear()

    def __iter__(self) -> Iterator[AsyncResult[Any]]:
        return iter(self.results)

    def __getitem__(self, index: int) -> AsyncResult[Any]:
        return self.results[index]

    def __len__(self) -> int:
        return len(self.results)

    # -- what is known now ----------------------------------------------------

    def _look(self) -> list[str]:
        """The states of all, in one request."""
        missing = _missing(self.results)
        current: dict[str, str] = {}
        if missing:
            found = missing[0]._store().run(ReadResults(tuple(each.id for each in missing)))
            for result, data in zip(missing, found, strict=True):
                read = document.Document() if data is None else result._store().format.read(data)
                current[result.id] = read.status
                if read.status in states.READY_STATES:
                    result._note(read)
        return [current.get(each.id) or (each._final.status if each._final else states.SUCCESS) for each in self]

    def ready(self) -> bool:
        """Whether all have ended."""
        return all(state in states.READY_STATES for state in self._look())

    def successful(self) -> bool:
        """Whether all ended with a value."""
        return all(state == states.SUCCESS for state in self._look())

    def failed(self) -> bool:
        """Whether one ended with an exception."""
        return states.FAILURE in self._look()

    def waiting(self) -> bool:
        """Whether one has not ended."""
        return not self.ready()

    def completed_count(self) -> int:
        """How many ended with a value."""
        return self._look().count(states.SUCCESS)

    # -- waiting --------------------------------------------------------------

    def get(
        self,
        timeout: float | None = None,
        propagate: bool = True,
        interval: float = _INTERVAL,
        callback: Callable[[str, Any], Any] | None = None,
        no_ack: bool = True,
        on_message: Callable[[dict[str, Any]], Any] | None = None,
        disable_sync_subtasks: bool = True,
        on_interval: Callable[[], Any] | None = None,
    ) -> list[Any]:
        """The values of all, in order.

        Raises the first error in the order, within `interval` seconds of when it and all before it are known;
        `TimeoutError` after `timeout` seconds. `callback` gets each id and value in order, `on_message` each final
        document (a dict) as it comes, `on_interval` is called in between. In a task it raises like
        `AsyncResult.get`.
        """
        if disable_sync_subtasks:
            assert_will_not_block()
        ends = None if timeout is None else time.monotonic() + timeout
        values: list[Any] = []
        while True:
            missing = _missing(self.results)
            if missing:
                left = interval if ends is None else max(0.0, min(interval, ends - time.monotonic()))
                ids = tuple(each.id for each in missing)
                _take_in(missing, missing[0]._store().wait_results(ids, left))
                _report(missing, on_message)
            for result in self.results[len(values) :]:
                if result._final is None and not result.ignored:
                    break
                values.append(result.get(0, propagate, callback=callback, disable_sync_subtasks=False))
            if len(values) == len(self.results):
                return values
            if ends is not None and time.monotonic() >= ends:
                raise TimeoutError(f"{len(values)} of {len(self.results)} results within {timeout} s")
            if on_interval is not None:
                on_interval()

    join = get
    join_native = get

    async def aget(
        self, timeout: float | None = None, propagate: bool = True, *, disable_sync_subtasks: bool = True
    ) -> list[Any]:
        """The values of all, in order, once all are there; for event loops."""
        if disable_sync_subtasks:
            assert_will_not_block()
        missing = _missing(self.results)
        if missing:
            _take_in(missing, await missing[0]._store().await_results(tuple(each.id for each in missing), timeout))
        return _values(self.results, timeout, propagate)

    def __await__(self) -> Generator[Any, None, list[Any]]:
        return self.aget().__await__()

    def iter_native(
        self,
        timeout: float | None = None,
        interval: float = _INTERVAL,
        no_ack: bool = True,
        on_message: Callable[[dict[str, Any]], Any] | None = None,
        on_interval: Callable[[], Any] | None = None,
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each id with its final document (a dict), as they end; raises `TimeoutError` after `timeout` seconds."""
        ends = None if timeout is None else time.monotonic() + timeout
        left = [result for result in self.results if not result.ignored]
        while left:
            done = [result for result in left if result._final is not None]
            left = [result for result in left if result._final is None]
            _report(done, on_message)
            yield from ((result.id, _meta(result)) for result in done)
            if not left:
                return
            now = time.monotonic()
            if ends is not None and now >= ends:
                raise TimeoutError(f"{len(left)} of {len(self.results)} results not within {timeout} s")
            pause = interval if ends is None else min(interval, ends - now)
            _take_in(left, left[0]._store().wait_results(tuple(each.id for each in left), pause, 1))
            if on_interval is not None:
                on_interval()

    def then(
        self, callback: Callable[..., Any], on_error: Callable[..., Any] | None = None, weak: bool = False
    ) -> ResultSet:
        """Call `callback` with this set once the ends of all are known here; see `AsyncResult.then`."""
        left = {result.id for result in _missing(self.results)}

        def one_more(result: AsyncResult[Any]) -> None:
            left.discard(result.id)
            if not left:
                failed = any(each._final and each._final.status != states.SUCCESS for each in self.results)
                chosen = on_error if failed else callback
                if chosen is not None:
                    chosen(self)

        for result in _missing(self.results):
            result.then(one_more, one_more)
        if not left:
            callback(self)
        return self

    def maybe_throw(self, callback: Callable[[str, Any], Any] | None = None, propagate: bool = True) -> None:
        """Raise what the first one raised that is known to have failed."""
        self._look()
        for result in self.results:
            if result._final is not None:
                result.maybe_throw(propagate, callback)

    maybe_reraise = maybe_throw

    # -- acting ---------------------------------------------------------------

    def forget(self) -> None:
        """Delete all results, in one request."""
        if self.results:
            ids = tuple(each.id for each in self.results)
            self.results[0]._store().run(Forget(ids))
            for result in self.results:
                result._final = None

    def revoke(
        self,
        connection: Any = None,
        terminate: bool = False,
        signal: str | int | None = None,
        wait: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Revoke all, in one request; see `AsyncResult.revoke`."""
        if self.results:
            revoke(self.results[0]._store(), tuple(each.id for each in self.results), terminate, signal)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ResultSet) and other.results == self.results

    def __hash__(self) -> int:
        return object.__hash__(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: [{', '.join(each.id for each in self.results)}]>"


class GroupResult(ResultSet):
    """A `ResultSet` with an id: the results of a group."""

    def __init__(
        self,
        id: str | None = None,
        results: Iterable[AsyncResult[Any]] = (),
        parent: AsyncResult[Any] | None = None,
        app: Any = None,
    ) -> None:
        super().__init__(results, app)
        self.id = id
        self.parent: AsyncResult[Any] | None = parent

    @property
    def children(self) -> list[AsyncResult[Any]]:
        """Its members."""
        return self.results

    def save(self, backend: Any = None) -> GroupResult:
        """Keep its id and those of its members in the store, as Celery does, for as long as a result is kept.

        `backend` is Celery's and means nothing; so it is in `delete` and `restore`.
        """
        store = self._store()
        store.run(SaveGroup(str(self.id), store.format.write({"result": self.as_tuple()})))
        return self

    def delete(self, backend: Any = None) -> None:
        """Delete what `save` has kept; the results of the members stay."""
        self._store().run(DropGroup(str(self.id)))

    @classmethod
    def restore(cls, id: str, backend: Any = None, app: App | None = None) -> GroupResult | None:
        """The group that was saved under an id, by Celery as well; None where there is none."""
        app = cls.app if app is None else app
        store = _store_of(app)
        data = store.run(ReadGroup(id))
        if data is None:
            return None
        saved = store.format.load(data)
        if not isinstance(saved, dict) or "result" not in saved:
            raise ValueError("what is stored is no group")
        group: GroupResult = AsyncResult.read_child(saved["result"], app)
        return group

    def _store(self) -> Store:
        return self.results[0]._store() if self.results and self.app is None else _store_of(self.app)

    def as_tuple(self) -> tuple[Any, Any]:
        """Its id, what it followed, and its members, in Celery's form; see `result_from_tuple`."""
        above = None if self.parent is None else self.parent.as_tuple()
        return (self.id, above), [result.as_tuple() for result in self.results]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, GroupResult):
            return other.id == self.id and other.results == self.results and other.parent == self.parent
        return isinstance(other, str) and other == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __bool__(self) -> bool:
        return bool(self.id or self.results)

    def __reduce__(self) -> tuple[Any, ...]:
        return GroupResult, (self.id, self.results, self.parent)

    def __str__(self) -> str:
        return str(self.id)

    def __repr__(self) -> str:
        return f"<GroupResult: {self.id} [{', '.join(each.id for each in self.results)}]>"


def _store_of(app: App | None) -> Store:
    return (get_current_app() if app is None else app).store


def _report(results: Iterable[AsyncResult[Any]], on_message: Callable[[dict[str, Any]], Any] | None) -> None:
    if on_message is not None:
        for result in results:
            if result._final is not None:
                on_message(_meta(result))


def _meta(result: AsyncResult[Any]) -> dict[str, Any]:
    assert result._final is not None
    return document.as_meta(result._final, result.id)
