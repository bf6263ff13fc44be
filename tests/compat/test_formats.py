"""Messages and result documents, field by field and in order, beside those that the real Celery writes."""

from __future__ import annotations

import base64
import json
import re
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import redis

from celeriac.ids import new_id
from celeriac.message.document import read
from tests.compat.conftest import client_at

pytestmark = pytest.mark.slow

NOON = datetime(2031, 1, 1, 12, 0, 0, 250000)

CALLS: dict[str, dict[str, Any]] = {
    "plain": {"args": (1, "ü"), "kwargs": {"y": [None, {"a": 1.5}]}},
    "nothing": {},
    "options": {
        "args": (1,),
        "queue": "other",
        "priority": 5,
        "time_limit": 20,
        "soft_time_limit": 10.5,
        "shadow": "another-name",
        "ignore_result": True,
        "headers": {"mine": "x"},
        "group_id": "a-group",
        "group_index": 2,
        "root_id": "a-root",
        "parent_id": "a-parent",
        "reply_to": "an-address",
    },
    "countdown": {"countdown": 90, "expires": 120},
    "instants": {"eta": NOON.replace(tzinfo=UTC), "expires": NOON.replace(tzinfo=timezone(timedelta(hours=-5)))},
}

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def pushed(server):
    """The only message in this database, taken out, with the key it was in and its body."""
    (key,) = [key for key in server.scan_iter() if server.type(key) == b"list"]
    message = json.loads(server.rpop(key))
    return key, message, json.loads(base64.b64decode(message["body"], validate=True))


LIFE = ("name", "worker", "queue", "retries", "started", "sent")
"""What our documents tell of a run beside what Celery's do; the first four are there with `result_extended`, too."""


def life_taken_from(document):
    """Those fields, which the document has no more then."""
    return {key: document.pop(key) for key in LIFE if key in document}


def outline(message):
    """Names in order and types, all the way down, but not the values."""
    if isinstance(message, dict):
        return [(key, outline(value)) for key, value in message.items()]
    return type(message).__name__


@pytest.fixture
def both(celery, ours, place):
    """Make the same call with each library; the messages that come of it, theirs first."""
    server = redis.Redis.from_url(place.broker)

    def call(task, **options):
        celery("app.tasks[{task}].apply_async(task_id='the-id', **{options}).id", place, task=task, options=options)
        theirs = pushed(server)
        ours.tasks[task].apply_async(task_id="the-id", **options)
        return theirs, pushed(server)

    yield call
    server.close()


@pytest.mark.parametrize("name", CALLS)
def test_message_is_celerys(both, name):
    theirs, ours = both("request", **CALLS[name])
    assert ours[0] == theirs[0]
    assert ours[2] == theirs[2]
    assert outline(ours[1]) == outline(theirs[1])
    for part, changing in (("headers", {"eta", "expires", "origin"}), ("properties", {"expiration"})):
        for key, value in theirs[1][part].items():
            if key not in changing | {"reply_to", "delivery_tag"} or (key == "reply_to" and name == "options"):
                assert ours[1][part][key] == value, key
    for key in ("eta", "expires"):
        assert close(ours[1]["headers"][key], theirs[1]["headers"][key]), key
    mine, other = (int(message["properties"].get("expiration", -1)) for message in (ours[1], theirs[1]))
    assert mine == pytest.approx(other, abs=5000)


def close(one, other):
    """The same moment, but for the time that passed between two calls; and written alike."""
    if one is None or other is None:
        return one is other
    shape = [re.sub(r"\d", "0", text.replace("Z", "+00:00")) for text in (one, other)]
    apart = abs(datetime.fromisoformat(one) - datetime.fromisoformat(other))
    return apart < timedelta(seconds=5) and shape[0][-6:] == shape[1][-6:]


def test_ids_addresses_and_origins_have_celerys_form(both):
    for _, message, _ in both("add", args=(1,)):
        assert UUID.fullmatch(message["properties"]["delivery_tag"])
        assert UUID.fullmatch(message["properties"]["reply_to"])
        assert re.fullmatch(r"gen\d+@.+", message["headers"]["origin"])


