"""What signals mean, and how long tasks may go on: the rules alone."""

from __future__ import annotations

import signal

import pytest

from celeriac.worker.system.stopping import ECHO_SECONDS, Escalation, Patience, Stage

TERM, INT, QUIT = signal.SIGTERM, signal.SIGINT, signal.SIGQUIT
LATER = ECHO_SECONDS + 0.01


def stages(*signals: tuple[float, signal.Signals]) -> list[Stage]:
    """The stage after each signal, given with its time."""
    escalation = Escalation()
    return [escalation.told(number, when) for when, number in signals]


def test_one_after_the_other():
    assert stages((0, TERM), (LATER, INT), (2 * LATER, TERM)) == [Stage.WARM, Stage.COLD, Stage.AT_ONCE]
    assert stages((0, TERM), (LATER, QUIT), (2 * LATER, QUIT)) == [Stage.WARM, Stage.COLD, Stage.AT_ONCE]
    assert stages((0, QUIT), (LATER, TERM), (9, TERM)) == [Stage.COLD, Stage.AT_ONCE, Stage.AT_ONCE]


@pytest.mark.parametrize("signals", [(TERM, TERM, TERM), (INT, TERM, INT), (INT, INT, TERM)])
def test_a_storm_is_one_signal(signals):
    assert stages(*zip((0, 0.005, 0.01), signals, strict=True)) == [Stage.WARM] * 3


@pytest.mark.parametrize("signals", [(QUIT, TERM, INT), (TERM, QUIT, INT), (INT, TERM, QUIT), (TERM, QUIT, QUIT)])
def test_a_storm_with_a_quit_in_it_is_cold_in_any_order(signals):
    assert stages(*zip((0, 0.005, 0.01), signals, strict=True))[-1] == Stage.COLD


def test_echoes_do_not_prolong_the_moment():
    times = [number * ECHO_SECONDS * 0.6 for number in range(5)]
    assert stages(*((when, TERM) for when in times))[-1] == Stage.AT_ONCE


def test_celerys_way_to_make_sigterm_cold():
    assert Escalation.of({"REMAP_SIGTERM": "SIGQUIT"}).told(TERM, 0) == Stage.COLD
    assert Escalation.of({"REMAP_SIGTERM": "SIGQUIT"}).told(INT, 0) == Stage.WARM
    assert Escalation.of({}).told(TERM, 0) == Stage.WARM


def test_the_environment_goes_before_the_setting():
    settings = {"worker_grace": 30, "worker_soft_shutdown_timeout": 5}
    assert Patience.of(settings, {}) == Patience(30, 5.0)
    assert Patience.of(settings, {"CELERIAC_GRACE": "2.5"}) == Patience(2.5, 5.0)
    assert Patience.of({}, {}) == Patience(None, 0.0)


@pytest.mark.parametrize("written", ["soon", "-1", "inf", "nan"])
def test_a_grace_that_is_none_is_refused(written):
    with pytest.raises(ValueError, match=written):
        Patience.of({}, {"CELERIAC_GRACE": written})
