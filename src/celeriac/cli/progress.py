"""Bars for work that takes long: on a terminal, and on standard error."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

import click

Progress = Callable[[int], None]


@contextlib.contextmanager
def progress(what: str, total: int, as_json: bool) -> Iterator[Progress | None]:
    """What is to be called with the count so far; None where nobody sees it, or there is too little to wait for."""
    if as_json or total < 2 or not sys.stderr.isatty():
        yield None
        return
    with click.progressbar(length=total, label=what, file=sys.stderr, show_pos=True) as bar:

        def reach(count: int) -> None:
            bar.length = max(total, count)
            bar.update(count - bar.pos)

        yield reach
