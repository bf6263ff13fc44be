"""Logs are read as they were written: by a worker of ours, as text and as JSON, and by Celery."""

from __future__ import annotations

import pytest

from celeriac.observe.log import Audit, Kind, judge, read_log

LOG = """\
 -------------- celery@here v5.7.0
[2026-11-21 17:20:08,560: INFO/MainProcess] Task shop.pay[id-1] received
[2026-11-21 17:20:08,561: WARNING/ForkPoolWorker-1] shop.pay[id-1]: Task looks odd[1] received
[2026-11-21 17:20:08,572: INFO/ForkPoolWorker-1] Task shop.pay[id-1] succeeded in 0.0014s: {'a': [1]}
\x1b[1;31m[2026-11-21 17:20:08,572: ERROR/ForkPoolWorker-1] Task shop.pay[id-2] raised unexpected: ValueError('[x] y')
Traceback (most recent call last):
  File "shop.py", line 1

ValueError: [x] y\x1b[0m
{"time": "t", "level": "INFO", "message": "Task shop.send[id-3] received", "task_name": "shop.send", "task_id": "id-3"}
{"level": "ERROR", "message": "Task shop.send[id-3] retry: Retry in 3s", "exception": "Traceback:\\nE"}
{"level": "INFO", "message": "asking", "task_name": "shop.send", "task_id": "id-3"}
{"not": "a record"}
[2026-11-21 17:20:09,572: INFO/MainProcess] Discarding revoked task: shop.send[id-4]
"""


def test_records_and_what_follows_them():
    records = list(read_log(LOG.splitlines(keepends=True)))
    assert [(record.kind, record.task, record.id) for record in records] == [
        (Kind.RECEIVED, "shop.pay", "id-1"),
        (Kind.OTHER, "", ""),
        (Kind.SUCCEEDED, "shop.pay", "id-1"),
        (Kind.FAILED, "shop.pay", "id-2"),
        (Kind.RECEIVED, "shop.send", "id-3"),
        (Kind.RETRIED, "shop.send", "id-3"),
        (Kind.OTHER, "shop.send", "id-3"),
        (Kind.REVOKED, "shop.send", "id-4"),
    ]
    assert records[3].more.splitlines()[0] == "Traceback (most recent call last):"
    assert records[3].more.endswith("ValueError: [x] y")
    assert records[5].more == "Traceback:\nE"
    assert records[6].more == '{"not": "a record"}'


def test_an_audit_knows_what_is_open():
    audit = Audit()
    for record in read_log(LOG.splitlines()):
        audit.note(record)
    assert audit.incomplete == ["id-3"]
    assert audit.figures() == {
        "total": 4,
        "completed": 3,
        "succeeded": 1,
        "failed": 1,
        "ignored": 0,
        "revoked": 1,
        "incomplete": 1,
        "tasks": {"shop.pay": 2, "shop.send": 2},
    }


def test_a_task_is_open_until_it_has_ended_in_whichever_order_that_is_written():
    line = "[2026-11-21 17:20:08,560: INFO/MainProcess] Task t[1] "
    audit = Audit()
    for record in read_log([line + "received", line + "retry: later", line + "reject requeue=True: x"]):
        audit.note(record)
    assert audit.incomplete == ["1"]
    for record in read_log([line + "raised unexpected: E()", line + "received"]):
        audit.note(record)
    assert audit.incomplete == []


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Task a.b[1] raised expected: KeyError()", Kind.FAILED),
        ("Task a.b[1] ignored", Kind.IGNORED),
        ("Task a.b[1] reject requeue=False: no", Kind.FAILED),
        ("Received task: a.b[1]  eta:[2026]", Kind.RECEIVED),
        ("Task handler raised error: x", Kind.OTHER),
        ("Task of mine is done", Kind.OTHER),
    ],
)
def test_what_messages_mean(message, kind):
    found, task, id = judge(message)
    assert found is kind
    assert (task, id) == (("", "") if kind is Kind.OTHER else ("a.b", "1"))
