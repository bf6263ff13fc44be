"""The zygote: imports the app once, tells the core what it found, and forks children from the warm process.

It runs user code only while importing; afterwards it does nothing but fork and wait, so a fork never copies
a held lock or a running thread of ours.
"""

from __future__ import annotations

import array
import gc
import logging
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from functools import partial
from importlib import import_module
from select import select
from typing import NoReturn

from celeriac.app import Celeriac
from celeriac.calls.routing import Queues
from celeriac.clock import SYSTEM_CLOCK
from celeriac.config import TABLE
from celeriac.message import values
from celeriac.stores.open import load_doors
from celeriac.worker.child.child import run_child
from celeriac.worker.child.door import Door
from celeriac.worker.child.forms.greenlets import GeventMissing, patch
from celeriac.worker.declared import specify
from celeriac.worker.find import AppNotFound, find_app, hearing_of_settings, import_modules, why_not
from celeriac.worker.lane.frame import (
    Exited,
    Fork,
    Forked,
    ImportFailed,
    Manifest,
    Ready,
    Sources,
    decode_fork,
    send_news,
)
from celeriac.worker.lane.lane import Lane
from celeriac.worker.log.log_thread import Log
from celeriac.worker.log.log_writer import LogWriter
from celeriac.worker.log.setup import name_process, set_up_zygote
from celeriac.worker.options import Kind, WorkerOptions
from celeriac.worker.pools import late_kind
from celeriac.worker.processes.spawn import Birth, spawn
from celeriac.worker.sources import loaded_folders
from celeriac.worker.system.kernel import die_with_parent
from celeriac.worker.system.signals import spare_forks

_logger = logging.getLogger("celeriac.worker")

EXIT_IMPORT = 3
"""The app could not be imported, and the core was told why."""
EXIT_ANEW = {84: Kind.GEVENT, 85: Kind.SOLO}
"""The settings name this pool, and the app has to be imported in another way for it."""


def describe(app: Celeriac) -> Manifest:
    """The app as plain data; raises `ImproperlyConfigured` for settings that cannot all be meant."""
    app.conf.check()
    tasks = {name: specify(task, app.conf) for name, task in app.tasks.items()}
    # Routes and the like may hold functions, and are for those who send.
    said = {name: dict(value) if isinstance(value := app.conf[name], dict) else value for name in TABLE}
    settings = {name: value for name, value in said.items() if values.is_plain(value)}
    settings["task_queues"] = Queues(app.conf).names()
    return Manifest(app.broker_url(), settings, tasks, os.getpid())


def run_zygote(
    control: socket.socket, lanes: list[Lane], options: WorkerOptions, log: Log, parent: int, *, first: bool
) -> NoReturn:
    """The life of the zygote, in a process forked for it; before the first one nothing runs yet."""
    die_with_parent(parent)
    app = import_app(control, log.keep_log_writer(), options, first=first)
    if app is None:
        os._exit(EXIT_IMPORT)
    gc.collect()
    gc.freeze()

    def birth(fork: Fork, descriptors: list[int]) -> Birth:
        return Birth(os.getpid(), options, fork, descriptors, lanes[0].memory, log.descriptor)

    spawns = (options.start_method or app.conf.worker_pool_start_method) == "spawn"
    serve(
        control,
        lambda fork, descriptors: _live(app, lanes, fork, descriptors, options.name),
        (lambda fork, descriptors: spawn(birth(fork, descriptors))) if spawns else None,
    )