def test_long_arguments_are_shown_shortened(both):
    for _, message, body in both("add", args=("long" * 2000,), kwargs={"y": list(range(5000))}):
        assert body[0] == ["long" * 2000]
        assert len(message["headers"]["argsrepr"]) < 2000
        assert len(message["headers"]["kwargsrepr"]) < 2000
        assert message["headers"]["argsrepr"].startswith("('longlong")


def test_task_that_keeps_no_result_says_so(both):
    for _, message, _ in both("quiet"):
        assert message["headers"]["ignore_result"] is True


# -- documents ------------------------------------------------------------------

TASKS: dict[str, tuple[str, dict[str, Any]]] = {
    "value": ("value_of", {"args": ("nested",)}),
    "text": ("value_of", {"args": ("text",)}),
    "builtin error": ("fail", {"args": ("builtin",)}),
    "own error": ("fail", {"args": ("module",)}),
    "unknown error": ("fail", {"args": ("hidden",)}),
    "no retries left": ("hopeless", {"kwargs": {"reason": False}, "parent_id": "a-parent"}),
    "with a family": ("add", {"args": (1,), "group_id": "a-group", "parent_id": "a-parent", "root_id": "a-root"}),
    "not known": ("unheard.of", {}),
}


def document_of(place, task_id, states=("SUCCESS", "FAILURE")):
    """The stored document, as it is, once it has one of these states."""
    ends = time.monotonic() + 20
    with redis.Redis.from_url(place.results) as server:
        while True:
            raw = server.get(f"celery-task-meta-{task_id}")
            if raw is not None and json.loads(raw)["status"] in states:
                return raw, server.ttl(f"celery-task-meta-{task_id}")
            assert time.monotonic() < ends, raw
            time.sleep(0.005)


@pytest.mark.parametrize("name", TASKS)
def test_document_is_celerys(celeriac_works, celery_works, name):
    task, options = TASKS[name]
    task_id = new_id()
    documents, understood = [], []
    for place in (celeriac_works, celery_works):
        with client_at(place) as app:
            app.send_task(task, task_id=task_id, **options)
            raw, expires = document_of(place, task_id)
            assert 86000 < expires <= 86400
            documents.append(json.loads(raw))
            understood.append(read(raw))
    ours, theirs = documents
    told = life_taken_from(ours)
    if name != "not known":  # no child of ours has seen it run
        assert (told["name"], told["queue"]) == (task, "celery")
        assert told["sent"] <= told["started"]
    for field in ("status", "result", "children", "task_id"):
        assert repr(getattr(understood[0], field)) == repr(getattr(understood[1], field)), field
    assert outline(ours) == outline(theirs)
    changing = {"date_done", "traceback"}
    assert {key: value for key, value in ours.items() if key not in changing} == {
        key: value for key, value in theirs.items() if key not in changing
    }
    done = [datetime.fromisoformat(document["date_done"]) for document in documents]
    assert all(datetime.now(UTC) - moment < timedelta(minutes=1) for moment in done)
    last = [(document["traceback"] or "").replace("celeriac.", "celery.").splitlines()[-1:] for document in documents]
    assert last[0] == last[1]


def test_document_of_a_task_that_waits_for_its_retry_is_celerys(celeriac_works, celery_works):
    task_id = new_id()
    documents = []
    for place in (celeriac_works, celery_works):
        with client_at(place) as app:
            app.tasks["retry_later"].apply_async(task_id=task_id)
            documents.append(json.loads(document_of(place, task_id, ("RETRY",))[0]))
    ours, theirs = documents
    life_taken_from(ours)
    assert list(ours) == list(theirs)
    for key in ("status", "result", "date_done", "task_id"):
        assert ours[key] == theirs[key], key


@pytest.mark.parametrize("name", TASKS)
def test_celery_reads_our_document_as_its_own(celery, celeriac_works, celery_works, name):
    """`get_task_meta` of Celery's backend on what each worker has written."""
    task, options = TASKS[name]
    task_id = new_id()
    read_by_celery = (
        "(lambda meta: {key: repr(value) for key, value in meta.items() if key not in ('traceback', 'date_done')})"
        "(app.backend.get_task_meta({id}))"
    )
    found = []
    for place in (celeriac_works, celery_works):
        with client_at(place) as app:
            app.send_task(task, task_id=task_id, **options)
            document_of(place, task_id)
        found.append(celery(read_by_celery, place, id=task_id))
    life_taken_from(found[0])
    assert found[0] == found[1]
