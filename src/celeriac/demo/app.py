"""The demo's app: one task, which fails now and then on purpose."""

from __future__ import annotations

import os
import time
import zlib
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from celeriac.app import Celeriac
from celeriac.demo.analysis import ModuleFigures
from celeriac.demo.library import Source

BROKER_VARIABLE = "CELERIAC_DEMO_BROKER"
QUEUE = "celeriac-demo"

_RETRY_SECONDS = 0.05
_KILL_SECONDS = 20.0

app = Celeriac("demo", broker=os.environ.get(BROKER_VARIABLE))


class Analysed(Struct):
    """What the task returns: the figures, and what it took to get them."""

    figures: ModuleFigures
    retries: int
    crashes: int


class Unlucky(Exception):
    """The failure on purpose."""


@app.task(bind=True, name="demo.analyse", queue=QUEUE)
def analyse_module(self: Any, module: str, path: str, meet: str | None = None) -> dict[str, Any]:
    """Analyse a module; with `meet`, wait the first time to be killed, by whoever reads the pid in that file."""
    request = self.request
    if meet is not None and not request.crashes:
        Path(meet).write_text(f"{os.getpid()}\n")
        time.sleep(_KILL_SECONDS)
    if request.retries < planned_failures(module):
        self.retry(exc=Unlucky(module), countdown=_RETRY_SECONDS)
    figures = Source(module, Path(path)).read()
    analysed: dict[str, Any] = msgspec.to_builtins(Analysed(figures, request.retries, request.crashes))
    return analysed


def planned_failures(module: str) -> int:
    """How often the task of this module fails before it works: one in ten does, one in forty twice."""
    number = zlib.crc32(module.encode())
    return (number % 10 == 0) + (number % 40 == 0)
