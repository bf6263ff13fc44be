"""Result documents: Celery's fields in Celery's order."""

from __future__ import annotations

import json

import pytest

from celeriac import states
from celeriac.message import document
from celeriac.store.contract import is_final

NOW = 1_795_231_005.25


def test_a_document_is_celerys_field_by_field():
    data = document.write("i-1", states.SUCCESS, b"[1]", NOW)
    assert list(json.loads(data).items()) == [
        ("status", "SUCCESS"),
        ("result", [1]),
        ("traceback", None),
        ("children", []),
        ("date_done", "2026-11-21T03:16:45.250000+00:00"),
        ("task_id", "i-1"),
    ]


def test_ids_and_tracebacks_are_quoted():
    data = document.write('a"b\n', states.FAILURE, b"null", NOW, 'File "x"\n')
    assert json.loads(data)["task_id"] == 'a"b\n'
    assert json.loads(data)["traceback"] == 'File "x"\n'


def test_a_failure_is_read_as_its_exception():
    found = document.read(document.write_failure("i", ValueError("no"), NOW, "trace"))
    assert isinstance(found.result, ValueError)
    assert (found.status, found.traceback, found.task_id) == ("FAILURE", "trace", "i")


@pytest.mark.parametrize("state", sorted(states.ALL_STATES))
@pytest.mark.parametrize("space", ["", " "])
def test_final_is_seen_in_the_first_bytes(state, space):
    data = f'{{"status":{space}"{state}","result":{space}"SUCCESS"}}'.encode()
    assert is_final(data) is (state in states.READY_STATES)


def test_a_started_document_says_where():
    found = document.read(document.write_started("i", 7, "w@h", NOW))
    assert (found.status, found.result) == ("STARTED", {"pid": 7, "hostname": "w@h"})
