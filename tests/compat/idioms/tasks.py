"""Tasks: their attributes and classes, retries, hooks, the request, eager runs, states and results."""

from __future__ import annotations

import copy
import functools
import inspect
import pickle
import warnings
from typing import Any
from unittest import mock

from tests.compat.idioms.library import Library, describe, differs


def _nothing():
    pass


def _thing():
    return object()


def _task(m: Library, function: Any = None, **options: Any) -> Any:
    """A task of that function, or one that adds."""

    def add(a, b=2):
        return a + b

    function = function or add
    if function.__name__ == "<lambda>":
        # Celery makes a function of that name to check arguments.
        function.__name__ = "function"
    options.setdefault("name", "add")
    return m.app.task(**options)(function)


# -- what a task is -------------------------------------------------------------------


def the_signature_of_a_task(m: Any) -> Any:
    return str(inspect.signature(_task(m))), str(inspect.signature(_task(m).run))


def the_signature_of_a_bound_task(m: Any) -> Any:
    def show(self, a, *, b=3):
        return a

    task = _task(m, show, bind=True)
    return str(inspect.signature(task)), str(inspect.signature(task.run))


def run_of_a_bound_task(m: Any) -> Any:
    task = _task(m, lambda self, a: (self.name, a), bind=True)
    return task.run(5), task(6)


def lock_keys_of_the_arguments(m: Any) -> Any:
    """As add-ons that lock do it."""
    task = _task(m)
    bound = inspect.signature(task.run).bind(*(1,), **{})
    bound.apply_defaults()
    return dict(bound.arguments)


def the_class_of_a_task(m: Any) -> Any:
    task = _task(m)
    return task.__class__.__name__, isinstance(task, m.library.Task), task.__class__ is _task(m, name="b").__class__


def names_of_a_task(m: Any) -> Any:
    @m.app.task
    def named():
        """What it does."""

    return named.name, named.__name__, named.__doc__, named.__class__.__module__


def two_tasks_of_one_class_do_not_share_attributes(m: Any) -> Any:
    one, two = _task(m, name="one"), _task(m, name="two")
    one.__class__.max_retries = 9
    one.default_retry_delay = 5
    return one.max_retries, two.max_retries, one.default_retry_delay, two.default_retry_delay


def attributes_of_a_default_task(m: Any) -> Any:
    task = _task(m)
    task.app  # noqa: B018 - binds it, in Celery
    names = [
        *("abstract", "ignore_result", "serializer", "time_limit", "soft_time_limit", "track_started", "priority"),
        *("expires", "typing", "max_retries", "default_retry_delay", "rate_limit", "trail", "send_events", "throws"),
        *("store_errors_even_if_ignored", "store_eager_result", "resultrepr_maxsize", "acks_on_failure_or_timeout"),
        *("acks_on_failure", "acks_on_timeout", "retry_on_worker_lost"),
    ]
    return {name: getattr(task, name) for name in names}


@differs("| a worker dies |")
def acks_late_of_a_default_task(m: Any) -> Any:
    return _task(m).acks_late


def reject_on_worker_lost_of_a_default_task(m: Any) -> Any:
    return _task(m).reject_on_worker_lost


def attributes_that_settings_say(m: Any) -> Any:
    m.app.conf.update(
        task_serializer="pickle",
        task_ignore_result=True,
        task_acks_late=True,
        task_track_started=True,
        task_time_limit=30,
        task_soft_time_limit=20,
        task_store_eager_result=True,
        task_store_errors_even_if_ignored=True,
        accept_content=["pickle", "json"],
    )
    task = _task(m)
    names = (
        *("serializer", "ignore_result", "acks_late", "track_started", "time_limit", "soft_time_limit"),
        *("store_eager_result", "store_errors_even_if_ignored"),
    )
    return {name: getattr(task, name) for name in names}


def attributes_that_the_task_says_itself(m: Any) -> Any:
    m.app.conf.update(task_ignore_result=True, task_time_limit=30)
    task = _task(m, ignore_result=False, time_limit=5, acks_late=True)
    return task.ignore_result, task.time_limit, task.acks_late


def an_option_that_is_none_is_not_said(m: Any) -> Any:
    m.app.conf.task_ignore_result = True
    return _task(m, ignore_result=None).ignore_result


def options_of_ones_own_are_attributes(m: Any) -> Any:
    task = _task(m, my_option=5, lock_timeout=60)
    return task.my_option, task.lock_timeout


