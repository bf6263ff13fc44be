"""Result documents: what Celery's backends store under `celery-task-meta-<id>`.

The order of the fields is Celery's, and `status` comes first: `message.final` relies on it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from celeriac import states
from celeriac.clock import utc_datetime
from celeriac.exceptions import EncodeError, TaskRevokedError
from celeriac.message import failure, values

KEY_PREFIX = "celery-task-meta-"


class Document(Struct):
    """A result document, read."""

    status: str = states.PENDING
    result: Any = None
    traceback: str | None = None
    children: Any = None
    date_done: str | None = None
    task_id: str = ""
    group_id: str | None = None
    parent_id: str | None = None
    name: str | None = None
    args: Any = None
    kwargs: Any = None
    worker: str | None = None
    retries: int | None = None
    queue: str | None = None
    started: float | None = None
    """When it began to run, in seconds since 1970; Celery has no such field."""
    sent: float | None = None
    """When its message was sent."""


class Family(Struct, frozen=True):
    """What a document says of where its task belongs: its group, the task that sent it, the call itself."""

    group: str | None = None
    parent: str | None = None
    call: bytes = b""
    """What `extended` made of the call."""


NO_FAMILY = Family()


def write(
    task_id: str, status: str, result: bytes, now: float, traceback: str | None = None, family: Family = NO_FAMILY
) -> bytes:
    """The document of a task; `result` is already JSON, `now` the wall clock in seconds."""
    return b'{"status":"%b","result":%b,"traceback":%b,"children":[],"date_done":%b,%b"task_id":%b}' % (
        status.encode(),
        result,
        values.encode(traceback) if traceback else b"null",
        b'"%b"' % _instant(now) if status in states.READY_STATES else b"null",
        b"" if family is NO_FAMILY else _write_family(family),
        values.encode(task_id),
    )


def write_success(task_id: str, result: bytes, now: float, run: bytes) -> bytes:
    """The document of a task that succeeded, of no group and with no parent. Hot path: child -> here -> lane.

    `run` are the fields that `write_run` made.
    """
    return b'{"status":"SUCCESS","result":%b,"traceback":null,"children":[],"date_done":"%b",%b"task_id":%b}' % (
        result,
        _instant(now),
        run,
        values.encode(task_id),
    )


def _instant(now: float) -> bytes:
    """A time in ISO form, in UTC: of each second all but the fraction is made once."""
    global _second
    second = now // 1
    if second != _second[0]:
        _second = second, utc_datetime(second).strftime("%Y-%m-%dT%H:%M:%S").encode()
    return b"%b.%06d+00:00" % (_second[1], (now - second) * 1_000_000)


_second = (-1.0, b"")


def _write_family(family: Family) -> bytes:
    group = b'"group_id":%b,' % values.encode(family.group) if family.group else b""
    parent = b'"parent_id":%b,' % values.encode(family.parent) if family.parent else b""
    return group + parent + family.call


def extended(args: Any, kwargs: Any) -> bytes:
    """The fields that `result_extended` adds; arguments that are no JSON are written as text."""
    try:
        return values.encode({"args": args, "kwargs": kwargs})[1:-1] + b","
    except EncodeError:
        shown = {"args": values.short_repr(args), "kwargs": values.short_repr(kwargs)}
        return values.encode(shown)[1:-1] + b","


def begin_run(name: str, worker: str, queue: str, retries: int) -> bytes:
    """What a document tells of each run of a task there: Celery's names for it. For `write_run`, made once."""
    fields = {"name": name, "worker": worker, "queue": queue, "retries": retries}
    return values.encode(fields)[1:-1]


def write_run(begin: bytes, started: float, sent: float) -> bytes:
    """The same with the times of one run, in seconds since 1970; 0 for what is not known."""
    if sent:
        return b'%b,"started":%.3f,"sent":%.3f,' % (begin, started, sent)
    return b'%b,"started":%.3f,' % (begin, started) if started else b"%b," % begin


def write_failure(
    task_id: str, error: BaseException, now: float, traceback: str | None = None, family: Family = NO_FAMILY
) -> bytes:
    """The document of a task that failed."""
    return write(task_id, states.FAILURE, values.encode(failure.to_dict(error)), now, traceback, family)


def write_revoked(task_id: str, reason: str, now: float) -> bytes:
    """The document of a task that was revoked; the reasons are Celery's words: revoked, terminated, expired."""
    return write(task_id, states.REVOKED, values.encode(failure.to_dict(TaskRevokedError(reason))), now)


def write_started(task_id: str, pid: int, hostname: str, now: float) -> bytes:
    """The document of a task that is about to run."""
    return write(task_id, states.STARTED, values.encode({"pid": pid, "hostname": hostname}), now)


def write_state(task_id: str, state: str, meta: Any, now: float) -> bytes:
    """The document of a task that says itself how it is; an exception as `meta` is written as one."""
    value = failure.to_dict(meta) if isinstance(meta, BaseException) else meta
    return write(task_id, values.encode(state)[1:-1].decode(), values.encode(value), now)


def read(data: bytes) -> Document:
    """Read a document written by us or by Celery; an exception comes back as an exception.

    Raises ValueError for what is no document.
    """
    return from_fields(values.decode(data))


def from_fields(fields: Any) -> Document:
    """The document of what a serializer has read; raises ValueError for what is none."""
    if not isinstance(fields, dict) or not isinstance(fields.get("status"), str):
        raise ValueError("the stored result is no document")
    found: list[Any] = [fields.get(name) for name in Document.__struct_fields__]
    document = Document(*found)
    if document.status in states.EXCEPTION_STATES:
        document.result = failure.from_stored(document.result, document.traceback)
    return document


def as_meta(found: Document, task_id: str) -> dict[str, Any]:
    """A document as the dict that Celery's callbacks get."""
    fields = {name: getattr(found, name) for name in Document.__struct_fields__}
    return {name: value for name, value in fields.items() if value is not None or name in _ALWAYS} | {
        "task_id": found.task_id or task_id
    }


_ALWAYS = frozenset({"result", "traceback"})


def instant(text: str | None) -> datetime | None:
    """The time in `date_done`, aware; UTC where it names no zone."""
    if not text:
        return None
    when = datetime.fromisoformat(text)
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)
