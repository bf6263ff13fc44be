"""The apps of a process: which one is meant where none is named, and the tasks that all of them have.

The current app is what this thread has made current, else the default, else the app that was made current last
by anybody. So an app that is made once is everybody's; Celery would give a thread that never saw it an empty one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakSet

from celeriac.calls.context import current


class Proxy:
    """Whatever `find` gives, each time; `isinstance`, comparison and calls included."""

    __slots__ = ("_find",)

    def __init__(self, find: Callable[[], Any]) -> None:
        object.__setattr__(self, "_find", find)

    def _get_current_object(self) -> Any:
        """The object itself, under Celery's name for it."""
        return object.__getattribute__(self, "_find")()

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return self._get_current_object().__class__

    def __getattr__(self, name: str) -> Any:
        return getattr(self._get_current_object(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._get_current_object(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._get_current_object(), name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._get_current_object()(*args, **kwargs)

    def __eq__(self, other: object) -> bool:
        return bool(self._get_current_object() == other)

    def __hash__(self) -> int:
        return hash(self._get_current_object())

    def __bool__(self) -> bool:
        return bool(self._get_current_object())

    def __repr__(self) -> str:
        return repr(self._get_current_object())

    def __str__(self) -> str:
        return str(self._get_current_object())

    def __dir__(self) -> list[str]:
        return dir(self._get_current_object())


class _OfThread(threading.local):
    app: Any = None


_thread = _OfThread()
_active: WeakSet[Any] = WeakSet()
_shared: list[Callable[[Any], Any]] = []
_default: Any = None
_latest: Any = None
_fallback: Any = None
_make_fallback: Callable[[], Any] | None = None


def register_app(app: Any) -> None:
    """Note a new app."""
    _active.add(app)


def use_fallback(make: Callable[[], Any]) -> None:
    """Say how the app is made that is current where there is none at all."""
    global _make_fallback
    _make_fallback = make


def set_current_app(app: Any) -> None:
    """Make an app the current one of this thread."""
    global _latest
    _thread.app = _latest = app


def set_default_app(app: Any) -> None:
    """Make an app the current one of every thread that has none of its own."""
    global _default
    _default = app


def get_current_app() -> Any:
    """The current app; one is made where there is none."""
    global _fallback
    app = _thread.app or _default or _latest or _fallback
    if app is None:
        assert _make_fallback is not None
        app = _fallback = _make_fallback()
    return app


def find_app(kind: Callable[..., Any], main: str | None, changes: Mapping[str, Any]) -> Any:
    """The app of that class and name in this process, the current one before others, or a new one with its settings."""
    for app in (get_current_app(), *_active):
        if type(app) is kind and app.main == main:
            return app
    return kind(main, set_as_current=False, changes=changes)


def app_or_default(app: Any = None) -> Any:
    """The app given, or the current one."""
    return get_current_app() if app is None else app


def get_current_task() -> Any:
    """The task that runs here, or None."""
    return current.get().instance


def share(make: Callable[[Any], Any]) -> None:
    """Have a task made in every app, those that come later included."""
    _shared.append(make)
    for app in tuple(_active):
        if app.finalized:
            make(app)


def make_shared(app: Any) -> None:
    """Make the shared tasks in an app."""
    for make in tuple(_shared):
        make(app)


current_app: Any = Proxy(get_current_app)
"""The current app, whichever that is when it is used."""

current_task: Any = Proxy(get_current_task)
"""The task that runs here; false where none does."""
