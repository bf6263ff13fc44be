"""`AsyncResult`: a task's id and the way to its result."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from celeriac import states
from celeriac.calls.apps import get_current_app
from celeriac.calls.progress import Progress, from_meta
from celeriac.exceptions import IncompleteStream, TimeoutError
from celeriac.message import document
from celeriac.result import waiting
from celeriac.result.joining import assert_will_not_block
from celeriac.stores.contract import Forget, ReadResults, Store

if TYPE_CHECKING:
    from celeriac.observe.explain import Explanation
    from celeriac.result.graph import DependencyGraph

R_co = TypeVar("R_co", covariant=True)


class App(Protocol):
    """What a result needs of an app."""

    @property
    def store(self) -> Store:
        """The store of its results."""


class ResultBase:
    """What all results are: of one task (`AsyncResult`) or of several (`ResultSet`, `GroupResult`)."""

    __slots__ = ()

    parent: ResultBase | None
    """The result that this one followed."""


class AsyncResult(ResultBase, Generic[R_co]):
    """The result of a call, now or later. Asking is cheap; nothing is held open.

    `store` or `app` say where it is kept; without them it is where the current app keeps its own. Two with the same
    id are equal.
    """

    __slots__ = ("_final", "_store", "_then", "_used_app", "id", "ignored", "parent", "task_name")

    TimeoutError = TimeoutError
    supports_native_join = True

    read_child: ClassVar[Callable[..., Any]]
    """Makes a result of what is written of a child; the package gives it, for a child may be a group of results."""

    def __init__(
        self,
        id: str,
        store: Callable[[], Store] | None = None,
        task_name: str | None = None,
        app: App | None = None,
        parent: AsyncResult[Any] | None = None,
        *,
        ignored: bool = False,
        ended: document.Document | None = None,
    ) -> None:
        self.id: str = id
        self.task_name: str | None = task_name
        self.parent: AsyncResult[Any] | None = parent
        self.ignored: bool = ignored
        """Whether the call was sent with `ignore_result`: then there is nothing to wait for."""
        self._used_app = app
        self._store = store or (_current_store if app is None else lambda: app.store)
        self._final: document.Document | None = ended
        self._then: list[tuple[Callable[..., Any], Callable[..., Any] | None]] = []

    @property
    def task_id(self) -> str:
        """Its id, under the name that messages have for it."""
        return self.id

    # -- waiting --------------------------------------------------------------

    def get(
        self,
        timeout: float | None = None,
        propagate: bool = True,
        interval: float = 0.5,
        no_ack: bool = True,
        follow_parents: bool = True,
        callback: Callable[[str, Any], Any] | None = None,
        on_message: Callable[[dict[str, Any]], Any] | None = None,
        on_interval: Callable[[], Any] | None = None,
        disable_sync_subtasks: bool = True,
        EXCEPTION_STATES: Collection[str] = states.EXCEPTION_STATES,
        PROPAGATE_STATES: Collection[str] = states.PROPAGATE_STATES,
    ) -> R_co:
        """Wait for the result and return it.

        Raises the task's own exception if it failed (a `RemoteError` where its class is not to be had
        here), unless `propagate` is false: then the exception is returned. Raises `TimeoutError` after
        `timeout` seconds; the default waits for ever, with a warning after 5 s where no worker serves the queue.
        `callback` gets the id and the value. `on_message` gets each new document (a dict, progress included),
        `on_interval` nothing, both every `interval` seconds.
        With `follow_parents`, an error of a task that this one followed is raised as soon as it is known.

        In a task it raises `RuntimeError`, unless `disable_sync_subtasks` is false or `allow_join_result()`
        holds: a child that waits for another task occupies its place. `no_ack` is Celery's and means nothing.
        """
        if self.ignored:
            return None  # type: ignore[return-value]
        if disable_sync_subtasks:
            assert_will_not_block()
        if self._final is None:
            watch = follow_parents and propagate and self.parent is not None
            hooks = waiting.Hooks(interval, on_message, on_interval, self._raise_parents if watch else None)
            self._note(waiting.wait_one(self._store(), self.id, timeout, hooks, self.task_name))
        return self._give(propagate, callback, PROPAGATE_STATES)

    wait = get

    async def aget(
        self,
        timeout: float | None = None,
        propagate: bool = True,
        *,
        callback: Callable[[str, Any], Any] | None = None,
        disable_sync_subtasks: bool = True,
    ) -> R_co:
        """`get` for event loops; `await result` is the same without a timeout."""
        if self.ignored:
            return None  # type: ignore[return-value]
        if disable_sync_subtasks:
            assert_will_not_block()
        if self._final is None:
            self._note(await waiting.await_one(self._store(), self.id, timeout, self.task_name))
        return self._give(propagate, callback, states.PROPAGATE_STATES)

    def __await__(self) -> Generator[Any, None, R_co]:
        return self.aget().__await__()

    def _give(self, propagate: bool, callback: Callable[[str, Any], Any] | None, raised: Collection[str]) -> R_co:
        final = self._read()
        value: R_co = final.result
        if propagate and final.status in raised:
            raise waiting.error_of(final)
        if callback is not None:
            callback(self.id, value)
        return value

    def maybe_throw(self, propagate: bool = True, callback: Callable[[str, Any], Any] | None = None) -> Any:
        """The value; raises what the task raised, if it failed."""
        return self._give(propagate, callback, states.PROPAGATE_STATES)

    maybe_reraise = maybe_throw

    def _raise_parents(self) -> None:
        for node in reversed(list(self._parents())):
            node.maybe_throw()

    def _parents(self) -> Iterator[AsyncResult[Any]]:
        node = self.parent
        while node is not None:
            yield node
            node = node.parent

    def then(
        self, callback: Callable[..., Any], on_error: Callable[..., Any] | None = None, weak: bool = False
    ) -> AsyncResult[R_co]:
        """Call `callback` with this result once its end is known here, `on_error` with it if that was no success.

        That is at once if it is, else in the call (`get`, `ready`, `state`, ...) that finds out. Nothing
        runs in the background. `weak` is Celery's and means nothing.
        """
        self._then.append((callback, on_error))
        if self._final is not None:
            self._tell()
        return self

    def _tell(self) -> None:
        calls, self._then = self._then, []
        for callback, on_error in calls:
            chosen = callback if self._read().status == states.SUCCESS else on_error
            if chosen is not None:
                chosen(self)

    # -- what is known now ----------------------------------------------------

    def _note(self, found: document.Document) -> None:
        """This is how it ended."""
        self._final = found
        if self._then:
            self._tell()

    def _read(self) -> document.Document:
        if self._final is not None:
            return self._final
        (data,) = self._store().run(ReadResults((self.id,)))
        found = document.Document() if data is None else self._store().format.read(data)
        if found.status in states.READY_STATES:
            self._note(found)
        return found

    @property
    def state(self) -> str:
        """The state as Celery names it; `PENDING` for an id that nothing is known of (see `explain`)."""
        return self._read().status

    status = state

    @property
    def result(self) -> Any:
        """The value, the exception, or what a task said of its progress; None while there is nothing."""
        return self._read().result

    info = result

    @property
    def progress(self) -> Progress | None:
        """How far the task said that it is; None where it said nothing, or has ended."""
        found = self._read()
        return from_meta(found.result) if found.status not in states.READY_STATES else None

    @property
    def traceback(self) -> str | None:
        """The traceback of the worker, as text."""
        return self._read().traceback

    @property
    def date_done(self) -> Any:
        """When the task ended, as a `datetime` in UTC; None before."""
        return document.instant(self._read().date_done)

    @property
    def children(self) -> list[AsyncResult[Any]]:
        """The results of the tasks that its document names as its children."""
        return [self.read_child(child, store=self._store) for child in self._read().children or ()]

    @property
    def name(self) -> str | None:
        """The name of the task; that of the call where it was made here."""
        return self._read().name or self.task_name

    @property
    def args(self) -> Any:
        """The arguments, with `result_extended`."""
        return self._read().args

    @property
    def kwargs(self) -> Any:
        """The keyword arguments, with `result_extended`."""
        return self._read().kwargs

    @property
    def worker(self) -> str | None:
        """The worker that ran it; of Celery's with `result_extended`."""
        return self._read().worker

    @property
    def retries(self) -> int | None:
        """How many retries there were; of Celery's with `result_extended`."""
        return self._read().retries

    @property
    def queue(self) -> str | None:
        """The queue it came from; of Celery's with `result_extended`."""
        return self._read().queue

    @property
    def app(self) -> App:
        """The app it was made with, or the current one."""
        if self._used_app is None:
            return get_current_app()  # type: ignore[no-any-return]
        return self._used_app

    def explain(self) -> Explanation:
        """Where the task is and why: waiting, delayed, parked, running, dead, finished, revoked, or unknown.

        For people: it asks the store several times, and looks through queues. See `explain.explain`.
        """
        from celeriac.observe.explain import explain

        return explain(self._store(), self.id)

    def ready(self) -> bool:
        """Whether the task has ended."""
        return self._read().status in states.READY_STATES

    def successful(self) -> bool:
        """Whether the task ended with a value."""
        return self._read().status == states.SUCCESS

    def failed(self) -> bool:
        """Whether the task ended with an exception."""
        return self._read().status == states.FAILURE

    def exists(self) -> bool:
        """Whether there is any document of it: false before a task says something, and after it expired."""
        return self._final is not None or self._store().run(ReadResults((self.id,))) != (None,)

    # -- acting ---------------------------------------------------------------

    def revoke(
        self,
        connection: Any = None,
        terminate: bool = False,
        signal: str | int | None = None,
        wait: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Let the task not run; with `terminate`, also end it if it runs. See `app.control.revoke`.

        `connection`, `wait` and `timeout` are Celery's and mean nothing: when it returns, the store knows.
        """
        from celeriac.control.revoke import revoke

        revoke(self._store(), (self.id,), terminate, signal)

    def forget(self) -> None:
        """Delete the result, and those of the tasks it followed."""
        self._final = None
        ids = (self.id, *(node.id for node in self._parents()))
        self._store().run(Forget(ids))

    # -- many -----------------------------------------------------------------

    def as_tuple(self) -> tuple[Any, Any]:
        """Its id and those of what it followed, in Celery's form; see `result_from_tuple`."""
        return (self.id, None if self.parent is None else self.parent.as_tuple()), None

    def as_list(self) -> list[str]:
        """The ids of it and of what it followed."""
        return [self.id, *(node.id for node in self._parents())]

    def iterdeps(self, intermediate: bool = False) -> Iterator[tuple[AsyncResult[Any] | None, AsyncResult[Any]]]:
        """It and all below it, each with the one above; with `intermediate`, also while they run."""
        line: list[tuple[AsyncResult[Any] | None, AsyncResult[Any]]] = [(None, self)]
        for above, node in line:
            yield above, node
            if intermediate or node.ready():
                line += [(node, child) for child in node.children]
            else:
                raise IncompleteStream(f"{node} has not ended")

    def collect(self, intermediate: bool = False, **kwargs: Any) -> Iterator[tuple[AsyncResult[Any], Any]]:
        """It and all below it, each waited for with these options of `get`, with the values."""
        line: list[AsyncResult[Any]] = [self]
        for node in line:
            yield node, node.get(**kwargs)
            line += node.children

    def build_graph(
        self, intermediate: bool = False, formatter: Callable[[AsyncResult[Any]], str] | None = None
    ) -> DependencyGraph[AsyncResult[Any]]:
        """It and all below it as a graph; raises `IncompleteStream` where one has not ended, unless `intermediate`."""
        from celeriac.result.graph import DependencyGraph

        graph: DependencyGraph[AsyncResult[Any]] = DependencyGraph(formatter)
        for above, node in self.iterdeps(intermediate):
            graph.add_arc(node)
            if above is not None:
                graph.add_edge(above, node)
        return graph

    @property
    def graph(self) -> DependencyGraph[AsyncResult[Any]]:
        """The same."""
        return self.build_graph()

    def get_leaf(self) -> Any:
        """The value of the last one below it."""
        value = None
        for _, node in self.iterdeps():
            value = node.get()
        return value

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.id}>"

    def __str__(self) -> str:
        return self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __eq__(self, other: object) -> bool:
        return other == self.id if isinstance(other, str) else isinstance(other, AsyncResult) and other.id == self.id

    def __copy__(self) -> AsyncResult[R_co]:
        return AsyncResult(self.id, self._store, self.task_name, self._used_app, self.parent, ignored=self.ignored)

    def __reduce__(self) -> tuple[Any, ...]:
        return AsyncResult, (self.id, None, self.task_name, None, self.parent)


def _current_store() -> Store:
    store: Store = get_current_app().store
    return store