def import_app(
    control: socket.socket, log_writer: LogWriter, options: WorkerOptions, *, first: bool = False
) -> Celeriac | None:
    """Import the app and tell the core what it found, or why that failed; the first to do so may end as `EXIT_ANEW`."""
    heard: list[str] = []
    begun = SYSTEM_CLOCK.now()
    if options.reload:
        # Compiled code is known by the second of its source: too coarse for who saves twice in one.
        sys.dont_write_bytecode = True
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"

    def sources(error: BaseException | None = None) -> Sources | None:
        return Sources(loaded_folders(error), begun) if options.reload else None

    try:
        if any(pool.kind is Kind.GEVENT for pool in options.pools):
            patch()
        sys.path.insert(0, os.getcwd())
        with hearing_of_settings(heard):
            app = find_app(options.app)
            import_modules(app, options.include)
            manifest = describe(app)
        manifest.sources = sources()
        kind = late_kind(options.given, manifest.settings) if first else None
        if kind is not None:
            _begin_anew(kind)
        set_up_zygote(log_writer, options, manifest.settings)
    except (AppNotFound, GeventMissing) as error:
        send_news(control, ImportFailed(str(error), found=False, sources=sources()))
        return None
    except BaseException as error:
        send_news(control, ImportFailed("\n".join([*heard, why_not(error)]), sources=sources(error)))
        return None
    for text in heard:
        _logger.warning("%s", text)
    send_news(control, Ready(manifest))
    # What calls of tasks need is imported once for all children, and before anything that could interrupt it.
    import_module("celeriac.app.calling")
    load_doors(app.broker_url())
    return app


def _begin_anew(kind: Kind) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(next(code for code, other in EXIT_ANEW.items() if other is kind))


def _live(app: Celeriac, lanes: list[Lane], fork: Fork, descriptors: list[int], worker: str) -> NoReturn:
    """What a new child does; never returns to the zygote's loop."""
    name_process(f"ForkPoolWorker-{fork.slot + 1}")
    run_child(app, worker, fork.pool, *doors_of(lanes, fork.slot, descriptors))


def doors_of(lanes: list[Lane], slot: int, descriptors: list[int]) -> tuple[Door, Door]:
    """The doors of a child, for plain tasks and for coroutines."""
    sync, asynchronous, wakeup = descriptors

    def notify() -> None:
        os.eventfd_write(wakeup, 1)

    plain = Door(lanes[2 * slot], socket.socket(fileno=sync), notify)
    beside = Door(lanes[2 * slot + 1], socket.socket(fileno=asynchronous), notify)
    return plain, beside


def serve(
    control: socket.socket,
    live: Callable[[Fork, list[int]], None],
    start: Callable[[Fork, list[int]], int] | None = None,
) -> NoReturn:
    """Make a child for each request and report each one's end, until the core closes the socket.

    A child is forked and lives by `live`, or it is what `start` has started and gives the pid of.
    """
    wakeup, trigger = os.pipe()
    os.set_blocking(trigger, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(trigger)
    while True:
        ready, _, _ = select([control.fileno(), wakeup], [], [])
        if wakeup in ready:
            os.read(wakeup, 4096)
            _report_ended(control)
        if control.fileno() in ready:
            asked = receive_fork(control)
            if asked is None:
                os._exit(0)
            fork, descriptors = asked
            if start is not None:
                pid = start(fork, descriptors)
            else:
                pid = _fork_child(control, (wakeup, trigger), partial(live, fork, descriptors))
            _say_forked(control, fork, descriptors, pid)


def _fork_child(control: socket.socket, pipe: tuple[int, int], live: Callable[[], None]) -> int:
    zygote = os.getpid()
    pid = os.fork()
    if pid == 0:
        _become_child(zygote, control, pipe, live)
    return pid


def _say_forked(control: socket.socket, fork: Fork, descriptors: list[int], pid: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
    send_news(control, Forked(fork.slot, pid))


def receive_fork(control: socket.socket) -> tuple[Fork, list[int]] | None:
    """What the core asks for, and the descriptors that came with it; None when it is gone."""
    descriptors = array.array("i")
    try:
        data, ancillary, _, _ = control.recvmsg(65536, socket.CMSG_SPACE(8 * descriptors.itemsize))
    except OSError:
        return None
    if not data:
        return None
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(payload[: len(payload) - len(payload) % descriptors.itemsize])
    return decode_fork(data), list(descriptors)


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
        survive_sigterm()
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
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            # Whatever user code has closed, no child goes on as a second zygote.
            os._exit(status)


def survive_sigterm() -> None:
    """Let the child outlive a SIGTERM to the whole group, but nothing that a task starts.

    Whoever ends a group or a control group means the worker, and its launcher hears of it. A handler, other
    than an ignored signal, ends with `exec`, and a fork forgets it: `Popen.terminate` and the pools of
    `multiprocessing` work as anywhere.
    """
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.siginterrupt(signal.SIGTERM, False)
    spare_forks({signal.SIGTERM})
