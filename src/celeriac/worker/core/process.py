"""The core's process: one loop, a supervisor, and the core itself once the app is known.

It hears no signals: the launcher says by message what they mean.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import sys
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Any, NoReturn

import msgspec

from celeriac.config.secrets import censored_text
from celeriac.exceptions import CeleriacError, ImproperlyConfigured, OperationalError, with_code
from celeriac.stores.open import open_named
from celeriac.worker.core.core import Core
from celeriac.worker.core.dispatcher import Dispatcher
from celeriac.worker.core.health import Health, HealthServer
from celeriac.worker.core.port import monotonic
from celeriac.worker.core.reloading import Reloading
from celeriac.worker.core.runtime_directory import new_socket, sweep
from celeriac.worker.core.scaling import LOOK_SECONDS, Scaler
from celeriac.worker.core.screen import Screen, durability_text
from celeriac.worker.core.supervisor import Cause, Child, Supervisor
from celeriac.worker.lane.frame import ImportFailed, Manifest
from celeriac.worker.lane.lane import Lane
from celeriac.worker.log.log_thread import Log
from celeriac.worker.log.setup import Lines, set_up_core, use_settings
from celeriac.worker.log.words import some
from celeriac.worker.options import Kind, WorkerOptions
from celeriac.worker.pools import completed
from celeriac.worker.system import descriptors
from celeriac.worker.system.kernel import die_with_parent, give_back_what_is_large
from celeriac.worker.system.stopping import Patience

# Here, and not when the loop is made: what is imported after the fork unshares the pages that it touches.
try:
    from uvloop import new_event_loop
except ImportError:
    LOOP_FACTORY: Callable[[], asyncio.AbstractEventLoop] | None = None
else:
    LOOP_FACTORY = new_event_loop
"""uvloop's where it is installed: a tenth less CPU a task."""

logger = logging.getLogger("celeriac.worker")

EXIT_FAILED, EXIT_USAGE, EXIT_ABANDONED, EXIT_UNAVAILABLE = 1, 2, 1, 69

_WAITING_SECONDS = 10.0
"""How often somebody who waits for a worker's end hears what it waits for."""
_COLD_SECONDS = 2.0
"""How long a cold stop waits for a store that does not answer; others then take over by the lease."""


class Word(bytes, Enum):
    """What the launcher says to the core."""

    ZYGOTE = b"zygote"
    """Here is one: a socket to it comes along."""
    RELOAD = b"reload"
    """The next zygote imports the app anew."""
    GROW = b"grow"
    SHRINK = b"shrink"
    WARM = b"warm"
    COLD = b"cold"


