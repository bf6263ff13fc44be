"""How logging is set up in a worker's own processes: one handler, at one place, which writes with the log writer.

The rules of the root logger (`worker_hijack_root_logger`): unset, the handler goes there if the app has put
none there; True and False are Celery's: it takes the place of what the app has put there; it goes there if the app has
put none there, and the logger has the worker's level in any case. Where the app's own handlers stay, all loggers reach
them as they always do.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from celeriac import interrupts
from celeriac.config import TABLE
from celeriac.interrupts import FROM_OUTSIDE, Turn, holding
from celeriac.message.values import one_line
from celeriac.observe.loggers import NO_TASK, TASK, WORKER, JsonFormatter, TaskFormatter, add_task
from celeriac.worker.log.log_writer import LONGEST
from celeriac.worker.log.redirect import Redirected
from celeriac.worker.options import WorkerOptions

JSON = "json"
"""The value of `worker_log_format` that stands for no format string."""

OWN = logging.getLogger("celeriac.worker")
"""What the worker itself says."""
REDIRECTED = logging.getLogger("celeriac.redirected")
_OF_TASKS = (TASK, REDIRECTED)
_MESSAGE = "%(message)s"
_OUTCOMES = {"succeeded": 32, "retry:": 33}
"""Green and yellow, by the first word about a task."""


AboutTask = tuple[str, str, str]
"""A line of the worker about a task: its name, its id, and what comes after `Task name[id]`."""

_quote = json.encoder.encode_basestring_ascii


class Layout:
    """How records look: one form for what the worker says, one for what is logged in a task, or JSON for both."""

    def __init__(self, settings: Mapping[str, Any], given: str | None, *, colored: bool) -> None:
        form = given or settings["worker_log_format"]
        self._json = JsonFormatter() if form == JSON else None
        plain = None if form == JSON else form
        self._plain = TaskFormatter(plain, colored, settings["worker_log_datefmt"])
        self._task = TaskFormatter(settings["worker_task_log_format"], colored, settings["worker_task_log_datefmt"])
        self._colored = colored
        self._alike = form.count(_MESSAGE) == 1 and "%(task_" not in form

    def format(self, record: logging.LogRecord) -> bytes:
        """A record as lines of the log."""
        in_task = add_task(record)
        if self._json is not None:
            text = self._json.format(record)
            if len(text) >= LONGEST:
                text = self._json.format_short(record)
        elif _is_of_task(record.name, in_task=in_task):
            text = self._task.format(record)
        else:
            text = self._plain.format(record)
            if self._colored and record.levelno == logging.INFO:
                text = _painted(text, record.getMessage().partition("] ")[2])
        return text.encode("utf-8", "backslashreplace") + b"\n"

    def format_many(self, lines: Sequence[AboutTask], now: float) -> bytes:
        """Lines about tasks, all of one moment: what is the same in all of them is made once."""
        if self._json is not None:
            return self._format_many_json(self._json.format(_record("", now)).removesuffix('""}'), lines)
        if not self._alike:
            return b"".join(self.format(_record(about(line), now, line)) for line in lines)
        before, after = self._plain.format(_record("\0", now)).split("\0")
        if self._colored:
            text = "".join([_painted(f"{before}{about(line)}{after}", line[2]) + "\n" for line in lines])
        else:
            text = before + f"{after}\n{before}".join(map(about, lines)) + after + "\n"
        return text.encode("utf-8", "backslashreplace")

    def _format_many_json(self, before: str, lines: Sequence[AboutTask]) -> bytes:
        return "".join(
            f'{before}{_quote(about(line))}, "task_name": {_quote(line[0])}, "task_id": {_quote(line[1])}}}\n'
            for line in lines
        ).encode()


def _painted(text: str, said: str) -> str:
    """A line about a task that says this of it, in the colour of how it ended; errors have theirs by their level."""
    color = _OUTCOMES.get(said.partition(" ")[0])
    return f"\033[{color}m{text}\033[0m" if color else text


def _is_own(logger: str) -> bool:
    return f"{logger}.".startswith(f"{WORKER.name}.")


def _is_of_task(name: str, *, in_task: bool) -> bool:
    """Whether a record is to show its task: logged in one, but not by the worker, or by a task logger."""
    if in_task and not _is_own(name):
        return True
    logger: logging.Logger | None = logging.getLogger(name)
    while logger is not None and logger not in _OF_TASKS:
        logger = logger.parent
    return logger is not None


def about(line: AboutTask) -> str:
    """The message of a line about a task; it stays one line whatever the name and the id are."""
    name, task_id, text = line
    return one_line(f"Task {name}[{task_id}] {text}")


class Lines(str):
    """Text of several lines that a line of the worker may end with."""

    __slots__ = ()


class OneLine(logging.Filter):
    """Keeps what others have named (tasks, ids, queues) from breaking the worker's own lines, whoever writes them."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Escape the arguments that need it, and let everything through."""
        if isinstance(record.args, tuple):
            record.args = tuple(map(_plain, record.args))
        return True


