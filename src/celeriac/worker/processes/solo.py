"""A worker in one process: tasks on the main thread, the core on another, nothing is forked.

The core is the same as with children, and so is what it says: a Fork makes the main thread its child. What it
cannot do is end a task that does not obey, nor survive one. Such a task's outcome is stored half a second
after its hard limit, and the worker ends with exit code 1, for whoever supervises it to start it anew. A signal is
heard by a thread of its own, so only a call that keeps the interpreter's lock keeps it from being heard.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
import time

from celeriac.app import Celeriac
from celeriac.worker.child.executor import Executor
from celeriac.worker.child.forms.coroutines import run_async
from celeriac.worker.child.forms.threads import Threads
from celeriac.worker.child.guards.main_thread import MainThreadGuard
from celeriac.worker.child.guards.watchdog import Watchdog
from celeriac.worker.child.limits import Limits
from celeriac.worker.core.process import EXIT_ABANDONED, LOOP_FACTORY, Word, serve_launcher
from celeriac.worker.lane.frame import Fork, Forked, send_news
from celeriac.worker.lane.lane import allocate
from celeriac.worker.log.log_thread import Log
from celeriac.worker.log.setup import name_process
from celeriac.worker.options import WorkerOptions
from celeriac.worker.processes.zygote import doors_of, import_app, receive_fork
from celeriac.worker.system.signals import SignalListener
from celeriac.worker.system.stopping import HEARD_SIGNALS, STOP_SIGNALS, Escalation, Stage


class Solo:
    """The one process."""

    def __init__(self, options: WorkerOptions, log: Log) -> None:
        self._options = options
        self._log = log
        self._lanes = allocate(2)
        self._code = 70
        self._escalation = Escalation.of(os.environ)
        self._to_core, self._from_us = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def run(self) -> int:
        """Run tasks until told to stop; the exit code."""
        self._log.start()
        self._listen()
        core = threading.Thread(target=self._run_core, name="core", daemon=True)
        core.start()
        socket.send_fds(self._to_core, [Word.ZYGOTE], [self._theirs.fileno()])
        app = import_app(self._control, self._log.log_writer, self._options)
        if app is not None:
            name_process("MainProcess")
            self._serve(app)
        core.join()
        self._log.end()
        return self._code

    def _listen(self) -> None:
        # There is nobody to import the code anew beside this one; a terminal may be gone all the same.
        hangs_up = (signal.SIGHUP,) if sys.stdin and sys.stdin.isatty() else ()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        SignalListener((*STOP_SIGNALS, *hangs_up), self._obey).open()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD_SIGNALS)

    def _obey(self, number: int) -> None:
        before, stage = self._escalation.stage, self._escalation.told(number, time.monotonic())
        if stage == Stage.AT_ONCE:
            os._exit(EXIT_ABANDONED)
        if stage != before:
            self._to_core.send(Word.COLD if stage == Stage.COLD else Word.WARM)

    def _run_core(self) -> None:
        try:
            with asyncio.Runner(loop_factory=LOOP_FACTORY) as runner:
                self._code = runner.run(serve_launcher(self._from_us, self._lanes, self._options, self._log))
        finally:
            if self._code:
                # Cut off, or broken: nobody waits for a task that may never end.
                self._log.end()
                os._exit(self._code)
            self._control.shutdown(socket.SHUT_RDWR)

    def _serve(self, app: Celeriac) -> None:
        """Be the child that the core asks for, until it asks no more."""
        while (asked := receive_fork(self._control)) is not None:
            self._live(app, *asked)

    def _live(self, app: Celeriac, fork: Fork, descriptors: list[int]) -> None:
        send_news(self._control, Forked(fork.slot, os.getpid()))
        pool = fork.pool
        executor = Executor(app, self._options.name, Limits(pool.time_limit, pool.soft_time_limit))
        sync, asynchronous = doors_of(self._lanes, fork.slot, descriptors)
        executor.say, executor.say_beside = sync.say, asynchronous.say
        threads = Threads(sync, executor, alone=True)
        threading.Thread(target=threads.read, name="reader", daemon=True).start()
        if any(task.asynchronous for task in app.tasks.values()):
            arguments = (asynchronous, executor, app.conf.worker_async_concurrency)
            threading.Thread(target=run_async, args=arguments, name="async", daemon=True).start()
        threads.work(MainThreadGuard(Watchdog(), alone=True))
