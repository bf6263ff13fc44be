"""An app whose tasks log; its settings, and how it sets up logging itself, come from the environment."""

from __future__ import annotations

import asyncio
import json
import logging
import logging.config
import os
import signal
import threading
from typing import Any

from celeriac import Celeriac, Task
from celeriac.observe.loggers import get_task_logger
from tests.worker.process import freeze

app = Celeriac("tests", broker=os.environ["TEST_BROKER"], **json.loads(os.environ.get("LOG_SETTINGS", "{}")))
app.conf.worker_lease = float(os.environ.get("TEST_LEASE", "10"))

if "LOG_CONFIG" in os.environ:
    logging.config.dictConfig(json.loads(os.environ["LOG_CONFIG"]))

plain = logging.getLogger("plain")
task_logger = get_task_logger(__name__)


@app.task(name="say")
def say(number: int) -> int:
    """Log a line with a logger that knows nothing of tasks, and one with a task logger; print one."""
    plain.info("plain %d", number)
    task_logger.info("task %d", number)
    print("printed", number)
    return number


@app.task(name="say_async")
async def say_async(number: int) -> None:
    """Log beside others."""
    for _ in range(3):
        await asyncio.sleep(0.001)
        plain.info("async %d", number)
    await asyncio.to_thread(plain.info, "async %d", number)


@app.task(name="say_much")
def say_much(size: int) -> int:
    """Log one record of so many characters."""
    plain.warning("<%s>", "x" * size)
    return size


@app.task(name="say_many")
def say_many(count: int) -> int:
    """Log many lines as fast as possible."""
    for number in range(count):
        plain.warning("line %d", number)
    return count


@app.task(name="last_words", acks_late=False)
def last_words(size: int) -> None:
    """Log, and die at once."""
    plain.warning("last words %s.", "y" * size)
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(name="kill_core", acks_late=False)
def kill_core(pid: int) -> None:
    """Log, and have the core killed."""
    freeze(pid)
    plain.warning("the core is gone")
    os.kill(pid, signal.SIGKILL)
    threading.Event().wait(30)


@app.task(name="break_format")
def break_format() -> None:
    """Log a record that cannot be formatted."""
    plain.warning("%d", "no number")


@app.task(name="print_half")
def print_half() -> None:
    """Print a line that does not end."""
    print("half a line", end="")


@app.task(name="fail")
def fail() -> None:
    """Fail at once."""
    raise ValueError("at once")


@app.task(name="fail_async")
async def fail_async() -> None:
    """Fail at once, as a coroutine."""
    raise ValueError("at once")


@app.task(name="again", bind=True, max_retries=1, default_retry_delay=0)
def again(self: Task[..., Any]) -> None:
    """Ask for a retry at once, and succeed then."""
    if not self.request.retries:
        raise self.retry()


@app.task(name="over_time", time_limit=0.2)
def over_time() -> None:
    """Run longer than it may."""
    threading.Event().wait(30)


@app.task(name="kill_child")
def kill_child() -> None:
    """Take the child along, three times."""
    os.kill(os.getpid(), signal.SIGKILL)
