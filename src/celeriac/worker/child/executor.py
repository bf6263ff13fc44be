"""One task from message to outcome, in the child: open, run, judge. Hot path: child -> here -> user code -> child.

Nothing here talks to anybody: what comes out is data, kind and bytes, which the core makes an end of a claim.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from datetime import tzinfo
from typing import Any, Protocol

from celeriac.app import Celeriac
from celeriac.calls.context import Context, current
from celeriac.calls.sender import read_time
from celeriac.config.zone import zone_of
from celeriac.exceptions import MalformedMessage, NotRegistered, TaskRevokedError
from celeriac.message import document, serializers
from celeriac.message import task as wire
from celeriac.stores.contract import Message
from celeriac.worker.child.attempt import Attempt
from celeriac.worker.child.judge import Judge
from celeriac.worker.child.limits import UNLIMITED, Limits, limits_of
from celeriac.worker.lane.frame import Verdict
from celeriac.worker.lane.outcome import DOCUMENT, Judged, refusal, report
from celeriac.worker.lane.parking import next_look
from celeriac.worker.log import tasklog

logger = logging.getLogger("celeriac.worker")

_RECURSION = 1000

_generation = 0
"""How many forks lie between this process and the one that loaded this module."""


def _note_fork() -> None:
    global _generation
    _generation += 1


os.register_at_fork(after_in_child=_note_fork)


class PartOfChord(NotRegistered):
    """A member of a chord that a producer of Celery has sent: run here, it would end and the body never come."""


class Guard(Protocol):
    """What can end a running task from outside."""

    cancels: bool
    """Whether every run goes through it, for it may be cancelled; else only those with limits."""

    def call(self, attempt: Attempt) -> Any:
        """Run the task within its limits."""


class AsyncGuard(Protocol):
    """The same for coroutines."""

    async def call(self, attempt: Attempt) -> Any:
        """Run the task within its limits."""


class Executor:
    """Runs tasks of one app. `limits` are those of the worker, for tasks that have none of their own."""

    def __init__(self, app: Celeriac, hostname: str, limits: Limits = UNLIMITED) -> None:
        self._tasks = app.tasks
        self._clock = app.clock
        self._hostname = hostname
        self._limits = limits if limits.hard or limits.soft else UNLIMITED
        self._sizes = app.sender.limits
        self._accept = serializers.accepted(app.conf.accept_content)
        self._zone = zone_of(app.conf)
        self._unknown_seconds = float(app.conf.task_unknown_timeout)
        self._judge = Judge(app)
        self.say: Callable[[str, bytes], None] | None = None
        """How a plain task has a document of its written while it runs."""
        self.say_beside: Callable[[str, bytes], None] | None = None
        """The same for one with `async def`."""
        self._generation = _generation

    def execute(self, raw: bytes, queue: str, guard: Guard) -> Judged:
        """Run a task whose function is not `async def`."""
        try:
            attempt = self.open(raw, queue)
        except (MalformedMessage, NotRegistered, TaskRevokedError) as error:
            return self._refuse(raw, queue, error)
        attempt.context.say = self.say
        token = current.set(attempt.context)
        try:
            if attempt.task.hooks:
                _before(attempt)
            if attempt.limits is None and not guard.cancels:
                value = attempt.task.body(*attempt.args, **attempt.kwargs)
            else:
                value = guard.call(attempt)
            self.leave_if_copied(0)
            return self._judge.value(attempt, value)
        except BaseException as error:
            self.leave_if_copied(_exit_code(error))
            return self._judge.error(attempt, error)
        finally:
            current.reset(token)

    async def aexecute(self, raw: bytes, queue: str, guard: AsyncGuard) -> Judged:
        """Run a task whose function is `async def`, in the running loop."""
        try:
            attempt = self.open(raw, queue)
        except (MalformedMessage, NotRegistered, TaskRevokedError) as error:
            return self._refuse(raw, queue, error)
        attempt.context.say = self.say_beside
        current.set(attempt.context)
        try:
            if attempt.task.hooks:
                _before(attempt)
            value = await guard.call(attempt)
            self.leave_if_copied(0)
            return self._judge.value(attempt, value)
        except BaseException as error:
            self.leave_if_copied(_exit_code(error))
            return self._judge.error(attempt, error)

    def verdict(self, verdict: Verdict) -> Judged:
        """Speak for a task that cannot any more; see `frame.Verdict`."""
        try:
            attempt = self.open(verdict.raw, verdict.queue, to_run=False)
        except (MalformedMessage, NotRegistered) as error:
            return self._refuse(verdict.raw, verdict.queue, error)
        token = current.set(attempt.context)
        try:
            return self._judge.verdict(attempt, verdict)
        except BaseException as error:
            return self._judge.error(attempt, error)
        finally:
            current.reset(token)

    def open(self, raw: bytes, queue: str, *, to_run: bool = True) -> Attempt:
        """Read a message as a task of this app; one that is to run must not have expired."""
        message = wire.read_task(raw)
        try:
            args, kwargs, embed = wire.read_body(message, self._sizes, self._accept)
        except MalformedMessage:
            args, kwargs, embed = self._read_again(message)
        headers = message.headers
        task = self._tasks.get(headers.task)
        if task is None:
            raise NotRegistered(headers.task)
        context = Context(message, self._hostname, queue, raw)
        context.instance = task
        context.args, context.kwargs, context.embed = args, kwargs, embed
        if to_run and headers.expires is not None and self._clock.now() > _instant(headers.expires, self._zone):
            raise TaskRevokedError("expired")
        if to_run and embed.get("chord"):
            raise PartOfChord(f"the chord of {headers.task}")
        started = self._clock.now() if to_run else 0.0
        return Attempt(context, task, args, kwargs, raw, limits_of(headers.timelimit, task, self._limits), started)

    def _read_again(self, message: wire.TaskMessage) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
        if sys.getrecursionlimit() < _RECURSION:
            # The task before has left so little that nobody can read anything.
            sys.setrecursionlimit(_RECURSION)
        return wire.read_body(message, self._sizes, self._accept)

    def _refuse(self, raw: bytes, queue: str, error: Exception) -> Judged:
        """A message that does not run: expired, or no task of ours, which is then kept as a dead letter."""
        if isinstance(error, PartOfChord):
            return self._park(raw, queue, error)
        if isinstance(error, TaskRevokedError):
            headers, now = wire.read_headers(raw, self._sizes), self._clock.now()
            tasklog.say_discarded(headers.task, headers.id)
            return DOCUMENT, document.write_revoked(headers.id, error.args[0], now)
        outcome = refusal(raw, queue, error, self._clock.now())
        tasklog.say_unfit(queue, outcome.dead.reason if outcome.dead else None)
        return report(outcome.task, outcome.result, dead=outcome.dead)

    def _park(self, raw: bytes, queue: str, error: PartOfChord) -> Judged:
        """Leave it among the delayed for a worker that completes chords, Celery's perhaps, for as long as a task
        that nobody knows; then it is kept as a dead letter.
        """
        headers, now = wire.read_headers(raw, self._sizes), self._clock.now()
        pause = next_look(headers.parked or now, now, self._unknown_seconds)
        if pause is None:
            outcome = refusal(wire.rewrite(raw, **{wire.PARKED: 0}), queue, error, now)
            return report(outcome.task, outcome.result, dead=outcome.dead)
        if not headers.parked:
            logger.warning(
                "Task %s[%s] is part of a chord, which this version does not complete: parked for a worker that does, "
                "for %g s",
                *(headers.task, headers.id, self._unknown_seconds),
            )
            raw = wire.rewrite(raw, **{wire.PARKED: now})
        priority = wire.read_task(raw).properties.priority or 0
        return report(headers.id, None, (Message(headers.id, queue, raw, priority, int(pause * 1000)),))

    def leave_if_copied(self, code: int) -> None:
        """End the process if it is a copy that user code has made: it would report everything a second time."""
        if self._generation != _generation:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)


def _before(attempt: Attempt) -> None:
    """An error in it is the task's own, as in Celery."""
    if "before_start" in attempt.task.hooks:
        attempt.task.before_start(str(attempt.context.id), attempt.args, attempt.kwargs)


def _exit_code(error: BaseException) -> int:
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    return 1


def _instant(text: str, zone: tzinfo | None) -> float:
    """A time of a header, in seconds since 1970."""
    try:
        return read_time(text, zone).timestamp()
    except (ValueError, OverflowError) as error:
        raise MalformedMessage(f"{text!r} is no time: {error}") from error
