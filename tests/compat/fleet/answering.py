"""A process with the real Celery that evaluates what it is asked, until its input ends.

A question is a pickled pair: an expression, and the URLs of the broker and of the results. The answer is
pickled too: `(True, value)`, or `(False, (module, class, arguments as text, text))` for an exception. An
expression sees the fleet's app as `app`, the values of the tasks, and some modules.
"""

from __future__ import annotations

import datetime
import functools
import pickle
import sys
from typing import Any

import celery

from tests.compat.fleet import tasks
from tests.compat.fleet.values import VALUES


@functools.cache
def connect(broker: str, backend: str) -> Any:
    """The fleet's app on these databases."""
    return tasks.declare(celery.Celery("fleet", broker=broker, backend=backend))


def answer(expression: str, place: tuple[str, str]) -> tuple[bool, Any]:
    """Evaluate, and say what came of it."""
    seen = {"app": connect(*place), "VALUES": VALUES, "celery": celery, "datetime": datetime}
    try:
        return True, eval(expression, seen)
    except Exception as error:
        kind = type(error)
        return False, (kind.__module__, kind.__qualname__, [repr(item) for item in error.args], str(error))


def main() -> None:
    """Answer until the input ends."""
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    while True:
        try:
            question = pickle.load(questions)
        except EOFError:
            return
        answers.write(pickle.dumps(answer(*question)))
        answers.flush()


main()
