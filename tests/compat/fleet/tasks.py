"""The tasks of the fleet, declared on an app of either library: Celery's words, nothing else."""

from __future__ import annotations

import importlib
import os
import signal
import time
from typing import Any

from tests.compat.fleet.errors import OutOfStock
from tests.compat.fleet.values import VALUES


def declare(app: Any) -> Any:
    """Register all tasks on the app, and return it."""
    _declare_plain(app)
    _declare_failing(app)
    _declare_observing(app)
    _declare_logging(app)
    return app


def _declare_logging(app: Any) -> None:
    library = os.environ.get("LIBRARY", "celeriac")
    logger = importlib.import_module(f"{library}.utils.log").get_task_logger(__name__)
    exceptions = importlib.import_module(f"{library}.exceptions")

    @app.task(name="ends", bind=True, max_retries=1, throws=(KeyError,))
    def ends(self: Any, how: str) -> int:
        """Log a line and end in one of the ways that have a line of their own."""
        logger.warning("about to %s", how)
        match how:
            case "fail":
                raise OutOfStock("tea")
            case "throw":
                raise KeyError("expected")
            case "ignore":
                raise exceptions.Ignore
            case "reject":
                raise exceptions.Reject("unwanted", requeue=False)
            case "retry":
                raise self.retry(exc=OutOfStock("tea"), countdown=0)
        return 5


def _declare_plain(app: Any) -> None:
    @app.task(name="echo")
    def echo(value: Any) -> Any:
        return value

    @app.task(name="value_of")
    def value_of(kind: str) -> Any:
        """Make the value there, so that only the result travels."""
        return VALUES[kind]

    @app.task(name="is_value")
    def is_value(kind: str, value: Any) -> bool:
        """Compare there, so that only the argument travels."""
        return type(value) is type(VALUES[kind]) and value == VALUES[kind]

    @app.task(name="add")
    def add(x: Any, y: Any = 1) -> Any:
        return x + y

    @app.task(name="stops", bind=True)
    def stops(self: Any, what: str, instead: Any = None) -> str:
        """Let nothing of this kind follow, or something else."""
        setattr(self.request, what, instead)
        return what

    @app.task(name="quiet", ignore_result=True)
    def quiet() -> int:
        return 1


def _declare_failing(app: Any) -> None:
    @app.task(name="fail")
    def fail(kind: str) -> None:
        raise make_error(kind)

    @app.task(name="hopeless", bind=True, max_retries=1)
    def hopeless(self: Any, *, reason: bool) -> None:
        self.retry(exc=OutOfStock("hope") if reason else None, countdown=0.05)

    @app.task(name="unsteady", bind=True, max_retries=5)
    def unsteady(self: Any, succeeds_at: int) -> list[Any]:
        if self.request.retries < succeeds_at:
            self.retry(exc=ConnectionError("not yet"), countdown=0.05)
        return [self.request.id, self.request.retries]

    @app.task(name="retry_later", bind=True)
    def retry_later(self: Any) -> None:
        self.retry(exc=ConnectionError("not today"), countdown=3600)

    @app.task(name="die")
    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def _declare_observing(app: Any) -> None:
    @app.task(name="now")
    def now() -> float:
        return time.time()

    @app.task(name="request", bind=True)
    def request(self: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        names = ("id", "task", "retries", "args", "kwargs", "root_id", "parent_id", "eta", "expires", "timelimit")
        seen = {name: getattr(self.request, name) for name in (*names, "group", "ignore_result", "correlation_id")}
        return {**seen, "delivery_info": self.request.delivery_info}

    @app.task(name="mark")
    def mark(path: str, text: str, seconds: float = 0.0) -> str:
        """Take a while, then leave a line in a file, in one write, and say which library ran it."""
        time.sleep(seconds)
        with open(path, "a") as file:
            file.write(f"{text}\n")
        return os.environ["LIBRARY"]

    @app.task(name="report", bind=True)
    def report(self: Any, go_on: str) -> str:
        """Say how far it is, as Celery's programs do, and wait for a file."""
        self.update_state(state="PROGRESS", meta={"current": 3, "total": 4})
        while not os.path.exists(go_on):
            time.sleep(0.01)
        return "told"


def make_error(kind: str) -> Exception:
    """An exception of each kind of home."""
    if kind == "builtin":
        return KeyError("missing", 3)
    if kind == "system":
        return FileNotFoundError(2, "No such file or directory")
    if kind == "module":
        return OutOfStock("ducks", 2)
    if kind == "hidden":
        from tests.compat.fleet.hidden import Secret

        return Secret("psst", 7)
    raise AssertionError(kind)
