"""A worker inside this process: core and children are threads, patches made by a test are visible to tasks.

The same core, lanes and child loops as in the real worker; only the fork is missing, so nothing here can
die alone, and no signal reaches a task.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from celeriac.app import Celeriac
from celeriac.calls.routing import Queues
from celeriac.stores.contract import Stats
from celeriac.worker.child.door import Door
from celeriac.worker.child.executor import Executor
from celeriac.worker.child.forms.coroutines import run_async
from celeriac.worker.child.forms.threads import run_alone
from celeriac.worker.child.guards.watchdog import Watchdog
from celeriac.worker.child.limits import Limits
from celeriac.worker.core.core import Core, CoreStats
from celeriac.worker.core.port import Port
from celeriac.worker.core.supervisor import Child
from celeriac.worker.declared import specify
from celeriac.worker.lane.frame import TaskSpec
from celeriac.worker.lane.lane import allocate
from celeriac.worker.options import Pool, WorkerOptions
from celeriac.worker.processes.zygote import describe


class _LiveTasks(dict[str, TaskSpec]):
    """What the core knows of tasks, those included that are declared while it runs."""

    def __init__(self, app: Celeriac, known: dict[str, TaskSpec], learned: Callable[[], None]) -> None:
        super().__init__(known)
        self._app = app
        self._learned = learned

    def __contains__(self, name: object) -> bool:
        if super().__contains__(name):
            return True
        task = self._app.tasks.get(str(name))
        if task is None:
            return False
        self[task.name] = specify(task, self._app.conf)
        self._learned()
        return True


class InProcessWorker:
    """Runs an app's tasks in threads of this process from `start` to `stop`; a context manager.

    `concurrency` threads run plain tasks and as many event loops the others. Starting returns when the
    lease is open, stopping when everything begun has ended and been stored. Tasks that are declared meanwhile are
    found when they are called.
    """

    def __init__(
        self, app: Celeriac, *, concurrency: int = 1, queues: tuple[str, ...] = (), name: str = "test"
    ) -> None:
        self._app = app
        serves = queues or Queues(app.conf).names()
        self._options = WorkerOptions(
            "", f"{name}@{os.getpid()}", (Pool(concurrency=concurrency, queues=serves),), "WARNING"
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._core: Core | None = None
        self._running = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="celeriac-core", daemon=True)
        self._children: list[threading.Thread] = []
        self._watchdog = Watchdog()

    @property
    def stats(self) -> CoreStats:
        """The core's counters."""
        assert self._core is not None
        return self._core.stats

    def start(self) -> InProcessWorker:
        """Begin; raises what keeps the core from beginning, a store that cannot be reached included."""
        self._app.store.run(Stats(self._options.queues))
        self._thread.start()
        self._running.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def reload(self, modules: Any = None, reload: bool = False, reloader: Any = None) -> None:
        """Nothing is to be done: Celery's name, for tests that declare tasks while the worker runs."""

    def stop(self) -> None:
        """Claim nothing more, let what runs finish, end the lease."""
        if self._loop is not None and self._core is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._core.stop)
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            self._failure = error
        finally:
            for thread in self._children:
                thread.join()
            self._running.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        manifest = describe(self._app)
        core = self._core = Core(self._app.store, manifest, self._options, self._app.clock)
        manifest.tasks = _LiveTasks(self._app, manifest.tasks, lambda: core.renew(manifest))
        core.on_lease = self._running.set
        lanes = allocate(2 * self._options.children)
        conf = self._app.conf
        limits = Limits(conf.task_time_limit or 0.0, conf.task_soft_time_limit or 0.0)
        executor = Executor(self._app, self._options.name, limits)
        for slot in range(self._options.children):
            self._start_child(core, slot, lanes[2 * slot : 2 * slot + 2], executor)
        try:
            await core.run()
        finally:
            for child in core.dispatchers[0].children.values():
                for port in child.ports:
                    port.close()

    def _start_child(self, core: Core, slot: int, lanes: list[Any], executor: Executor) -> None:
        loop = asyncio.get_running_loop()
        ours, theirs = zip(socket.socketpair(), socket.socketpair(), strict=True)
        limit = self._app.conf.worker_async_concurrency
        sync, asynchronous = (
            Port(lane, sock, loop, width) for lane, sock, width in zip(lanes, ours, (1, limit), strict=True)
        )

        def notify() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(core.dispatchers[0].outcomes_waiting)

        doors = [Door(lane, sock, notify) for lane, sock in zip(lanes, theirs, strict=True)]
        # One executor serves all: whichever door a word goes through, the core finds who said it.
        executor.say, executor.say_beside = doors[0].say, doors[1].say
        self._start_thread(f"celeriac-{slot}", doors[0], lambda door: run_alone(door, executor, self._watchdog))
        self._start_thread(f"celeriac-async-{slot}", doors[1], lambda door: run_async(door, executor, limit))
        for port in (sync, asynchronous):
            loop.add_reader(port.fileno(), _read_large, loop, port, core)
        core.dispatchers[0].child_started(Child(slot, sync, asynchronous, -1))

    def _start_thread(self, name: str, door: Door, run: Callable[[Door], None]) -> None:
        def live() -> None:
            with door.sock:
                run(door)

        thread = threading.Thread(target=live, name=name, daemon=True)
        self._children.append(thread)
        thread.start()

    def __enter__(self) -> InProcessWorker:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _read_large(loop: asyncio.AbstractEventLoop, port: Port, core: Core) -> None:
    if port.read():
        core.dispatchers[0].outcomes_waiting()
    else:
        loop.remove_reader(port.fileno())
