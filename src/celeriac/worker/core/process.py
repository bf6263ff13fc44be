"""The core's process: one loop, a crew, and the core itself once the app is known.

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
from typing import Any, NoReturn

import msgspec

from celeriac.config.secrets import censored_text
from celeriac.exceptions import CeleriacError, ImproperlyConfigured, OperationalError, with_code
from celeriac.stores.open import open_named
from celeriac.worker.core.core import Core
from celeriac.worker.core.crew import Cause, Child, Crew
from celeriac.worker.core.dispatcher import Dispatcher
from celeriac.worker.core.health import Health, HealthServer
from celeriac.worker.core.port import monotonic
from celeriac.worker.core.runtime_directory import new_socket, sweep
from celeriac.worker.core.scaling import LOOK_SECONDS, Scaler
from celeriac.worker.kernel import die_with_parent, give_back_what_is_large
from celeriac.worker.lane.frame import Manifest
from celeriac.worker.lane.lane import Lane
from celeriac.worker.log.scribe import Log
from celeriac.worker.log.setup import set_up_core, use_settings
from celeriac.worker.options import WorkerOptions
from celeriac.worker.pools import completed
from celeriac.worker.stopping import Patience

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
    """Brings crew and core together; what the crew notices before there is a core waits here."""

    def __init__(self, options: WorkerOptions, lanes: list[Lane]) -> None:
        self._options = options
        self._lanes = lanes
        self._core: Core | None = None
        self._ready = asyncio.Event()
        self._failure = ""
        self._code = 0
        self._stopped = False
        self._lame = False
        self._patience = Patience()
        self._working: asyncio.Task[None] | None = None
        self._health = HealthServer(self.look)
        self.crew = Crew(lanes, options.pools, self)

    def attach(self, launcher: socket.socket) -> None:
        """Listen to the launcher."""
        launcher.setblocking(False)
        asyncio.get_running_loop().add_reader(launcher.fileno(), self._hear, launcher)

    def _hear(self, launcher: socket.socket) -> None:
        word, descriptors, _, _ = socket.recv_fds(launcher, 16, 1)
        match word:
            case Word.ZYGOTE:
                self.crew.attach(socket.socket(fileno=descriptors[0]))
            case Word.RELOAD:
                logger.info("told to read the code anew: a second zygote imports %s", self._options.app)
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
        pool = self.crew.pools[0]
        size = max(1, pool.concurrency + more)
        if size == pool.concurrency:
            return
        logger.info("pool %s: from %d to %d at once", pool.name, pool.concurrency, size)
        self.crew.resize(0, msgspec.structs.replace(pool, concurrency=size))

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
            self.crew.stop()
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
        self._working = asyncio.ensure_future(core.run())
        if self._options.scale is not None:
            self._rescale(core.dispatchers[0], Scaler(self._options.scale, monotonic()))
        try:
            await self._working
        except asyncio.CancelledError:
            logger.error("the store did not answer a cold stop; what was held returns when the lease is over")
        for dispatcher in core.dispatchers:
            dispatcher.log.flush()
        self.crew.stop()
        core.store.close()
        stats, done = core.stats, sum([dispatcher.stats.done for dispatcher in core.dispatchers])
        logger.info("worker %s stopped; %d tasks done", self._options.name, done)
        logger.info("at most %.3f s between heartbeats", stats.longest_beat_gap)
        if stats.abandoned:
            logger.warning("%d tasks were cut off", stats.abandoned)
        return EXIT_ABANDONED if stats.abandoned or self._lame else 0

    def _rescale(self, dispatcher: Dispatcher, scaler: Scaler) -> None:
        """Let the first pool follow its load, for as long as the worker takes work."""
        if not self._stopped:
            size = self.crew.pools[0].concurrency
            self._resize(scaler.size(size, dispatcher.busy_children(), monotonic()) - size)
            asyncio.get_running_loop().call_later(LOOK_SECONDS, self._rescale, dispatcher, scaler)

    def stop(self) -> None:
        """Begin the orderly end; it turns cold when the grace is over."""
        if self._stopped:
            return
        self._stopped = True
        if self._core is not None:
            running = sum([dispatcher.running() for dispatcher in self._core.dispatchers])
            logger.info("stopping: nothing new; %d tasks in hand", running)
            self._core.stop()
            if self._patience.grace is not None:
                asyncio.get_running_loop().call_later(self._patience.grace, self._cut_off)
        self._ready.set()

    def stop_cold(self) -> None:
        """End as soon as what runs is given back, or after the time that Celery's soft shutdown leaves it."""
        self.stop()
        if self._patience.soft:
            asyncio.get_running_loop().call_later(self._patience.soft, self._cut_off)
        else:
            self._cut_off()

    def _stuck(self) -> None:
        """The one thread for tasks will not come back: end, so that somebody starts the worker anew."""
        logger.critical("a task does not end, and nobody can end it but with the worker")
        self._lame = True
        self.stop()
        self._cut_off()

    def _cut_off(self) -> None:
        if self._core is not None and self._working is not None:
            self._core.abandon()
            asyncio.get_running_loop().call_later(_COLD_SECONDS, self._working.cancel)

    def zygote_ready(self, manifest: Manifest) -> None:
        """Open the store that the app names, and begin; a later zygote only brings a new manifest."""
        use_settings(manifest.settings, self._options)
        self.crew.coroutines = int(manifest.settings["worker_async_concurrency"])
        if self._core is not None:
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
                        dispatcher.warden.keeper = self.crew
                _announce(self._options, store, manifest)
        self._ready.set()

    def _plan(self, manifest: Manifest) -> None:
        """Settle what the command line has left open of the pools."""
        if self._options.given is None:
            return
        pools = completed(self._options.given, manifest.settings)
        self._options = msgspec.structs.replace(self._options, pools=pools)
        if self._options.most_children > self.crew.places // 2 and not self._options.alone:
            raise ImproperlyConfigured(f"{self._options.most_children} children must be asked for with --concurrency")
        self.crew.plan(pools)

    def zygote_failed(self, reason: str, found: bool) -> None:
        """The app's own error, as it is; an app that is not there is an error of the command line."""
        if self._core is not None:
            logger.error("cannot import %s anew; what runs goes on:\n%s", self._options.app, reason)
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