def _plain(argument: Any) -> Any:
    if isinstance(argument, int | float | Lines):
        return argument
    text = str(argument)
    return argument if text.isprintable() else one_line(text)


_ONE_LINE = OneLine()


def _record(message: str, now: float, task: AboutTask = (NO_TASK, NO_TASK, "")) -> logging.LogRecord:
    fields = {
        "name": OWN.name,
        "msg": message,
        "levelname": "INFO",
        "levelno": logging.INFO,
        "created": now,
        "msecs": int(now % 1 * 1000),
        "task_name": task[0],
        "task_id": task[1],
    }
    return logging.makeLogRecord(fields)


def check_format(form: str) -> None:
    """Raise `ValueError` for what is no format of records."""
    if form != JSON:
        TaskFormatter(form)


class Writer(Protocol):
    """A log writer, or the local writer."""

    def write(self, record: bytes) -> bool:
        """Write one record; False when there was no room."""

    def write_lines(self, text: bytes) -> int:
        """Write lines that need not stay together; how many there was no room for."""


class LogWriterHandler(logging.Handler):
    """Writes records into the worker's log, and drops, counts and reports what there is no room for."""

    def __init__(self, log_writer: Writer, layout: Layout) -> None:
        super().__init__()
        self._log_writer = log_writer
        self.layout = layout
        self.process = ""
        """What `processName` is to be, where nothing in the process has named it."""
        self._lost = 0

    def handle(self, record: logging.LogRecord) -> Any:
        """Write one record, if the filters let it pass; wherever an exception lands, others can write afterwards."""
        passed: Any = self.filter(record)
        if passed:
            self._emit_alone(passed if isinstance(passed, logging.LogRecord) else record)
            if interrupts.due:
                interrupts.deliver()
        return passed

    @interrupts.section
    def _emit_alone(self, record: logging.LogRecord) -> None:
        holding(Turn(self.lock), lambda: self.emit(record))

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            if self.process and record.processName == "MainProcess":
                record.processName = self.process
            self._confess()
            self._lost += not self._log_writer.write(self.layout.format(record))
        except FROM_OUTSIDE:  # no fault of what is logged
            raise
        except Exception:
            self.handleError(record)

    def emit_many(self, lines: Sequence[AboutTask], now: float) -> None:
        """Write lines about tasks in one go."""
        self.acquire()
        try:
            self._confess()
            self._lost += self._log_writer.write_lines(self.layout.format_many(lines, now))
        except Exception:
            self._write_error("lines about tasks")
        finally:
            self.release()

    def _confess(self) -> None:
        """Say first how many records there was no room for."""
        if self._lost:
            notice = "%d log records of this process were lost: the log is not read fast enough"
            record = WORKER.makeRecord(WORKER.name, logging.WARNING, "", 0, notice, (self._lost,), None)
            record.processName = self.process or record.processName
            if self._log_writer.write(self.layout.format(record)):
                self._lost = 0

    def handleError(self, record: logging.LogRecord) -> None:
        """A record that cannot be formatted is written as what went wrong, and where it was logged."""
        if logging.raiseExceptions:
            self._write_error(f"a record logged at {record.pathname}:{record.lineno}")

    def _write_error(self, what: str) -> None:
        text = f"{what} cannot be formatted:\n{traceback.format_exc()}"
        self._lost += not self._log_writer.write(text.encode("utf-8", "backslashreplace"))