def a_misspelt_option_is_an_attribute(m: Any) -> Any:
    return _task(m, ignore_results=True).ignore_results


def a_misspelt_option_of_max_retries(m: Any) -> Any:
    task = _task(m, max_retry=5)
    return task.max_retry, task.max_retries


def attributes_of_add_ons_that_look_like_options(m: Any) -> Any:
    names = ("retries", "queues", "expiry", "throw", "retry_limit", "names", "priorities")
    task = _task(m, **dict.fromkeys(names, 1))
    return [getattr(task, name) for name in names]


def options_of_later_versions_are_attributes(m: Any) -> Any:
    task = _task(m, unique=True, batch=10, concurrency=2, breaker="x")
    return task.unique, task.batch, task.concurrency, task.breaker


def get_app(m: Any) -> Any:
    task = _task(m)
    return task._get_app() is m.app, task.app is m.app


def an_app_of_a_class_without_one(m: Any) -> Any:
    m.app.set_current()

    class Own(m.library.Task):
        pass

    return Own._get_app().main


def repr_of_a_task(m: Any) -> Any:
    return repr(_task(m)).startswith("<@task: add of proj at 0x")


def attributes_set_after_decorating(m: Any) -> Any:
    task = _task(m)
    task.max_retries = 7
    task.my = 1
    return task.max_retries, task.my


def a_queue_set_after_decorating(m: Any) -> Any:
    task = _task(m)
    task.queue = "late"
    task.delay(1)
    return m.order("late")


def results_ignored_after_decorating(m: Any) -> Any:
    task = _task(m)
    task.ignore_result = True
    task.delay(1)
    return m.one()["headers"]["ignore_result"]


def a_task_is_hashable_and_equal_to_itself(m: Any) -> Any:
    task = _task(m)
    return task in {task}, task == task, task != _task(m, name="other")


# -- classes ---------------------------------------------------------------------------


def task_set_in_the_app_after_tasks_were_made(m: Any) -> Any:
    """Flask's pattern, with tasks that were decorated first."""
    add = _task(m)

    class ContextTask(m.app.Task):
        def __call__(self, *args, **kwargs):
            return "in context", self.run(*args, **kwargs)

    m.app.Task = ContextTask
    return add(1), add.apply((1,)).get(), isinstance(add, ContextTask)


def task_set_in_the_app_counts_in_a_worker(m: Any) -> Any:
    add = _task(m)

    class ContextTask(m.app.Task):
        def __call__(self, *args, **kwargs):
            return "in context", self.run(*args, **kwargs)

    m.app.Task = ContextTask
    return m.ran(add, 1)


def task_set_in_the_app_before_tasks_are_made(m: Any) -> Any:
    class ContextTask(m.app.Task):
        abstract = True

        def __call__(self, *args, **kwargs):
            return "in context", super().__call__(*args, **kwargs)

    m.app.Task = ContextTask
    return _task(m)(1)


def task_set_in_the_app_leaves_tasks_with_a_base(m: Any) -> Any:
    class Base(m.library.Task):
        pass

    class Other(m.library.Task):
        pass

    task = _task(m, base=Base)
    m.app.Task = Other
    return isinstance(task, Base), isinstance(task, Other)


def task_cls_set_late(m: Any) -> Any:
    class Own(m.library.Task):
        max_retries = 11

    add = _task(m)
    m.app.task_cls = Own
    return add.max_retries


def task_cls_of_a_subclass(m: Any) -> Any:
    class Own(m.library.Task):
        max_retries = 11

    class App(m.library.Celery):
        task_cls = Own

    app = m.at_memory(App, "proj")
    return app.task(name="x")(_nothing).max_retries


def task_cls_as_an_argument(m: Any) -> Any:
    class Own(m.library.Task):
        max_retries = 11

    app = m.Celery(task_cls=Own)
    return app.task(name="x")(_nothing).max_retries, issubclass(app.Task, Own)


def an_init_of_a_base_class_runs_once(m: Any) -> Any:
    made = []

    class Own(m.library.Task):
        def __init__(self):
            made.append(self.name)

    task = _task(m, base=Own)
    return task.name, made


def a_resource_of_a_base_class(m: Any) -> Any:
    class Database(m.library.Task):
        _db = None

        @property
        def db(self):
            if self._db is None:
                self._db = object()
            return self._db

    task = _task(m, lambda self: self.db is self.db, base=Database, bind=True)
    return task(), task.apply().get()


