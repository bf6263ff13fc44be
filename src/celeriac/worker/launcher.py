"""The launcher: forks the core and the zygote while it is small and clean, and then only waits.

It is the parent of both, so it can bring a new zygote when one dies, which the core, with its loop and
threads, could not. When the core dies everything dies: the zygote is killed here, its children by the
kernel. When the launcher dies the kernel kills both.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import time

from celeriac.worker.lane import Lane, allocate
from celeriac.worker.options import WorkerOptions
from celeriac.worker.process import run_core
from celeriac.worker.scribe import Log
from celeriac.worker.zygote import run_zygote

_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)
_ZYGOTE_PAUSE_SECONDS = 0.2


def launch(options: WorkerOptions) -> int:
    """Run a worker until it ends; its exit code. SIGTERM and SIGINT end it in order."""
    log = Log(options.log_file)
    code = Launcher(options, log).run()
    log.finish()
    return code


class Launcher:
    """The parent of a worker's processes."""

    def __init__(self, options: WorkerOptions, log: Log) -> None:
        self._options = options
        self._log = log
        self._lanes: list[Lane] = allocate(2 * options.children)
        self._core = 0
        self._zygote = 0
        self._told_to_end = False
        self._to_core, self._from_launcher = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def run(self) -> int:
        """Fork, wait, and clean up."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        gc.collect()
        gc.freeze()
        launcher = os.getpid()
        self._core = os.fork()
        if self._core == 0:
            _unblock()
            self._to_core.close()
            run_core(self._from_launcher, self._lanes, self._options, self._log, launcher)
        self._from_launcher.close()
        self._start_zygote()
        return self._wait()

    def _start_zygote(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        launcher = os.getpid()
        self._zygote = os.fork()
        if self._zygote == 0:
            _unblock()
            ours.close()
            self._to_core.close()
            run_zygote(theirs, self._lanes, self._options, self._log, launcher)
        # A core that is gone is found by SIGCHLD next.
        with contextlib.suppress(OSError):
            socket.send_fds(self._to_core, [b"zygote"], [ours.fileno()])
        ours.close()
        theirs.close()

    def _wait(self) -> int:
        """Until the core has ended."""
        while True:
            number = signal.sigwait(_SIGNALS)
            if number != signal.SIGCHLD:
                self._told_to_end = True
                os.kill(self._core, signal.SIGTERM)
                continue
            while True:
                try:
                    pid, status = os.waitpid(-1, os.WNOHANG)
                except ChildProcessError:
                    break
                if pid == 0:
                    break
                if pid == self._core:
                    return self._finish(status)
                if pid == self._zygote:
                    self._zygote = 0
                    # The core ends by itself when the app cannot be imported; give it the time to.
                    time.sleep(_ZYGOTE_PAUSE_SECONDS)
                    self._start_zygote()

    def _finish(self, status: int) -> int:
        if self._zygote:
            os.kill(self._zygote, signal.SIGKILL)
            os.waitpid(self._zygote, 0)
        if self._told_to_end and os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGTERM:
            return 0  # it had not begun yet
        return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 70


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
