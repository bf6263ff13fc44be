"""The parts of a worker's name in the name of its log."""

from __future__ import annotations

import pytest

from celeriac import ids
from celeriac.worker.log.nodename import expand


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/var/log/%n.log", "/var/log/w1.log"),
        ("%h", "host.example.org"),
        ("%d", "example.org"),
        ("%p", "w1@host.example.org"),
        ("%n-%i%I.log", "w1-0.log"),
        ("100%%", "100%"),
    ],
)
def test_each_letter_stands_for_a_part(text: str, expected: str):
    assert expand(text, "w1@host.example.org") == expected


def test_a_name_without_host_is_on_this_one():
    assert expand("%n@%h", "w1") == f"w1@{ids.hostname()}"


@pytest.mark.parametrize("text", ["%x", "log%"])
def test_another_letter_is_refused(text: str):
    with pytest.raises(ValueError, match="means nothing"):
        expand(text, "w1@host")
