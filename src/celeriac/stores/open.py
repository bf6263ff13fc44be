"""From a URL to a store. The stores are imported here, when one is named, and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from math import ceil
from typing import TYPE_CHECKING, Any, Protocol

from celeriac.config.rows.broker import DEFAULT_URL
from celeriac.exceptions import ImproperlyConfigured
from celeriac.message.format import Format
from celeriac.stores.contract import (
    DEAD_LETTER_LIMIT,
    DEAD_LETTER_SECONDS,
    FAILED_LIMIT,
    FAILED_SECONDS,
    Store,
)

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_REDIS = ("redis", "rediss", "unix", "redis+socket", "redis+unix")
_OURS = frozenset({"memory", "sqlite", *_REDIS})
_BACKENDS = _OURS | {"cache+memory"}
_FOR_EVER = 100 * 365 * 86400.0
_ROOT_MARKS = ("pyproject.toml", "manage.py", ".git")


class Named(Protocol):
    """Settings, or anything else that gives values by name."""

    def __getitem__(self, name: str, /) -> Any: ...


def open_named(settings: Named, broker_url: str) -> Store:
    """The store that settings name, with the broker's URL as the app sees it."""
    failed_expires = settings["failed_expires"]
    if failed_expires is None:
        failed_expires = settings["result_expires"] or _FOR_EVER
    store = open_store(
        broker_url,
        settings["result_backend"],
        lease_seconds=settings["worker_lease"],
        result_seconds=ceil(settings["result_expires"] or 0),
        dead_limit=settings["dead_letter_limit"],
        dead_seconds=settings["dead_letter_expires"],
        failed_limit=settings["failed_limit"],
        failed_seconds=failed_expires,
        use_tls=settings["broker_use_ssl"] or settings["redis_backend_use_ssl"],
        key_prefix=_prefix(settings["broker_transport_options"]),
        results_prefix=_prefix(settings["result_backend_transport_options"]),
    )
    store.format = Format.of(settings)
    return store


def _prefix(options: Mapping[str, Any] | None) -> str:
    return str((options or {}).get("global_keyprefix") or "")


def open_store(
    broker_url: str,
    result_backend: str | None = None,
    *,
    lease_seconds: float = 10.0,
    result_seconds: int = 86400,
    dead_limit: int = DEAD_LETTER_LIMIT,
    dead_seconds: float = DEAD_LETTER_SECONDS,
    failed_limit: int = FAILED_LIMIT,
    failed_seconds: float = FAILED_SECONDS,
    use_tls: bool | Mapping[str, Any] | None = None,
    key_prefix: str = "",
    results_prefix: str = "",
) -> Store:
    """The store that holds the queues of `broker_url` and the results of `result_backend`.

    The prefixes are those of keys in Redis, and mean nothing to others.

    Results stay with the queues unless they name another database of the same server. A scheme that is none of ours is
    looked for among the entry points of the group `celeriac.stores`: what stands there is called with the same
    arguments and gives a store. Raises `ImproperlyConfigured` for what is not known or not possible; connects to
    nothing yet.
    """
    scheme = broker_url.partition("://")[0]
    if scheme in _OURS and result_backend is not None and result_backend.partition("://")[0] not in _BACKENDS:
        raise _not_a_store(result_backend)
    letters: dict[str, Any] = {
        "dead_limit": dead_limit,
        "dead_seconds": dead_seconds,
        "failed_limit": failed_limit,
        "failed_seconds": failed_seconds,
    }
    kept: dict[str, Any] = {"result_seconds": result_seconds, **letters}
    if scheme == "memory":
        if result_backend not in (None, broker_url, "cache+memory://"):
            raise ImproperlyConfigured("with queues in memory, results are kept there as well: unset result_backend")
        from celeriac.stores.memory import MemoryStore

        return MemoryStore(broker_url, **letters)
    if scheme == "sqlite":
        if result_backend not in (None, broker_url):
            raise ImproperlyConfigured("with queues in SQLite, results are kept in the same file: unset result_backend")
        from celeriac.stores.sqlite import SQLiteStore

        return SQLiteStore(sqlite_path(broker_url), **kept)
    options = {"lease_seconds": lease_seconds, **kept, "use_tls": use_tls}
    if scheme in _REDIS:
        try:
            from celeriac.stores.redis import RedisStore
        except ImportError as error:
            raise ImproperlyConfigured("a redis:// URL needs the extra: pip install 'celeriac[redis]'") from error
        return RedisStore(broker_url, result_backend, **options, key_prefix=key_prefix, results_prefix=results_prefix)
    if "://" not in broker_url:
        # It is not shown: there could be a password in it.
        raise ImproperlyConfigured("a broker's URL begins with memory://, sqlite://, redis:// or rediss://")
    found = tuple(_entry_points("celeriac.stores", scheme))
    if not found:
        raise ImproperlyConfigured(f"no store for {scheme}://; known are memory, sqlite, redis, rediss")
    store: Store = found[0].load()(broker_url, result_backend, **options)
    return store


