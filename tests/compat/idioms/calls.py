"""Calling tasks: what users put in the way of a call (locks, headers, guards, mocks), and what it does."""

from __future__ import annotations

import functools
from typing import Any
from unittest import mock


def _add(m: Any, base=None, **options):
    """A task that adds."""
    more = {"base": base} if base else {}

    @m.app.task(name="add", **more, **options)
    def add(a, b=2):
        return a + b

    return add


def delay_goes_through_an_overridden_apply_async(m: Any):
    seen = []

    class Own(m.library.Task):
        def apply_async(self, args=None, kwargs=None, **options):
            seen.append((args, kwargs, options))
            return super().apply_async(args, kwargs, **options)

    _add(m, Own).delay(1, b=3)
    return seen, m.one()["args"], m.one()["kwargs"]


def an_override_passes_on_by_position(m: Any):
    class Own(m.library.Task):
        def apply_async(
            self, args=None, kwargs=None, task_id=None, producer=None, link=None, link_error=None, shadow=None, **more
        ):
            return super().apply_async(args, kwargs, task_id, producer, link, link_error, shadow, **more)

    _add(m, Own).apply_async((1,), {"b": 1}, "the-id", None, None, None, "the-shadow", priority=3)
    message = m.one()
    return message["headers"]["id"], message["headers"]["shadow"], message["properties"]["priority"]


def positions_of_apply_async(m: Any):
    _add(m).apply_async([1], {"b": 1}, "the-id", None, None, None, "the-shadow")
    return m.one()["args"], m.one()["headers"]["id"], m.one()["headers"]["shadow"]


def an_override_that_locks(m: Any):
    held = set()

    class Once(m.library.Task):
        def apply_async(self, *args, **kwargs):
            key = repr((args, sorted(kwargs)))
            if key in held:
                return None
            held.add(key)
            return super().apply_async(*args, **kwargs)

    add = _add(m, Once)
    return add.delay(1) is None, add.delay(1) is None, len(m.sent())


def an_override_that_adds_headers(m: Any):
    class Tagged(m.library.Task):
        def apply_async(self, args=None, kwargs=None, **options):
            options.setdefault("headers", {})["tenant"] = "acme"
            return super().apply_async(args, kwargs, **options)

    add = _add(m, Tagged)
    add.delay(1)
    add.apply_async((1,), headers={"own": 1})
    return [(each["headers"].get("tenant"), each["headers"].get("own")) for each in m.sent()]


def a_mixin_and_a_chain_of_super(m: Any):
    seen = []

    class Log:
        def apply_async(self, *args, **options):
            seen.append("log")
            return super().apply_async(*args, **options)  # type: ignore[misc]

    class Middle(m.library.Task):
        def apply_async(self, *args, **options):
            seen.append("middle")
            return super().apply_async(*args, **options)

    class Own(Log, Middle):
        def delay(self, *args, **kwargs):
            seen.append("delay")
            return super().delay(*args, **kwargs)

    _add(m, Own).delay(1)
    return seen, len(m.sent())


def an_override_in_the_apps_task_class(m: Any):
    seen = []

    class Own(m.library.Task):
        def apply_async(self, args=None, kwargs=None, **options):
            seen.append(self.name)
            return super().apply_async(args, kwargs, **options)

    app = m.Celery(task_cls=Own)

    @app.task(name="add")
    def add(a):
        return a

    add.delay(1)
    return seen, len(m.sent(app=app))


def apply_async_replaced_in_the_task(m: Any):
    add = _add(m)
    real, seen = add.apply_async, []

    def counted(*args, **kwargs):
        seen.append((args, kwargs))
        return real(*args, **kwargs)

    add.apply_async = counted
    add.delay(1, b=2)
    return seen, len(m.sent())


def apply_async_mocked_and_back(m: Any):
    add = _add(m)
    with mock.patch.object(add, "apply_async") as apply_async:
        add.delay(1, b=5)
    add.delay(2)
    return apply_async.call_args.args, apply_async.call_args.kwargs, len(m.sent())


