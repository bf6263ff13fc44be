"""The zygote: imports the app once, tells the core what it found, and forks children from the warm process.

It runs user code only while importing; afterwards it does nothing but fork and wait, so a fork never copies
a held lock or a running thread of ours.
"""

from __future__ import annotations

import array
import ctypes
import gc
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

from celeriac.app import Celeriac
from celeriac.config import TABLE
from celeriac.worker.child import run_child
from celeriac.worker.declared import specify
from celeriac.worker.door import Door
from celeriac.worker.find import AppNotFound, find_app, import_modules
from celeriac.worker.frame import Exited, Fork, Forked, ImportFailed, Manifest, Ready, decode_fork, send_news
from celeriac.worker.lane import Lane
from celeriac.worker.logsetup import name_process, set_up_zygote
from celeriac.worker.options import WorkerOptions
from celeriac.worker.scribe import Log

EXIT_IMPORT = 3
"""The app could not be imported, and the core was told why."""

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when its parent dies (prctl(2)); Linux only, elsewhere nothing."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # The parent may have died before the request took effect.
    if os.getppid() != parent:
        os._exit(1)


def describe(app: Celeriac) -> Manifest:
    """The app as plain data."""
    tasks = {name: specify(task, app.conf) for name, task in app.tasks.items()}
    return Manifest(app.broker_url(), {name: app.conf[name] for name in TABLE}, tasks, os.getpid())


def run_zygote(control: socket.socket, lanes: list[Lane], options: WorkerOptions, log: Log, parent: int) -> NoReturn:
    """The life of the zygote, in a process forked for it."""
    die_with_parent(parent)
    try:
        sys.path.insert(0, os.getcwd())
        app = find_app(options.app)
        import_modules(app)
        manifest = describe(app)
        set_up_zygote(log.keep_pen(), options, manifest.settings)
    except AppNotFound as error:
        send_news(control, ImportFailed(str(error), found=False))
        os._exit(EXIT_IMPORT)
    except BaseException:
        send_news(control, ImportFailed(traceback.format_exc()))
        os._exit(EXIT_IMPORT)
    send_news(control, Ready(manifest))
    gc.collect()
    gc.freeze()
    has_async = any(spec.asynchronous for spec in manifest.tasks.values())
    serve(control, lambda fork, descriptors: _live(app, lanes, fork, descriptors, options, has_async))


def _live(
    app: Celeriac, lanes: list[Lane], fork: Fork, descriptors: list[int], options: WorkerOptions, has_async: bool
) -> None:
    """What a new child does; never returns to the zygote's loop."""
    slot = fork.slot
    name_process(f"ForkPoolWorker-{slot + 1}")
    sync_fd, async_fd, notify_fd = descriptors

    def notify() -> None:
        os.eventfd_write(notify_fd, 1)

    sync = Door(lanes[2 * slot], socket.socket(fileno=sync_fd), notify)
    asynchronous = Door(lanes[2 * slot + 1], socket.socket(fileno=async_fd), notify)
    run_child(app, options.name, options.pools[fork.pool], sync, asynchronous if has_async else None)


def serve(control: socket.socket, live: Callable[[Fork, list[int]], None]) -> NoReturn:
    """Fork a child for each request and report each one's end, until the core closes the socket."""
    wakeup, trigger = os.pipe()
    os.set_blocking(trigger, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(trigger)
    while True:
        ready, _, _ = select.select([control.fileno(), wakeup], [], [])
        if wakeup in ready:
            os.read(wakeup, 4096)
            _report_ended(control)
        if control.fileno() in ready:
            try:
                data, descriptors = _receive(control)
            except OSError:
                data = b""
            if not data:
                os._exit(0)
            _fork_child(decode_fork(data), descriptors, control, (wakeup, trigger), live)


def _fork_child(
    fork: Fork,
    descriptors: list[int],
    control: socket.socket,
    pipe: tuple[int, int],
    live: Callable[[Fork, list[int]], None],
) -> None:
    zygote = os.getpid()
    pid = os.fork()
    if pid == 0:
        _become_child(zygote, control, pipe, lambda: live(fork, descriptors))
    for descriptor in descriptors:
        os.close(descriptor)
    send_news(control, Forked(fork.slot, pid))


def _receive(control: socket.socket) -> tuple[bytes, list[int]]:
    """One message and the descriptors that came with it."""
    descriptors = array.array("i")
    data, ancillary, _, _ = control.recvmsg(4096, socket.CMSG_SPACE(8 * descriptors.itemsize))
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(payload[: len(payload) - len(payload) % descriptors.itemsize])
    return data, list(descriptors)


def _report_ended(control: socket.socket) -> None:
    while True:
        try:
            pid, status, usage = os.wait3(os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        send_news(control, Exited(pid, status, usage.ru_maxrss))


def _become_child(zygote: int, control: socket.socket, pipe: tuple[int, int], live: Callable[[], None]) -> NoReturn:
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _survive_sigterm()
        die_with_parent(zygote)
        for descriptor in pipe:
            os.close(descriptor)
        control.close()
        live()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            sys.stderr.flush()
        finally:
            # Whatever user code has closed, no child goes on as a second zygote.
            os._exit(status)


def _survive_sigterm() -> None:
    """Let the child outlive a SIGTERM to the whole group, but nothing that a task starts.

    Whoever ends a group or a control group means the worker, and its launcher hears of it. A handler, other
    than an ignored signal, ends with `exec`, and a fork forgets it: `Popen.terminate` and the pools of
    `multiprocessing` work as anywhere.
    """
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.siginterrupt(signal.SIGTERM, False)
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))
