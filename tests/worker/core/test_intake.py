"""What becomes of a message that was claimed: messages that must wait for their time."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from celeriac.message import task as wire
from celeriac.message.envelope import write_envelope
from celeriac.stores import contract as c
from celeriac.worker.core import intake
from celeriac.worker.core.claim_table import HeldClaim
from celeriac.worker.lane.frame import TaskSpec

NOW = 1_800_000_000.0


def sorted_at(raw: bytes, now: float) -> HeldClaim | c.Deferral | c.Outcome:
    return intake.sort(c.Claim("e:1", "celery", raw), {"t": TaskSpec()}, now)


def at(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def message(eta: str) -> bytes:
    return write_envelope(b"[[], {}, {}]", {"id": "i-1", "task": "t", "eta": eta}, {"body_encoding": "base64"})


def test_an_eta_is_waited_for_once() -> None:
    """Whatever the clock of the worker that claims it then says: the store has waited."""
    item = sorted_at(message(at(NOW + 60)), NOW)
    assert isinstance(item, c.Deferral)
    assert item.due == (NOW + 60) * 1000
    assert item.raw is not None
    assert isinstance(sorted_at(item.raw, NOW), HeldClaim)


def test_an_eta_that_has_come_is_not_waited_for() -> None:
    assert isinstance(sorted_at(message(at(NOW - 1)), NOW), HeldClaim)


def test_a_retry_by_a_worker_of_celery_is_waited_for_though_it_has_the_headers_of_a_message_that_was_held() -> None:
    item = sorted_at(message(at(NOW + 60)), NOW)
    assert isinstance(item, c.Deferral)
    assert item.raw is not None
    envelope = json.loads(item.raw)
    envelope["headers"] |= {"retries": 1, "eta": at(NOW + 3600)}
    again = sorted_at(json.dumps(envelope).encode(), NOW + 61)
    assert isinstance(again, c.Deferral)
    assert again.due == (NOW + 3600) * 1000
    assert again.raw is not None
    assert wire.read_headers(again.raw).held == at(NOW + 3600)
