"""What a task and the settings of its app declare together. Pure."""

from __future__ import annotations

from typing import Any

from celeriac.app import Task
from celeriac.config import Settings
from celeriac.worker.lane.frame import TaskSpec


def specify(task: Task[..., Any], conf: Settings) -> TaskSpec:
    """What the core must know of a task."""
    late = _first(task._told("acks_late"), conf.task_acks_late)
    lost = _first(task._told("retry_on_worker_lost"), conf.task_retry_on_worker_lost)
    return TaskSpec(
        asynchronous=task.asynchronous,
        once=late is False,
        tracked=bool(_first(task._told("track_started"), conf.task_track_started)),
        time_limit=float(task._told("time_limit") or 0.0),
        repeats=late is not False
        and _first(task._told("reject_on_worker_lost"), conf.task_reject_on_worker_lost) is not False,
        retry_lost=float(task.default_retry_delay) if lost else -1.0,
        max_retries=-1 if task.max_retries is None else task.max_retries,
        keeps_timeouts=keeps_timeouts(task, conf),
        hooks=not task.hooks.isdisjoint(("on_failure", "after_return")),
    )


def keeps_failures(task: Task[..., Any], conf: Settings) -> bool:
    """Whether a failure leaves a dead letter beside its result; never for what may run once only."""
    return _keeps(task, conf, task._told("acks_on_failure"), conf.task_acks_on_failure)


def keeps_timeouts(task: Task[..., Any], conf: Settings) -> bool:
    """Whether its end at a time limit does."""
    return _keeps(task, conf, task._told("acks_on_timeout"), conf.task_acks_on_timeout)


def keeps_errors(task: Task[..., Any], conf: Settings) -> bool:
    """Whether a failure has a result although results of the task are not kept."""
    return bool(_first(task._told("store_errors_even_if_ignored"), conf.task_store_errors_even_if_ignored))


def _keeps(task: Task[..., Any], conf: Settings, own: bool | None, general: bool | None) -> bool:
    acks = _first(own, task._told("acks_on_failure_or_timeout"), general, conf.task_acks_on_failure_or_timeout)
    return acks is False and _first(task._told("acks_late"), conf.task_acks_late) is not False


def _first(*values: Any) -> Any:
    """The first that says something."""
    return next((value for value in values if value is not None), None)