def a_class_based_task(m: Any) -> Any:
    class Add(m.library.Task):
        name = "class.add"

        def run(self, a, b=2):
            return a + b

    task = m.app.register_task(Add())
    return task.name, task(1), m.ran(m.app.tasks["class.add"], 1), str(inspect.signature(task.run))


def an_overridden_run_of_a_base_loses_to_the_function(m: Any) -> Any:
    class Own(m.library.Task):
        def run(self, *args):
            return "base"

    return _task(m, base=Own)(1)


def hooks_given_as_options_are_methods(m: Any) -> Any:
    seen = []

    def on_success(self, retval, task_id, args, kwargs):
        seen.append((self.name, retval))

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        seen.append((self.name, str(exc)))

    add = _task(m, on_success=on_success, on_failure=on_failure)
    add.apply((1,))
    add.apply(("x",))
    return seen


def hooks_given_by_annotations(m: Any) -> Any:
    seen = []

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        seen.append((self.name, type(exc).__name__))

    m.app.conf.task_annotations = {"*": {"on_failure": on_failure}}
    add = _task(m)
    add.apply(("x",))
    return seen


def annotations_of_one_task(m: Any) -> Any:
    m.app.conf.task_annotations = {"add": {"max_retries": 1, "queue": "annotated", "time_limit": 3}}
    add = _task(m)
    m.app.finalize()
    add.delay(1)
    return add.max_retries, m.one("annotated")["headers"]["timelimit"]


def on_bound(m: Any) -> Any:
    seen = []

    class Own(m.library.Task):
        @classmethod
        def on_bound(cls, app):
            seen.append(app is m.app)

    _task(m, base=Own).app  # noqa: B018
    return seen[:1]


def a_mixin_without_task(m: Any) -> Any:
    class Mixin:
        def extra(self):
            return self.name

    class Own(Mixin, m.library.Task):
        abstract = True

    return _task(m, base=Own).extra()


def generic_task_classes(m: Any) -> Any:
    return str(m.library.Task[[int], int]) != ""


# -- copies ----------------------------------------------------------------------------


def a_copy_of_a_task(m: Any) -> Any:
    task = _task(m)
    return copy.copy(task).name, copy.deepcopy(task).name, copy.deepcopy({"task": task})["task"](1)


def a_pickled_task(m: Any) -> Any:
    m.app.set_current()
    task = _task(m)
    again = pickle.loads(pickle.dumps(task))
    return again.name, again(1)


def a_pickled_app(m: Any) -> Any:
    app = m.Celery("named", task_default_queue="mine")
    again = pickle.loads(pickle.dumps(app))
    return again.main, again.conf.task_default_queue, type(again) is type(app)


def a_copied_app(m: Any) -> Any:
    app = m.Celery("named", task_default_queue="mine")
    return copy.copy(app).main, copy.deepcopy(app).conf.task_default_queue


def a_pickled_app_of_a_subclass(m: Any) -> Any:
    global _Own

    class _Own(m.library.Celery):
        pass

    _Own.__qualname__ = "_Own"
    app = m.at_memory(_Own, "named")
    again = pickle.loads(pickle.dumps(app))
    return type(again).__name__, again.main


def a_pickled_result(m: Any) -> Any:
    m.app.set_current()
    result = _task(m).delay(1)
    return pickle.loads(pickle.dumps(result)).id == result.id


# -- the request -----------------------------------------------------------------------


def requests_outside_a_worker_are_the_tasks_own(m: Any) -> Any:
    one, two = _task(m, name="one"), _task(m, name="two")
    one.request.id, one.request.retries = "zz", 3
    return two.request.id, two.request.retries, one.request.id, one.request.retries


def a_request_outside_a_worker(m: Any) -> Any:
    request = _task(m).request
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

    task = _task(m, show, bind=True)
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

    return _task(m, show, bind=True).apply((1,), {"k": 2}, task_id="id").get()


def a_request_that_is_pushed(m: Any) -> Any:
    task = _task(m, lambda self: (self.request.id, self.request.retries), bind=True)
    task.push_request(id="pushed", retries=2)
    try:
        return task(), task.run()
    finally:
        task.pop_request()


def a_request_that_is_mocked(m: Any) -> Any:
    task = _task(m, lambda self: self.request.id, bind=True)
    with mock.patch.object(task.__class__, "request", new=mock.Mock(id="mocked")):
        return task.run()


