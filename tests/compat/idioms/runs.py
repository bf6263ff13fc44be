"""Running tasks: the request, retries, eager runs, hooks."""

from __future__ import annotations

import contextlib
from typing import Any
from unittest import mock

from tests.compat.idioms.library import describe, differs

# -- the request -----------------------------------------------------------------------


def requests_outside_a_worker_are_the_tasks_own(m: Any) -> Any:
    one, two = m.task(name="one"), m.task(name="two")
    one.request.id, one.request.retries = "zz", 3
    return two.request.id, two.request.retries, one.request.id, one.request.retries


def a_request_outside_a_worker(m: Any) -> Any:
    request = m.task().request
    names = (
        *("id", "retries", "called_directly", "is_eager", "chain", "callbacks", "errbacks", "chord", "children"),
        *("delivery_info", "eta", "expires", "group", "headers", "hostname", "ignore_result", "parent_id", "reply_to"),
        *("root_id", "shadow", "timelimit", "correlation_id", "logfile", "loglevel", "origin", "properties"),
        *("replaced_task_nesting", "stamped_headers", "stamps", "taskset", "time_limit", "soft_time_limit", "utc"),
    )
    return {name: getattr(request, name) for name in names}


def a_request_in_a_worker(m: Any) -> Any:
    def show(self, *args, **kwargs):
        r = self.request
        return {
            "args": r.args,
            "kwargs": r.kwargs,
            "retries": r.retries,
            "is_eager": r.is_eager,
            "called_directly": r.called_directly,
            "delivery_info": {"redelivered": r.delivery_info["redelivered"], "priority": r.delivery_info["priority"]},
            "correlation": r.correlation_id == r.id,
            "root": r.root_id == r.id,
            "parent": r.parent_id,
            "limits": (r.timelimit, r.time_limit, r.soft_time_limit),
            "headers": r.headers,
            "mine": r.mine,
            "get": (r.get("mine"), r.get("nothing"), r.get("nothing", 5)),
            "group": r.group,
            "chain": (r.chain, r.callbacks, r.errbacks, r.chord),
            "children": r.children,
            "expires": r.expires,
            "eta": r.eta,
            "ignore_result": r.ignore_result,
            "shadow": r.shadow,
            "task": r.task,
            "lang": r.lang,
            "argsrepr": r.argsrepr,
            "kwargsrepr": r.kwargsrepr,
        }

    task = m.task(show, bind=True)
    return m.outcome(
        lambda: task.apply_async((1,), {"k": 2}, headers={"mine": 3}, time_limit=60, soft_time_limit=30, shadow="s")
    )


def a_request_of_an_eager_run(m: Any) -> Any:
    def show(self, *args, **kwargs):
        r = self.request
        return (
            *(r.args, r.kwargs, r.retries, r.is_eager, r.called_directly, r.id, r.root_id, r.parent_id),
            *(r.timelimit, r.callbacks, r.errbacks, r.headers, r.ignore_result, r.delivery_info),
        )

    return m.task(show, bind=True).apply((1,), {"k": 2}, task_id="id").get()


def a_request_that_is_pushed(m: Any) -> Any:
    task = m.task(lambda self: (self.request.id, self.request.retries), bind=True)
    task.push_request(id="pushed", retries=2)
    try:
        return task(), task.run()
    finally:
        task.pop_request()


def a_request_that_is_mocked(m: Any) -> Any:
    task = m.task(lambda self: self.request.id, bind=True)
    with mock.patch.object(task.__class__, "request", new=mock.Mock(id="mocked")):
        return task.run()


def a_request_is_updated_and_cleared(m: Any) -> Any:
    request = m.task().request
    request.update({"id": "x", "mine": 1})
    seen = request.id, request.mine
    request.clear()
    return seen, request.get("mine")


def current_task_in_a_worker(m: Any) -> Any:
    m.app.set_current()
    return m.ran(m.task(lambda: m.library.current_task.name))


def the_chain_that_is_set_to_none(m: Any) -> Any:
    task = m.task()
    request = task.request
    request.chain = [1]
    one = request.chain
    request.chain = None
    request.callbacks = [2]
    return one, request.chain, request.callbacks, request.errbacks


