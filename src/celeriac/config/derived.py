"""Settings that follow from others, and settings that contradict each other. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from celeriac.config.table import TABLE
from celeriac.exceptions import ImproperlyConfigured

_PARTS = ("broker_transport", "broker_host", "broker_port", "broker_user", "broker_password", "broker_vhost")
_WITH_THE_QUEUES = ("rpc", "rpc://")
"""Backends of Celery's that mean: no server besides the broker."""
_NOWHERE = ("disabled", "disabled://")
_SHORT_DEADLINE = 0.5
_LONG_DEADLINE = 86400.0
_ENOUGH_RETRIES = 10_000


def derive(values: dict[str, Any], given: Collection[str]) -> None:
    """Set what follows from the settings that were given."""
    if values["broker_url"] is None:
        values["broker_url"] = TABLE["broker_url"].default
    parts = [name for name in _PARTS if values[name] is not None]
    if parts:
        if "broker_url" in given:
            raise ImproperlyConfigured(f"broker_url and {parts[0]} both say where the broker is: set broker_url only")
        values["broker_url"] = _url(values)
    if values["result_backend"] in _NOWHERE:
        values["task_ignore_result"] = True
    if values["result_backend"] in (*_WITH_THE_QUEUES, *_NOWHERE):
        values["result_backend"] = None
    if "task_publish_deadline" not in given:
        _derive_deadline(values, given)


def _url(values: Mapping[str, Any]) -> str:
    from urllib.parse import quote

    transport, host, port, user, password, vhost = (values[name] for name in _PARTS)
    login = quote(user or "", safe="")
    if password:
        login += f":{quote(password, safe='')}"
    place = f"{host or 'localhost'}{f':{port}' if port else ''}"
    return f"{transport or 'amqp'}://{login + '@' if login else ''}{place}/{quote(str(vhost or ''), safe='')}"


def _derive_deadline(values: dict[str, Any], given: Collection[str]) -> None:
    if not values["task_publish_retry"]:
        values["task_publish_deadline"] = _SHORT_DEADLINE
    elif "task_publish_retry_policy" in given and values["task_publish_retry_policy"] is not None:
        values["task_publish_deadline"] = max(_SHORT_DEADLINE, _pauses(values["task_publish_retry_policy"]))


def _pauses(policy: Mapping[str, Any]) -> float:
    """The pauses of Celery's policy, added up; a day where it knows no end."""
    maximum = policy.get("max_retries", 3)
    start, step, longest = (
        float(policy.get(name) or 0.0) for name in ("interval_start", "interval_step", "interval_max")
    )
    if maximum is None or maximum > _ENOUGH_RETRIES:
        return _LONG_DEADLINE
    return min(_LONG_DEADLINE, sum(min(start + step * count, longest) for count in range(int(maximum))))


def check(values: Mapping[str, Any]) -> None:
    """Raise `ImproperlyConfigured` for settings that cannot all be meant.

    What a task may say otherwise is none: `task_reject_on_worker_lost` beside `task_acks_late = False` counts for the
    tasks with `acks_late=True`.
    """
    soft, hard = values["task_soft_time_limit"], values["task_time_limit"]
    if soft and hard and soft > hard:
        raise ImproperlyConfigured(
            f"task_soft_time_limit = {soft:g} is longer than task_time_limit = {hard:g}: "
            f"a task would be ended before it is asked to end"
        )
