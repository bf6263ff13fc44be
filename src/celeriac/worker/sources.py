"""The source files of an app, and who notices that one of them has changed: for `celeriac worker --reload`."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

_POLL_SECONDS, _QUIET_SECONDS = 0.4, 0.15
"""How often folders are looked at, and for how long nothing must have changed: editors write several files."""
_PACKAGES = ("site-packages", "dist-packages")
_OURS = os.path.dirname(os.path.dirname(__file__))

State = Mapping[str, tuple[int, int]]
"""Files with the time of their last change (ns) and their size."""


def folders_of(modules: Iterable[ModuleType | None], error: BaseException | None = None) -> list[str]:
    """The folders with source files of these modules and of where an error comes from; not what was installed."""
    files = [getattr(module, "__file__", None) for module in modules]
    if error is not None:
        files += [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
        files += [error.filename] if isinstance(error, SyntaxError) else []
    library = os.path.dirname(os.__file__)
    folders = {os.path.dirname(os.path.abspath(file)) for file in files if file and file.endswith(".py")}
    return sorted(
        folder
        for folder in folders
        if os.path.isdir(folder)
        and not folder.startswith((library, _OURS))
        and not any(name in folder.split(os.sep) for name in _PACKAGES)
    )


def loaded_folders(error: BaseException | None = None) -> list[str]:
    """Those of everything that this process has imported."""
    return folders_of(list(sys.modules.values()), error)


def look(folders: Iterable[str]) -> State:
    """What there is in folders now."""
    state: dict[str, tuple[int, int]] = {}
    for folder in folders:
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".py") and not entry.name.startswith("."):
                    with contextlib.suppress(OSError):
                        found = entry.stat()
                        state[entry.path] = (found.st_mtime_ns, found.st_size)
    return state


def differences(before: State, after: State) -> list[str]:
    """The files that differ, by their paths from here."""
    changed = [path for path in {**before, **after} if before.get(path) != after.get(path)]
    return sorted(os.path.relpath(path) for path in changed)


class Watcher:
    """Calls `changed` with the names of files whenever some have changed, on a thread of its own."""

    def __init__(self, changed: Callable[[list[str]], None]) -> None:
        self._changed = changed
        self._folders: list[str] = []
        self._before: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def watch(self, folders: Iterable[str], since: float) -> None:
        """Watch these folders, too; files in them that changed after this instant, in seconds since 1970, have."""
        with self._lock:
            new = sorted(set(folders) - set(self._folders))
            for path, (changed, size) in look(new).items():
                self._before[path] = (changed, size) if changed < since * 1e9 else (0, size)
            self._folders += new
        if not self._thread.is_alive():
            self._thread.start()

    def _run(self) -> None:
        for _ in self._turns():
            with self._lock:
                folders, before = list(self._folders), dict(self._before)
            after = look(folders)
            while after != before:
                time.sleep(_QUIET_SECONDS)
                settled = look(folders)
                if settled == after:
                    break
                after = settled
            with self._lock:
                self._before |= after
                for path in before.keys() - after.keys():
                    del self._before[path]
            if names := differences(before, after):
                self._changed(names)

    def _turns(self) -> Iterator[None]:
        """When to look: at each change, as watchfiles tells where that is installed, else every now and then."""
        yield None
        with contextlib.suppress(ImportError, OSError):
            yield from self._told(import_module("watchfiles").watch)
        while True:
            time.sleep(_POLL_SECONDS)
            yield None

    def _told(self, watch: Any) -> Iterator[None]:
        options = {"recursive": False, "yield_on_timeout": True, "rust_timeout": 2000, "watch_filter": _is_source}
        while True:
            watched = tuple(self._folders)
            for _ in watch(*filter(os.path.isdir, watched), **options):
                yield None
                if watched != tuple(self._folders):
                    break


def _is_source(change: Any, path: str) -> bool:
    return path.endswith(".py")
