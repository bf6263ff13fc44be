"""Messages that go back changed."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from celeriac.exceptions import MalformedMessage
from celeriac.message import edit
from celeriac.message import task as wire
from celeriac.message.envelope import write_envelope

EMBED = {"callbacks": [{"task": "after"}], "errbacks": None, "chain": None, "chord": None}
HEADERS = {"id": "one", "task": "shop.pay", "retries": 2, "expires": "2031-01-01T00:00:00", "mine": "x"}
MARKS = dict.fromkeys((wire.CRASHES, wire.LOSSES, wire.REQUEUES), 3) | {
    wire.HELD: "2026-11-21T00:00:00Z",
    wire.PARKED: 5.0,
}


def message(**headers):
    body = wire.write_body([1, "ü"], {"a": None}, EMBED)
    properties = {
        "expiration": "60000",
        "body_encoding": "base64",
        "delivery_info": {"routing_key": "q"},
        "priority": 3,
    }
    return write_envelope(body, {**HEADERS, **headers}, properties)


def headers_of(raw):
    return json.loads(raw)["headers"]


def test_who_begins_anew_has_no_past_and_no_end():
    raw = edit.begin_anew(message(**MARKS))
    assert headers_of(raw) == {**HEADERS, "retries": 0, "expires": None}
    envelope = json.loads(raw)
    assert "expiration" not in envelope["properties"]
    assert envelope["body"] == json.loads(message())["body"]


def test_celery_gets_a_message_without_our_marks():
    assert json.loads(edit.for_celery(message(**MARKS))) == json.loads(message())


def test_a_time_is_an_eta():
    raw = edit.due_at(message(), datetime(2031, 5, 1, 12, tzinfo=UTC).timestamp())
    assert headers_of(raw)["eta"] == "2031-05-01T12:00:00+00:00"


@pytest.mark.parametrize(
    ("args", "kwargs", "expected"),
    [
        ([2], None, ([2], {"a": None})),
        (None, {"b": "ü"}, ([1, "ü"], {"b": "ü"})),
        ((), {}, ([], {})),
        (None, None, ([1, "ü"], {"a": None})),
    ],
)
def test_arguments_are_replaced_and_all_else_stays(args, kwargs, expected):
    raw = edit.with_arguments(message(), args, kwargs)
    assert edit.arguments(raw) == expected
    assert wire.read_body(wire.read_task(raw))[2] == EMBED
    reprs = {} if args is None and kwargs is None else {"argsrepr": repr(expected[0]), "kwargsrepr": repr(expected[1])}
    assert headers_of(raw) == {**HEADERS, **reprs}
    assert json.loads(raw)["properties"] == json.loads(message())["properties"]


@pytest.mark.parametrize("raw", [b"", b"\xff", b"[]", b'{"headers": 1}'])
def test_what_is_no_message_stays_as_it_is(raw):
    assert edit.begin_anew(raw) == edit.for_celery(raw) == edit.due_at(raw, 1.0) == raw
    assert edit.with_arguments(raw, None, None) == raw
    with pytest.raises(MalformedMessage):
        edit.with_arguments(raw, [1], None)