def _announce(options: WorkerOptions, store: Any, manifest: Manifest) -> None:
    risks: tuple[str, ...] = ()
    try:
        durability, risks = store.durability(), store.risks()
    except CeleriacError as error:
        durability = f"unknown ({error})"
    logger.info("worker %s serves %s on %s", options.name, ", ".join(options.queues), censored_text(store.url))
    logger.info("a power failure of the store spares: %s", durability)
    for risk in risks:
        logger.warning("%s", risk)
    logger.info("%d children; tasks: %s", options.children, ", ".join(sorted(manifest.tasks)) or "none")


def run_core(launcher: socket.socket, lanes: list[Lane], options: WorkerOptions, log: Log, parent: int) -> NoReturn:
    """The life of the core's process, in a process forked for it."""
    die_with_parent(parent)
    give_back_what_is_large()
    log.start()
    set_up_core(log.desk, options)
    # What came with the fork stays for good: leave it out of every collection.
    gc.freeze()
    code = 70
    try:
        with asyncio.Runner(loop_factory=LOOP_FACTORY) as runner:
            code = runner.run(serve_launcher(launcher, lanes, options))
    except BaseException:
        logger.critical("worker %s ends on an error of its own", options.name, exc_info=True)
    finally:
        sys.stderr.flush()
        log.end()
        os._exit(code)


async def serve_launcher(launcher: socket.socket, lanes: list[Lane], options: WorkerOptions) -> int:
    """Be the core of a worker until it ends; its exit code."""
    process = CoreProcess(options, lanes)
    process.attach(launcher)
    return await process.run()
