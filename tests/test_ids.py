"""Ids that tell when they were made."""

from __future__ import annotations

import re
import uuid

import pytest

from celeriac.ids import new_id, read_stamp, stamped_id


def test_the_time_is_in_it():
    for now in (0.0, 1_900_000_000.123, 1_900_000_000.124):
        assert read_stamp(stamped_id(now)) == pytest.approx(now, abs=0.0011)


def test_it_is_a_uuid_of_version_7_and_unique():
    made = {stamped_id(1_900_000_000.0) for _ in range(1000)}
    assert len(made) == 1000
    assert {(uuid.UUID(each).version, uuid.UUID(each).variant) for each in made} == {(7, uuid.RFC_4122)}
    assert all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", each) for each in made)


def test_other_texts_tell_nothing():
    for text in ("", new_id(), "x" * 36, "zzzzzzzz-zzzz-7zzz-8zzz-zzzzzzzzzzzz"):
        assert read_stamp(text) is None