def delay_mocked_and_back(m: Any):
    add = _add(m)
    with mock.patch.object(add, "delay") as delay:
        add.delay(1, b=5)
    add.delay(2)
    return delay.call_args.args, delay.call_args.kwargs, len(m.sent())


def apply_async_mocked_in_the_class(m: Any):
    add = _add(m)
    add.delay(0)
    with mock.patch.object(m.library.Task, "apply_async", autospec=True) as apply_async:
        add.delay(1, b=5)
    add.delay(2)
    return apply_async.call_args.args[1:], apply_async.call_args.kwargs, len(m.sent())


def an_override_after_the_first_call(m: Any):
    class Own(m.library.Task):
        pass

    seen = []
    add = _add(m, Own)
    add.delay(1)

    def apply_async(self, *args, **options):
        seen.append(args)
        return m.library.Task.apply_async(self, *args, **options)

    Own.apply_async = apply_async
    add.delay(2)
    return seen, len(m.sent())


def every_call_goes_through_an_overridden_send_task(m: Any):
    seen = []

    class Own(m.library.Celery):
        def send_task(self, name, args=None, kwargs=None, **other):
            seen.append((name, list(args or ()), kwargs))
            other["headers"] = {**(other.get("headers") or {}), "request_id": "r"}
            return super().send_task(name, args, kwargs, **other)

    app = m.at_memory(Own, "proj")

    @app.task(name="add")
    def add(a, b=2):
        return a + b

    add.delay(1)
    add.apply_async((2,), {"b": 1}, countdown=None)
    app.send_task("other", (3,))
    return seen, [message["headers"].get("request_id") for message in m.sent(app=app)]


def send_task_mocked(m: Any):
    add = _add(m)
    with mock.patch.object(m.app, "send_task") as send_task:
        add.delay(1, b=5)
    add.delay(2)
    return send_task.call_args.args[:1], len(m.sent())


def send_task_replaced_in_the_app(m: Any):
    add = _add(m)
    real, seen = m.app.send_task, []

    @functools.wraps(real)
    def counted(name, *args, **kwargs):
        seen.append(name)
        return real(name, *args, **kwargs)

    m.app.send_task = counted
    add.delay(1)
    add.apply_async((1,))
    return seen, len(m.sent())


def an_override_of_both(m: Any):
    seen = []

    class OwnTask(m.library.Task):
        def apply_async(self, args=None, kwargs=None, **options):
            seen.append("apply_async")
            return super().apply_async(args, kwargs, **options)

    class Own(m.library.Celery):
        def send_task(self, *args, **options):
            seen.append("send_task")
            return super().send_task(*args, **options)

    app = m.at_memory(Own, "proj", task_cls=OwnTask)

    @app.task(name="add")
    def add(a):
        return a

    add.delay(1)
    return seen, m.one(app=app)["args"]


def an_overridden_send_task_keeps_the_tasks_options(m: Any):
    class Own(m.library.Celery):
        def send_task(self, *args, **options):
            return super().send_task(*args, **options)

    app = m.at_memory(Own, "proj")

    @app.task(name="add", queue="own", priority=4, time_limit=9, ignore_result=True)
    def add(a):
        return a

    add.delay(1)
    message = m.one("own", app)
    headers = message["headers"]
    return headers["timelimit"], headers["ignore_result"], message["properties"]["priority"]


def retries_go_through_an_overridden_apply_async(m: Any):
    seen = []

    class Own(m.library.Task):
        def apply_async(self, args=None, kwargs=None, **options):
            seen.append(options.get("retries"))
            return super().apply_async(args, kwargs, **options)

    @m.app.task(base=Own, bind=True, max_retries=1)
    def again(self):
        if not self.request.retries:
            raise self.retry(countdown=0)
        return "done"

    return m.ran(again), seen[:1]


def run_mocked_in_a_call(m: Any):
    add = _add(m)
    with mock.patch.object(add, "run", return_value="mocked"):
        return add(1), add.apply((1,)).get(), add.run(1)


