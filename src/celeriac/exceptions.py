"""Every error of Celeriac, as one tree.

    CeleriacError                    something this library has to say; has a `code` and a `hint`
    ├── ImproperlyConfigured         settings contradict each other or name something that is not there
    ├── OperationalError             the store cannot be reached or refused; nothing was enqueued
    │   ├── EnqueueUncertain         the connection broke mid-way: the tasks may or may not be enqueued
    │   ├── Refused                  the store is there, and said no to this request; it did nothing
    │   │   ├── NotPermitted         the store's user lacks a right, or the server a command
    │   │   └── RequestTooLarge      more than the store takes in one request
    │   └── StoreFull                the store has no memory left; workers go on, and so make room
    ├── LeaseLost                    another process owns what this worker held
    ├── NotRegistered                no task of that name is known here
    ├── MalformedMessage             bytes that are not a task message
    │   └── MessageTooLarge          a message beyond a limit: too long, too deep, too many values
    ├── UnencodableValue             an argument or a result that the serializer cannot write
    ├── InvalidOption                an option of a call that no worker could act upon
    └── TaskError                    a task ended without a value
        ├── TimeoutError             no result within the time given
        ├── MaxRetriesExceededError  the task asked for one retry more than it has
        ├── TaskRevokedError         the task was cancelled
        ├── WorkerLostError          the process that ran the task died
        ├── IncompleteStream         of results below each other one is not there yet
        ├── ResultTooLarge           the task returned more than may be stored
        ├── OutcomeRefused           the store did not take what the task ended with
        └── RemoteError              the task raised a class that cannot be imported here

    SettingWarning                   a warning: a setting has no effect here

    TaskPredicate                    not errors: how a task says what should happen to it
    ├── Retry                        run me again
    ├── Ignore                       write no result
    └── Reject                       refuse the message

Names and arguments that Celery users catch are Celery's. `code` never changes once released, `hint` is
one line that says what to do; `docs/errors.md` has a section for each code.
"""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from datetime import datetime


class CeleriacError(Exception):
    """Base of all errors raised by Celeriac."""

    code: ClassVar[str] = "C000"
    hint: ClassVar[str] = "docs/errors.md has a section for each code"
    tells_hint: ClassVar[bool] = False
    """Whether the text of the error ends with the hint: where a caller reads it, not where a task's end is kept."""

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text} [{self.code}: {self.hint}]" if self.tells_hint else text


CeleryError = CeleriacError


def with_code(error: Exception) -> str:
    """What an error says, with its code: how it is printed where nobody can catch it."""
    text, code = str(error), getattr(error, "code", "")
    return text if not code or f"[{code}" in text else f"{text} [{code}]"


class ImproperlyConfigured(CeleriacError):
    """A setting is wrong, missing, or contradicts another one."""

    code = "C101"
    hint = "the message names the setting: correct it where it is set, or take it out"


class SettingWarning(UserWarning):
    """A setting is kept, and changes nothing; the text says why."""


class OperationalError(CeleriacError):
    """The store cannot be reached or refused the request; nothing of the call was enqueued."""

    code = "C201"
    hint = "check that the store is running and that its URL is right"
    tells_hint = True