def set_up_core(log_writer: Writer, options: WorkerOptions) -> None:
    """Let the core's own records, and no others, go into the log."""
    WORKER.addHandler(
        LogWriterHandler(log_writer, _layout({name: row.default for name, row in TABLE.items()}, options))
    )
    WORKER.setLevel(options.log_level)
    WORKER.propagate = False
    OWN.addFilter(_ONE_LINE)


def use_settings(settings: Mapping[str, Any], options: WorkerOptions) -> None:
    """Let records of this process look as the app says."""
    for handler in _log_writer_handlers():
        handler.layout = _layout(settings, options)


def set_up_zygote(log_writer: Writer, options: WorkerOptions, settings: Mapping[str, Any]) -> None:
    """Set logging up after the app's import, once for all children forked later."""
    handler = LogWriterHandler(log_writer, _layout(settings, options))
    root = logging.getLogger()
    hijack = settings["worker_hijack_root_logger"]
    if hijack:
        for logger in (root, WORKER, TASK, REDIRECTED):
            logger.handlers.clear()
    if not _has_handlers(root):
        root.addHandler(handler)
        root.setLevel(options.log_level)
        logging.captureWarnings(True)
    elif hijack is False:
        root.setLevel(options.log_level)
    OWN.addFilter(_ONE_LINE)
    deliver_after_records()
    _wake_loggers()
    if WORKER.level == logging.NOTSET:
        WORKER.setLevel(options.log_level)
    if settings["worker_redirect_stdouts"]:
        _redirect(settings["worker_redirect_stdouts_level"])


_handle = logging.Logger.handle


def _handle_and_deliver(logger: logging.Logger, record: logging.LogRecord) -> None:
    _handle(logger, record)
    if interrupts.due:
        interrupts.deliver()


def deliver_after_records() -> None:
    """Have limits that wait for the end of a log call told there, whoever's handlers it goes to.

    A thread that mostly logs is nearly always in a handler when it is looked at, and those swallow what is raised.
    """
    logging.Logger.handle = _handle_and_deliver  # type: ignore[assignment, method-assign]


def name_process(name: str) -> None:
    """Let records of this process show this name."""
    for handler in _log_writer_handlers():
        handler.process = name


def _log_writer_handlers() -> list[LogWriterHandler]:
    handlers = (*logging.getLogger().handlers, *WORKER.handlers)
    return [handler for handler in handlers if isinstance(handler, LogWriterHandler)]


def _has_handlers(logger: logging.Logger) -> bool:
    return any(not isinstance(handler, logging.NullHandler) for handler in logger.handlers)


def _wake_loggers() -> None:
    """`logging.config` turns off all loggers that it does not name; the worker's are not the app's to name."""
    for name, logger in logging.Logger.manager.loggerDict.items():
        if isinstance(logger, logging.Logger) and _is_own(name):
            logger.disabled = False


def _redirect(level: str | int) -> None:
    number = logging.getLevelNamesMapping()[level.upper()] if isinstance(level, str) else level
    sys.stdout = Redirected(REDIRECTED, number, 1)
    sys.stderr = Redirected(REDIRECTED, number, 2)


def _layout(settings: Mapping[str, Any], options: WorkerOptions) -> Layout:
    # Colours are for terminals.
    wanted = settings["worker_log_color"] is not False and not os.environ.get("NO_COLOR")
    colored = wanted and options.log_file is None and os.isatty(2)
    return Layout(settings, options.log_format, colored=colored)
