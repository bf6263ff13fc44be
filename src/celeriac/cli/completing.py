"""What a shell completes besides commands and options: names of tasks and queues, where they are soon known."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterable
from typing import Any

import click

from celeriac.cli.loading import load_app
from celeriac.stores.contract import Stats

SECONDS = 2.0
"""After so long nothing is completed: who presses a key waits."""


class _TooLate(BaseException):
    """Time is over, whatever is being imported."""


def task_names(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """The tasks of the app."""
    return _known(context, begun, lambda app: app.tasks)


def queue_names(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """The queues that the store knows; of several with commas between, the last one is completed."""
    before, comma, begun = begun.rpartition(",")

    def names(app: Any) -> Iterable[str]:
        return [row.queue for row in app.store.run(Stats(), deadline=SECONDS / 2)]

    return [f"{before}{comma}{name}" for name in _known(context, begun, names)]


def _known(context: click.Context, begun: str, names: Callable[[Any], Iterable[str]]) -> list[str]:
    """Those of the app's names that begin so; none where there is no app, or it takes too long to know."""
    root = context.find_root()
    root.obj = root.params.get("app") or os.environ.get("CELERIAC_APP") or os.environ.get("CELERY_APP")

    def give_up(*_: object) -> None:
        raise _TooLate

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        # What the app prints would be taken for names.
        with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing), contextlib.redirect_stderr(nothing):
            return sorted(name for name in names(load_app(root)) if name.startswith(begun))
    except (Exception, SystemExit, _TooLate):
        return []
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