def execution_options_of_a_request(m: Any) -> Any:
    task = m.task(lambda self: self.request.as_execution_options(), bind=True)
    told = m.outcome(lambda: task.apply_async((), task_id="i", time_limit=9, headers={"h": 1}))
    told[1].pop("origin")
    told[1].pop("reply_to")
    return told


# -- retries ---------------------------------------------------------------------------


def _retrying(m: Any, **options: Any) -> Any:
    def again(self, times=1):
        if self.request.retries < times:
            raise self.retry(countdown=0)
        return self.request.retries

    return m.task(again, bind=True, **options)


def a_retry(m: Any) -> Any:
    return m.ran(_retrying(m))


def retries_up_to_the_limit(m: Any) -> Any:
    task = _retrying(m, max_retries=2)
    return m.outcome(lambda: task.apply_async((5,), task_id="too-often"))


def retries_without_a_limit(m: Any) -> Any:
    return m.ran(_retrying(m, max_retries=None), 5)


def a_retry_with_an_error(m: Any) -> Any:
    def again(self):
        raise self.retry(exc=KeyError("k"), countdown=0, max_retries=0)

    return m.ran(m.task(again, bind=True))


def a_retry_with_other_arguments(m: Any) -> Any:
    def again(self, a, b=1):
        if not self.request.retries:
            raise self.retry((a + 1,), {"b": 5}, countdown=0)
        return a, b

    return m.ran(m.task(again, bind=True), 1)


def a_retry_with_other_positional_arguments_only(m: Any) -> Any:
    def again(self, a, b=1):
        if not self.request.retries:
            raise self.retry(args=(a + 1,), countdown=0)
        return a, b

    task = m.task(again, bind=True)
    return m.outcome(lambda: task.apply_async((1,), {"b": 7}))


def a_retry_with_other_keywords_only(m: Any) -> Any:
    def again(self, a, b=1):
        if not self.request.retries:
            raise self.retry(kwargs={"a": 9}, countdown=0)
        return a, b

    task = m.task(again, bind=True)
    return m.outcome(lambda: task.apply_async((1,), {"b": 7}))


def a_retry_without_raise(m: Any) -> Any:
    def again(self):
        if not self.request.retries:
            self.retry(countdown=0)
        return "done"

    return m.ran(m.task(again, bind=True))


def a_retry_that_does_not_throw(m: Any) -> Any:
    seen = []

    def again(self):
        seen.append(self.request.retries)
        if not self.request.retries:
            seen.append(type(self.retry(countdown=0, throw=False)).__name__)
        return "done"

    after = m.task(name="after")
    task = m.task(again, bind=True)
    with m.worker():
        task.delay().get(timeout=5, interval=0.01)
        after.delay(1).get(timeout=5, interval=0.01)
    return seen


def retry_called_directly(m: Any) -> Any:
    m.task(lambda self: self.retry(), bind=True)()


def retry_called_directly_with_an_error(m: Any) -> Any:
    m.task(lambda self: self.retry(exc=ValueError("x")), bind=True)()


def retry_mocked(m: Any) -> Any:
    def again(self):
        raise self.retry(exc=ValueError("x"), countdown=5)

    task = m.task(again, bind=True)
    with mock.patch.object(task, "retry", side_effect=m.exceptions.Retry) as retry:
        try:
            task()
        except m.exceptions.Retry:
            return retry.call_args.kwargs["countdown"]


def retry_mocked_by_its_class(m: Any) -> Any:
    task = m.task(lambda self: self.retry(), bind=True)
    with mock.patch.object(m.library.Task, "retry", return_value=5) as retry:
        return task(), retry.called


def autoretry(m: Any) -> Any:
    def flaky(self):
        if self.request.retries < 2:
            raise ValueError("x")
        return self.request.retries

    return m.ran(m.task(flaky, bind=True, autoretry_for=(ValueError,), retry_kwargs={"countdown": 0}))


def autoretry_that_gives_up(m: Any) -> Any:
    def flaky():
        raise ValueError("x")

    return m.ran(m.task(flaky, autoretry_for=(ValueError,), retry_kwargs={"countdown": 0, "max_retries": 1}))


def autoretry_but_not_for(m: Any) -> Any:
    def flaky():
        raise KeyError("x")

    return m.ran(
        m.task(flaky, autoretry_for=(LookupError,), dont_autoretry_for=(KeyError,), retry_kwargs={"countdown": 0})
    )


