"""The child: a process that runs tasks, in the way of its pool, until the core lets it go.

Tasks with `async def` run in an event loop on a thread of their own, whatever the pool, so that a long one
of either kind does not stop the other.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import NoReturn

from celeriac.app import Celeriac
from celeriac.worker.child.door import Door
from celeriac.worker.child.executor import Executor
from celeriac.worker.child.forms.coroutines import run_async, run_async_when_asked
from celeriac.worker.child.forms.greenlets import run_greenlets, start_native_thread
from celeriac.worker.child.forms.plain import run_plain
from celeriac.worker.child.forms.threads import run_threads
from celeriac.worker.child.guards.main_thread import MainThreadGuard
from celeriac.worker.child.guards.watchdog import Watchdog
from celeriac.worker.child.limits import Limits
from celeriac.worker.child.memory import Memory
from celeriac.worker.options import Kind, Pool


def run_child(app: Celeriac, worker: str, pool: Pool, sync: Door, asynchronous: Door) -> NoReturn:
    """The life of a child of this pool; ends with the process."""
    executor = Executor(app, worker, Limits(pool.time_limit, pool.soft_time_limit))
    executor.say, executor.say_beside = sync.say, asynchronous.say
    memory = Memory(pool.max_memory, (sync, asynchronous)) if pool.max_memory else None
    if any(task.asynchronous for task in app.tasks.values()):
        coroutines = pool.concurrency if pool.kind is Kind.ASYNCIO else app.conf.worker_async_concurrency
        arguments = (asynchronous, executor, coroutines, memory)
        if pool.kind is Kind.GEVENT:
            start_native_thread(run_async, *arguments)
        else:
            threading.Thread(target=run_async_when_asked, args=arguments, name="async", daemon=True).start()
    watchdog = Watchdog()
    if pool.kind is Kind.GEVENT:
        run_greenlets(sync, executor, pool.width, memory)
    elif pool.kind is Kind.THREADS:
        run_threads(sync, executor, pool.width, watchdog, memory)
    else:
        run_plain(sync, executor, MainThreadGuard(watchdog), memory)
    for stream in (sys.stdout, sys.stderr):
        # User code may have closed them, or taken them away.
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(0)
