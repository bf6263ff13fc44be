"""Result documents: Celery's fields in Celery's order."""

from __future__ import annotations

import json

import pytest

from celeriac import states
from celeriac.message import document
from celeriac.stores.contract import is_final

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


def test_the_document_of_a_success_tells_of_its_run():
    begun = document.begin_run("shop.pay", "celery@vm", "celery", 2)
    written = document.write_success("i", b"7", 1_900_000_003.25, document.write_run(begun, 1_900_000_000.5, 1.9e9))
    found = document.read(written)
    assert (found.status, found.result, found.task_id) == ("SUCCESS", 7, "i")
    assert (found.name, found.worker, found.queue, found.retries) == ("shop.pay", "celery@vm", "celery", 2)
    assert (found.started, found.sent, found.date_done) == (1_900_000_000.5, 1.9e9, "2030-03-17T17:46:43.250000+00:00")
    assert document.read(document.write_success("i", b"7", 0.0, document.write_run(begun, 0.0, 0.0))).started is None
    assert is_final(written)


@pytest.mark.parametrize("now", [0.0, 0.9999999, 1.5, 1_900_000_000.123456, 1_900_000_000.999999])
def test_times_are_those_given(now):
    for _ in range(2):
        when = document.instant(document.read(document.write("i", "SUCCESS", b"1", now)).date_done)
        assert when is not None
        assert abs(when.timestamp() - now) < 2e-6