def autoretry_of_a_base_class(m: Any) -> Any:
    class Own(m.library.Task):
        autoretry_for = (ValueError,)
        retry_kwargs = {"countdown": 0, "max_retries": 1}  # noqa: RUF012

    def flaky(self):
        if not self.request.retries:
            raise ValueError("x")
        return self.request.retries

    return m.ran(m.task(flaky, bind=True, base=Own))


def retries_of_an_eager_run(m: Any) -> Any:
    return _retrying(m).apply((2,)).get()


def retries_of_an_eager_run_that_propagates(m: Any) -> Any:
    _retrying(m).apply((2,), throw=True).get()


def retries_of_an_eager_delay_that_propagates(m: Any) -> Any:
    m.app.conf.update(task_always_eager=True, task_eager_propagates=True)
    _retrying(m).delay(2)


def autoretry_of_an_eager_delay_that_propagates(m: Any) -> Any:
    m.app.conf.update(task_always_eager=True, task_eager_propagates=True)

    def flaky():
        raise ValueError("x")

    m.task(flaky, autoretry_for=(ValueError,)).delay()


def autoretry_of_an_eager_delay(m: Any) -> Any:
    m.app.conf.update(task_always_eager=True)

    def flaky():
        raise ValueError("x")

    result = m.task(flaky, autoretry_for=(ValueError,), max_retries=1).delay()
    return result.state, describe(result.result)


def an_eager_retry_past_its_limit(m: Any) -> Any:
    result = _retrying(m, max_retries=1).apply((5,))
    return result.state, type(result.result).__name__


# -- eager runs ------------------------------------------------------------------------


def an_eager_delay(m: Any) -> Any:
    m.app.conf.task_always_eager = True
    result = m.task().delay(1)
    return result.get(), result.state, result.successful(), type(result).__name__, len(m.sent())


def an_eager_error(m: Any) -> Any:
    m.app.conf.task_always_eager = True
    result = m.task().delay("x")
    return result.state, result.failed(), type(result.result).__name__, "TypeError" in str(result.traceback)


def an_eager_error_is_raised_by_get(m: Any) -> Any:
    m.app.conf.task_always_eager = True
    m.task().delay("x").get()


def an_eager_error_is_not_raised_by_get(m: Any) -> Any:
    return describe(m.task().apply(("x",)).get(propagate=False))


def an_eager_error_that_propagates(m: Any) -> Any:
    m.app.conf.update(task_always_eager=True, task_eager_propagates=True)
    m.task().delay("x")


def an_eager_run_that_is_ignored(m: Any) -> Any:
    def ignore():
        raise m.exceptions.Ignore

    return m.task(ignore).apply().state


def an_eager_run_that_is_rejected(m: Any) -> Any:
    def reject():
        raise m.exceptions.Reject("no")

    return m.task(reject).apply().state


def an_eager_result_is_stored(m: Any) -> Any:
    m.app.conf.update(task_always_eager=True, task_store_eager_result=True)
    id = m.task().delay(1).id
    return m.app.AsyncResult(id).state, m.app.AsyncResult(id).get(timeout=2)


def an_eager_failure_is_stored(m: Any) -> Any:
    m.app.conf.update(task_always_eager=True, task_store_eager_result=True)
    found = m.app.AsyncResult(m.task().delay("x").id)
    return found.state, type(found.result).__name__


def an_eager_result_is_stored_by_an_option(m: Any) -> Any:
    m.app.conf.task_always_eager = True
    return m.app.AsyncResult(m.task(store_eager_result=True).delay(1).id).state


def an_eager_result_is_not_stored(m: Any) -> Any:
    m.app.conf.task_always_eager = True
    return m.app.AsyncResult(m.task().delay(1).id).state


def an_eager_result_that_is_ignored_is_not_stored(m: Any) -> Any:
    m.app.conf.update(task_always_eager=True, task_store_eager_result=True)
    return m.app.AsyncResult(m.task(ignore_result=True).delay(1).id).state


def eager_arguments_pass_through_json(m: Any) -> Any:
    m.app.conf.task_always_eager = True
    return m.task(lambda x: x).delay((1, 2)).get()


