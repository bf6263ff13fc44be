"""Which pools a worker has: what the command line says, completed by the settings of the app. Pure.

The command line is read before the app is imported and the settings after it. Until then a worker knows its
pools as far as the command line goes; what that leaves open can be settled later, but for `gevent` and `solo`,
which decide how the app is imported at all: where only the settings name them, the worker begins anew with them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from celeriac.calls.routing import served
from celeriac.exceptions import ImproperlyConfigured
from celeriac.worker.options import Given, Kind, Pool, WorkerOptions
from celeriac.worker.system.cores import usable_cores

MAX_CHILDREN = 512

_OTHER_NAMES = {"processes": Kind.PREFORK, "async": Kind.ASYNCIO, "thread": Kind.THREADS}
_CLASSES = {f"celery.concurrency.{name}:taskpool": name for name in ("prefork", "solo", "thread", "gevent", "eventlet")}
"""As Celery finds the pools that have names."""
_REFUSED = {
    "eventlet": "eventlet is no longer maintained; use gevent, threads or asyncio",
    "custom": "pools of one's own are not supported",
}
_EARLY = (Kind.GEVENT, Kind.SOLO)
_WIDE = 100
"""Greenlets and coroutines in a child, where nothing says how many."""


class PoolSetting(Struct, forbid_unknown_fields=True):
    """One entry of the setting `worker_pools`."""

    name: str
    queues: list[str]
    kind: str = "prefork"
    concurrency: int = 0
    max_tasks_per_child: int = 0
    max_memory_per_child: int = 0
    time_limit: float = 0.0
    soft_time_limit: float = 0.0


def kind_named(name: str) -> Kind:
    """The kind of that name; Celery's other names are understood, what there is not is refused with the reason."""
    text = name.strip().lower()
    text = _CLASSES.get(text.replace(".taskpool", ":taskpool"), text)
    if text in _REFUSED:
        raise ImproperlyConfigured(f"no pool of kind {name!r}: {_REFUSED[text]}")
    try:
        return _OTHER_NAMES.get(text) or Kind(text)
    except ValueError:
        raise ImproperlyConfigured(f"no pool of kind {name!r}; there are {', '.join(Kind)}") from None


def parse_pool(text: str) -> Pool:
    """A pool from `NAME:KIND:CONCURRENCY:QUEUE[,QUEUE]`."""
    parts = text.split(":", 3)
    if len(parts) < 4 or not parts[0] or not parts[2].isdigit() or not 0 < int(parts[2]) <= MAX_CHILDREN:
        raise ImproperlyConfigured(f"a pool is NAME:KIND:CONCURRENCY:QUEUE[,QUEUE], not {text!r}")
    queues = tuple(queue.strip() for queue in parts[3].split(",") if queue.strip())
    return Pool(parts[0], kind_named(parts[1]), int(parts[2]), queues)


def before_import(given: Given) -> tuple[Pool, ...]:
    """The pools as far as the command line goes, with the defaults of the settings for the rest."""
    return _checked(_first(given, {}, served({}, given.queues or (), ())), *given.more)


def late_kind(given: Given | None, settings: Mapping[str, Any]) -> Kind | None:
    """The kind that the settings name, if the app should have been imported otherwise for it; else None.

    Raises `ImproperlyConfigured` if the worker could not be started with it.
    """
    if given is None or given.kind is not None:
        return None
    try:
        kind = kind_named(settings.get("worker_pool") or Kind.PREFORK)
    except ImproperlyConfigured:
        # It is told of where the pools are settled.
        return None
    if kind not in _EARLY:
        return None
    completed(msgspec.structs.replace(given, kind=kind), settings)
    return kind


def with_kind(options: WorkerOptions, kind: Kind) -> WorkerOptions:
    """The same options, as if the command line had named this kind."""
    given = msgspec.structs.replace(options.given or Given(), kind=kind)
    return msgspec.structs.replace(options, given=given, pools=before_import(given))