class CoreProcess:
    """Brings supervisor and core together; what the supervisor notices before there is a core waits here."""

    def __init__(self, options: WorkerOptions, lanes: list[Lane], screen: Screen) -> None:
        self._options = options
        self._screen = screen
        self._lanes = lanes
        self._core: Core | None = None
        self._ready = asyncio.Event()
        self._failure = ""
        self._code = 0
        self._stopped = self._cut = False
        self._hindered = False
        self._patience = Patience()
        self._left: float | None = None
        """Until when what runs may go on after a stop, on the monotonic clock."""
        self._working: asyncio.Task[None] | None = None
        self._health = HealthServer(self.look)
        self._introduce: Callable[[], None] | None = None
        """Shows what this worker is, once it works or waits for its store: one that cannot begin says only why."""
        self._reloading = Reloading(screen)
        self.supervisor = Supervisor(lanes, options.pools, self)

    def attach(self, launcher: socket.socket) -> None:
        """Listen to the launcher."""
        launcher.setblocking(False)
        asyncio.get_running_loop().add_reader(launcher.fileno(), self._hear, launcher)

    def _hear(self, launcher: socket.socket) -> None:
        word, descriptors, _, _ = socket.recv_fds(launcher, 16, 1)
        match word:
            case Word.ZYGOTE:
                self.supervisor.attach(socket.socket(fileno=descriptors[0]))
            case Word.RELOAD:
                logger.info("told to read the code anew: a second zygote imports %s", self._options.app)
                self._reloading.begin()
            case Word.GROW | Word.SHRINK:
                self._resize(1 if word == Word.GROW else -1)
            case Word.WARM:
                self.stop()
            case Word.COLD:
                self.stop_cold()
            case b"":
                asyncio.get_running_loop().remove_reader(launcher.fileno())

    def _resize(self, more: int) -> None:
        """Give the first pool so many more places, or less; one stays."""
        pool = self.supervisor.pools[0]
        size = max(1, pool.concurrency + more)
        if size == pool.concurrency:
            return
        logger.info("pool %s: from %d to %d at once", pool.name, pool.concurrency, size)
        self.supervisor.resize(0, msgspec.structs.replace(pool, concurrency=size))

    def look(self) -> Health:
        """How this worker is."""
        health = Health(worker=self._options.name, app=self._options.app, stopping=self._stopped)
        if self._core is None:
            health.reason = self._failure or "the app is being imported"
            return health
        return self._core.look(health)

    async def run(self) -> int:
        """Work until stopped; the exit code of the worker."""
        await self._open_socket()
        try:
            await self._ready.wait()
            return self._code if self._core is None else await self._work(self._core)
        except ImproperlyConfigured as error:
            self._failure = f"celeriac: {with_code(error)}"
            return EXIT_FAILED
        except OperationalError as error:
            self._failure = f"celeriac: {with_code(error)}"
            return EXIT_UNAVAILABLE
        finally:
            self._health.close()
            # In a solo worker, a child that was asked for just before lives on in this process.
            self.supervisor.stop()
            if self._failure:
                print(self._failure, file=sys.__stderr__)

    async def _open_socket(self) -> None:
        try:
            sweep()
            await self._health.listen_here(new_socket(self._options.name, self._options.app))
        except OSError as error:
            logger.warning("`celeriac health` will not find this worker: %s", error)

    async def _work(self, core: Core) -> int:
        """From the first lease to the end of the last; the exit code."""
        bind = core.manifest.settings.get("worker_health_bind")
        if bind:
            await self._health.listen(bind)
        core.on_lease = partial(self._ready_for_work, core)
        core.on_away = self._greet
        self._working = asyncio.ensure_future(core.run())
        if self._options.scale is not None:
            self._rescale(core.dispatchers[0], Scaler(self._options.scale, monotonic()))
        try:
            await self._working
        except asyncio.CancelledError:
            logger.error("the store did not answer a cold stop; what was held returns when the lease is over")
        for dispatcher in core.dispatchers:
            dispatcher.log.flush()
        self.supervisor.stop()
        core.store.close()
        stats, done = core.stats, sum([dispatcher.stats.done for dispatcher in core.dispatchers])
        logger.info("worker %s stopped; %s of tasks", self._options.name, some(done, "run"))
        logger.debug("at most %.3f s between heartbeats", stats.longest_heartbeat_gap)
        if stats.abandoned:
            logger.warning("%s cut off", some(stats.abandoned, "task was", "tasks were"))
        self._screen.bid_farewell(self._age(), done, stats.abandoned)
        return EXIT_ABANDONED if stats.abandoned or self._hindered else 0

    def _ready_for_work(self, core: Core) -> None:
        """There is a lease; only of the first one somebody waits to hear."""
        self._greet()
        if core.stats.leases == 1 and not self._stopped:
            self._screen.ready(self._age(), self._options.log_level)

    def _greet(self) -> None:
        introduce, self._introduce = self._introduce, None
        if introduce is not None:
            introduce()

    def _age(self) -> float:
        """For how many seconds this worker has been there; 0 where nobody noted its beginning."""
        return monotonic() - self._options.begun if self._options.begun else 0.0

    def _rescale(self, dispatcher: Dispatcher, scaler: Scaler) -> None:
        """Let the first pool follow its load, for as long as the worker takes work."""
        if not self._stopped:
            size = self.supervisor.pools[0].concurrency
            self._resize(scaler.size(size, dispatcher.busy_children(), monotonic()) - size)
            asyncio.get_running_loop().call_later(LOOK_SECONDS, self._rescale, dispatcher, scaler)

    def stop(self) -> None:
        """Begin the orderly end; it turns cold when the grace is over."""
        if self._stopped:
            return
        self._stopped = True
        if self._core is None:
            self._screen.wait([])
        else:
            running = sum([dispatcher.running() for dispatcher in self._core.dispatchers])
            logger.info("stopping: nothing new; %s in hand", some(running, "task"))
            self._core.stop()
            self._left = None if self._patience.grace is None else monotonic() + self._patience.grace
            self._tell_what_is_waited_for(self._core)
            if self._patience.grace is not None:
                asyncio.get_running_loop().call_later(self._patience.grace, self._cut_off)
        self._ready.set()

    def _tell_what_is_waited_for(self, core: Core) -> None:
        """Now and then, for as long as somebody waits."""
        if self._cut or (self._working is not None and self._working.done()):
            return
        running = core.in_hand()
        self._screen.wait(running, None if self._left is None else max(0.0, self._left - monotonic()))
        if running:
            asyncio.get_running_loop().call_later(_WAITING_SECONDS, self._tell_what_is_waited_for, core)

    def stop_cold(self) -> None:
        """End as soon as what runs is given back, or after the time that Celery's soft shutdown leaves it."""
        self._cut = not self._patience.soft
        self.stop()
        if self._patience.soft:
            asyncio.get_running_loop().call_later(self._patience.soft, self._cut_off)
        else:
            self._cut_off()

    def _stuck(self) -> None:
        """The one thread for tasks will not come back: end, so that somebody starts the worker anew."""
        logger.critical("a task does not end, and nobody can end it but with the worker")
        self._hindered = True
        self.stop()
        self._cut_off()

    def _cut_off(self) -> None:
        self._cut = True
        if self._core is not None and self._working is not None:
            self._core.abandon()
            asyncio.get_running_loop().call_later(_COLD_SECONDS, self._working.cancel)

    def zygote_ready(self, manifest: Manifest) -> None:
        """Open the store that the app names, and begin; a later zygote only brings a new manifest."""
        use_settings(manifest.settings, self._options)
        self.supervisor.coroutines = int(manifest.settings["worker_async_concurrency"])
        if self._core is not None:
            self._reloading.say_new(self._core.manifest.tasks, manifest.tasks)
            self._core.renew(manifest)
        elif not self._stopped:
            try:
                self._plan(manifest)
                self._patience = Patience.of(manifest.settings, os.environ)
                store = _open(manifest)
            except (CeleriacError, ValueError) as error:
                self._failure, self._code = f"celeriac: {with_code(error)}", EXIT_FAILED
            else:
                self._core = Core(store, manifest, self._options)
                for dispatcher in self._core.dispatchers:
                    if self._options.alone:
                        dispatcher.warden.on_stuck = self._stuck
                    else:
                        dispatcher.warden.keeper = self.supervisor
                self._announce(store, manifest)
        self._reloading.end(manifest.sources)
        self._ready.set()

    def _announce(self, store: Any, manifest: Manifest) -> None:
        options, url = self._options, censored_text(store.url)
        risks: tuple[str, ...] = ()
        try:
            durability = durability_text(store.durability())
            risks = getattr(store, "risks", tuple)()  # add-ons may lack it
        except CeleriacError:
            durability = "unknown, as the store does not answer"
        logger.info("worker %s serves %s on %s", options.name, ", ".join(options.queues), url)
        logger.info("a power failure of the store spares: %s", durability)
        for risk in risks:
            logger.warning("%s", risk)
        children = some(options.children, "child", "children")
        logger.info("%s; tasks: %s", children, ", ".join(sorted(manifest.tasks)) or "none")
        self._screen.obey(manifest.settings, options.log_format)
        self._introduce = partial(self._screen.greet, options, url, durability, manifest.tasks)

    def _plan(self, manifest: Manifest) -> None:
        """Settle what the command line has left open of the pools."""
        if self._options.given is None:
            return
        pools = completed(self._options.given, manifest.settings)
        if self._options.scale is not None and pools[0].kind is not Kind.PREFORK:
            raise ImproperlyConfigured(f"--autoscale is for prefork: a pool of {pools[0].kind} keeps its size")
        self._options = msgspec.structs.replace(self._options, pools=pools)
        descriptors.ask_for(self._options.max_children)
        if self._options.max_children > self.supervisor.places // 2 and not self._options.alone:
            raise ImproperlyConfigured(f"{self._options.max_children} children must be asked for with --concurrency")
        self.supervisor.plan(pools)

    def zygote_failed(self, failed: ImportFailed, *, replaceable: bool) -> None:
        """The app's own error, as it is; an app that is not there is an error of the command line."""
        reason, found = failed.reason, failed.found
        if self._core is not None:
            goes_on = "the old goes on" if replaceable else "what runs goes on"
            logger.error("the new code cannot be imported; %s:\n%s", goes_on, Lines(reason))
            self._reloading.end(failed.sources)
            return
        self._failure = f"cannot import {self._options.app}:\n{reason}" if found else f"celeriac: {reason}"
        self._code = EXIT_FAILED if found else EXIT_USAGE
        self._ready.set()

    def child_started(self, child: Child) -> None:
        """Pass on."""
        if self._core is not None:
            self._core.dispatchers[child.pool].child_started(child)

    def outcomes_waiting(self) -> None:
        """Pass on."""
        if self._core is not None:
            for dispatcher in self._core.dispatchers:
                dispatcher.outcomes_waiting()

    def child_died(self, child: Child, cause: Cause) -> None:
        """Pass on."""
        if self._core is not None:
            self._core.dispatchers[child.pool].child_died(child, cause)


