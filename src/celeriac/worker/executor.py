"""One task from message to outcome, in the child: open, run, judge. Hot path: child -> here -> user code -> child.

Nothing here talks to anybody: what comes out is data, kind and bytes, which the core makes an end of a claim.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from celeriac import states
from celeriac.clock import Clock
from celeriac.context import Context, current
from celeriac.exceptions import (
    Ignore,
    MalformedMessage,
    NotRegistered,
    Reject,
    Retry,
    TaskRevokedError,
    UnencodableValue,
)
from celeriac.ids import random_below
from celeriac.message import document, failure, limits, values
from celeriac.message import task as wire
from celeriac.sender import Call, Sender, read_time
from celeriac.store.contract import DeadLetter, Message, Outcome
from celeriac.task import Task
from celeriac.worker import tasklog

DOCUMENT, REPORT = 0, 1
"""Kinds of outcomes: a result document (empty: none is kept), or an `Outcome` in msgpack."""

Judged = tuple[int, bytes]

_RECURSION = 1000
_REASON_LENGTH = 1000

encode_report = msgspec.msgpack.Encoder().encode
decode_report = msgspec.msgpack.Decoder(Outcome).decode


class Attempt(Struct):
    """A task that is about to run."""

    context: Context
    task: Task[..., Any]
    args: list[Any]
    kwargs: dict[str, Any]
    raw: bytes


class Executor:
    """Runs tasks of one app."""

    def __init__(self, tasks: Mapping[str, Task[..., Any]], sender: Sender, clock: Clock, hostname: str) -> None:
        self._tasks = tasks
        self._sender = sender
        self._clock = clock
        self._hostname = hostname
        self._limits = sender.limits

    def execute(self, raw: bytes, queue: str) -> Judged:
        """Run a task whose function is not `async def`."""
        try:
            attempt = self.open(raw, queue)
        except (MalformedMessage, NotRegistered, TaskRevokedError) as error:
            return self._refuse(raw, queue, error)
        token = current.set(attempt.context)
        try:
            value = attempt.task.run(*attempt.args, **attempt.kwargs)
            return self.judge_value(attempt, value)
        except BaseException as error:
            return self.judge_error(attempt, error)
        finally:
            current.reset(token)

    async def aexecute(self, raw: bytes, queue: str) -> Judged:
        """Run a task whose function is `async def`, in the running loop."""
        try:
            attempt = self.open(raw, queue)
        except (MalformedMessage, NotRegistered, TaskRevokedError) as error:
            return self._refuse(raw, queue, error)
        current.set(attempt.context)
        try:
            value = await attempt.task.run(*attempt.args, **attempt.kwargs)
            return self.judge_value(attempt, value)
        except BaseException as error:
            return self.judge_error(attempt, error)

    def open(self, raw: bytes, queue: str) -> Attempt:
        """Read a message as a task of this app."""
        message = wire.read_task(raw)
        args, kwargs, embed = self._read_body(message)
        task = self._tasks.get(message.headers.task)
        if task is None:
            raise NotRegistered(message.headers.task)
        context = Context(message, self._hostname, queue)
        context.args, context.kwargs, context.embed = args, kwargs, embed
        if message.headers.expires is not None and self._clock.now() > _instant(message.headers.expires):
            raise TaskRevokedError("expired")
        return Attempt(context, task, args, kwargs, raw)

    def _read_body(self, message: wire.TaskMessage) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
        try:
            return wire.read_body(message, self._limits)
        except MalformedMessage:
            if sys.getrecursionlimit() >= _RECURSION:
                raise
            # The task before has left so little that nobody can read anything.
            sys.setrecursionlimit(_RECURSION)
            return wire.read_body(message, self._limits)

    def judge_value(self, attempt: Attempt, value: Any) -> Judged:
        """What returning a value means."""
        if attempt.context.ignore_result:
            return DOCUMENT, b""
        return DOCUMENT, self._write(attempt, states.SUCCESS, self._encode(value))

    def _encode(self, value: Any) -> bytes:
        return limits.check_result(values.encode(value), self._limits.result_max_bytes)

    def judge_error(self, attempt: Attempt, error: BaseException) -> Judged:
        """What raising means: a retry, nothing, a dead letter, or a failure.

        Judging looks into objects of the user's, which may raise in their turn: then that is the failure.
        """
        try:
            return self._judge_error(attempt, error)
        except BaseException as worse:
            return DOCUMENT, document.write_failure(str(attempt.context.id), worse, self._clock.now())

    def _judge_error(self, attempt: Attempt, error: BaseException) -> Judged:
        if attempt.task.retry_policy.applies_to(error):
            error = self._asked_again(attempt, error)
        if isinstance(error, Retry) and isinstance(error.sig, Call):
            try:
                judged = self._again(attempt, error, error.sig)
            except UnencodableValue as unencodable:
                error = unencodable
            else:
                tasklog.say_error(attempt.context, (), error)
                return judged
        tasklog.say_error(attempt.context, attempt.task.throws, error)
        if isinstance(error, Reject):
            return self._set_aside(attempt, error)
        if isinstance(error, Ignore) or attempt.context.ignore_result:
            return _report(attempt, None)
        trace = failure.trace(error)
        return DOCUMENT, self._write(attempt, states.FAILURE, values.encode(failure.to_dict(error)), trace)

    def _write(self, attempt: Attempt, status: str, result: bytes, trace: str | None = None) -> bytes:
        context = attempt.context
        group, parent = context.group, context.parent_id
        family = document.Family(group, parent) if group or parent else document.NO_FAMILY
        return document.write(str(context.id), status, result, self._clock.now(), trace, family)

    def _asked_again(self, attempt: Attempt, error: BaseException) -> BaseException:
        """What `Task.retry` raises for an error that is retried by itself: a `Retry`, or the end of them."""
        arguments = attempt.task.retry_policy.arguments(attempt.context.retries, random_below)
        try:
            attempt.task.retry(exc=error, **arguments)
        except BaseException as answer:
            return answer

    def _again(self, attempt: Attempt, error: Retry, call: Call) -> Judged:
        _, message = self._sender.message(call)
        result = None
        if not attempt.context.ignore_result:
            cause = error.exc if error.exc is not None else error
            trace = failure.trace(error)
            result = self._write(attempt, states.RETRY, values.encode(failure.to_dict(cause)), trace)
        return _report(attempt, result, successor=message)

    def _set_aside(self, attempt: Attempt, error: Reject) -> Judged:
        context = attempt.context
        if error.requeue:
            again = Message("", context.queue, attempt.raw, context.delivery_info.get("priority") or 0)
            return _report(attempt, None, successor=again)
        dead = DeadLetter(str(context.id), context.queue, attempt.raw, f"rejected: {error.reason}")
        return _report(attempt, None, dead=dead)

    def _refuse(self, raw: bytes, queue: str, error: Exception) -> Judged:
        """A message that does not run: expired, or no task of ours, which is then kept as a dead letter."""
        if isinstance(error, TaskRevokedError):
            headers, now = wire.read_headers(raw), self._clock.now()
            tasklog.say_discarded(headers.task, headers.id)
            return DOCUMENT, document.write(headers.id, states.REVOKED, values.encode(failure.to_dict(error)), now)
        return REPORT, encode_report(refusal(raw, queue, error, self._clock.now()))


def _instant(text: str) -> float:
    """A time of a header, in seconds since 1970."""
    try:
        return read_time(text).timestamp()
    except (ValueError, OverflowError) as error:
        raise MalformedMessage(f"{text!r} is no time: {error}") from error


def refusal(raw: bytes, queue: str, error: Exception, now: float, claim: str = "") -> Outcome:
    """The outcome of a message that cannot be run; it goes to the dead letters, whoever waits gets the error."""
    task_id = wire.read_id(raw)
    reason = f"{type(error).__name__}: {error}"[:_REASON_LENGTH]
    dead = DeadLetter(task_id or f"malformed-{claim}", queue, raw, reason)
    result = document.write_failure(task_id, error, now) if task_id else None
    return Outcome(claim, task_id, result, dead=dead)


def _report(
    attempt: Attempt, result: bytes | None, successor: Message | None = None, dead: DeadLetter | None = None
) -> Judged:
    successors = () if successor is None else (successor,)
    return REPORT, encode_report(Outcome("", str(attempt.context.id), result, successors, dead=dead))
