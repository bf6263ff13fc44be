"""How long an attempt may run: which of the places that say so counts. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from celeriac.app import Task


class Limits(Struct, frozen=True):
    """Seconds after which a task is ended (`hard`) and after which it is told to end (`soft`); 0 means never."""

    hard: float = 0.0
    soft: float = 0.0


UNLIMITED = Limits()
_UNSAID = [None, None]


def limits_of(timelimit: Sequence[float | None] | None, task: Task[..., object], worker: Limits) -> Limits | None:
    """The limits of one attempt: what the message says, else the task, else the worker; None for none at all.

    `timelimit` is the header `[hard, soft]`. Each of the two is looked for by itself, as in Celery.
    """
    if worker is UNLIMITED and not task.limited and (timelimit is None or timelimit == _UNSAID):
        return None
    said = [*(timelimit or ()), None, None]
    hard = max(0.0, said[0] or task._told("time_limit") or worker.hard)
    soft = max(0.0, said[1] or task._told("soft_time_limit") or worker.soft)
    return Limits(hard, soft) if hard or soft else None