def a_request_is_updated_and_cleared(m: Any) -> Any:
    request = _task(m).request
    request.update({"id": "x", "mine": 1})
    seen = request.id, request.mine
    request.clear()
    return seen, request.get("mine")


def current_task_in_a_worker(m: Any) -> Any:
    m.app.set_current()
    return m.ran(_task(m, lambda: m.library.current_task.name))


def the_chain_that_is_set_to_none(m: Any) -> Any:
    task = _task(m)
    request = task.request
    request.chain = [1]
    one = request.chain
    request.chain = None
    request.callbacks = [2]
    return one, request.chain, request.callbacks, request.errbacks


def execution_options_of_a_request(m: Any) -> Any:
    task = _task(m, lambda self: self.request.as_execution_options(), bind=True)
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

    return _task(m, again, bind=True, **options)


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

    return m.ran(_task(m, again, bind=True))


def a_retry_with_other_arguments(m: Any) -> Any:
    def again(self, a, b=1):
        if not self.request.retries:
            raise self.retry((a + 1,), {"b": 5}, countdown=0)
        return a, b

    return m.ran(_task(m, again, bind=True), 1)


def a_retry_with_other_positional_arguments_only(m: Any) -> Any:
    def again(self, a, b=1):
        if not self.request.retries:
            raise self.retry(args=(a + 1,), countdown=0)
        return a, b

    task = _task(m, again, bind=True)
    return m.outcome(lambda: task.apply_async((1,), {"b": 7}))


def a_retry_with_other_keywords_only(m: Any) -> Any:
    def again(self, a, b=1):
        if not self.request.retries:
            raise self.retry(kwargs={"a": 9}, countdown=0)
        return a, b

    task = _task(m, again, bind=True)
    return m.outcome(lambda: task.apply_async((1,), {"b": 7}))


def a_retry_without_raise(m: Any) -> Any:
    def again(self):
        if not self.request.retries:
            self.retry(countdown=0)
        return "done"

    return m.ran(_task(m, again, bind=True))


def a_retry_that_does_not_throw(m: Any) -> Any:
    seen = []

    def again(self):
        seen.append(self.request.retries)
        if not self.request.retries:
            seen.append(type(self.retry(countdown=0, throw=False)).__name__)
        return "done"

    after = _task(m, name="after")
    task = _task(m, again, bind=True)
    with m.worker():
        task.delay().get(timeout=5, interval=0.01)
        after.delay(1).get(timeout=5, interval=0.01)
    return seen


def retry_called_directly(m: Any) -> Any:
    _task(m, lambda self: self.retry(), bind=True)()


def retry_called_directly_with_an_error(m: Any) -> Any:
    _task(m, lambda self: self.retry(exc=ValueError("x")), bind=True)()


def retry_mocked(m: Any) -> Any:
    def again(self):
        raise self.retry(exc=ValueError("x"), countdown=5)

    task = _task(m, again, bind=True)
    with mock.patch.object(task, "retry", side_effect=m.exceptions.Retry) as retry:
        try:
            task()
        except m.exceptions.Retry:
            return retry.call_args.kwargs["countdown"]


def retry_mocked_by_its_class(m: Any) -> Any:
    task = _task(m, lambda self: self.retry(), bind=True)
    with mock.patch.object(m.library.Task, "retry", return_value=5) as retry:
        return task(), retry.called


def autoretry(m: Any) -> Any:
    def flaky(self):
        if self.request.retries < 2:
            raise ValueError("x")
        return self.request.retries

    return m.ran(_task(m, flaky, bind=True, autoretry_for=(ValueError,), retry_kwargs={"countdown": 0}))


def autoretry_that_gives_up(m: Any) -> Any:
    def flaky():
        raise ValueError("x")

    return m.ran(_task(m, flaky, autoretry_for=(ValueError,), retry_kwargs={"countdown": 0, "max_retries": 1}))


def autoretry_but_not_for(m: Any) -> Any:
    def flaky():
        raise KeyError("x")

    return m.ran(
        _task(m, flaky, autoretry_for=(LookupError,), dont_autoretry_for=(KeyError,), retry_kwargs={"countdown": 0})
    )


