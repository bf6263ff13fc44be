"""An executor on a bench of its own: one message in, its outcome out, no worker around it."""

from __future__ import annotations

import asyncio
from typing import Any

from celeriac import Celeriac
from celeriac.app import Task
from celeriac.calls.sender import Call
from celeriac.message import document
from celeriac.message.document import Document
from celeriac.stores.contract import Outcome
from celeriac.worker.child.executor import AsyncGuard, Executor, Guard
from celeriac.worker.child.limits import UNLIMITED, Limits
from celeriac.worker.lane.outcome import DOCUMENT, Judged, decode_report


class BenchOfOne:
    """Runs tasks of an app on the thread that asks for it, under a guard."""

    def __init__(self, app: Celeriac, limits: Limits = UNLIMITED) -> None:
        self.app = app
        self.executor = Executor(app, "bench", limits)

    def message(self, task: Task[..., Any], *args: Any, **options: Any) -> bytes:
        """The bytes of one call."""
        return self.app.sender.message(Call(task=task.name, args=args, **{**task.options, **options}))[1].raw

    def run(self, guard: Guard, task: Task[..., Any], *args: Any, **options: Any) -> Document:
        """The document that a call ends with."""
        return read(self.executor.execute(self.message(task, *args, **options), "celery", guard))

    def outcome(self, guard: Guard, task: Task[..., Any], *args: Any, **options: Any) -> Outcome:
        """All that a call ends with."""
        return read_outcome(self.executor.execute(self.message(task, *args, **options), "celery", guard))

    async def arun(self, guard: AsyncGuard, task: Task[..., Any], *args: Any, **options: Any) -> Document:
        """The document that a call of a coroutine ends with; the guard learns which task of the loop it is."""
        guard.task = asyncio.current_task()  # type: ignore[attr-defined]
        return read(await self.executor.aexecute(self.message(task, *args, **options), "celery", guard))


def read_outcome(judged: Judged) -> Outcome:
    """An outcome as the core reads it."""
    kind, data = judged
    return Outcome("", result=data or None) if kind == DOCUMENT else decode_report(data)


def read(judged: Judged) -> Document:
    """The result document of an outcome."""
    result = read_outcome(judged).result
    return document.read(result) if result else Document()
