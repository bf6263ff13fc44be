"""The launcher: forks the core and the zygote while it is small and clean, and then only waits.

It is the parent of both, so it can bring a new zygote when one dies or when the code is to be read anew,
which the core, with its loop and threads, could not. When the core dies everything dies: the zygotes are
killed here, their children by the kernel. When the launcher dies the kernel kills all.

All signals to a worker are for the launcher, and it alone listens to them; the core is told by message. It
does what the first process of a container must do: it reaps whatever ends below it.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import sys
import time
from dataclasses import dataclass
from importlib import import_module

from celeriac.exceptions import ImproperlyConfigured, with_code
from celeriac.stores.open import preload
from celeriac.worker.core.process import Word, run_core
from celeriac.worker.lane.lane import Lane, allocate, new_memory
from celeriac.worker.log.log_thread import Log
from celeriac.worker.options import Kind, WorkerOptions
from celeriac.worker.processes.solo import Solo
from celeriac.worker.processes.zygote import EXIT_ANEW, EXIT_IMPORT, run_zygote
from celeriac.worker.system import descriptors
from celeriac.worker.system.stopping import STOP_SIGNALS, Escalation, Stage

_SIZES = {signal.SIGTTIN: Word.GROW, signal.SIGTTOU: Word.SHRINK}
"""As gunicorn has them: one child more, one less."""
_SIGNALS = (signal.SIGCHLD, signal.SIGHUP, *_SIZES, *STOP_SIGNALS)
_EARLY_SECONDS = 1.0
_PAUSE_SECONDS = (0.2, 5.0)
_EXIT_FAILED, _EXIT_ABANDONED = 1, 1
_UNSAID_CHILDREN = 64
SPARE_CHILDREN = 8
"""Places beyond twice the number of children: those that end and those that follow are there at once."""


def launch(options: WorkerOptions) -> int | Kind:
    """Run a worker until it ends; its exit code. `stopping` says what each signal means.

    Where the settings of the app name a pool for which it has to be imported in another way, nothing has run, and
    the answer is that pool: this process is then to begin anew as a worker of that kind.
    """
    try:
        descriptors.ask_for(options.children)
    except ImproperlyConfigured as error:
        print(f"celeriac: {with_code(error)}", file=sys.stderr)
        return _EXIT_FAILED
    log = Log(options.log_file)
    preload()
    # What a zygote imports for the calls of tasks: imported there it copied pages, 1 MB and more of a worker's 37.
    import_module("celeriac.app.calling")
    # What is there now stays, and its pages are shared: no collection is to look at it, or to free a part of it.
    gc.freeze()
    gc.enable()
    code: int | Kind = Solo(options, log).run() if options.alone else Launcher(options, log).run()
    log.finish()
    return code


@dataclass(slots=True)
class Succession:
    """When a zygote that has ended is followed by the next, on the monotonic clock. Pure.

    At once, since nothing runs until it is there; but one that lived for less than a second, or could not import
    the app, is not followed before a pause, which doubles while that goes on: from 0.2 s to 5 s. In the first
    pause the core ends the worker, if it is the app that cannot be imported.
    """

    started: float = 0.0
    """When the newest was started."""
    _early: int = 0

    def due(self, now: float, *, unfit: bool) -> float:
        """When to start the next one."""
        self._early = self._early + 1 if unfit or now - self.started < _EARLY_SECONDS else 0
        if not self._early:
            return now
        shortest, longest = _PAUSE_SECONDS
        return now + min(longest, shortest * (1 << min(self._early - 1, 10)))


class Launcher:
    """The parent of a worker's processes."""

    def __init__(self, options: WorkerOptions, log: Log) -> None:
        self._options = options
        self._log = log
        self._lanes = _allocate(2 * places_for(options))
        self._core = 0
        self._zygotes: list[int] = []
        """Those that live, the newest last."""
        self._zygote_due = float("inf")
        self._succession = Succession()
        self._anew: Kind | None = None
        self._escalation = Escalation.of(os.environ)
        self._at_terminal = bool(sys.stdin and sys.stdin.isatty())
        """Then SIGHUP says that the terminal is gone."""
        self._to_core, self._from_launcher = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def run(self) -> int | Kind:
        """Fork, wait, and clean up."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        launcher = os.getpid()
        self._core = os.fork()
        if self._core == 0:
            _deafen()
            self._to_core.close()
            run_core(self._from_launcher, self._lanes, self._options, self._log, launcher)
        self._from_launcher.close()
        self._start_zygote()
        code = None
        while code is None:
            code = self._step()
        return code if self._anew is None else self._anew

    def _start_zygote(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        launcher = os.getpid()
        self._zygote_due = float("inf")
        zygote = os.fork()
        if zygote == 0:
            _deafen()
            ours.close()
            self._to_core.close()
            first = not self._succession.started
            run_zygote(theirs, self._lanes, self._options, self._log, launcher, first=first)
        self._zygotes.append(zygote)
        self._succession.started = time.monotonic()
        # A core that is gone is found by SIGCHLD next.
        with contextlib.suppress(OSError):
            socket.send_fds(self._to_core, [Word.ZYGOTE], [ours.fileno()])
        ours.close()
        theirs.close()

    def _step(self) -> int | None:
        """Wait for the next signal and act; the exit code once the worker has ended."""
        left = max(0.0, self._zygote_due - time.monotonic())
        news = signal.sigtimedwait(_SIGNALS, min(left, 3600.0))
        if news is None:
            if time.monotonic() >= self._zygote_due:
                self._start_zygote()
        elif news.si_signo == signal.SIGCHLD:
            return self._reap()
        elif news.si_signo == signal.SIGHUP and (news.si_pid == self._core or not self._at_terminal):
            self._reload()
        elif news.si_signo in _SIZES:
            self._tell(_SIZES[signal.Signals(news.si_signo)])
        else:
            return self._stop(news.si_signo)
        return None

    def _stop(self, number: int) -> int | None:
        before, stage = self._escalation.stage, self._escalation.told(number, time.monotonic())
        if stage == Stage.AT_ONCE:
            os.kill(self._core, signal.SIGKILL)
            os.waitpid(self._core, 0)
            self._kill_zygotes()
            return _EXIT_ABANDONED
        if stage != before:
            self._tell(Word.COLD if stage == Stage.COLD else Word.WARM)
        return None

    def _reload(self) -> None:
        """A new zygote beside the old one; the core changes over once the app is imported."""
        if self._escalation.stage == Stage.RUNNING:
            self._tell(Word.RELOAD)
            self._start_zygote()

    def _tell(self, word: bytes) -> None:
        with contextlib.suppress(OSError):
            self._to_core.send(word)

    def _reap(self) -> int | None:
        """Bury who has ended, orphans included; the exit code when it was the core."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return None
            if pid == 0:
                return None
            if pid == self._core:
                self._kill_zygotes()
                if os.WIFEXITED(status):
                    return os.WEXITSTATUS(status)
                name = signal.Signals(os.WTERMSIG(status)).name
                print(f"celeriac: the core of this worker was ended by {name}", file=sys.stderr)
                return 70
            if pid in self._zygotes:
                self._zygote_ended(pid, status)

    def _zygote_ended(self, pid: int, status: int) -> None:
        """Replace the one in use; not one that was let go, nor a newcomer that could not import the app."""
        newest = self._zygotes[-1] == pid
        self._zygotes.remove(pid)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) in EXIT_ANEW and self._escalation.stage == Stage.RUNNING:
            self._anew = EXIT_ANEW[os.WEXITSTATUS(status)]
            # It holds nothing, and only waits to hear of the app.
            os.kill(self._core, signal.SIGKILL)
            return
        unfit = os.WIFEXITED(status) and os.WEXITSTATUS(status) == EXIT_IMPORT
        if not newest or (unfit and self._zygotes) or self._escalation.stage != Stage.RUNNING:
            return
        self._zygote_due = self._succession.due(time.monotonic(), unfit=unfit)

    def _kill_zygotes(self) -> None:
        for zygote in self._zygotes:
            os.kill(zygote, signal.SIGKILL)
        for zygote in self._zygotes:
            os.waitpid(zygote, 0)


def _allocate(count: int) -> list[Lane]:
    """Lanes that spawned children can attach to, where the system has such memory."""
    return allocate(count, new_memory(count) if sys.platform == "linux" else -1)


def places_for(options: WorkerOptions) -> int:
    """How many children there may be at once: each may be being replaced, and the app may yet ask for more."""
    unsaid = options.given is not None and options.given.concurrency is None
    return 2 * max(options.max_children, _UNSAID_CHILDREN if unsaid else 0) + SPARE_CHILDREN


def _deafen() -> None:
    """What signals mean, the launcher decides; a Ctrl-C in a terminal reaches the whole group."""
    for number in (signal.SIGHUP, *_SIZES, *STOP_SIGNALS):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