def autoretry_of_a_base_class(m: Any) -> Any:
    class Own(m.library.Task):
        autoretry_for = (ValueError,)
        retry_kwargs = {"countdown": 0, "max_retries": 1}  # noqa: RUF012

    def flaky(self):
        if not self.request.retries:
            raise ValueError("x")
        return self.request.retries

    return m.ran(_task(m, flaky, bind=True, base=Own))


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

    _task(m, flaky, autoretry_for=(ValueError,)).delay()


def autoretry_of_an_eager_delay(m: Any) -> Any:
    m.app.conf.update(task_always_eager=True)

    def flaky():
        raise ValueError("x")

    result = _task(m, flaky, autoretry_for=(ValueError,), max_retries=1).delay()
    return result.state, describe(result.result)


def an_eager_retry_past_its_limit(m: Any) -> Any:
    result = _retrying(m, max_retries=1).apply((5,))
    return result.state, type(result.result).__name__


# -- eager runs ------------------------------------------------------------------------


def an_eager_delay(m: Any) -> Any:
    m.app.conf.task_always_eager = True
    result = _task(m).delay(1)
    return result.get(), result.state, result.successful(), type(result).__name__, len(m.sent())


def an_eager_error(m: Any) -> Any:
    m.app.conf.task_always_eager = True
    result = _task(m).delay("x")
    return result.state, result.failed(), type(result.result).__name__, "TypeError" in str(result.traceback)


def an_eager_error_is_raised_by_get(m: Any) -> Any:
    m.app.conf.task_always_eager = True
    _task(m).delay("x").get()


def an_eager_error_is_not_raised_by_get(m: Any) -> Any:
    return describe(_task(m).apply(("x",)).get(propagate=False))


def an_eager_error_that_propagates(m: Any) -> Any:
    m.app.conf.update(task_always_eager=True, task_eager_propagates=True)
    _task(m).delay("x")


def an_eager_run_that_is_ignored(m: Any) -> Any:
    def ignore():
        raise m.exceptions.Ignore

    return _task(m, ignore).apply().state


def an_eager_run_that_is_rejected(m: Any) -> Any:
    def reject():
        raise m.exceptions.Reject("no")

    return _task(m, reject).apply().state


def an_eager_result_is_stored(m: Any) -> Any:
    m.app.conf.update(task_always_eager=True, task_store_eager_result=True)
    id = _task(m).delay(1).id
    return m.app.AsyncResult(id).state, m.app.AsyncResult(id).get(timeout=2)


def an_eager_failure_is_stored(m: Any) -> Any:
    m.app.conf.update(task_always_eager=True, task_store_eager_result=True)
    found = m.app.AsyncResult(_task(m).delay("x").id)
    return found.state, type(found.result).__name__


def an_eager_result_is_stored_by_an_option(m: Any) -> Any:
    m.app.conf.task_always_eager = True
    return m.app.AsyncResult(_task(m, store_eager_result=True).delay(1).id).state


def an_eager_result_is_not_stored(m: Any) -> Any:
    m.app.conf.task_always_eager = True
    return m.app.AsyncResult(_task(m).delay(1).id).state


def an_eager_result_that_is_ignored_is_not_stored(m: Any) -> Any:
    m.app.conf.update(task_always_eager=True, task_store_eager_result=True)
    return m.app.AsyncResult(_task(m, ignore_result=True).delay(1).id).state


def eager_arguments_pass_through_json(m: Any) -> Any:
    m.app.conf.task_always_eager = True
    return _task(m, lambda x: x).delay((1, 2)).get()


def eager_arguments_that_json_cannot_write(m: Any) -> Any:
    m.app.conf.task_always_eager = True
    try:
        _task(m, lambda x: 1).delay(object())
    except Exception as error:
        return type(error).__name__


def apply_takes_arguments_as_they_are(m: Any) -> Any:
    thing = object()
    return _task(m, lambda x: x is thing).apply((thing,)).get()


def apply_with_throw(m: Any) -> Any:
    _task(m).apply(("x",), throw=True)


def apply_with_an_id(m: Any) -> Any:
    return _task(m).apply((1,), task_id="my-id").id


def apply_with_retries(m: Any) -> Any:
    return _task(m, lambda self: self.request.retries, bind=True).apply(retries=3).get()


def a_task_in_an_eager_task(m: Any) -> Any:
    m.app.conf.task_always_eager = True
    inner = _task(m, lambda self: (self.request.parent_id, self.request.root_id), bind=True, name="inner")
    outer = _task(m, lambda: inner.delay().get(disable_sync_subtasks=False), name="outer")
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
    return m.ran(_task(m, base=_hooked(m, seen)), 1, b=5), seen


