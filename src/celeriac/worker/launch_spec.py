"""What a command orders, and how it becomes the launcher that obeys: by exec(2), so that nothing of it stays.

The process stays the same, with its id and its files, and `ps` shows the same arguments, but for passwords. What it
took to read them would be 2 MB of every worker.
"""

from __future__ import annotations

import os
import sys
from subprocess import _args_from_interpreter_flags  # type: ignore[attr-defined] # multiprocessing uses it, too
from typing import NoReturn, Self

import msgspec
from msgspec import Struct

from celeriac.config.secrets import censored_text
from celeriac.worker.options import WorkerOptions

_VARIABLE = "CELERIAC_ORDER"
"""Where the order stands while one program becomes the other."""


class LaunchSpec(Struct):
    """A worker to be; the pidfile that it keeps, and where it looks for modules."""

    options: WorkerOptions
    pidfile: str | None
    path: list[str]

    def execute(self) -> NoReturn:
        """Become the launcher of that worker."""
        os.environ[_VARIABLE] = msgspec.json.encode(self).decode()
        sys.stdout.flush()
        sys.stderr.flush()
        # -P: no module of the current folder is taken for one of Python's before the path is there.
        flags = [*_args_from_interpreter_flags(), "-P"]
        # For `ps` only: what they say is in the order.
        words = map(censored_text, sys.argv[1:])
        os.execv(sys.executable, [sys.executable, *flags, "-m", "celeriac.worker", *words])

    @classmethod
    def received(cls) -> Self:
        """The order that this process is to obey."""
        return msgspec.json.decode(os.environ.pop(_VARIABLE), type=cls)
