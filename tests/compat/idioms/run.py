"""Run idioms with one library: `python -m tests.compat.idioms.run celery tests.compat.idioms.calls ...`.

Prints one JSON object: for each module, each idiom's name and what it came to. The same script runs under both
interpreters. An idiom that hangs ends with `TimeoutError`.
"""

from __future__ import annotations

import importlib
import inspect
import json
import logging
import os
import signal
import sys
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

from tests.compat.idioms.library import Library, outcome_of

SECONDS = 15


def idioms_of(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """The idioms of a module, in the order in which they stand there: each public function of one parameter `m`."""
    return {
        name: thing
        for name, thing in vars(module).items()
        if inspect.isfunction(thing)
        and not name.startswith("_")
        and thing.__module__ == module.__name__
        and [*inspect.signature(thing).parameters] == ["m"]
    }


def _hangs(*_: object) -> None:
    raise TimeoutError("it hangs")


def come_to(idiom: Callable[[Library], Any], library: str) -> Any:
    """What one idiom comes to."""
    m = Library(library)
    signal.alarm(SECONDS)
    try:
        return outcome_of(lambda: idiom(m))
    finally:
        signal.alarm(0)
        m.close()


def main(library: str, *names: str) -> None:
    """Run all of these modules' idioms and print what they came to."""
    signal.signal(signal.SIGALRM, _hangs)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    told: dict[str, dict[str, Any]] = {}
    out = os.dup(1)
    os.dup2(2, 1)  # What idioms print is for people.
    for name in names:
        module = importlib.import_module(name)
        told[name] = {each: come_to(idiom, library) for each, idiom in idioms_of(module).items()}
    with os.fdopen(out, "w") as answer:
        json.dump(told, answer)
    sys.stderr.flush()
    # Workers of Celery sleep in threads, and would be waited for.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
