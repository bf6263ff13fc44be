"""Options of a call, one by one: what stands in the message, or what is raised."""

from __future__ import annotations

import datetime
import enum
import warnings
from typing import Any

from tests.compat.idioms.library import differs


def _sent(m: Any, **options: Any) -> dict[str, Any]:
    """The message of a call with these options."""

    @m.app.task(name="add", shared=False)
    def add(a=1, b=2):
        return a + b

    queue = options.pop("at", "celery")
    add.apply_async((1,), **options)
    return m.one(queue)


def _headers(m: Any, *names: str, **options: Any) -> Any:
    headers = _sent(m, **options)["headers"]
    return [headers.get(name) for name in names]


class Level(enum.IntEnum):
    HIGH = 3


class Text(str, enum.Enum):  # noqa: UP042 - as users write it
    MAIL = "mail"


def no_options(m: Any) -> Any:
    message = _sent(m)
    names = {name for name, value in message["headers"].items() if value not in (None, {}, [], 0, False)}
    kept = ("delivery_mode", "priority", "delivery_info", "body_encoding")
    return sorted(names - {"origin"}), {name: message["properties"][name] for name in kept}, message["embed"]


def content_type(m: Any) -> Any:
    return _sent(m)["content-type"]


def task_id(m: Any) -> Any:
    return _headers(m, "id", "root_id", task_id="my-id")


def task_id_that_is_empty(m: Any) -> Any:
    return len(_headers(m, "id", task_id="")[0])


@differs("ids and names that no worker would take")
def task_id_that_is_a_number(m: Any) -> Any:
    return _headers(m, "id", task_id=5)


def priority(m: Any) -> Any:
    return _sent(m, priority=5)["properties"]["priority"]


def priority_of_an_enumeration(m: Any) -> Any:
    return int(_sent(m, priority=Level.HIGH)["properties"]["priority"])


def priority_of_the_task_of_an_enumeration(m: Any) -> Any:
    @m.app.task(name="t", priority=Level.HIGH, shared=False)
    def call():
        pass

    call.delay()
    return int(m.one()["properties"]["priority"])


@differs("`priority` as digits")
def priority_as_digits(m: Any) -> Any:
    return _sent(m, priority="5")["properties"]["priority"]


def priority_default_of_settings(m: Any) -> Any:
    m.app.conf.task_default_priority = 4
    return _sent(m)["properties"]["priority"]


def countdown(m: Any) -> Any:
    return _headers(m, "eta", countdown=60)[0] is not None


def countdown_of_zero(m: Any) -> Any:
    return _headers(m, "eta", countdown=0)


def countdown_as_a_text(m: Any) -> Any:
    try:
        _sent(m, countdown="x")
    except Exception:
        return "refused"


def eta(m: Any) -> Any:
    return _headers(m, "eta", eta=datetime.datetime(2030, 1, 2, 3, 4, 5, tzinfo=datetime.UTC))


def expires_in_seconds(m: Any) -> Any:
    return _headers(m, "expires", expires=60)[0] is not None


def expires_at(m: Any) -> Any:
    return _headers(m, "expires", expires=datetime.datetime(2030, 1, 2, 3, 4, 5, tzinfo=datetime.UTC))


def expires_of_the_task(m: Any) -> Any:
    @m.app.task(name="t", expires=60, shared=False)
    def call():
        pass

    call.delay()
    return m.one()["headers"]["expires"] is not None


def time_limits(m: Any) -> Any:
    return _headers(m, "timelimit", time_limit=60, soft_time_limit=30)


@differs("limits that contradict each other")
def time_limits_that_contradict(m: Any) -> Any:
    _sent(m, time_limit=30, soft_time_limit=60)


def time_limits_of_the_task_that_contradict(m: Any) -> Any:
    @m.app.task(name="t", time_limit=30, soft_time_limit=60, shared=False)
    def call():
        pass

    try:
        call.delay()
    except ValueError as error:
        return str(error)


def time_limits_of_the_task(m: Any) -> Any:
    @m.app.task(name="t", time_limit=30, shared=False)
    def call():
        pass

    call.delay()
    call.apply_async(time_limit=5)
    return [each["headers"]["timelimit"] for each in m.sent()]


def queue(m: Any) -> Any:
    return _sent(m, queue="own", at="own")["properties"]["delivery_info"]


def queue_of_an_enumeration(m: Any) -> Any:
    return _sent(m, queue=Text.MAIL, at="mail")["args"]


def queue_of_the_task(m: Any) -> Any:
    @m.app.task(name="t", queue="own", shared=False)
    def call():
        pass

    call.delay()
    call.apply_async(queue="other")
    return m.order("own"), m.order("other")


def routing_key_alone(m: Any) -> Any:
    return _sent(m, routing_key="key")["args"]


def exchange_and_key(m: Any) -> Any:
    return _sent(m, exchange="celery", routing_key="celery")["args"]


def serializer_that_nobody_knows(m: Any) -> Any:
    try:
        _sent(m, serializer="nothing")
    except Exception:
        return "refused"


def serializer_pickle(m: Any) -> Any:
    return _sent(m, serializer="pickle")["content-type"]


def compression(m: Any) -> Any:
    return _headers(m, "compression", compression="gzip")