def _open(manifest: Manifest) -> Any:
    store = open_named(manifest.settings, manifest.broker_url)
    if not store.shared:
        raise CeleriacError(f"{manifest.broker_url} lives in one process: use celeriac.testing.start_worker with it")
    return store


def run_core(launcher: socket.socket, lanes: list[Lane], options: WorkerOptions, log: Log, parent: int) -> NoReturn:
    """The life of the core's process, in a process forked for it."""
    die_with_parent(parent)
    give_back_what_is_large()
    log.start()
    set_up_core(log.local_writer, options)
    # What came with the fork stays for good: leave it out of every collection.
    gc.freeze()
    code = 70
    try:
        with asyncio.Runner(loop_factory=LOOP_FACTORY) as runner:
            code = runner.run(serve_launcher(launcher, lanes, options, log))
    except BaseException:
        logger.critical("worker %s ends on an error of its own", options.name, exc_info=True)
    finally:
        sys.stderr.flush()
        log.end()
        os._exit(code)


async def serve_launcher(launcher: socket.socket, lanes: list[Lane], options: WorkerOptions, log: Log) -> int:
    """Be the core of a worker until it ends; its exit code."""
    process = CoreProcess(options, lanes, Screen(log.show, on=options.shown))
    process.attach(launcher)
    return await process.run()
