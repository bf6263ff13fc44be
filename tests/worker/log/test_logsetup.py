"""How records look: alone, and many lines about tasks at once."""

from __future__ import annotations

import json
import logging

import pytest

from celeriac.config import TABLE
from celeriac.observe.loggers import TASK, get_task_logger
from celeriac.worker.log.setup import AboutTask, Layout, LogWriterHandler, about

DEFAULTS = {name: row.default for name, row in TABLE.items()}
LINES: list[AboutTask] = [
    ("add", "1", "received"),
    ("näme", "an id\nof two lines", "succeeded in 0.1s: 'é\\n'"),
    ("t", '"', "received"),
]
FORMATS = [
    DEFAULTS["worker_log_format"],
    "%(message)s",
    "%(message)-80s|",
    "%(levelname)s %(message)s %(name)s %(asctime)s",
    "%(message)s and %(message)s",
    "%(task_name)s[%(task_id)s] %(message)s",
    "no message but %(name)s",
    "json",
]


def layout(form: str, *, colored: bool = False) -> Layout:
    return Layout(DEFAULTS, form, colored=colored)


def record(name: str, message: str, task: tuple[str, str] | None = None) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": name, "msg": message, "levelname": "INFO", "levelno": 20, "created": 1.5})
    made.msecs = 500
    if task is not None:
        made.__dict__.update(task_name=task[0], task_id=task[1])
    return made


@pytest.mark.parametrize("form", FORMATS)
def test_many_lines_look_as_each_would_alone(form: str):
    alone = b"".join(layout(form).format(record("celeriac.worker", about(line), line[:2])) for line in LINES)
    assert layout(form).format_many(LINES, 1.5) == alone


def test_many_lines_as_json_are_json():
    rows = [json.loads(line) for line in layout("json").format_many(LINES, 1.5).splitlines()]
    assert [(row["task_name"], row["task_id"]) for row in rows] == [line[:2] for line in LINES]


@pytest.mark.parametrize(
    ("name", "task", "expected"),
    [
        ("shop", None, "W"),
        ("shop", ("pay", "1"), "T pay[1]"),
        ("celeriac_shop", ("pay", "1"), "T pay[1]"),
        ("celeriac.worker", ("pay", "1"), "W"),
        (TASK.name, None, "T ???[???]"),
        (f"{TASK.name}.shop", ("pay", "1"), "T pay[1]"),
        (get_task_logger("tests.shop").name, None, "T ???[???]"),
    ],
)
def test_the_form_is_that_of_tasks_in_tasks_and_for_task_loggers(name: str, task, expected: str):
    settings = {
        **DEFAULTS,
        "worker_log_format": "W%(message)s",
        "worker_task_log_format": "T %(task_name)s[%(task_id)s]",
    }
    assert Layout(settings, None, colored=False).format(record(name, "", task)).decode() == f"{expected}\n"


class Memory:
    """A writer with room for so many records."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.text = b""

    def write(self, record: bytes) -> bool:
        """Keep it if there is room."""
        if not self.room:
            return False
        self.room -= 1
        self.text += record
        return True

    def write_lines(self, text: bytes) -> int:
        """All or nothing."""
        return 0 if self.write(text) else text.count(b"\n")


def test_what_was_lost_is_counted_and_told_first():
    memory = Memory(1)
    handler = LogWriterHandler(memory, layout("%(message)s"))
    for number in range(4):
        handler.handle(record("any", str(number)))
    handler.emit_many(LINES, 1.5)
    memory.room = 9
    handler.handle(record("any", "last"))
    handler.handle(record("any", "after"))
    told = "6 log records of this process were lost: the log is not read fast enough"
    assert memory.text.decode().splitlines() == ["0", told, "last", "after"]


def test_a_format_that_fits_no_record_harms_nobody():
    memory = Memory(9)
    handler = LogWriterHandler(memory, layout("%(absent)s %(message)s"))
    handler.handle(record("any", "one"))
    handler.emit_many(LINES, 1.5)
    assert memory.text.count(b"cannot be formatted") == 2
