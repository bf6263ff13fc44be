"""Arguments of 64 MiB, bodies of millions of values: refused; of 20 MB: run."""

from __future__ import annotations

import pytest

from celeriac.exceptions import MessageTooLarge
from tests.bad_input.stage import Stage, message


def test_arguments_and_results_of_twenty_megabytes_pass(stage: Stage) -> None:
    data = "x" * 20_000_000
    assert stage.send("echo", data).get(timeout=30) == data


def test_arguments_of_64_mebibytes_are_refused_where_they_are_sent(stage: Stage) -> None:
    with pytest.raises(MessageTooLarge, match="message_max_bytes"):
        stage.send("length", "x" * (64 << 20))


@pytest.mark.timeout(180)
def test_arguments_of_64_mebibytes_from_elsewhere_are_set_aside(stage: Stage) -> None:
    body = b'[["%b"], {}, {}]' % (b"x" * (64 << 20))
    stage.refuses(message(body), "MessageTooLarge.*message_max_bytes")
    # SQLite keeps what was bound to a statement until the next time: the next dead letter.
    stage.refuses(b"small", "MalformedMessage")


def test_millions_of_values_are_set_aside(stage: Stage) -> None:
    body = b"[[[%b0]], {}, {}]" % (b"[]," * 12_000_000)
    stage.refuses(message(body), "MessageTooLarge.*message_max_items")


def test_megabytes_of_headers_are_set_aside(stage: Stage) -> None:
    stage.refuses(message(headers={"note": "x" * 2_000_000}), "message_max_header_bytes")
    stage.refuses(message(headers={"note": [{}] * 1_000_000}), "message_max_header_bytes")
