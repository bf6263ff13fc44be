"""Values within values, a hundred thousand deep, wherever there can be one."""

from __future__ import annotations

import pytest

from celeriac.exceptions import EncodeError
from tests.bad_input.stage import Stage, message

DEEP = 100_000


@pytest.mark.parametrize(("left", "right"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_deep_arguments_are_set_aside(stage: Stage, left: bytes, right: bytes) -> None:
    deep = left * DEEP + b"1" + right * DEEP
    stage.refuses(message(b"[[%b], {}, {}]" % deep), "MalformedMessage.*(deep|recursion)")


def test_a_deep_header_or_envelope_is_set_aside(stage: Stage) -> None:
    deep = b"[" * DEEP + b"]" * DEEP
    raw = message(headers={"mark": 0})
    stage.refuses(raw.replace(b'"mark": 0', b'"mark": ' + deep), "MalformedMessage")
    stage.refuses(raw[:-1] + b', "more": ' + deep + b"}", "MalformedMessage")


def test_a_child_that_raised_its_limit_of_recursion_is_not_overrun(stage: Stage) -> None:
    assert {stage.send("upset", "deep").get(timeout=20) for _ in range(20)} == {"deep"}
    deep = b"[" * DEEP + b"]" * DEEP
    for _ in range(4):
        stage.refuses(message(b"[[%b], {}, {}]" % deep), "message_max_depth|deep|recursion")


def test_deep_arguments_are_refused_where_they_are_sent(stage: Stage) -> None:
    deep: list[object] = []
    for _ in range(DEEP):
        deep = [deep]
    with pytest.raises(EncodeError):
        stage.send("echo", deep)