def run_mocked_in_an_eager_delay(m: Any):
    m.app.conf.task_always_eager = True
    add = _add(m)
    with mock.patch.object(add, "run", return_value="mocked"):
        mocked = add.delay(1).get(), add.apply_async((1,)).get()
    return mocked, add.delay(1).get()


def run_mocked_in_a_worker(m: Any):
    add = _add(m)
    with mock.patch.object(add, "run", return_value="mocked"):
        return m.ran(add, 1)


def run_mocked_of_a_bound_task(m: Any):
    @m.app.task(bind=True)
    def show(self, a):
        return self.name, a

    with mock.patch.object(show, "run") as run:
        run.return_value = 1
        show.apply((5,))
    return run.call_args.args


def run_mocked_with_an_error(m: Any):
    add = _add(m)
    with mock.patch.object(add, "run", side_effect=ValueError("no")):
        return add.apply((1,)).state


def call_mocked(m: Any):
    class Own(m.library.Task):
        def __call__(self, *args, **kwargs):
            return "called", self.run(*args, **kwargs)

    add = _add(m, Own)
    return add(1), add.apply((1,)).get(), m.ran(add, 1)


def arguments_are_checked(m: Any):
    add = _add(m)
    add.delay()


def arguments_too_many(m: Any):
    _add(m).delay(1, 2, 3)


def arguments_unknown_keyword(m: Any):
    _add(m).apply_async((1,), {"c": 1})


def arguments_unchecked(m: Any):
    _add(m, typing=False).delay(1, 2, 3)
    return m.one()["args"]


def arguments_that_are_a_text(m: Any):
    _add(m).apply_async("a")


def arguments_that_are_a_text_say_so(m: Any):
    try:
        _add(m, typing=False).apply_async("a")
    except Exception as error:
        return str(error)


def arguments_that_are_a_set(m: Any):
    try:
        _add(m, typing=False).apply_async({1})
    except Exception as error:
        return type(error).__name__, str(error)


def arguments_that_are_a_view(m: Any):
    try:
        _add(m, typing=False).apply_async({1: 2}.values())
    except Exception as error:
        return type(error).__name__, str(error)


def arguments_that_are_a_number(m: Any):
    _add(m, typing=False).apply_async(5)


def kwargs_that_are_a_list(m: Any):
    try:
        _add(m, typing=False).apply_async((), [1])
    except Exception as error:
        return type(error).__name__, str(error)


def send_task_with_a_text(m: Any):
    try:
        m.app.send_task("x", "ab")
    except Exception as error:
        return type(error).__name__, str(error)


def send_task_with_keywords_that_are_a_list(m: Any):
    try:
        m.app.send_task("x", (), [1])
    except Exception as error:
        return type(error).__name__, str(error)


def arguments_of_a_list(m: Any):
    _add(m).apply_async([1, 2])
    return m.one()["args"]


def a_call_with_none(m: Any):
    @m.app.task(name="nothing")
    def nothing():
        pass

    nothing.apply_async(None, None)
    return m.one()["args"], m.one()["kwargs"]


def delay_returns(m: Any):
    result = _add(m).delay(1)
    return type(result).__name__, result.id == m.one()["headers"]["id"], result.parent, result.state


def send_task_returns(m: Any):
    result = m.app.send_task("x", task_id="1")
    return type(result).__name__, result.id, result.app is m.app


def send_task_uses_the_options_of_a_known_task(m: Any):
    _add(m, queue="own", priority=2).delay(1)
    m.app.send_task("add", (1,))
    return [each["properties"]["priority"] for each in m.sent("own")]


def delay_in_a_task_names_the_parent(m: Any):
    add = _add(m)

    @m.app.task(name="outer", bind=True)
    def outer(self):
        add.apply_async((1,), queue="other")
        return self.request.id

    with m.worker():
        id = outer.delay().get(timeout=5, interval=0.01, disable_sync_subtasks=False)
    headers = m.one("other")["headers"]
    return headers["parent_id"] == id, headers["root_id"] == id


