"""The core's process: one loop, a crew, and the core itself once the app is known."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from celeriac.exceptions import CeleriacError, ImproperlyConfigured
from celeriac.stores.open import open_store
from celeriac.worker.core import Core
from celeriac.worker.crew import Child, Crew
from celeriac.worker.frame import Manifest
from celeriac.worker.lane import Lane
from celeriac.worker.logsetup import set_up_core, use_settings
from celeriac.worker.options import WorkerOptions
from celeriac.worker.scribe import Log
from celeriac.worker.zygote import die_with_parent

logger = logging.getLogger("celeriac.worker")

EXIT_FAILED, EXIT_USAGE = 1, 2


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
        self.crew = Crew(lanes, options.children, self)

    def attach(self, launcher: socket.socket) -> None:
        """Take zygotes from the launcher as it makes them."""
        launcher.setblocking(False)
        asyncio.get_running_loop().add_reader(launcher.fileno(), self._take_zygote, launcher)

    def _take_zygote(self, launcher: socket.socket) -> None:
        data, descriptors, _, _ = socket.recv_fds(launcher, 16, 1)
        if data:
            self.crew.attach(socket.socket(fileno=descriptors[0]))
        else:
            asyncio.get_running_loop().remove_reader(launcher.fileno())

    async def run(self) -> int:
        """Work until stopped; the exit code of the worker."""
        await self._ready.wait()
        if self._core is None:
            if self._failure:
                print(self._failure, file=sys.stderr)
            return self._code
        code = 0
        try:
            await self._core.run()
        except ImproperlyConfigured as error:
            print(f"celeriac: {error}", file=sys.stderr)
            code = EXIT_FAILED
        self._core.dispatcher.log.flush()
        self.crew.stop()
        self._core.store.close()
        stats, dispatched = self._core.stats, self._core.dispatcher.stats
        logger.info("worker %s stopped; %d tasks done", self._options.name, dispatched.done)
        logger.info("at most %.3f s between heartbeats", stats.longest_beat_gap)
        return code

    def stop(self) -> None:
        """Begin the orderly end."""
        self._stopped = True
        if self._core is not None:
            self._core.stop()
        self._ready.set()

    def zygote_ready(self, manifest: Manifest) -> None:
        """Open the store that the app names, and begin; a later zygote only brings a new manifest."""
        use_settings(manifest.settings, self._options)
        if self._core is not None:
            self._core.manifest = manifest
        elif not self._stopped:
            try:
                store = _open(manifest)
            except CeleriacError as error:
                self._failure, self._code = f"celeriac: {error}", EXIT_FAILED
            else:
                self._core = Core(store, manifest, self._options)
                self._core.dispatcher.children = self.crew.children
                _announce(self._options, store, manifest)
        self._ready.set()

    def zygote_failed(self, reason: str, found: bool) -> None:
        """The app's own error, as it is; an app that is not there is an error of the command line."""
        self._failure = f"cannot import {self._options.app}:\n{reason}" if found else f"celeriac: {reason}"
        self._code = EXIT_FAILED if found else EXIT_USAGE
        self._ready.set()

    def child_started(self, child: Child) -> None:
        """Pass on."""
        if self._core is not None:
            self._core.dispatcher.child_started(child)

    def outcomes_waiting(self) -> None:
        """Pass on."""
        if self._core is not None:
            self._core.dispatcher.outcomes_waiting()

    def child_died(self, child: Child, cause: str) -> None:
        """Pass on."""
        if self._core is not None:
            self._core.dispatcher.child_died(child, cause)


def _open(manifest: Manifest) -> Any:
    settings = manifest.settings
    store = open_store(
        manifest.broker_url,
        settings.get("result_backend"),
        lease_seconds=settings.get("worker_lease", 10.0),
        result_seconds=int(settings.get("result_expires", 86400)),
    )
    if not store.shared:
        raise CeleriacError(f"{manifest.broker_url} lives in one process: use celeriac.testing.start_worker with it")
    return store


def _announce(options: WorkerOptions, store: Any, manifest: Manifest) -> None:
    try:
        durability = store.durability()
    except CeleriacError as error:
        durability = f"unknown ({error})"
    logger.info("worker %s serves %s on %s", options.name, ", ".join(options.queues), _without_password(store.url))
    logger.info("a power failure of the store spares: %s", durability)
    logger.info("%d children; tasks: %s", options.children, ", ".join(sorted(manifest.tasks)) or "none")


def _without_password(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return scheme + separator + rest.rpartition("@")[2]


def run_core(launcher: socket.socket, lanes: list[Lane], options: WorkerOptions, log: Log, parent: int) -> NoReturn:
    """The life of the core's process, in a process forked for it."""
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    log.start()
    set_up_core(log.pen, options)
    # What came with the fork stays for good: leave it out of every collection.
    gc.freeze()
    code = 70
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            code = runner.run(_main(launcher, lanes, options))
    except BaseException:
        logger.critical("worker %s ends on an error of its own", options.name, exc_info=True)
    finally:
        sys.stderr.flush()
        log.end()
        os._exit(code)


async def _main(launcher: socket.socket, lanes: list[Lane], options: WorkerOptions) -> int:
    process = CoreProcess(options, lanes)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, process.stop)
    process.attach(launcher)
    return await process.run()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where it is installed: a tenth less CPU a task."""
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
