"""What the live view shows and what its keys mean. Pure: no terminal, no store, no clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from celeriac.cli.forms import length_text, time_text
from celeriac.observe.overview import LetterView, Overview, QueueView, Run, TaskView, WorkerView

TABLES = ("workers", "queues", "tasks", "dead")


class Style(StrEnum):
    """How a line looks."""

    PLAIN = ""
    HEAD = "head"
    CHOSEN = "chosen"
    QUIET = "quiet"
    ALARM = "alarm"


class Row(Struct, frozen=True):
    """A line of a table, under a key by which it is found again when lines move."""

    key: str
    text: str
    style: Style = Style.PLAIN


class Act(StrEnum):
    """What keys ask for that only the store can do."""

    QUIT = "quit"
    PAUSE = "pause"
    RESUME = "resume"
    REVOKE = "revoke"
    TERMINATE = "terminate"
    EXPLAIN = "explain"
    PEEK = "peek"


class Wish(Struct, frozen=True):
    """An act, and the task or queue it is about."""

    act: Act
    about: str = ""


class View(Struct):
    """What is on the screen. `at` is the time of the newest look, `chosen` the key of one line of each table."""

    title: str
    overview: Overview
    focus: str = TABLES[0]
    chosen: dict[str, str] = msgspec.field(default_factory=dict)
    order: dict[str, int] = msgspec.field(default_factory=dict)
    asking: Wish | None = None
    """A wish that waits for a yes."""
    telling: list[str] = msgspec.field(default_factory=list)
    """Text over the lower part: an explanation."""
    note: str = ""
    trouble: str = ""
    """Why there is no newer look."""


_ORDERS: dict[str, tuple[tuple[str, Callable[[Any], Any]], ...]] = {
    "workers": (
        ("name", lambda worker: worker.lease),
        ("held", lambda worker: (-worker.held, worker.lease)),
        ("rate", lambda worker: (-(worker.rate or 0.0), worker.lease)),
    ),
    "tasks": (
        ("name", lambda task: task.name),
        ("rate", lambda task: (-(task.rate or 0.0), task.name)),
        ("failed", lambda task: (-task.failed, task.name)),
        ("p95", lambda task: (-(task.p95 or 0.0), task.name)),
    ),
    "queues": (
        ("name", lambda queue: queue.queue),
        ("ready", lambda queue: (-queue.ready, queue.queue)),
        ("oldest", lambda queue: (-(queue.oldest or 0.0), queue.queue)),
    ),
    "dead": (
        ("newest", lambda letter: 0),
        ("task", lambda letter: letter.task),
        ("cause", lambda letter: letter.cause),
    ),
}


def order_of(view: View, table: str) -> str:
    """By what a table is sorted."""
    return _ORDERS[table][view.order.get(table, 0)][0]


def _sorted(view: View, table: str, items: Sequence[Any]) -> list[Any]:
    return sorted(items, key=_ORDERS[table][view.order.get(table, 0)][1])


def rows(view: View, table: str) -> list[Row]:
    """The lines of a table."""
    seen = view.overview
    if table == "tasks":
        return [_task_row(task) for task in _sorted(view, table, seen.tasks)]
    if table == "queues":
        return [_queue_row(queue) for queue in _sorted(view, table, seen.queues)]
    if table == "dead":
        return [_letter_row(letter) for letter in _sorted(view, table, seen.letters)]
    found: list[Row] = []
    for worker in _sorted(view, table, seen.workers):
        found.append(_worker_row(worker, seen.at))
        found += [_run_row(run, place < worker.slots, seen.at) for place, run in enumerate(worker.runs)]
    return found


HEADS = {
    "workers": f"{'worker':40} {'slots':>6} {'held':>6} {'done':>9} {'done/s':>8} {'up':>7} {'beat':>8}",
    "tasks": f"{'task':40} {'done':>9} {'failed':>8} {'done/s':>8} {'failed/s':>9} {'p50':>9} {'p95':>9}",
    "queues": (
        f"{'queue':40} {'ready':>9} {'delayed':>8} {'claimed':>8} {'dead':>6} {'oldest':>7} {'in/s':>8} {'out/s':>8}"
    ),
    "dead": f"{'dead letter':37} {'when (UTC)':20} {'cause':10} {'signal':8} {'task':30} reason",
}


def _worker_row(worker: WorkerView, now: float) -> Row:
    beat = "" if worker.quiet is None else f"{worker.quiet:.1f} s"
    state = beat if worker.alive else "silent" if beat else "dead"
    text = (
        f"{worker.name:40} {worker.slots:>6} {worker.held:>6} {worker.done:>9} {_rate(worker.rate):>8} "
        f"{length_text(now - worker.since):>7} {state:>8}"
    )
    return Row(worker.lease, text, Style.PLAIN if worker.alive else Style.ALARM)


def _run_row(run: Run, runs: bool, now: float) -> Row:
    since = "" if run.since is None else f" for {length_text(now - run.since)}"
    again = f", attempt {run.attempt}" if run.attempt > 1 else ""
    what = run.task or f"a message of queue {run.queue}"
    word = "runs" if runs else "has"
    return Row(f"task {run.id}", f"  {word} {what} {run.id}{since}{again}", Style.PLAIN if runs else Style.QUIET)


def _task_row(task: TaskView) -> Row:
    text = (
        f"{task.name:40} {task.done:>9} {task.failed:>8} {_rate(task.rate):>8} {_rate(task.rate_failed):>9} "
        f"{_runtime(task.p50):>9} {_runtime(task.p95):>9}"
    )
    return Row(task.name, text, Style.ALARM if task.rate_failed else Style.PLAIN)


def _runtime(seconds: float | None) -> str:
    """A run time in two digits, which is as much as is known of it."""
    if seconds is None:
        return ""
    if seconds >= 60:
        return length_text(seconds)
    value, unit = next((seconds * many, unit) for many, unit in _RUNTIME_UNITS if seconds * many >= 0.995)
    return f"{value:.1f} {unit}" if value < 9.95 else f"{value:.0f} {unit}"


_RUNTIME_UNITS = ((1.0, "s"), (1e3, "ms"), (1e6, "us"))


def _queue_row(queue: QueueView) -> Row:
    oldest = "" if queue.oldest is None else length_text(queue.oldest)
    text = (
        f"{queue.queue:40} {queue.ready:>9} {queue.delayed:>8} {queue.claimed:>8} {queue.dead:>6} {oldest:>7} "
        f"{_rate(queue.rate_in):>8} {_rate(queue.rate_out):>8}{'  paused' if queue.paused else ''}"
    )
    return Row(queue.queue, text, Style.ALARM if queue.paused else Style.PLAIN)


def _letter_row(letter: LetterView) -> Row:
    when = time_text(letter.when)
    text = f"{letter.id:37} {when:20} {letter.cause:10} {letter.signal:8} {letter.task:30} {letter.reason}"
    return Row(letter.id, text)


def _rate(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def chosen_row(view: View, table: str, lines: Sequence[Row]) -> int:
    """Which of the lines is chosen; the first where the one that was is gone."""
    key = view.chosen.get(table)
    return next((place for place, row in enumerate(lines) if row.key == key), 0)


def press(view: View, key: str) -> Wish | None:
    """Change the view as a key says; what the store is to do about it, if anything."""
    if view.asking is not None:
        return _answer(view, view.asking, key)
    view.note = ""
    if key in ("esc", "enter", "q") and view.telling:
        view.telling = []
        return None
    if key == "q":
        return Wish(Act.QUIT)
    if key in ("tab", "backtab", "right", "left"):
        step = 1 if key in ("tab", "right") else -1
        view.focus = TABLES[(TABLES.index(view.focus) + step) % len(TABLES)]
    elif key == "s":
        view.order[view.focus] = (view.order.get(view.focus, 0) + 1) % len(_ORDERS[view.focus])
    elif key in _STEPS:
        _move(view, _STEPS[key])
    else:
        return _wish(view, key)
    return None


_STEPS = {"up": -1, "down": 1, "pageup": -10, "pagedown": 10, "home": -(1 << 30), "end": 1 << 30}


def _move(view: View, step: int) -> None:
    lines = rows(view, view.focus)
    if lines:
        place = chosen_row(view, view.focus, lines) + step
        view.chosen[view.focus] = lines[max(0, min(place, len(lines) - 1))].key


def _wish(view: View, key: str) -> Wish | None:
    """What a key means for the chosen line."""
    lines = rows(view, view.focus)
    if not lines or key not in ("p", "k", "enter"):
        return None
    about = lines[chosen_row(view, view.focus, lines)].key
    run = view.focus == "workers" and about.startswith("task ")
    task = about.removeprefix("task ") if run or view.focus == "dead" else ""
    if key == "p" and view.focus == "queues":
        paused = any(queue.queue == about and queue.paused for queue in view.overview.queues)
        return Wish(Act.RESUME if paused else Act.PAUSE, about)
    if key == "k" and view.focus == "workers" and task:
        view.asking = Wish(Act.REVOKE, task)
        return None
    if key == "enter" and view.focus == "queues":
        return Wish(Act.PEEK, about)
    if key == "enter" and task:
        return Wish(Act.EXPLAIN, task)
    if key == "enter" and view.focus == "tasks":
        view.telling = [_about_task(each) for each in view.overview.tasks if each.name == about]
        return None
    if key == "enter":
        view.telling = [_about(worker) for worker in view.overview.workers if worker.lease == about]
        return None
    view.note = {"p": "p pauses a queue: choose one", "k": "k revokes a task: choose one that runs"}[key]
    return None


def _about(worker: WorkerView) -> str:
    where = f"{worker.lease} is process {worker.pid} on {worker.host}, since {time_text(worker.since)} UTC"
    return f"{where}; it serves {', '.join(worker.queues)}"


def _about_task(task: TaskView) -> str:
    share = f"{100 * task.failed / task.done:.1f} % of {task.done} failed" if task.done else "none has ended"
    return f"{task.name}: {share}; half of the lately ended took up to {_runtime(task.p50)}, 95 % {_runtime(task.p95)}"


def _answer(view: View, wish: Wish, key: str) -> Wish | None:
    view.asking = None
    if key == "y":
        return wish
    if key == "t":
        return Wish(Act.TERMINATE, wish.about)
    view.note = "nothing was revoked"
    return None
