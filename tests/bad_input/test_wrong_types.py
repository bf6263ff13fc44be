"""JSON of the right shape with wrong types in headers, properties or body."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bad_input.stage import Stage, message

HEADERS: list[Any] = [
    {"id": 5},
    {"id": None},
    {"id": ""},
    {"id": "x" * 5000},
    {"task": ["good"]},
    {"task": ""},
    {"retries": "many"},
    {"retries": -1},
    {"retries": 10**30},
    {"eta": 5},
    {"expires": {}},
    {"timelimit": "soon"},
    {"timelimit": [1, 2, 3]},
    {"timelimit": [-5, None]},
    {"group": 7},
    {"stamps": []},
    {"compression": 1},
    {"ignore_result": "perhaps"},
    {"x-celeriac-crashes": "many"},
    {"x-celeriac-parked": "yes"},
]
PROPERTIES: list[Any] = [
    {"priority": "high"},
    {"priority": -1},
    {"priority": 10**400},
    {"delivery_info": []},
    {"body_encoding": 64},
    {"reply_to": {}},
]
BODIES = [b"[{}, {}, {}]", b"[[], [], {}]", b"[[], {}, 5]", b'["ab", {}, {}]', b"[null, null, null]"]


@pytest.mark.parametrize("headers", HEADERS, ids=lambda value: str(value)[:40])
def test_headers_of_wrong_types_are_set_aside(stage: Stage, headers: Any) -> None:
    stage.refuses(message(headers=headers), "MalformedMessage")


@pytest.mark.parametrize("properties", PROPERTIES, ids=lambda value: str(value)[:40])
def test_properties_of_wrong_types_are_set_aside(stage: Stage, properties: Any) -> None:
    stage.refuses(message(properties=properties), "MalformedMessage")


@pytest.mark.parametrize("parts", [{"headers": []}, {"headers": None}, {"properties": 5}, {"body": {}}, {"body": None}])
def test_an_envelope_of_wrong_types_is_set_aside(stage: Stage, parts: Any) -> None:
    stage.refuses(message(**parts), "MalformedMessage")


@pytest.mark.parametrize("body", BODIES)
def test_a_body_of_wrong_types_is_set_aside(stage: Stage, body: bytes) -> None:
    stage.refuses(message(body), "MalformedMessage.*body")