@differs("`einfo` of `after_return`")
def hooks_of_a_failure(m: Any) -> Any:
    seen: list[Any] = []
    return m.ran(_task(m, base=_hooked(m, seen)), "x"), seen


def hooks_of_a_retry(m: Any) -> Any:
    seen: list[Any] = []

    def again(self):
        if not self.request.retries:
            raise self.retry(exc=ValueError("v"), countdown=0)

    return m.ran(_task(m, again, bind=True, base=_hooked(m, seen))), seen


def hooks_of_an_eager_success(m: Any) -> Any:
    seen: list[Any] = []
    _task(m, base=_hooked(m, seen)).apply((1,))
    return seen


@differs("`einfo` of `after_return`")
def hooks_of_an_eager_failure(m: Any) -> Any:
    seen: list[Any] = []
    _task(m, base=_hooked(m, seen)).apply(("x",))
    return seen


def hooks_of_an_eager_retry(m: Any) -> Any:
    seen: list[Any] = []

    def again(self):
        if not self.request.retries:
            raise self.retry(exc=ValueError("v"), countdown=0)

    _task(m, again, bind=True, base=_hooked(m, seen)).apply()
    return seen


def hooks_of_an_eager_failure_that_propagates(m: Any) -> Any:
    seen: list[Any] = []
    try:
        _task(m, base=_hooked(m, seen)).apply(("x",), throw=True)
    except TypeError:
        pass
    return seen


def a_hook_that_raises(m: Any) -> Any:
    class Hooked(m.library.Task):
        def on_success(self, *args):
            raise ValueError("hook")

    return m.ran(_task(m, base=Hooked), 1)


def a_hook_that_is_mocked(m: Any) -> Any:
    task = _task(m)
    with mock.patch.object(task, "on_failure") as on_failure:
        task.apply(("x",))
    return on_failure.called


def a_call_of_ones_own(m: Any) -> Any:
    class Own(m.library.Task):
        def __call__(self, *args, **kwargs):
            return ["wrapped", super().__call__(*args, **kwargs)]

    return m.ran(_task(m, base=Own), 1), _task(m, base=Own)(1)


# -- states and results ----------------------------------------------------------------


def a_state_said_outside_a_worker(m: Any) -> Any:
    task = _task(m)
    task.update_state(task_id="some-id", state="QUEUED", meta={"at": 1})
    found = task.AsyncResult("some-id")
    return found.state, found.info, found.result, found.ready()


@differs("`update_state` outside a worker, without an id")
def a_state_said_outside_a_worker_without_an_id(m: Any) -> Any:
    _task(m).update_state(state="QUEUED")
    return "said"


def a_state_said_before_the_task_ends(m: Any) -> Any:
    task = _task(m)
    result = task.apply_async((1,))
    task.update_state(task_id=result.id, state="QUEUED")
    seen = result.state
    with m.worker():
        return seen, result.get(timeout=5, interval=0.01)


def a_state_of_a_running_task(m: Any) -> Any:
    def work(self):
        self.update_state(state="HALF", meta={"done": 50})
        raise m.exceptions.Ignore

    task = _task(m, work, bind=True)
    with m.worker():
        result = task.delay()
        for _ in range(500):
            if result.state == "HALF":
                break
            import time

            time.sleep(0.01)
        return result.state, result.info


def a_state_said_of_another_task(m: Any) -> Any:
    def work(self):
        self.update_state(task_id="another", state="BUSY", meta=1)

    return m.ran(_task(m, work, bind=True)), m.app.AsyncResult("another").state


def a_result_that_cannot_be_written(m: Any) -> Any:
    state, told = m.ran(_task(m, lambda: {1, 2}))
    return state, told[0]


def a_result_that_is_an_object(m: Any) -> Any:
    state, told = m.ran(_task(m, _thing))
    return state, told[0]


def results_of_many_types(m: Any) -> Any:
    values = [None, 1, 1.5, "x", True, [1], {"a": [1, None]}, (1, 2), "ü" * 10, 1 << 70]
    task = _task(m, lambda i: values[i])
    with m.worker():
        return [task.delay(i).get(timeout=5, interval=0.01) for i in range(len(values))]


def an_error_and_its_class(m: Any) -> Any:
    def fail():
        raise KeyError("k")

    task = _task(m, fail)
    with m.worker():
        task.delay().get(timeout=5, interval=0.01)


