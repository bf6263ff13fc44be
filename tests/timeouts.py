"""No test waits for ever: a limit of 60 seconds, or what the marker `timeout(seconds)` says.

The limit holds for setting up, calling and tearing down, each by itself. When it is reached, the stacks of
all threads are printed and the test fails. A test that cannot even be interrupted (a call into C that holds
the interpreter) ends the whole run a little later, with the stacks too.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
from collections.abc import Generator, Iterator
from typing import TextIO

import pytest

DEFAULT_SECONDS = 60.0

GRACE_SECONDS = 30.0
"""How long after the limit a test that does not fail ends the run."""

AGAIN_SECONDS = 5.0
"""The limit strikes again and again, because a loop may swallow what is raised inside its callbacks."""

_STDERR = pytest.StashKey[TextIO]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep the real standard error, since a test's own is captured and lost when the run is ended."""
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
        config.stash[_STDERR] = os.fdopen(os.dup(2), "w")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let go of it."""
    config.stash[_STDERR].close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Limit the fixtures on their way up."""
    with _limit(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Limit the test."""
    with _limit(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Limit the fixtures on their way down."""
    with _limit(item):
        return (yield)


@contextlib.contextmanager
def _limit(item: pytest.Item) -> Iterator[None]:
    marker = item.get_closest_marker("timeout")
    seconds = float(marker.args[0]) if marker else DEFAULT_SECONDS
    stderr = item.config.stash[_STDERR]

    def strike(*_: object) -> None:
        stderr.write(f"\n{item.nodeid} took more than {seconds:g} seconds; it was here:\n")
        stderr.flush()
        faulthandler.dump_traceback(stderr)
        pytest.fail(f"took more than {seconds:g} seconds")

    previous = signal.signal(signal.SIGALRM, strike)
    faulthandler.dump_traceback_later(seconds + GRACE_SECONDS, exit=True, file=stderr)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, previous)
