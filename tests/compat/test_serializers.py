"""Serializers, compression and exchanges: what the real Celery reads of ours, and writes itself."""

from __future__ import annotations

import base64
import json

import pytest
import redis

from celeriac import Exchange, Queue
from celeriac.exceptions import ContentDisallowed
from celeriac.message import serializers
from celeriac.message.task import open_envelope, read_body, read_task

pytestmark = pytest.mark.slow

VALUE = [1, "ü", {"a": [None, 1.5]}]

READ = """(lambda body, packing, kind, coding: __import__("kombu").serialization.loads(
    __import__("kombu.compression").compression.decompress(body, packing) if packing else body,
    kind, coding, force=True))({body}, {packing}, {kind}, {coding})"""


def pushed(place):
    """The only message in this database, taken out."""
    with redis.Redis.from_url(place.broker) as server:
        (key,) = [key for key in server.scan_iter() if server.type(key) == b"list"]
        return key.decode(), server.rpop(key)


def plain(arguments):
    """Arguments without the difference between lists and tuples."""
    return json.loads(json.dumps(arguments))


@pytest.mark.parametrize("serializer", ["json", "msgpack", "yaml", "pickle"])
@pytest.mark.parametrize("compression", [None, "gzip", "bzip2"])
def test_each_reads_what_the_other_writes(celery, ours, place, serializer, compression):
    options = {"serializer": serializer, "compression": compression, "kwargs": {"y": 2}}
    ours.conf.accept_content = ["json", serializer]
    ours.send_task("echo", (VALUE,), **options)
    mine = json.loads(pushed(place)[1])
    body = base64.b64decode(mine["body"])
    names = {"kind": mine["content-type"], "coding": mine["content-encoding"]}
    args, kwargs, _ = celery(READ, place, body=body, packing=mine["headers"].get("compression"), **names)
    assert (plain(args), kwargs) == ([VALUE], {"y": 2})

    celery("app.send_task('echo', ({value},), **{options}).id", place, value=VALUE, options=options)
    raw = pushed(place)[1]
    theirs = json.loads(raw)
    assert [theirs[name] for name in ("content-type", "content-encoding")] == [*names.values()]
    assert theirs["headers"].get("compression") == mine["headers"].get("compression")
    message = read_task(raw)
    assert plain(read_body(message, accept=serializers.accepted([serializer]))[:2]) == [[VALUE], {"y": 2}]
    if serializer != "json":
        with pytest.raises(ContentDisallowed, match=serializer):
            read_body(message)


def test_an_exchange_leads_to_the_same_list(celery, ours, place):
    options = {"exchange": "pictures", "routing_key": "cat.small"}
    ours.conf.task_queues = [
        Queue("cats", Exchange("pictures", "topic"), "cat.#"),
        Queue("dogs", Exchange("pictures", "topic"), "dog.#"),
    ]
    ours.tasks["echo"].apply_async((1,), **options)
    key, raw = pushed(place)
    info = open_envelope(raw)["properties"]["delivery_info"]
    queues = """(lambda k: [k.Queue("cats", k.Exchange("pictures", "topic"), "cat.#"),
        k.Queue("dogs", k.Exchange("pictures", "topic"), "dog.#")])(__import__("kombu"))"""
    # The consumers' bindings, which a worker of Celery would have written.
    bound = f"[queue(app.connection().channel()).declare() for queue in {queues}]"
    sent = f"app.tasks['echo'].apply_async((1,), queue={queues}[0], **{options!r}).id"
    celery(f"({bound}, {sent})[1]", place)
    theirs, message = pushed(place)
    assert (key, info) == (theirs, open_envelope(message)["properties"]["delivery_info"])
    assert key == "cats"
