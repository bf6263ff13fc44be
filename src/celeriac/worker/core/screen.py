"""What a worker shows the person who started it, at every log level: what it is, what it waits for, its end.

It is no log: it goes to standard output, as plain text where that is no terminal. Where logs are JSON and there is no
terminal, nothing is shown, for what reads them would take it for a broken line; the log has the same at INFO.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from celeriac import __version__
from celeriac.message.values import one_line
from celeriac.stores.contract import Durability
from celeriac.worker.log.setup import JSON
from celeriac.worker.log.words import some, span
from celeriac.worker.options import Kind, Pool, WorkerOptions

_MOST = 24
_COLUMNS, _INDENT = 100, 11
_NAMED = 3
_SHORT = 8
_BOLD, _DIM, _GREEN, _RED = 1, 2, 32, 31
NO_DURABILITY_HINT = "with `appendonly yes` Redis keeps them, see docs/howto/redis.md"


class Running(NamedTuple):
    """A task in a child's hands; since how many seconds, where that is known; whether it may run again."""

    name: str
    id: str
    seconds: float | None
    again: bool


class Screen:
    """Says things to a person through `show`; says nothing unless `on`."""

    def __init__(self, show: Callable[[bytes], None], *, on: bool) -> None:
        self._show = show
        self.on = on
        self._terminal = on and _is_terminal(1)
        self._colored = self._terminal and not os.environ.get("NO_COLOR")
        self._encoding = getattr(sys.__stdout__, "encoding", None) or "utf-8"

    def obey(self, settings: Mapping[str, Any], log_format: str | None) -> None:
        """Do as the app's settings say; where the log is JSON, show nothing from now on, unless in a terminal."""
        if (log_format or settings["worker_log_format"]) == JSON:
            self.on = self.on and self._terminal
        if settings["worker_log_color"] is False:
            self._colored = False

    def say(self, text: str, color: int = 0) -> None:
        """Show a line."""
        if not self.on:
            return
        if color and self._colored:
            text = f"\033[{color}m{text}\033[0m"
        # A Ctrl-C stands as ^C where the line is to begin.
        text = f"\r{text}\n" if self._terminal else f"{text}\n"
        self._show(text.encode(self._encoding, "replace"))

    @property
    def _how_to_stop(self) -> str:
        return "Ctrl-C" if self._terminal else "SIGTERM"

    def greet(self, options: WorkerOptions, url: str, durability: str, tasks: Iterable[str]) -> None:
        """Say what this worker is, once its app is imported."""
        if not self.on:
            return
        self.say("")
        self.say(f"  celeriac {__version__}   {options.app}, {one_line(options.name)}", _BOLD)
        self._row("store", one_line(url))
        self._row("", f"a power failure spares: {durability}")
        width = (_columns() if self._terminal else _COLUMNS) - _INDENT
        for pool in options.pools:
            self._row("queues", *_lines(pool.queues, width))
            self._row("pool", _pool_text(pool))
        self._row("tasks", *(_lines(sorted(tasks), width) or ["none: does the app import the modules with tasks?"]))

    def _row(self, name: str, *lines: str) -> None:
        for line in lines:
            mark = f"\033[{_DIM}m{name:<8}\033[0m" if self._colored and name else f"{name:<8}"
            self.say(f"  {mark} {line}")
            name = ""

    def ready(self, seconds: float, log_level: str) -> None:
        """Say that tasks are taken from now on."""
        more = "" if logging.getLevelNamesMapping().get(log_level, 0) <= logging.INFO else "  More lines: -l INFO"
        begun = f"Ready in {span(seconds)}." if seconds else "Ready."
        self.say(f"  {begun} {self._how_to_stop} stops it: tasks in hand finish first.{more}", _GREEN)
        self.say("")

    def wait(self, running: list[Running], grace: float | None = None) -> None:
        """Say what a stop waits for, and for how many seconds at most."""
        if not running:
            self.say("  Stopping.")
            return
        named = ", ".join(map(_running_text, running[:_NAMED]))
        more = f" and {some(len(running) - _NAMED, 'other')}" if len(running) > _NAMED else ""
        maximum = f"; {span(grace)} at most" if grace else ""
        self.say(f"  Waiting for {some(len(running), 'task')}: {named}{more}{maximum}. {self._again(running)}")

    def _again(self, running: list[Running]) -> str:
        again = "Ctrl-C again" if self._terminal else "Another SIGTERM"
        it = "it" if len(running) == 1 else "them"
        if all(task.again for task in running):
            return f"{again} gives {it} back to the queue."
        if not any(task.again for task in running):
            return f"{again} cuts {it} off as failed: at most one run each."
        return f"{again} gives them back to the queue, or cuts them off as failed where they may run only once."

    def bid_farewell(self, seconds: float, runs: int, abandoned: int) -> None:
        """Say how it ended."""
        after = f" after {span(seconds)}" if seconds else ""
        lost = f", {some(abandoned, 'task was', 'tasks were')} cut off" if abandoned else ""
        self.say(f"  Stopped{after}: {some(runs, 'run')} of tasks{lost}.", _RED if abandoned else 0)


def _columns() -> int:
    """The width of the terminal; where it tells none, a usual one."""
    try:
        return os.get_terminal_size(1).columns or _COLUMNS
    except OSError:
        return _COLUMNS


def _is_terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:
        return False


def _pool_text(pool: Pool) -> str:
    name = "" if pool.name == "default" else f"{one_line(pool.name)}: "
    if pool.kind is Kind.SOLO:
        return f"{name}solo, one task at a time"
    return f"{name}{pool.kind} x {pool.concurrency}"


def _lines(names: Sequence[str], width: int) -> list[str]:
    """Names, as many on a line as fit; of a great many the first."""
    shown = list(map(one_line, names))
    if len(names) > _MOST:
        shown[_MOST - 1 :] = [f"and {len(names) - _MOST + 1:,} others"]
    lines: list[str] = []
    for name in shown:
        if lines and len(lines[-1]) + 2 + len(name) <= width:
            lines[-1] += f"  {name}"
        else:
            lines.append(name)
    return lines


def _running_text(task: Running) -> str:
    since = "" if task.seconds is None else f" for {span(task.seconds)}"
    return f"{one_line(task.name)}[{one_line(task.id[:_SHORT])}]{since}"


def durability_text(durability: Durability | str) -> str:
    """What a power failure of the store spares, with what to do where that is nothing."""
    return f"{durability} ({NO_DURABILITY_HINT})" if durability == Durability.NONE else str(durability)