def eager_arguments_that_json_cannot_write(m: Any) -> Any:
    m.app.conf.task_always_eager = True
    try:
        m.task(lambda x: 1).delay(object())
    except Exception as error:
        return type(error).__name__


def apply_takes_arguments_as_they_are(m: Any) -> Any:
    thing = object()
    return m.task(lambda x: x is thing).apply((thing,)).get()


def apply_with_throw(m: Any) -> Any:
    m.task().apply(("x",), throw=True)


def apply_with_an_id(m: Any) -> Any:
    return m.task().apply((1,), task_id="my-id").id


def apply_with_retries(m: Any) -> Any:
    return m.task(lambda self: self.request.retries, bind=True).apply(retries=3).get()


def a_task_in_an_eager_task(m: Any) -> Any:
    m.app.conf.task_always_eager = True
    inner = m.task(lambda self: (self.request.parent_id, self.request.root_id), bind=True, name="inner")
    outer = m.task(lambda: inner.delay().get(disable_sync_subtasks=False), name="outer")
    return outer.apply_async(task_id="the-outer").get()


# -- hooks -----------------------------------------------------------------------------


def _hooked(m: Any, seen: list[Any]) -> Any:
    class Hooked(m.library.Task):
        def before_start(self, task_id, args, kwargs):
            seen.append(("before_start", list(args), kwargs))

        def on_success(self, retval, task_id, args, kwargs):
            seen.append(("on_success", retval, list(args), kwargs))

        def on_failure(self, exc, task_id, args, kwargs, einfo):
            seen.append(("on_failure", describe(exc), list(args), kwargs, type(einfo).__name__, "Error" in str(einfo)))

        def on_retry(self, exc, task_id, args, kwargs, einfo):
            seen.append(("on_retry", type(exc).__name__, list(args), kwargs))

        def after_return(self, status, retval, task_id, args, kwargs, einfo):
            seen.append(("after_return", status, describe(retval), list(args), kwargs, einfo is None))

    return Hooked


def hooks_of_a_success(m: Any) -> Any:
    seen: list[Any] = []
    return m.ran(m.task(base=_hooked(m, seen)), 1, b=5), seen


@differs("`einfo` of `after_return`")
def hooks_of_a_failure(m: Any) -> Any:
    seen: list[Any] = []
    return m.ran(m.task(base=_hooked(m, seen)), "x"), seen


def hooks_of_a_retry(m: Any) -> Any:
    seen: list[Any] = []

    def again(self):
        if not self.request.retries:
            raise self.retry(exc=ValueError("v"), countdown=0)

    return m.ran(m.task(again, bind=True, base=_hooked(m, seen))), seen


def hooks_of_an_eager_success(m: Any) -> Any:
    seen: list[Any] = []
    m.task(base=_hooked(m, seen)).apply((1,))
    return seen


@differs("`einfo` of `after_return`")
def hooks_of_an_eager_failure(m: Any) -> Any:
    seen: list[Any] = []
    m.task(base=_hooked(m, seen)).apply(("x",))
    return seen


def hooks_of_an_eager_retry(m: Any) -> Any:
    seen: list[Any] = []

    def again(self):
        if not self.request.retries:
            raise self.retry(exc=ValueError("v"), countdown=0)

    m.task(again, bind=True, base=_hooked(m, seen)).apply()
    return seen


def hooks_of_an_eager_failure_that_propagates(m: Any) -> Any:
    seen: list[Any] = []
    with contextlib.suppress(TypeError):
        m.task(base=_hooked(m, seen)).apply(("x",), throw=True)
    return seen


def a_hook_that_raises(m: Any) -> Any:
    class Hooked(m.library.Task):
        def on_success(self, *args):
            raise ValueError("hook")

    return m.ran(m.task(base=Hooked), 1)


def a_hook_that_is_mocked(m: Any) -> Any:
    task = m.task()
    with mock.patch.object(task, "on_failure") as on_failure:
        task.apply(("x",))
    return on_failure.called


def a_call_of_ones_own(m: Any) -> Any:
    class Own(m.library.Task):
        def __call__(self, *args, **kwargs):
            return ["wrapped", super().__call__(*args, **kwargs)]

    return m.ran(m.task(base=Own), 1), m.task(base=Own)(1)
