"""Bytes that are no JSON at all."""

from __future__ import annotations

import pytest

from tests.bad_input.stage import Stage, message


@pytest.mark.parametrize(
    "raw",
    [
        b"not json",
        b"\x00\xff\xfe",
        b"{",
        b'{"headers": {"id": "x", "task": "good"}',
        b"\x80\x04\x95pickle",
        b"[" * 100_000,
    ],
    ids=["words", "bytes", "brace", "cut off", "pickle", "brackets"],
)
def test_bytes_that_are_no_json_are_set_aside(stage: Stage, raw: bytes) -> None:
    stage.refuses(raw, "MalformedMessage")


def test_the_same_bytes_again_are_another_dead_letter(stage: Stage) -> None:
    first = stage.refuses(b"twice", "MalformedMessage")
    assert stage.refuses(b"twice", "MalformedMessage").id != first.id


def test_a_message_cut_off_in_its_body_is_set_aside(stage: Stage) -> None:
    stage.refuses(message()[:-30], "MalformedMessage")