def compression_zlib(m: Any) -> Any:
    return _headers(m, "compression", compression="zlib")


def delivery_mode_transient(m: Any) -> Any:
    return _sent(m, delivery_mode="transient")["properties"]["delivery_mode"]


def delivery_mode_persistent(m: Any) -> Any:
    return _sent(m, delivery_mode=2)["properties"]["delivery_mode"]


def ignore_result(m: Any) -> Any:
    return _headers(m, "ignore_result", ignore_result=True)


def ignore_result_of_settings(m: Any) -> Any:
    m.app.conf.task_ignore_result = True
    return _headers(m, "ignore_result")


def shadow(m: Any) -> Any:
    return _headers(m, "shadow", shadow="other")


def headers(m: Any) -> Any:
    return _headers(m, "mine", headers={"mine": {"a": [1]}})


def headers_that_are_empty(m: Any) -> Any:
    return _headers(m, "id", headers={}, task_id="i")


def headers_that_are_none(m: Any) -> Any:
    return _headers(m, "id", headers=None, task_id="i")


def argsrepr(m: Any) -> Any:
    return _headers(m, "argsrepr", "kwargsrepr", argsrepr="(***)", kwargsrepr="{***}")


def reprs_of_arguments(m: Any) -> Any:
    return _headers(m, "argsrepr", "kwargsrepr")


def root_and_parent(m: Any) -> Any:
    return _headers(m, "root_id", "parent_id", root_id="r", parent_id="p")


def group(m: Any) -> Any:
    return _headers(m, "group", "group_index", group_id="g", group_index=2)


def retries(m: Any) -> Any:
    return _headers(m, "retries", retries=2)


def reply_to(m: Any) -> Any:
    return _sent(m, reply_to="me")["properties"]["reply_to"]


def correlation_id(m: Any) -> Any:
    message = _sent(m, correlation_id="corr", task_id="t")
    return message["properties"]["correlation_id"], message["headers"]["id"]


def properties_of_amqp(m: Any) -> Any:
    return _sent(m, app_id="a", user_id="u", type="t", message_id="m")["properties"].get("app_id")


def stamps(m: Any) -> Any:
    return _headers(m, "stamped_headers", "stamps", stamped_headers=["monitor"], monitor="x")


def options_about_connections(m: Any) -> Any:
    options = {"retry": True, "retry_policy": {"max_retries": 1}, "connection": None, "producer": None}
    return _sent(m, **options, add_to_parent=False)["args"]


def options_of_another_transport(m: Any) -> Any:
    return _sent(m, MessageGroupId="g", MessageDeduplicationId="d")["args"]


def options_of_another_transport_by_name(m: Any) -> Any:
    m.app.send_task("x", (1,), MessageGroupId="g")
    return m.one()["args"]


def options_misspelt_send_all_the_same(m: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _sent(m, cuontdown=5)["headers"]["eta"]


def link_and_link_error_of_none(m: Any) -> Any:
    return _sent(m, link=None, link_error=None, chain=None, chord=None)["embed"]


def positions_of_send_task(m: Any) -> Any:
    m.app.send_task("x", (1,), {"a": 2}, None, None, "the-id")
    message = m.one()
    return message["args"], message["kwargs"], message["headers"]["id"]


def a_result_class_of_send_task(m: Any) -> Any:
    class Own(m.result.AsyncResult):
        pass

    return type(m.app.send_task("x", result_cls=Own)).__name__


def route_by_name(m: Any) -> Any:
    m.app.conf.task_routes = {"add": {"queue": "routed", "priority": 3}}
    return _sent(m, at="routed")["properties"]["priority"]


def route_by_name_as_a_text(m: Any) -> Any:
    m.app.conf.task_routes = {"add": "routed"}
    return _sent(m, at="routed")["args"]


def route_by_a_pattern(m: Any) -> Any:
    m.app.conf.task_routes = {"a*": {"queue": "routed"}}
    return _sent(m, at="routed")["args"]


def route_by_a_function(m: Any) -> Any:
    seen = []

    def route(name, args, kwargs, options, task=None, **more):
        seen.append((name, list(args), kwargs, getattr(task, "name", None)))
        return {"queue": "routed"}

    m.app.conf.task_routes = (route,)
    return _sent(m, at="routed")["args"], seen


def route_by_a_list(m: Any) -> Any:
    m.app.conf.task_routes = [{"other": "x"}, {"add": {"queue": "routed"}}]
    return _sent(m, at="routed")["args"]


def the_call_goes_before_its_route(m: Any) -> Any:
    m.app.conf.task_routes = {"add": {"queue": "routed"}}
    return _sent(m, queue="said", at="said")["args"]


def the_default_queue(m: Any) -> Any:
    m.app.conf.task_default_queue = "mine"
    return _sent(m, at="mine")["args"]


def send_task_is_routed(m: Any) -> Any:
    m.app.conf.task_routes = {"x.*": "routed"}
    m.app.send_task("x.y")
    return m.order("routed")


def queues_that_may_not_be_made(m: Any) -> Any:
    m.app.conf.task_create_missing_queues = False
    try:
        _sent(m, queue="unknown")
    except Exception as error:
        return type(error).__name__
