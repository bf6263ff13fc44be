"""Task loggers, and the parts for logging of one's own."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import uuid

import pytest

from celeriac.calls.context import Context, current
from celeriac.message.task import Headers, TaskMessage
from celeriac.observe.loggers import TASK, JsonFormatter, TaskFields, TaskFormatter, get_task_logger
from celeriac.utils.log import get_task_logger as under_celerys_name


def context(name: str, id: str) -> Context:
    return Context(TaskMessage("", Headers(id=id, task=name)))


def record(message: str = "hello", level: int = logging.INFO, **extra: object) -> logging.LogRecord:
    return logging.getLogger("any").makeRecord("any", level, "file.py", 7, message, (), None, extra=extra)


def new_name() -> str:
    return f"tests.{uuid.uuid4().hex}"


def test_the_name_celery_users_know_is_the_same_function():
    assert under_celerys_name is get_task_logger


def test_a_task_logger_is_the_logger_of_that_name_below_the_one_of_all_tasks():
    name = new_name()
    logger = get_task_logger(name)
    assert logger is logging.getLogger(name)
    assert logger.parent is TASK
    assert get_task_logger(name).parent is TASK


def test_one_that_is_below_already_keeps_its_parent():
    above = get_task_logger(new_name())
    assert get_task_logger(f"{above.name}.inner").parent is above


@pytest.mark.parametrize("name", ["celeriac", "celeriac.task"])
def test_the_names_of_the_worker_are_refused(name: str):
    with pytest.raises(RuntimeError, match=name):
        get_task_logger(name)


def test_outside_a_task_the_fields_are_celerys_question_marks():
    formatter = TaskFormatter("%(task_name)s[%(task_id)s] %(message)s", use_color=False)
    assert formatter.format(record()) == "???[???] hello"


def test_a_filter_gives_the_fields_to_any_format():
    formatter, made = logging.Formatter("%(task_name)s[%(task_id)s] %(message)s"), record()
    token = current.set(context("add", "17"))
    try:
        assert TaskFields().filter(made)
    finally:
        current.reset(token)
    assert formatter.format(made) == "add[17] hello"


def test_what_extra_says_of_the_task_stays():
    made = record(task_id="mine", task_name="my task")
    TaskFields().filter(made)
    assert (made.__dict__["task_id"], made.__dict__["task_name"]) == ("mine", "my task")


def test_coroutines_beside_each_other_have_each_their_own_task():
    formatter = TaskFormatter("%(task_id)s %(message)s", use_color=False)
    lines: list[str] = []

    async def run(number: int) -> None:
        current.set(context("t", str(number)))
        for _ in range(3):
            await asyncio.sleep(0)
            lines.append(formatter.format(record(str(number))))
        lines.append(await asyncio.to_thread(lambda: formatter.format(record(str(number)))))

    async def main() -> None:
        await asyncio.gather(*(run(number) for number in range(20)))

    asyncio.run(main())
    assert len(lines) == 80
    assert all(line.split()[0] == line.split()[1] for line in lines)


@pytest.mark.parametrize(
    ("level", "color"), [(logging.DEBUG, 34), (logging.WARNING, 33), (logging.ERROR, 31), (logging.CRITICAL, 35)]
)
def test_levels_have_colours(level: int, color: int):
    formatter = TaskFormatter("%(message)s")
    assert formatter.format(record(level=level)) == f"\033[1;{color}mhello\033[0m"
    assert formatter.format(record()) == "hello"


def test_json_is_one_line_with_everything_in_it():
    token = current.set(context("add", "17"))
    try:
        line = JsonFormatter().format(record("two\nlines", customer=5, odd={"a": math.nan}, thing=object()))
    finally:
        current.reset(token)
    assert "\n" not in line
    fields = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert fields["message"] == "two\nlines"
    assert (fields["task_name"], fields["task_id"], fields["customer"]) == ("add", "17", 5)
    assert (fields["level"], fields["logger"]) == ("INFO", "any")
    assert fields["thing"].startswith("<object")
    assert "odd" in fields
    assert fields["time"][10] == "T"


def test_json_has_the_traceback_and_no_task_where_there_is_none():
    try:
        raise ValueError("x" * 10)
    except ValueError as error:
        made = logging.getLogger("any").makeRecord(
            "any", 40, "f", 1, "failed %d", (3,), (ValueError, error, error.__traceback__)
        )
    fields = json.loads(JsonFormatter().format(made))
    assert fields["message"] == "failed 3"
    assert fields["exception"].endswith("ValueError: xxxxxxxxxx")
    assert "task_id" not in fields


def test_json_can_be_cut_and_stays_json():
    fields = json.loads(JsonFormatter().format_short(record("\N{GRINNING FACE}" * 1_000_000, blob="y" * 1_000_000)))
    assert fields["message"].endswith("... [cut: 1000000 characters]")
    assert "blob" not in fields
