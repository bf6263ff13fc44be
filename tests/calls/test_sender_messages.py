"""What one call becomes: the message that Celery 5.7 would send, and the one that waits in the store."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celeriac.calls.sender import Call, encode, read_time
from celeriac.exceptions import EncodeError, InvalidOption
from celeriac.message import task as wire
from celeriac.stores.contract import Message

NOW = 1_795_231_005.25
NOW_TEXT = "2026-11-21T03:16:45.250000+00:00"


def message(**options: Any) -> Message:
    return encode(Call(task="t.add", **options), "i-1", "mail", 3, "reply", NOW, "tag", "gen7@host")


def envelope(raw: bytes) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(raw)
    return whole


def headers(**options: Any) -> dict[str, Any]:
    found: dict[str, Any] = envelope(message(**options).raw)["headers"]
    return found


def eta_headers(**options: Any) -> dict[str, Any]:
    """The headers that a Celery worker would see of a delayed message."""
    raw = message(**options).eta_raw
    assert raw is not None
    found: dict[str, Any] = envelope(raw)["headers"]
    return found


# -- the whole of it ------------------------------------------------------------------


def test_headers_are_those_of_protocol_2_in_celerys_order() -> None:
    assert list(headers(args=(1, 2), kwargs={"z": 3}).items()) == [
        ("lang", "py"),
        ("task", "t.add"),
        ("id", "i-1"),
        ("shadow", None),
        ("eta", None),
        ("expires", None),
        ("group", None),
        ("group_index", None),
        ("retries", 0),
        ("timelimit", [None, None]),
        ("root_id", "i-1"),
        ("parent_id", None),
        ("argsrepr", "(1, 2)"),
        ("kwargsrepr", "{'z': 3}"),
        ("origin", "gen7@host"),
        ("ignore_result", False),
        ("replaced_task_nesting", 0),
        ("stamped_headers", None),
        ("stamps", {}),
    ]


def test_envelope_is_kombus() -> None:
    whole = envelope(message(args=(1,)).raw)
    assert list(whole) == ["body", "content-encoding", "content-type", "headers", "properties"]
    assert (whole["content-encoding"], whole["content-type"]) == ("utf-8", "application/json")
    assert list(whole["properties"].items()) == [
        ("correlation_id", "i-1"),
        ("reply_to", "reply"),
        ("delivery_mode", 2),
        ("delivery_info", {"exchange": "", "routing_key": "mail"}),
        ("priority", 3),
        ("body_encoding", "base64"),
        ("delivery_tag", "tag"),
    ]


def test_body_is_args_kwargs_and_what_follows() -> None:
    body = json.loads(base64.b64decode(envelope(message(args=(1, "a"), kwargs={"z": None}).raw)["body"]))
    assert body == [[1, "a"], {"z": None}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
    assert list(body[2]) == ["callbacks", "errbacks", "chain", "chord"]


def test_message_goes_where_the_call_says() -> None:
    sent = message()
    assert (sent.id, sent.queue, sent.priority, sent.delay, sent.eta_raw) == ("i-1", "mail", 3, 0, None)


def test_options_go_where_celery_looks_for_them() -> None:
    found = headers(
        shadow="other", group_id="g", group_index=2, time_limit=9.5, soft_time_limit=8, root_id="r", parent_id="p"
    )
    assert (found["shadow"], found["group"], found["group_index"]) == ("other", "g", 2)
    assert found["timelimit"] == [9.5, 8]
    assert (found["root_id"], found["parent_id"]) == ("r", "p")


def test_headers_of_the_caller_are_added_and_win() -> None:
    found = headers(headers={"mine": [1], "lang": "other"})
    assert (found["mine"], found["lang"]) == ([1], "other")


@pytest.mark.parametrize(("given_", "written"), [(None, False), (True, True), (False, False)])
def test_ignoring_the_result_is_a_boolean(given_: bool | None, written: bool) -> None:
    assert headers(ignore_result=given_)["ignore_result"] is written


def test_each_attempt_is_enqueued_under_an_id_of_its_own_and_runs_under_the_same() -> None:
    again = message(retries=2)
    assert again.id == "i-1:2"
    assert envelope(again.raw)["headers"]["id"] == "i-1"
    assert envelope(again.raw)["headers"]["retries"] == 2


# -- time -------------------------------------------------------------------------------


def test_countdown_waits_in_the_store_and_says_until_when() -> None:
    sent = message(countdown=1.5)
    assert sent.delay == 1500
    assert wire.read_headers(sent.raw).held == wire.read_headers(sent.raw).eta
    assert wire.read_headers(sent.raw).eta == "2026-11-21T03:16:46.750000+00:00"


def test_celery_worker_is_sent_the_same_message_without_our_mark() -> None:
    sent = message(countdown=1.5, args=(1,))
    assert sent.eta_raw is not None
    held, plain = envelope(sent.raw), envelope(sent.eta_raw)
    assert held["headers"].pop(wire.HELD) == held["headers"]["eta"]
    assert held == plain
    assert not wire.read_headers(sent.eta_raw).held


@pytest.mark.parametrize(
    "eta",
    [
        datetime(2026, 11, 21, 3, 17, 45, 250000, tzinfo=UTC),
        datetime(2026, 11, 21, 3, 17, 45, 250000),
        datetime(2026, 11, 21, 5, 17, 45, 250000, tzinfo=timezone(timedelta(hours=2))),
        "2026-11-21T03:17:45.250000Z",
    ],
)
def test_eta_is_the_same_instant_in_any_zone(eta: datetime | str) -> None:
    sent = message(eta=eta)
    assert sent.delay == 60_000
    written = wire.read_headers(sent.raw).eta
    assert written is not None
    assert read_time(written) == datetime(2026, 11, 21, 3, 17, 45, 250000, tzinfo=UTC)


@pytest.mark.parametrize("options", [{"countdown": 0}, {"eta": NOW_TEXT}, {"eta": "2020-01-01T00:00:00"}])
def test_time_that_has_come_is_no_delay(options: dict[str, Any]) -> None:
    sent = message(**options)
    assert sent.delay <= 0
    assert sent.eta_raw is None
    assert wire.HELD not in envelope(sent.raw)["headers"]


@pytest.mark.parametrize(
    "expires", [60, 60.0, datetime(2026, 11, 21, 3, 17, 45, 250000, tzinfo=UTC), "2026-11-21T03:17:45.250000+00:00"]
)
def test_expiry_is_said_to_workers_and_to_brokers(expires: float | datetime | str) -> None:
    whole = envelope(message(expires=expires).raw)
    assert whole["headers"]["expires"] == "2026-11-21T03:17:45.250000+00:00"
    assert whole["properties"]["expiration"] == "60000"


def test_expiry_and_countdown_are_both_counted_from_now() -> None:
    found = eta_headers(countdown=5, expires=60)
    assert (found["eta"], found["expires"]) == ("2026-11-21T03:16:50.250000+00:00", "2026-11-21T03:17:45.250000+00:00")


def test_eta_that_is_no_time_is_refused_where_it_is_written() -> None:
    with pytest.raises(InvalidOption, match="eta cannot be"):
        message(eta="tomorrow")


# -- arguments ----------------------------------------------------------------------------


@given(
    st.lists(st.none() | st.booleans() | st.integers() | st.text() | st.dates() | st.uuids() | st.binary(), max_size=4),
    st.dictionaries(st.text(), st.integers() | st.text(), max_size=3),
)
def test_any_arguments_arrive_as_they_were_sent(args: list[Any], kwargs: dict[str, Any]) -> None:
    sent = message(args=args, kwargs=kwargs)
    assert wire.read_body(wire.read_task(sent.raw))[:2] == (args, kwargs)
    assert wire.read_headers(sent.raw).id == "i-1"


def test_surrogates_do_not_keep_a_message_from_being_sent() -> None:
    sent = message(args=("\ud800",))
    assert wire.read_body(wire.read_task(sent.raw))[0] == ["\ud800"]


def test_large_arguments_are_shown_in_short() -> None:
    found = headers(args=("x" * 100_000,), kwargs={"many": list(range(10_000))})
    assert len(found["argsrepr"]) < 2000
    assert len(found["kwargsrepr"]) < 2000
    assert headers(argsrepr="secret", kwargsrepr="hidden", args=(1,))["argsrepr"] == "secret"


def test_arguments_that_cannot_be_written_are_refused() -> None:
    with pytest.raises(EncodeError):
        message(args=(object(),))
