"""Calling tasks: `delay`, `apply_async`, `send_task`, their options, and what users put in their way."""

from __future__ import annotations

from typing import Any

from tests.compat.idioms.library import Library


def _calls_of(m: Library, kind: Any, **options: Any) -> tuple[Any, Any]:
    """A task of that class, which adds."""

    @m.app.task(base=kind, name="add", **options)
    def add(a, b=2):
        return a + b

    return m.app, add


def delay_goes_through_an_overridden_apply_async(m):
    seen = []

    class Own(m.library.Task):
        def apply_async(self, args=None, kwargs=None, **options):
            seen.append((args, kwargs, options))
            return super().apply_async(args, kwargs, **options)

    app, add = _calls_of(m, Own)
    add.delay(1, b=3)
    return seen, m.one()["args"], m.one()["kwargs"]


def every_call_goes_through_an_overridden_send_task(m):
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
