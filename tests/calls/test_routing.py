"""Where tasks go: `task_routes`, `task_queues`, exchanges, and the queues of a worker."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from celeriac import Celeriac
from celeriac.calls.routing import Exchange, Queue, Queues, served
from celeriac.calls.sender import Call
from celeriac.config import Settings
from celeriac.exceptions import ImproperlyConfigured, InvalidOption, QueueNotFound
from celeriac.message.task import open_envelope

PICTURES = Exchange("pictures", "topic")


def sent(app, name="shop.pay", **options):
    """The message of a call, opened, and its queue."""
    _, message = app.sender.message(Call(task=name, **options))
    return message, open_envelope(message.raw)["properties"]["delivery_info"]


def queue_of(app, name="shop.pay", **options):
    return sent(app, name, **options)[0].queue


def app_with(**settings):
    return Celeriac("tests", broker="memory://", **settings)


def by_price(name, args, kwargs, options, task=None, **_):
    return {"queue": "dear"} if args and args[0] > 100 else None


class ByClass:
    def route_for_task(self, task, args=None, kwargs=None):
        return "from-class" if task == "shop.pay" else None


ROUTES = {
    "a name": ({"shop.pay": {"queue": "money"}}, "money"),
    "a queue alone": ({"shop.pay": "money"}, "money"),
    "a glob": ({"shop.*": {"queue": "shop"}}, "shop"),
    "an expression": ([(re.compile(r"shop\.p.y"), {"queue": "pattern"})], "celery"),
    "an expression in a list of pairs": (([(re.compile(r"shop\.p.y"), {"queue": "pattern"})],), "pattern"),
    "a name before a glob": ({"*": "all", "shop.pay": "money"}, "money"),
    "the first glob": ({"sh*": "first", "*": "second"}, "first"),
    "no match": ({"other": "money"}, "celery"),
    "a function": (by_price, "dear"),
    "a dotted name": (f"{__name__}.by_price", "dear"),
    "a class by its name": (f"{__name__}:ByClass", "from-class"),
    "a router": (ByClass(), "from-class"),
    "a list": ([{"other": "x"}, lambda name, *args, **more: None, by_price, {"*": "rest"}], "dear"),
}


@pytest.mark.parametrize("case", [case for case in ROUTES if case != "an expression"])
def test_a_route_may_be(case, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, __name__, SimpleNamespace(by_price=by_price, ByClass=ByClass))
    routes, queue = ROUTES[case]
    assert queue_of(app_with(task_routes=routes), args=(500,)) == queue


def test_a_call_that_names_its_queue_goes_there():
    assert queue_of(app_with(task_routes={"*": "all"}), queue="mine") == "mine"


def test_the_options_of_a_route_give_way_to_those_of_the_call():
    app = app_with(task_routes={"*": {"queue": "all", "priority": 7, "expires": 60}})
    assert (sent(app)[0].queue, sent(app)[0].priority) == ("all", 7)
    assert sent(app, priority=2)[0].priority == 2


def test_routes_may_be_set_later():
    app = app_with()
    assert queue_of(app) == "celery"
    app.conf.task_routes = {"shop.*": "shop"}
    assert queue_of(app) == "shop"
    app.conf.task_default_queue = "rest"
    assert queue_of(app, "other") == "rest"


def test_a_function_sees_the_call():
    seen = []

    def router(name, args, kwargs, options, task=None, **more):
        seen.append((name, args, kwargs, options["priority"], task))

    app = app_with(task_routes=router)
    task = app.task(name="known")(lambda x, y: x)
    task.apply_async((1,), {"y": 2}, priority=3)
    assert seen == [("known", (1,), {"y": 2}, 3, task)]


def test_a_route_that_is_nothing_is_refused():
    with pytest.raises(ImproperlyConfigured, match="no dictionary, function or router"):
        queue_of(app_with(task_routes=3))
    with pytest.raises(ImproperlyConfigured, match="nowhere"):
        queue_of(app_with(task_routes="nowhere.at.all"))


# -- queues and exchanges ---------------------------------------------------------


def test_a_queue_may_be_an_object_ours_or_like_kombus():
    app = app_with()
    kombu = SimpleNamespace(
        name="theirs", routing_key="theirs", bindings=set(), exchange=SimpleNamespace(name="theirs", type="direct")
    )
    for queue in (Queue("ours"), kombu):
        message, info = sent(app, queue=queue)
        assert (message.queue, info) == (queue.name, {"exchange": "", "routing_key": queue.name})


TOPICS = [Queue("cats", PICTURES, "cat.#"), Queue("dogs", PICTURES, "dog.*"), Queue("celery")]


@pytest.mark.parametrize(
    ("key", "queue"), [("cat", "cats"), ("cat.big.red", "cats"), ("dog.small", "dogs"), ("cat.small", "cats")]
)
def test_a_topic_exchange_leads_by_words(key, queue):
    app = app_with(task_queues=TOPICS)
    for options in ({"exchange": "pictures"}, {"exchange": PICTURES}, {"queue": queue}):
        message, info = sent(app, routing_key=key, **options)
        assert (message.queue, info) == (queue, {"exchange": "pictures", "routing_key": key})


@pytest.mark.parametrize("key", ["dog", "dog.a.b", "bird"])
def test_a_key_that_leads_nowhere_is_refused(key):
    with pytest.raises(InvalidOption, match="leads to no queue"):
        queue_of(app_with(task_queues=TOPICS), exchange="pictures", routing_key=key)


def test_a_key_that_leads_to_two_queues_is_refused():
    both = [Queue("a", PICTURES, "#"), Queue("b", PICTURES, "cat")]
    with pytest.raises(InvalidOption, match="several queues: a, b"):
        queue_of(app_with(task_queues=both), exchange="pictures", routing_key="cat")


def test_a_direct_exchange_leads_by_the_whole_key():
    queues = [Queue("red", "colours", "r"), Queue("blue", "colours", "b")]
    app = app_with(task_queues=queues)
    assert queue_of(app, exchange="colours", routing_key="b") == "blue"
    # Without a key, or without an exchange, a direct queue is meant by its name, as in Celery.
    assert queue_of(app, routing_key="b", queue="red") == "red"


def test_queues_may_be_a_dictionary():
    app = app_with(task_queues={"cats": {"exchange": "pictures", "exchange_type": "topic", "routing_key": "cat.#"}})
    assert queue_of(app, exchange="pictures", routing_key="cat.x") == "cats"
    assert Queues(app.conf).names() == ("cats",)


def test_only_declared_queues_where_no_others_may_be():
    app = app_with(task_queues=["a", "b"], task_create_missing_queues=False)
    assert queue_of(app, queue="a") == "a"
    with pytest.raises(QueueNotFound, match="'c'"):
        queue_of(app, queue="c")


def test_an_exchange_of_an_unknown_type_is_refused():
    with pytest.raises(ImproperlyConfigured, match="headers"):
        queue_of(app_with(task_queues=[Queue("a", Exchange("x", "headers"))]))


# -- the queues of a worker --------------------------------------------------------

DECLARED = {"task_queues": ["a", "b", "c"]}


@pytest.mark.parametrize(
    ("settings", "given", "excluded", "queues"),
    [
        ({}, (), (), ("celery",)),
        ({"task_default_queue": "mine"}, (), (), ("mine",)),
        (DECLARED, (), (), ("a", "b", "c")),
        (DECLARED, (), ("b",), ("a", "c")),
        (DECLARED, ("c", "d", "c"), (), ("c", "d")),
        (DECLARED, ("a", "b"), ("a",), ("b",)),
    ],
)
def test_a_worker_serves(settings, given, excluded, queues):
    conf = Settings(settings)
    assert served({name: conf[name] for name in conf}, given, excluded) == queues


def test_a_worker_serves_no_queue_that_is_not_declared_where_none_other_may_be():
    with pytest.raises(ImproperlyConfigured, match="'d'"):
        served({**DECLARED, "task_create_missing_queues": False}, ("d",), ())
