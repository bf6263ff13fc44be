"""What is printed becomes records."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from celeriac.calls.context import Context, current
from celeriac.message.task import Headers, TaskMessage
from celeriac.worker.log.redirect import Redirected


@pytest.fixture
def stream():
    return Redirected(logging.getLogger("tests.redirected"), logging.WARNING, 1)


def test_a_line_is_one_record(stream: Redirected, caplog: pytest.LogCaptureFixture):
    print("one", 2, "three", file=stream)
    print("two\r\nlines", file=stream)
    print("  ", file=stream)
    assert [record.message for record in caplog.records] == ["one 2 three", "two", "lines"]
    assert {record.levelname for record in caplog.records} == {"WARNING"}


def test_half_a_line_waits_for_its_end_or_a_flush(stream: Redirected, caplog: pytest.LogCaptureFixture):
    stream.write("ha")
    assert not caplog.records
    stream.write("lf\nquar")
    assert [record.message for record in caplog.records] == ["half"]
    stream.flush()
    assert caplog.records[-1].message == "quar"


def test_half_a_line_keeps_its_task(stream: Redirected, caplog: pytest.LogCaptureFixture):
    """Another coroutine that prints in between neither gets it nor loses it."""
    for id in ("1", "2"):
        token = current.set(Context(TaskMessage("", Headers(id=id, task="t"))))
        stream.write(f"by {id}")
        current.reset(token)
    stream.flush()
    assert [(record.message, record.__dict__["task_id"]) for record in caplog.records] == [("by 1", "1"), ("by 2", "2")]


def test_a_handler_that_prints_there_itself_does_not_go_round(stream: Redirected):
    logger = logging.getLogger("tests.redirected")
    handler = logging.StreamHandler(stream)
    logger.addHandler(handler)
    try:
        assert stream.write("once\n") == 5
    finally:
        logger.removeHandler(handler)


def test_a_program_can_be_started_with_it(stream: Redirected):
    subprocess.run([sys.executable, "-c", ""], stdout=stream.fileno(), check=True)