class EnqueueUncertain(OperationalError):
    """The connection was lost between request and reply, and the store stayed away until the deadline.

    The tasks in `ids` are enqueued or not; nobody here can know. Calling again with the same task ids is
    safe: the store remembers which ids it has accepted.
    """

    code = "C202"
    hint = "call again with the same task_id: an id that arrived is not enqueued twice"

    def __init__(self, message: str, ids: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.ids = ids


class Refused(OperationalError):
    """The store is there and answered: it does not do this, and has done nothing of it; others it may do.

    A store that refuses everything (out of memory, read-only, loading) raises plain `OperationalError`.
    """

    code = "C203"
    hint = "read what the store says: a key of another kind, a right that is missing, a value that is too large"


class NotPermitted(Refused):
    """The store does not let this user do what is needed; the text names the command or right."""

    code = "C204"
    hint = "grant the user what the message names, or connect as another one"


class RequestTooLarge(Refused):
    """The store does not take so many bytes at once; nothing of the request happened, nor would it by trying again."""

    code = "C205"
    hint = "pass a reference to the data, or raise the limit of the server that the message names"


class StoreFull(OperationalError):
    """The store has no memory left for new messages; nothing of the call was enqueued. Workers go on, and make room."""

    code = "C206"
    hint = "call again when workers have made room, or give the store more memory"


class LeaseLost(CeleriacError):
    """The worker's lease has ended: what it held belongs to others, and the store refuses its reports."""

    code = "C301"
    hint = "nothing is lost; find out what kept this worker from the store for longer than its lease"


class NotRegistered(CeleriacError, KeyError):
    """No task of this name is known here."""

    code = "C401"
    hint = "import the module of the task in the worker (include, imports), or correct the name"

    def __repr__(self) -> str:
        return f"<NotRegistered: {self.args[0]!r}>" if self.args else "<NotRegistered>"


class AlwaysEagerIgnored(RuntimeWarning):
    """`send_task` sends, even with `task_always_eager`: there may be no such task here."""


class QueueNotFound(CeleriacError, KeyError):
    """A task was to go to a queue that `task_queues` does not name, and only those may be used."""

    code = "C406"
    hint = "name the queue in task_queues, or allow others with task_create_missing_queues"

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else "unknown queue"


class MalformedMessage(CeleriacError):
    """The bytes in the queue are not a task message of protocol 1 or 2."""

    code = "C402"
    hint = "look at it with `celeriac dead show`, and at who writes into this queue"


class ContentDisallowed(MalformedMessage):
    """A message is written by a serializer that is not among `accept_content`."""

    code = "C407"
    hint = "send with a serializer of accept_content, or add this one to it"


class MessageTooLarge(MalformedMessage, ValueError):
    """A message is beyond one of the limits `message_max_...`: a worker refuses it, a call does not enqueue it."""

    code = "C404"
    hint = "pass a reference to the data, or raise the limit for producers and workers"
    tells_hint = True


class UnencodableValue(CeleriacError, TypeError):
    """A value has a type that the serializer cannot write."""

    code = "C403"
    hint = "pass plain JSON values, dates, decimals, UUIDs or bytes"
    tells_hint = True


class InvalidOption(CeleriacError, ValueError):
    """An option of a call has a value that no worker could act upon; nothing was enqueued."""

    code = "C405"
    hint = "correct the option that the message names"


class TaskError(CeleriacError):
    """A task ended without a value."""

    code = "C500"
    hint = "read the message and the worker's log for this task id"


class TimeoutError(TaskError, builtins.TimeoutError):
    """No result arrived within the time the caller gave."""

    code = "C501"
    hint = "wait longer, or ask `celeriac explain` where the task is"


class MaxRetriesExceededError(TaskError):
    """A task asked to be retried more often than its `max_retries` allows."""

    code = "C502"
    hint = "find out why the task keeps failing, or raise max_retries"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.task_args: Any = kwargs.pop("task_args", [])
        self.task_kwargs: Any = kwargs.pop("task_kwargs", {})
        super().__init__(*args)


class TaskRevokedError(TaskError):
    """The task was cancelled before it finished."""

    code = "C503"
    hint = "somebody revoked it; send it again if it is to run after all"


class WorkerLostError(TaskError):
    """The process that ran the task died before it could report."""

    code = "C504"
    hint = "the worker's log says which signal or how much memory; a task that may run twice needs acks_late"


class TimeLimitExceeded(TaskError):
    """The task ran longer than its hard limit (seconds) and was ended from outside."""

    code = "C506"
    hint = "make the task shorter, or raise its time_limit"

    def __str__(self) -> str:
        return f"TimeLimitExceeded({', '.join(map(str, self.args))})"


class SoftTimeLimitExceeded(TaskError):
    """Raised inside a task when its soft limit (seconds) is over: it may clean up and end, or go on."""

    code = "C507"
    hint = "make the task shorter, or raise its soft_time_limit"

    def __str__(self) -> str:
        return f"SoftTimeLimitExceeded({', '.join(map(str, self.args))})"


class IncompleteStream(TaskError):
    """Results were asked for one below the other, and one of them has not ended."""

    code = "C508"
    hint = "wait for it first, or say intermediate=True"


class ResultTooLarge(TaskError, ValueError):
    """A task ended well, and what it returned is beyond `result_max_bytes`: it is not stored."""

    code = "C520"
    hint = "store the data elsewhere and return a reference, or raise the limit"
    tells_hint = True


class OutcomeRefused(TaskError):
    """The task ran to its end, and the store did not take what it ended with: its result, or what was to follow."""

    code = "C521"
    hint = "correct what the store says of it, and replay the dead letter"


class RemoteError(TaskError):
    """Stands in for an exception whose class is not to be had here, under the same name.

    `remote_type` is the dotted name of the original class, `args` are its arguments, `remote_traceback` is
    the worker's traceback as text where there is one.
    """

    code = "C505"
    hint = "read remote_traceback; to catch the class itself, make it importable here"
    remote_type: str = ""
    remote_traceback: str | None = None

    def __str__(self) -> str:
        text = Exception.__str__(self)
        return f"{self.remote_type}: {text}" if text else self.remote_type


class TaskPredicate(CeleriacError):
    """Raised by a task to say what should happen to it; not an error."""

    code = "C600"
    hint = "raise it inside a task only"


class Retry(TaskPredicate):
    """The task is to run again: raised by `Task.retry`, seldom by hand.

    `when` is a number of seconds or a datetime, `exc` the exception that led here.
    """

    code = "C601"
    hint = "raise it inside a task only, by self.retry()"

    def __init__(
        self,
        message: str | None = None,
        exc: BaseException | None = None,
        when: float | datetime | None = None,
        is_eager: bool = False,
        sig: Any = None,
        **kwargs: Any,
    ) -> None:
        self.message = message
        self.exc = exc
        self.excs: str | None = repr(exc) if exc is not None else None
        self.when = when
        self.is_eager = is_eager
        self.sig = sig
        super().__init__(message, self.excs, when, **kwargs)

    def humanize(self) -> str:
        """When the next attempt is due, for people."""
        return f"in {self.when}s" if isinstance(self.when, int | float) else f"at {self.when}"

    def __str__(self) -> str:
        if self.message:
            return self.message
        return f"Retry {self.humanize()}" + (f": {self.excs}" if self.excs else "")


class Ignore(TaskPredicate):
    """The worker writes no result for this task; the task has stored what it wants."""

    code = "C602"
    hint = "raise it inside a task only"


class Reject(TaskPredicate):
    """The message is refused: put back when `requeue` is true, else set aside as a dead letter."""

    code = "C603"
    hint = "raise it inside a task only"

    def __init__(self, reason: Any = None, requeue: bool = False) -> None:
        self.reason = reason
        self.requeue = requeue
        super().__init__(reason, requeue)