def completed(given: Given, settings: Mapping[str, Any]) -> tuple[Pool, ...]:
    """The pools of the worker; raises `ImproperlyConfigured` for what contradicts itself."""
    named = {pool.name for pool in given.more}
    more = [pool for pool in map(_from_setting, settings.get("worker_pools") or ()) if pool.name not in named]
    queues = served(settings, given.queues or (), given.excluded)
    if given.queues is None:
        elsewhere = {queue for pool in (*given.more, *more) for queue in pool.queues}
        queues = tuple(queue for queue in queues if queue not in elsewhere) or queues
    first = _first(given, settings, queues)
    if first.kind in _EARLY and given.kind is not first.kind:
        raise ImproperlyConfigured(
            f"worker_pool = {first.kind.value!r} comes too late, the app is imported already: "
            f"start the worker with --pool {first.kind.value} (or CELERIAC_POOL={first.kind.value})"
        )
    if any(pool.kind in _EARLY for pool in more) and given.kind is not Kind.GEVENT:
        raise ImproperlyConfigured("worker_pools cannot name gevent or solo: the app is imported already")
    return _checked(first, *given.more, *more)


def _first(given: Given, settings: Mapping[str, Any], queues: tuple[str, ...]) -> Pool:
    kind = given.kind or kind_named(settings.get("worker_pool") or Kind.PREFORK)
    # A solo worker often shares its settings with others, which have children.
    children: Mapping[str, Any] = {} if kind is Kind.SOLO else settings
    return Pool(
        kind=kind,
        concurrency=1 if kind is Kind.SOLO else given.concurrency or _size(kind, settings),
        queues=queues,
        max_tasks=_either(given.max_tasks, children.get("worker_max_tasks_per_child")),
        max_memory=_either(given.max_memory, children.get("worker_max_memory_per_child")),
        time_limit=_either(given.time_limit, settings.get("task_time_limit")),
        soft_time_limit=_either(given.soft_time_limit, settings.get("task_soft_time_limit")),
    )


def _size(kind: Kind, settings: Mapping[str, Any]) -> int:
    said = settings.get("worker_concurrency")
    return usable_cores() if said == "auto" else said or _usual(kind, settings)


def _usual(kind: Kind, settings: Mapping[str, Any]) -> int:
    if kind is Kind.ASYNCIO:
        return int(settings.get("worker_async_concurrency") or _WIDE)
    return _WIDE if kind is Kind.GEVENT else os.cpu_count() or 1


def _either(given: Any, setting: Any) -> Any:
    return setting or 0 if given is None else given


def _from_setting(entry: Any) -> Pool:
    try:
        said = msgspec.convert(entry, PoolSetting)
    except msgspec.ValidationError as error:
        raise ImproperlyConfigured(f"worker_pools: {error} in {entry!r}") from error
    kind = kind_named(said.kind)
    return Pool(
        said.name,
        kind,
        said.concurrency or _usual(kind, {}),
        tuple(said.queues),
        said.max_tasks_per_child,
        said.max_memory_per_child,
        said.time_limit,
        said.soft_time_limit,
    )


def _checked(*pools: Pool) -> tuple[Pool, ...]:
    owners: dict[str, str] = {}
    names: set[str] = set()
    for pool in pools:
        if pool.name in names:
            raise ImproperlyConfigured(f"two pools are called {pool.name!r}")
        names.add(pool.name)
        for queue in pool.queues:
            if queue in owners:
                raise ImproperlyConfigured(
                    f"the pools {owners[queue]!r} and {pool.name!r} both serve the queue {queue!r}: "
                    f"whose limits would its tasks have?"
                )
            owners[queue] = pool.name
        _check_alone(pool)
    _check_together(pools)
    return pools


def _check_alone(pool: Pool) -> None:
    if not pool.queues:
        raise ImproperlyConfigured(f"the pool {pool.name!r} serves no queue")
    if 0 < pool.time_limit < pool.soft_time_limit:
        raise ImproperlyConfigured(f"pool {pool.name!r}: the soft time limit must not be longer than the time limit")
    if pool.kind is Kind.SOLO and (pool.max_tasks or pool.max_memory):
        raise ImproperlyConfigured("a solo worker has no child that could be replaced: no most tasks, no most memory")
    if pool.kind is Kind.PREFORK and pool.concurrency > MAX_CHILDREN:
        raise ImproperlyConfigured(f"a pool has at most {MAX_CHILDREN} children, not {pool.concurrency}")


def _check_together(pools: Iterable[Pool]) -> None:
    kinds = {pool.kind for pool in pools}
    if Kind.SOLO in kinds and len(tuple(pools)) > 1:
        raise ImproperlyConfigured("a solo worker has one pool: there is no other process for a second one")
    if Kind.GEVENT in kinds and len(kinds) > 1:
        raise ImproperlyConfigured("gevent patches the whole worker: its pools are all gevent, or none is")