def an_error_and_its_text(m: Any) -> Any:
    def fail():
        raise ValueError("text", 5)

    return m.ran(_task(m, fail))


def an_error_without_arguments(m: Any) -> Any:
    def fail():
        raise ZeroDivisionError

    return m.ran(_task(m, fail))


def an_ignored_result(m: Any) -> Any:
    task, after = _task(m, ignore_result=True), _task(m, name="after")
    with m.worker():
        result = task.delay(1)
        after.delay(1).get(timeout=5, interval=0.01)
        return result.state, result.result, result.get(timeout=1)


def a_result_by_its_id(m: Any) -> Any:
    task = _task(m)
    found = task.AsyncResult("x"), m.app.AsyncResult("x"), m.result.AsyncResult("x", app=m.app)
    return [(each.id, each.task_id, each.state, each.result, str(each), each.ready(), each.failed()) for each in found]


def the_app_of_a_result(m: Any) -> Any:
    task = _task(m)
    return (
        *(task.delay(1).app is m.app, task.AsyncResult("x").app is m.app, m.app.AsyncResult("x").app is m.app),
        m.result.AsyncResult("x", app=m.app).app is m.app,
    )


def the_app_of_a_result_of_the_current_app(m: Any) -> Any:
    m.app.set_current()
    return m.result.AsyncResult("x").app.main


def a_result_that_does_not_come(m: Any) -> Any:
    _task(m).delay(1).get(timeout=0.05)


def a_result_that_does_not_come_is_a_timeout(m: Any) -> Any:
    try:
        _task(m).delay(1).get(timeout=0.05)
    except m.exceptions.TimeoutError as error:
        return type(error).__name__


def a_forgotten_result(m: Any) -> Any:
    task = _task(m)
    with m.worker():
        result = task.delay(1)
        result.get(timeout=5, interval=0.01)
        result.forget()
        return m.app.AsyncResult(result.id).state


def a_revoked_task(m: Any) -> Any:
    result = _task(m).apply_async((1,))
    return result.revoke()


def properties_of_a_result(m: Any) -> Any:
    task = _task(m)
    with m.worker():
        result = task.delay(1)
        result.get(timeout=5, interval=0.01)
        return (
            *(result.status, result.state, result.info, result.result, result.traceback, result.children),
            *(result.parent, result.date_done is not None, result.successful(), result.failed(), result.ready()),
            *(result.args, result.kwargs, result.worker, result.retries, result.queue),
            *(result.supports_native_join, bool(result), result == result.id, hash(result) == hash(result.id)),
        )


def properties_of_an_extended_result(m: Any) -> Any:
    m.app.conf.result_extended = True
    task = _task(m)
    with m.worker():
        result = task.delay(1, b=4)
        result.get(timeout=5, interval=0.01)
        return result.name, result.args, result.kwargs, result.retries, result.queue



# -- workers in this process -----------------------------------------------------------


def a_task_declared_while_a_worker_runs(m: Any) -> Any:
    """Celery's own documented test."""
    with m.worker() as worker:

        @m.app.task
        def mul(x, y):
            return x * y

        worker.reload()
        return mul.delay(4, 4).get(timeout=10)


def a_second_task_declared_while_a_worker_runs(m: Any) -> Any:
    first = _task(m, name="first")
    with m.worker() as worker:
        one = first.delay(1).get(timeout=5, interval=0.01)
        second = _task(m, name="second")
        worker.reload()
        return one, second.delay(2).get(timeout=10, interval=0.01)


def arguments_in_a_worker_are_not_checked_twice(m: Any) -> Any:
    state, told = m.ran(_task(m, typing=False))
    return state, told[0]


@differs("`self.request.args` of a task that is called like a function")
def a_task_called_directly_sees_its_arguments(m: Any) -> Any:
    task = _task(m, lambda self, a: (list(self.request.args or ()), self.request.called_directly), bind=True)
    return task(5)


def warnings_of_a_misspelt_option(m: Any) -> Any:
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        return _task(m, ignore_results=True).name



def a_decorated_function(m: Any) -> Any:
    def twice(function):
        @functools.wraps(function)
        def call(*args, **kwargs):
            return 2 * function(*args, **kwargs)

        return call

    @m.app.task(name="t")
    @twice
    def add(a, b=1):
        return a + b

    return add(1), str(inspect.signature(add.run)), m.ran(add, 1)
