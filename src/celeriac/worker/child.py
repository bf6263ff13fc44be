"""The child: a process that runs tasks, in the way of its pool, until the core lets it go.

Tasks with `async def` run in an event loop on a thread of their own, whatever the pool, so that a long one
of either kind does not stop the other.
"""

from __future__ import annotations

import os
import threading
from typing import NoReturn

from celeriac.app import Celeriac
from celeriac.worker.door import Door
from celeriac.worker.executor import Executor
from celeriac.worker.forms.coroutines import run_async
from celeriac.worker.forms.plain import run_plain
from celeriac.worker.forms.threads import run_threads
from celeriac.worker.guards.main_thread import MainThreadGuard
from celeriac.worker.guards.watchdog import Watchdog
from celeriac.worker.limits import Limits
from celeriac.worker.memory import Memory
from celeriac.worker.options import Kind, Pool


def run_child(app: Celeriac, worker: str, pool: Pool, sync: Door, asynchronous: Door | None) -> NoReturn:
    """The life of a child of this pool; ends with the process. `asynchronous` is None where nothing needs it."""
    executor = Executor(app, worker, Limits(pool.time_limit, pool.soft_time_limit))
    doors = (sync,) if asynchronous is None else (sync, asynchronous)
    memory = Memory(pool.most_memory, doors) if pool.most_memory else None
    if asynchronous is not None:
        coroutines = pool.concurrency if pool.kind is Kind.ASYNCIO else app.conf.worker_async_concurrency
        arguments = (asynchronous, executor, coroutines, memory)
        threading.Thread(target=run_async, args=arguments, name="async", daemon=True).start()
    watchdog = Watchdog()
    if pool.kind is Kind.THREADS:
        run_threads(sync, executor, pool.width, watchdog, memory)
    else:
        run_plain(sync, executor, MainThreadGuard(watchdog), memory)
    os._exit(0)
