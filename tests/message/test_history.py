"""What a message tells of the runs of its task that ended badly."""

from __future__ import annotations

import json

import pytest

from celeriac.message import history
from celeriac.message import task as wire


def message(**headers: object) -> bytes:
    """A message as far as this is concerned."""
    return json.dumps({"body": "", "headers": {"id": "i", "task": "t", **headers}, "properties": {}}).encode()


def test_each_run_is_added_behind_the_earlier() -> None:
    raw = message()
    for number in (1, 2):
        raw = wire.rewrite(raw, **history.extend(raw, number, "w", f"error {number}", "trace"))
    assert history.recall(raw) == [(1.0, "w", "error 1", "trace"), (2.0, "w", "error 2", "trace")]


def test_a_message_does_not_grow_for_ever() -> None:
    raw = message()
    for number in range(50):
        raw = wire.rewrite(raw, **history.extend(raw, number, "w", "e" * 10_000, "t" * 10_000 + str(number)))
    runs = history.recall(raw)
    assert [int(when) for when, *_ in runs] == list(range(50 - history.MOST, 50))
    assert runs[-1][3].endswith("t49"), "the end of a traceback says most"
    assert len(raw) < 30_000


@pytest.mark.parametrize("what", [None, 5, "x", {"a": 1}, [1, 2], [["now", "w", "e", "t"]], [[1, "w"]], [None]])
def test_nonsense_is_no_history(what: object) -> None:
    assert history.recall(message(**{wire.ATTEMPTS: what})) == []


def test_what_is_no_message_has_none() -> None:
    assert history.recall(b"\xff") == []
