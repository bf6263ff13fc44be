"""Loggers of tasks, and which task a record belongs to: `get_task_logger`, and parts for logging of one's own.

Importing this configures nothing; only a worker does (`worker/log/setup.py`), and only in its own processes.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime
from typing import Any

from celeriac.calls.context import current
from celeriac.message.values import one_line

NO_TASK = "???"
"""What `task_id` and `task_name` are outside a task, as in Celery."""

WORKER = logging.getLogger("celeriac")
TASK = logging.getLogger("celeriac.task")
"""What task loggers hang below, wherever their own name would put them."""

_COLORS = {"DEBUG": 34, "WARNING": 33, "ERROR": 31, "CRITICAL": 35}
_BUILT_IN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "task_id", "task_name"}
"""What every record has; everything else came with `extra`."""
_SHOWN = 1 << 14


def get_task_logger(name: str) -> logging.Logger:
    """The logger of that name, hung below `celeriac.task`: call it with `__name__` in a module of tasks.

    It is the logger that `logging.getLogger(name)` gives, with another parent. Raises `RuntimeError` for the
    names that Celeriac uses itself.
    """
    if name in (WORKER.name, TASK.name):
        raise RuntimeError(f"the logger {name!r} is the worker's own")
    logger = logging.getLogger(name)
    above: logging.Logger | None = logger
    while above is not None and above is not TASK:
        above = above.parent
    if above is None:
        logger.parent = TASK
    return logger


def add_task(record: logging.LogRecord) -> bool:
    """Put `task_id` and `task_name` into a record made just now in this thread or coroutine; whether in a task.

    What is there already, from `extra` or an earlier handler, stays. A name that would break the line is escaped.
    """
    fields = record.__dict__
    if "task_id" not in fields or "task_name" not in fields:
        context = current.get()
        fields.setdefault("task_id", one_line(str(context.id or NO_TASK)))
        fields.setdefault("task_name", one_line(str(context.task or NO_TASK)))
    return bool(fields["task_id"] != NO_TASK)


class TaskFields(logging.Filter):
    """A filter for handlers of one's own: formats behind it may name `%(task_id)s` and `%(task_name)s`."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the fields and let everything through."""
        add_task(record)
        return True


class TaskFormatter(logging.Formatter):
    """A formatter that knows `%(task_id)s` and `%(task_name)s`, under Celery's name and with its arguments.

    `use_color` puts the colours of terminals around all but INFO.
    """

    def __init__(self, fmt: str | None = None, use_color: bool = True, datefmt: str | None = None) -> None:
        super().__init__(fmt, datefmt)
        self._colors = _COLORS if use_color else {}

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        add_task(record)
        text = super().format(record)
        color = self._colors.get(record.levelname)
        return f"\033[1;{color}m{text}\033[0m" if color else text


class JsonFormatter(logging.Formatter):
    """One JSON object a record, in one line: `time` (ISO 8601, local with offset), `level`, `logger`, `process`,
    `pid`, `message`, inside a task `task_name` and `task_id`, with an error `exception`, and what `extra` brought.

    What JSON has no form for is written as its `repr`.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        return self._encode(self._fields(record))

    def format_short(self, record: logging.LogRecord) -> str:
        """The same with long texts cut and without `extra`: at most some 200 KB."""
        fields = self._fields(record, with_extra=False)
        cut = {name: _cut(value) if isinstance(value, str) else value for name, value in fields.items()}
        return self._encode(cut)

    def _fields(self, record: logging.LogRecord, *, with_extra: bool = True) -> dict[str, Any]:
        in_task = add_task(record)
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "process": record.processName,
            "pid": record.process,
            "message": record.getMessage(),
        }
        if in_task:
            fields |= {"task_name": record.__dict__["task_name"], "task_id": record.__dict__["task_id"]}
        if record.exc_info and record.exc_info[0] is not None:
            fields["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            fields["stack"] = record.stack_info
        if with_extra:
            for name, value in record.__dict__.items():
                if name not in _BUILT_IN:
                    fields.setdefault(name, value)
        return fields

    def _encode(self, fields: dict[str, Any]) -> str:
        try:
            return json.dumps(fields, default=repr, allow_nan=False)
        except (ValueError, TypeError, RecursionError):
            plain = {name: value if isinstance(value, str | int) else repr(value) for name, value in fields.items()}
            return json.dumps(plain, default=repr)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... [cut: {len(text)} characters]"
