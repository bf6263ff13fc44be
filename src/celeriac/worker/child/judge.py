"""What a run comes to: a value, or an error that means a retry, nothing, a dead letter, or a failure."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from celeriac import states
from celeriac.app import Celeriac, hooks
from celeriac.calls.sender import Call
from celeriac.exceptions import (
    EncodeError,
    Ignore,
    Reject,
    Retry,
    SoftTimeLimitExceeded,
    TaskRevokedError,
    TimeLimitExceeded,
    WorkerLostError,
)
from celeriac.ids import random_below
from celeriac.message import document, failure, history, limits, values
from celeriac.message import task as wire
from celeriac.message.format import PLAIN, Format
from celeriac.stores.contract import Attempt as Attempted
from celeriac.stores.contract import Cause, DeadLetter, Message
from celeriac.stores.contract import dead_letters as letters
from celeriac.worker.child.attempt import Attempt
from celeriac.worker.child.followups import Followups, follows
from celeriac.worker.declared import keeps_errors, keeps_failures, keeps_timeouts
from celeriac.worker.lane.frame import Verdict
from celeriac.worker.lane.outcome import DOCUMENT, Judged, ignored, named_error, report
from celeriac.worker.log import tasklog

_REQUEUE_SECONDS = (0.5, 30.0)
_RUNS = 1000
_TRACE_LENGTH = 4000


class Judge:
    """Makes outcomes of what tasks return and raise."""

    def __init__(self, app: Celeriac) -> None:
        self._app = app
        self._clock = app.clock
        self._max_bytes: int = app.conf.result_max_bytes
        self._format = Format.of(app.conf)
        self._extended: bool = app.conf.result_extended
        self._runs: dict[tuple[str, str, int], bytes] = {}
        """What documents tell of runs, by task, queue and retries."""
        self._failed_bytes: int = app.conf.failed_max_bytes if app.conf.failed_limit else 0
        self._followups = Followups(app.tasks, app.sender)

    def value(self, attempt: Attempt, value: Any) -> Judged:
        """What returning a value means."""
        result = b""
        if not attempt.context.ignore_result:
            try:
                if self._format.serializer is None:
                    encoded = limits.check_result(values.encode(value), self._max_bytes)
                    result = self._write(attempt, states.SUCCESS, encoded)
                else:
                    result = self._compose(attempt, value)
            except Exception as error:
                # Not for `autoretry_for`: the task has done its work.
                return self._unusable(attempt, error)
        successors: tuple[Message, ...] = ()
        if follows(attempt.context.embed):
            successors = self._followups.after_success(attempt, value)
        if attempt.task.hooks:
            hooks.succeeded(attempt.task, attempt.context, value)
        return report(attempt.id, result, successors) if successors else (DOCUMENT, result)

    def _compose(self, attempt: Attempt, value: Any) -> bytes:
        """The document of a success whose value goes through another serializer than JSON's."""
        written = self._format.compose(self._write(attempt, states.SUCCESS, b"null", as_json=True), value)
        return limits.check_result(written, self._max_bytes)

    def _unusable(self, attempt: Attempt, error: Exception) -> Judged:
        """The task has ended well with a value that cannot be stored."""
        tasklog.say_error(attempt.context, attempt.task.throws, error)
        return self._failed(attempt, error, self._reason_to_keep(attempt, error))

    def error(self, attempt: Attempt, error: BaseException) -> Judged:
        """What raising means.

        Judging looks into objects of the user's, which may raise in their turn: then that is the failure.
        """
        try:
            return self._error(attempt, error)
        except BaseException as worse:
            kept = self._kept(attempt, worse, "")
            return report(attempt.id, document.write_failure(attempt.id, worse, self._clock.now()), dead=kept)

    def verdict(self, attempt: Attempt, verdict: Verdict) -> Judged:
        """What becomes of a task that could not say so itself; see `frame.Verdict`."""
        error = named_error(verdict.error, verdict.reason)
        tasklog.say_error(attempt.context, (TaskRevokedError,), error)
        dead = f"{verdict.error}: {verdict.reason}" if verdict.dead else ""
        if isinstance(error, TaskRevokedError):
            return self._revoked(attempt, error)
        return self._failed(attempt, error, dead)

    def _error(self, attempt: Attempt, error: BaseException) -> Judged:
        if isinstance(error, TaskRevokedError):
            tasklog.say_error(attempt.context, (TaskRevokedError,), error)
            return self._revoked(attempt, error)
        if attempt.task.retry_policy.applies_to(error) and not isinstance(error, TimeLimitExceeded):
            error = self._asked_again(attempt, error)
        if not tasklog.shows_everything():
            failure.begin_with_theirs(error)
        if isinstance(error, Retry) and isinstance(error.sig, Call):
            try:
                judged = self._again(attempt, error, error.sig)
            except EncodeError as unencodable:
                error = unencodable
            else:
                tasklog.say_error(attempt.context, (), error)
                return judged
        tasklog.say_error(attempt.context, attempt.task.throws, error)
        if isinstance(error, Ignore):
            return ignored(attempt.id, getattr(attempt.context, "said", None))
        if isinstance(error, Reject):
            return self._rejected(attempt, error)
        return self._failed(attempt, error, self._reason_to_keep(attempt, error))

    def _reason_to_keep(self, attempt: Attempt, error: BaseException) -> str:
        timed_out = isinstance(error, TimeLimitExceeded)
        keeps = (keeps_timeouts if timed_out else keeps_failures)(attempt.task, self._app.conf)
        return f"failed: {type(error).__name__}: {values.short_repr(error)}" if keeps else ""

    def _failed(self, attempt: Attempt, error: BaseException, reason: str) -> Judged:
        """A failure: its result, what follows it, and a dead letter where there is a reason for one.

        Without a reason its message is kept all the same, for who wants to run it again.
        """
        trace = failure.trace(error)
        result = None
        if not attempt.context.ignore_result or keeps_errors(attempt.task, self._app.conf):
            result = self._write(attempt, states.FAILURE, values.encode(failure.to_dict(error)), trace)
        successors: tuple[Message, ...] = ()
        if attempt.context.embed.get("errbacks"):
            successors = self._followups.after_failure(attempt, error, trace)
        if attempt.task.hooks:
            hooks.failed(attempt.task, attempt.context, error)
        letter = (
            _dead(attempt, error, reason, trace, self._clock.now()) if reason else self._kept(attempt, error, trace)
        )
        return report(attempt.id, result, successors, letter)

    def _kept(self, attempt: Attempt, error: BaseException, trace: str) -> DeadLetter | None:
        """What is kept of a failed task; of its traceback the end, for its result has all of it.

        Nothing where the error cannot be looked at: that must not become the failure.
        """
        if len(attempt.raw) > self._failed_bytes:
            return None
        try:
            reason = values.short_repr(error)
            return replace(_dead(attempt, error, reason, trace[-_TRACE_LENGTH:], self._clock.now()), failed=True)
        except Exception:
            return None

    def _revoked(self, attempt: Attempt, error: TaskRevokedError) -> Judged:
        """Cancelled: no failure, so neither hooks nor errbacks are called, as in Celery."""
        if attempt.context.ignore_result:
            return report(attempt.id, None)
        return DOCUMENT, self._write(attempt, states.REVOKED, values.encode(failure.to_dict(error)))

    def _write(
        self, attempt: Attempt, status: str, result: bytes, trace: str | None = None, *, as_json: bool = False
    ) -> bytes:
        context, now = attempt.context, self._clock.now()
        group, parent = context.group, context.parent_id
        call = self._extension(attempt) if self._extended else self._run(attempt)
        if status == states.SUCCESS and not group and not parent:
            written = document.write_success(attempt.id, result, now, call)
        else:
            written = document.write(attempt.id, status, result, now, trace, document.Family(group, parent, call))
        return written if as_json or self._format is PLAIN else self._format.put(written)

    def _run(self, attempt: Attempt) -> bytes:
        """What a document tells of the run: which task, where, and when."""
        context = attempt.context
        key = str(context.task), context.queue, context.retries
        known = self._runs.get(key)
        if known is None:
            if len(self._runs) >= _RUNS:
                self._runs.clear()
            known = self._runs[key] = document.begin_run(key[0], context.hostname, context.queue, context.retries)
        return document.write_run(known, attempt.started, wire.sent_at(attempt.raw))

    def _extension(self, attempt: Attempt) -> bytes:
        """The same with the arguments; those that are no JSON are written as text."""
        return document.extended(attempt.args, attempt.kwargs) + self._run(attempt)

    def _asked_again(self, attempt: Attempt, error: BaseException) -> BaseException:
        """What `Task.retry` raises for an error that is retried by itself: a `Retry`, or the end of them."""
        arguments = attempt.task.retry_policy.arguments(attempt.context.retries, random_below)
        try:
            wish: BaseException = attempt.task.retry(exc=error, **arguments)
            return wish
        except BaseException as answer:
            return answer

    def _again(self, attempt: Attempt, error: Retry, call: Call) -> Judged:
        cause = error.exc if error.exc is not None else error
        trace, now = failure.trace(error), self._clock.now()
        run = history.extend(attempt.raw, now, attempt.context.hostname, values.short_repr(cause), trace)
        call.headers = {**(call.headers or {}), **run}
        _, message = self._app.sender.message(call)
        result = None
        if not attempt.context.ignore_result:
            result = self._write(attempt, states.RETRY, values.encode(failure.to_dict(cause)), trace)
        if attempt.task.hooks:
            hooks.retried(attempt.task, attempt.context, cause, error)
        return report(attempt.id, result, (message,))

    def _rejected(self, attempt: Attempt, error: Reject) -> Judged:
        if not error.requeue:
            return self._failed(attempt, error, f"rejected: {error.reason}")
        context = attempt.context
        times = context.requeues
        raw = wire.rewrite(attempt.raw, **{wire.REQUEUES: times + 1, "redelivered": True})
        # The first time at once: often another worker can do it. Then ever later, for the task that no
        # worker wants would else keep all of them busy with refusing it.
        minimum, maximum = _REQUEUE_SECONDS
        pause = min(maximum, minimum * 2.0 ** min(times - 1, 30)) if times else 0.0
        priority = context.delivery_info.get("priority") or 0
        name = f"{attempt.id}:{context.retries}:requeue:{times}"
        again = Message(name, context.queue, raw, priority, int(pause * 1000))
        return report(attempt.id, None, (again,))


def _dead(attempt: Attempt, error: BaseException, reason: str, trace: str, now: float) -> DeadLetter:
    context = attempt.context
    last = Attempted(now, context.hostname, reason, trace)
    letter = DeadLetter(
        attempt.id,
        context.queue,
        attempt.raw,
        reason,
        context.delivery_info.get("priority") or 0,
        _cause(error),
        str(context.task),
        context.hostname,
        error=failure.name(error),
        place=failure.place(error),
        attempts=(*(Attempted(*run) for run in history.recall(attempt.raw)), last),
    )
    return letters.sanitized(letter)


def _cause(error: BaseException) -> Cause:
    """What a dead letter says of a failure that its task brought about."""
    if isinstance(error, Reject):
        return Cause.REJECTED
    if isinstance(error, TimeLimitExceeded | SoftTimeLimitExceeded):
        return Cause.TIME_LIMIT
    return Cause.CRASHED if isinstance(error, WorkerLostError) else Cause.FAILED