def a_subclass_with_an_own_delay(m: Any):
    class Own(m.library.Task):
        def delay(self, *args, **kwargs):
            return self.apply_async(args, kwargs, queue="delayed")

    _add(m, Own).delay(1)
    return m.order("delayed")


def a_task_called_like_a_function(m: Any):
    return _add(m)(1), _add(m).run(1), _add(m).__call__(1, b=9)


class _Lazy:
    """As Django's: a text that is made when it is needed."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


def lazy_texts_of_django(m: Any):
    import sys
    import types

    # kombu looks for the class by its place.
    module = types.ModuleType("django.utils.functional")
    module.Promise = type("Promise", (), {})  # type: ignore[attr-defined]
    package, utils = types.ModuleType("django"), types.ModuleType("django.utils")
    package.utils, utils.functional = utils, module  # type: ignore[attr-defined]
    before = {name: sys.modules.get(name) for name in ("django", "django.utils", "django.utils.functional")}
    sys.modules.update({"django": package, "django.utils": utils, "django.utils.functional": module})
    if "kombu.utils.json" in sys.modules:
        # It looks for Django when it is imported.
        sys.modules["kombu.utils.json"].textual_types = (module.Promise,)  # type: ignore[attr-defined]
    try:

        class Text(_Lazy, module.Promise):  # type: ignore[name-defined]
            pass

        _add(m).delay(Text("hello"), b={"x": Text("there")})
    finally:
        for name, old in before.items():
            if old is None:
                del sys.modules[name]
            else:
                sys.modules[name] = old
    return m.one()["args"], m.one()["kwargs"]


def values_with_a_json_method(m: Any):
    class Money:
        def __json__(self) -> Any:
            return {"amount": 5}

    _add(m).delay(Money())
    return m.one()["args"]


def _values() -> dict[str, Any]:
    """One of each type that somebody may pass."""
    import datetime
    import decimal
    import enum
    import uuid

    class Colour(enum.Enum):
        RED = "red"

    class Level(enum.IntEnum):
        HIGH = 3

    class Name(str, enum.Enum):  # noqa: UP042 - as users write it
        A = "a"

    class Text(str):
        pass

    class Table(dict):
        pass

    zone = datetime.timezone(datetime.timedelta(hours=2))
    return {
        "datetime": datetime.datetime(2026, 1, 2, 3, 4, 5, 6),
        "aware": datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=zone),
        "utc": datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC),
        "date": datetime.date(2026, 1, 2),
        "time": datetime.time(3, 4),
        "timedelta": datetime.timedelta(seconds=5),
        "decimal": decimal.Decimal("1.50"),
        "uuid": uuid.UUID(int=5),
        "uuid1": uuid.UUID("12345678-1234-1234-8234-567812345678"),
        "bytes": b"abc",
        "binary": b"\xff\xfe",
        "bytearray": bytearray(b"a"),
        "set": {1},
        "frozenset": frozenset({1}),
        "enum": Colour.RED,
        "int enum": Level.HIGH,
        "str enum": Name.A,
        "str subclass": Text("x"),
        "dict subclass": Table(a=1),
        "tuple": (1, 2),
        "generator": iter(()),
        "range": range(2),
        "complex": 1j,
        "int key": {1: 2},
        "none key": {None: 2},
        "bool key": {True: 2},
        "tuple key": {(1, 2): 2},
        "object": object(),
        "nan": float("nan"),
        "inf": float("inf"),
        "big": 1 << 80,
        "class": int,
        "exception": ValueError("x"),
    }


def values_that_kombu_writes(m: Any) -> Any:
    add, found = _add(m), {}
    for name, value in _values().items():
        try:
            add.apply_async((value,), queue="q" + name)
            found[name] = repr(m.one("q" + name)["args"])
        except Exception as error:
            found[name] = "refused: " + type(error).__name__
    return found


def an_eager_send_task_warns(m: Any):
    import warnings

    m.app.conf.task_always_eager = True
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        m.app.send_task("x")
    return [each.category.__name__ for each in said], len(m.sent())