def preload() -> None:
    """Import the store that will most likely be named, before any is: Redis where its extra is installed, else SQLite.

    For a process that forks: what is imported before is shared, and an import afterwards copies the pages it touches.
    """
    try:
        import celeriac.stores.redis.session  # noqa: F401
    except ImportError:
        load_doors("sqlite://")
    else:
        load_doors("redis://")


def load_doors(broker_url: str) -> None:
    """Import all that the first use of a store would, from threads and from event loops; nothing of an add-on's."""
    scheme = broker_url.partition("://")[0]
    if scheme == "sqlite":
        import celeriac.stores.sqlite.awaited
        import celeriac.stores.sqlite.store
    elif scheme in _REDIS:
        import celeriac.stores.redis.loop_door
        import celeriac.stores.redis.store  # noqa: F401


def _not_a_store(result_backend: str) -> ImproperlyConfigured:
    """The error for a result backend of Celery's; of a URL only the scheme is shown, for there are passwords in it."""
    scheme, is_url, _ = result_backend.partition("://")
    named = f"{scheme}://" if is_url else repr(result_backend)
    for entry in _entry_points("celery.result_backends", scheme):
        named = f"{named} ({entry.value}{f' of {entry.dist.name}' if entry.dist else ''})"
    why = "no store: a result is written in the step that ends its task, so where the queues are"
    instead = "unset result_backend, or name another database of the same Redis"
    if scheme == "disabled":
        instead = "say task_ignore_result=True"
    return ImproperlyConfigured(f"result_backend {named} is {why}; {instead}")


def _entry_points(group: str, name: str) -> Iterable[EntryPoint]:
    from importlib.metadata import entry_points

    return entry_points(group=group, name=name)


def sqlite_path(url: str) -> str:
    """The file of a SQLite URL: three slashes for a path relative to the project, four for an absolute one."""
    text = url.partition("://")[2].removeprefix("/")
    if not text:
        raise ImproperlyConfigured(f"a SQLite URL names a file: {DEFAULT_URL}")
    return text


def absolute_url(url: str, start: str) -> str:
    """The URL with a relative SQLite path resolved at the root of the project that `start` is in.

    The default was `tasks.db` once: where such a file is and the folder is not, it goes on to be used.
    """
    if not url.startswith("sqlite://"):
        return url
    root = project_root(start)
    path, before = os.path.join(root, sqlite_path(url)), os.path.join(root, "tasks.db")
    if url == DEFAULT_URL and os.path.exists(before) and not os.path.exists(path):
        from celeriac.stores.sqlite.connection import APPLICATION
        from celeriac.stores.sqlite.filesystem import is_database_of

        path = before if is_database_of(APPLICATION, before) else path
    return f"sqlite:///{path}"


def project_root(start: str) -> str:
    """`$CELERIAC_DIR`, else the nearest directory from `start` upwards that looks like a project's root.

    Web and worker processes start in different directories; a file beside the current one would be two files.
    """
    named = os.environ.get("CELERIAC_DIR")
    if named:
        return os.path.abspath(named)
    folder = start = os.path.abspath(start)
    while not any(os.path.exists(os.path.join(folder, mark)) for mark in _ROOT_MARKS):
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            return start
    return folder
