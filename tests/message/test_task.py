"""Task messages: what is read of them, what is refused, how they change on the way back."""

from __future__ import annotations

import base64
import json

import pytest

from celeriac import ids
from celeriac.exceptions import MalformedMessage
from celeriac.message import task as wire


def envelope(**changes) -> bytes:
    """A message as Celery 5.7 writes it, with some parts changed."""
    whole = {
        "body": base64.b64encode(b'[[1, 2], {"z": 3}, {"callbacks": null}]').decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "py", "task": "t.add", "id": "i-1", "retries": 2, "origin": "gen1@h", "mine": [1]},
        "properties": {
            "correlation_id": "i-1",
            "reply_to": "r",
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": "celery"},
            "priority": 3,
            "body_encoding": "base64",
            "delivery_tag": "d",
        },
    }
    return json.dumps({**whole, **changes}).encode()


def test_the_core_reads_headers_only():
    headers = wire.read_headers(envelope(body=12345))
    assert (headers.id, headers.task, headers.retries, headers.held) == ("i-1", "t.add", 2, None)


def test_the_child_reads_everything():
    message = wire.read_task(envelope())
    assert wire.read_body(message) == ([1, 2], {"z": 3}, {"callbacks": None})
    assert message.properties.priority == 3
    assert message.properties.delivery_info.routing_key == "celery"


def test_a_body_without_base64_is_read_as_it_is():
    message = wire.read_task(envelope(body="[[], {}, {}]", properties={"body_encoding": None}))
    assert wire.read_body(message) == ([], {}, {})


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not json",
        b"5",
        b"[]",
        b"{}",
        envelope(headers=[]),
        envelope(headers={}),
        envelope(headers={"id": 5, "task": "t"}),
        envelope(headers={"id": "", "task": "t"}),
        envelope(headers={"id": "x", "task": ""}),
        b"[" * 100_000,
    ],
)
def test_what_is_no_task_message_is_refused(raw):
    with pytest.raises(MalformedMessage):
        wire.read_headers(raw)


@pytest.mark.parametrize(
    "changes",
    [
        {"body": "%%%"},
        {"body": base64.b64encode(b"[1]").decode()},
        {"body": base64.b64encode(b"[{}, {}, {}]").decode()},
        {"body": base64.b64encode(b"[[], [], {}]").decode()},
        {"body": base64.b64encode(b"\xff\xfe").decode()},
        {"body": base64.b64encode(b"[" * 100_000).decode()},
        {"content-type": "application/x-python-serialize"},
    ],
)
def test_a_body_that_cannot_be_read_is_refused(changes):
    with pytest.raises(MalformedMessage):
        wire.read_body(wire.read_task(envelope(**changes)))


def test_numbers_outside_json_do_not_make_a_message_malformed():
    raw = envelope(headers={"id": "i", "task": "t", "stamps": {"x": 1}}).replace(b'{"x": 1}', b'{"x": 1e400}')
    assert wire.read_headers(raw).task == "t"
    assert wire.read_task(raw).headers.stamps == {"x": float("inf")}


def test_a_redelivered_message_says_so_and_keeps_everything_else():
    before = json.loads(envelope())
    after = json.loads(wire.redelivered(envelope(), crashes=2))
    assert after["headers"] == {**before["headers"], "redelivered": True, "x-celeriac-crashes": 2}
    assert after["properties"]["delivery_info"]["redelivered"] is True
    assert after["body"] == before["body"]
    assert wire.read_headers(wire.redelivered(envelope(), crashes=2)).crashes == 2


@pytest.mark.parametrize("raw", [b"not json", b"[]", b'{"headers": 5}'])
def test_what_is_no_message_goes_back_as_it_came(raw):
    assert wire.redelivered(raw) == raw
    assert wire.rewrite(raw, x=1) == raw


@pytest.mark.parametrize("read", [wire.read_headers, wire.read_task])
def test_text_that_is_not_utf_8_is_refused(read):
    with pytest.raises(MalformedMessage):
        read(b'{"body": "", "headers": {"id": "i", "task": "\xff"}}')


@pytest.mark.parametrize(
    "mark",
    [
        {"__type__": "decimal", "__value__": "no number"},
        {"__type__": "bytes", "__value__": 5},
        {"__type__": "uuid", "__value__": {"hex": 5}},
        {"__type__": "datetime", "__value__": "no time"},
        {"__type__": "uuid", "__value__": {"version": 99}},
        {"__type__": "base64", "__value__": 5},
        {"__type__": "no such type", "__value__": 5},
        {"__type__": [], "__value__": 5},
    ],
    ids=str,
)
def test_a_body_with_a_mark_that_says_nonsense_is_refused(mark):
    body = base64.b64encode(json.dumps([[mark], {}, {}]).encode()).decode()
    with pytest.raises(MalformedMessage):
        wire.read_body(wire.read_task(envelope(body=body)))


def test_a_bare_message_needs_no_properties():
    message = wire.read_task(b'{"body": "[[], {}, {}]", "headers": {"id": "i", "task": "t"}}')
    assert wire.read_body(message) == ([], {}, {})


def test_a_header_of_a_name_in_surrogates_survives_a_rewrite():
    raw = envelope(headers={"id": "i", "task": "t", "argsrepr": "\ud800"})
    assert json.loads(wire.rewrite(raw, mine=1))["headers"] == {"id": "i", "task": "t", "argsrepr": "\ud800", "mine": 1}


def test_when_a_message_was_sent_is_in_its_stamp():
    tag = ids.stamped_id(1_900_000_000.25)
    assert wire.sent_at(b'{"body":"","properties":{"delivery_tag":"%b"}}' % tag.encode()) == 1_900_000_000.25
    tags = (b"x", b"zzzzzzzz-zzzz-7zzz", b"7" * 14)
    for other in (b"", *(b'{"delivery_tag":"%b"}' % tag for tag in tags)):
        assert wire.sent_at(other) == 0.0
