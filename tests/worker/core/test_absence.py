"""What is said of a store that is away."""

from __future__ import annotations

import logging

import pytest

from celeriac.exceptions import OperationalError
from celeriac.worker.core.absence import Absence

REFUSED, RESET, DENIED, FULL = (OperationalError(text) for text in ("refused", "reset", "denied", "full"))


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    caplog.set_level(logging.INFO, "celeriac.worker")
    return caplog.messages


def test_an_hour_is_told_in_few_lines_and_with_the_reason_once(said: list[str], caplog: pytest.LogCaptureFixture):
    absence, now = Absence("redis://127.0.0.1:1"), 100.0
    assert not absence
    while now < 3700:
        absence.note(REFUSED, now, before=True)
        assert absence
        now += 2
    absence.end(now)
    assert not absence
    lines = caplog.messages
    assert lines[0].startswith("lost the store, redis://127.0.0.1:1: refused")
    assert sum("refused" in line for line in lines) == 1
    assert lines[1] == "the store is still away (6.0 s)"
    assert lines[-1] == "the store is back after 1 h"
    assert 300 < len(lines) < 365


def test_other_reasons_are_told_and_no_more_than_three(said: list[str], caplog: pytest.LogCaptureFixture):
    absence = Absence("redis://h")
    for number, reason in enumerate((REFUSED, RESET, REFUSED, DENIED, FULL, RESET)):
        absence.note(reason, 10 + number / 10, before=False)
    assert len(caplog.messages) == 3
    assert caplog.messages[0].startswith("the store is not there yet")
    assert caplog.messages[1:] == ["the store is still away: reset", "the store is still away: denied"]


def test_the_next_absence_is_told_anew(said: list[str], caplog: pytest.LogCaptureFixture):
    absence = Absence("redis://h")
    absence.end(1.0)
    assert not caplog.messages
    for start in (10.0, 20.0):
        absence.note(REFUSED, start, before=True)
        absence.end(start + 0.5)
    assert len(caplog.messages) == 4
    assert caplog.messages[3] == "the store is back after 0.5 s"
