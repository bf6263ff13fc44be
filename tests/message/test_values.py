"""Values as Celery's JSON: what kombu would write is what we write, and the other way round."""

from __future__ import annotations

import json
import math
import uuid
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celeriac.exceptions import EncodeError
from celeriac.message import values

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
MARKED = (
    st.datetimes(timezones=st.just(UTC) | st.none())
    | st.dates()
    | st.times()
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.binary(max_size=40)
)


@given(PLAIN)
def test_plain_values_come_back(value):
    assert values.decode(values.encode(value)) == value


@given(PLAIN)
def test_the_fast_codec_says_the_same_as_the_standard_library(value):
    assert json.loads(values.encode(value)) == json.loads(json.dumps(value))


@given(st.lists(MARKED | PLAIN, max_size=5))
def test_marked_values_come_back_with_their_types(value):
    back = values.decode(values.encode(value))
    assert back == value
    assert [type(item) for item in back] == [type(item) for item in value]


@pytest.mark.parametrize(
    ("value", "mark", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), "datetime", "2026-01-02T03:04:05.000006+00:00"),
        (date(2026, 1, 2), "date", "2026-01-02"),
        (time(3, 4, 5), "time", "03:04:05"),
        (Decimal("1.50"), "decimal", "1.50"),
        (uuid.UUID(int=5), "uuid", {"hex": uuid.UUID(int=5).hex}),
        (b"plain", "bytes", "plain"),
        (b"\xff\x00", "base64", "/wA="),
    ],
)
def test_marks_are_kombus(value, mark, text):
    assert json.loads(values.encode(value)) == {"__type__": mark, "__value__": text}


def test_an_object_can_say_what_stands_for_it():
    class Money:
        def __json__(self):
            return {"cents": 5}

    assert json.loads(values.encode([Money()])) == [{"cents": 5}]


@pytest.mark.parametrize("value", [2**70, -(2**70), 10**4000, 1.5, "\ud800", {1: "a"}, (1, (2,))])
def test_odd_values_are_written_as_the_standard_library_writes_them(value):
    assert json.loads(values.encode(value)) == json.loads(json.dumps(value))


def test_numbers_that_json_does_not_have():
    assert math.isnan(values.decode(values.encode(math.nan)))
    assert values.decode(values.encode(-math.inf)) == -math.inf
    assert values.decode(b"1e400") == math.inf


@pytest.mark.parametrize("value", [object(), {1, 2}, {"a": object()}, [lambda: 1]])
def test_what_cannot_be_written_is_an_error_of_ours(value):
    with pytest.raises(EncodeError, match="JSON"):
        values.encode(value)


def test_a_value_that_contains_itself_is_an_error_of_ours():
    value: list[object] = []
    value.append(value)
    with pytest.raises(EncodeError):
        values.encode(value)


@pytest.mark.parametrize(
    "text", [b"", b"nope", b"[1", b'{"__type__": "os.system", "__value__": 1}', b"[" * 100_000, b'"\xff"']
)
def test_what_cannot_be_read_is_a_value_error(text):
    with pytest.raises(ValueError):  # noqa: PT011 - whose message differs from codec to codec
        values.decode(text)


def test_a_mark_with_other_keys_is_an_ordinary_object():
    text = b'{"__type__": "date", "__value__": "x", "more": 1}'
    assert values.decode(text) == {"__type__": "date", "__value__": "x", "more": 1}


@given(PLAIN, st.integers(min_value=20, max_value=200))
def test_short_repr_is_short(value, limit):
    assert len(values.short_repr(value, limit)) <= 8 * limit + 100


def test_short_repr_of_small_values_is_repr():
    small: list[object] = [(1, "a"), (1,), [], {"a": (None, 2.5)}, "text"]
    for value in small:
        assert values.short_repr(value) == repr(value)


def test_short_repr_survives_a_broken_repr():
    class Broken:
        def __repr__(self):
            raise RuntimeError

    assert values.short_repr([Broken()]) == "[<Broken: repr raised RuntimeError>]"


def nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


def test_nesting_is_bounded_by_an_error_of_ours():
    assert values.decode(values.encode(nested(200))) == nested(200)
    with pytest.raises(EncodeError):
        values.encode(nested(100_000))


def test_a_number_too_long_for_text_is_an_error_of_ours():
    with pytest.raises(EncodeError):
        values.encode(10**5000)


@given(st.dictionaries(st.text(st.characters(categories=("Cs", "Ll"))), PLAIN, max_size=3))
def test_surrogates_are_escaped_as_the_standard_library_escapes_them(value):
    assert json.loads(values.encode(value)) == json.loads(json.dumps(value))


@given(st.floats() | st.integers() | st.sampled_from([-0.0, 1e16, 1e22, 5e-324]))
def test_numbers_are_the_same_numbers_to_the_last_bit(value):
    back = values.decode(values.encode(value))
    assert type(back) is type(value)
    assert repr(back) == repr(value)


@given(st.recursive(MARKED | st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_marks_come_back_at_any_depth(value):
    assert values.decode(values.encode(value)) == value
