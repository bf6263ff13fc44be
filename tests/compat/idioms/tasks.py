"""What a task is: its attributes, its class, its copies."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

from tests.compat.idioms.library import differs


def _nothing():
    pass


# -- what a task is -------------------------------------------------------------------


def the_signature_of_a_task(m: Any) -> Any:
    return str(inspect.signature(m.task())), str(inspect.signature(m.task().run))


def the_signature_of_a_bound_task(m: Any) -> Any:
    def show(self, a, *, b=3):
        return a

    task = m.task(show, bind=True)
    return str(inspect.signature(task)), str(inspect.signature(task.run))


def run_of_a_bound_task(m: Any) -> Any:
    task = m.task(lambda self, a: (self.name, a), bind=True)
    return task.run(5), task(6)


def lock_keys_of_the_arguments(m: Any) -> Any:
    """As add-ons that lock do it."""
    task = m.task()
    bound = inspect.signature(task.run).bind(*(1,))
    bound.apply_defaults()
    return dict(bound.arguments)


def the_class_of_a_task(m: Any) -> Any:
    task = m.task()
    return task.__class__.__name__, isinstance(task, m.library.Task), task.__class__ is m.task(name="b").__class__


def names_of_a_task(m: Any) -> Any:
    @m.app.task
    def named():
        """What it does."""

    return named.name, named.__name__, named.__doc__, named.__class__.__module__


def two_tasks_of_one_class_do_not_share_attributes(m: Any) -> Any:
    one, two = m.task(name="one"), m.task(name="two")
    one.__class__.max_retries = 9
    one.default_retry_delay = 5
    return one.max_retries, two.max_retries, one.default_retry_delay, two.default_retry_delay


def attributes_of_a_default_task(m: Any) -> Any:
    task = m.task()
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
    return m.task().acks_late


def reject_on_worker_lost_of_a_default_task(m: Any) -> Any:
    return m.task().reject_on_worker_lost


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
    task = m.task()
    names = (
        *("serializer", "ignore_result", "acks_late", "track_started", "time_limit", "soft_time_limit"),
        *("store_eager_result", "store_errors_even_if_ignored"),
    )
    return {name: getattr(task, name) for name in names}


def attributes_that_the_task_says_itself(m: Any) -> Any:
    m.app.conf.update(task_ignore_result=True, task_time_limit=30)
    task = m.task(ignore_result=False, time_limit=5, acks_late=True)
    return task.ignore_result, task.time_limit, task.acks_late


def an_option_that_is_none_is_not_said(m: Any) -> Any:
    m.app.conf.task_ignore_result = True
    return m.task(ignore_result=None).ignore_result


def options_of_ones_own_are_attributes(m: Any) -> Any:
    task = m.task(my_option=5, lock_timeout=60)
    return task.my_option, task.lock_timeout


def a_misspelt_option_is_an_attribute(m: Any) -> Any:
    return m.task(ignore_results=True).ignore_results


def a_misspelt_option_of_max_retries(m: Any) -> Any:
    task = m.task(max_retry=5)
    return task.max_retry, task.max_retries


def attributes_of_add_ons_that_look_like_options(m: Any) -> Any:
    names = ("retries", "queues", "expiry", "throw", "retry_limit", "names", "priorities")
    task = m.task(**dict.fromkeys(names, 1))
    return [getattr(task, name) for name in names]


def options_of_later_versions_are_attributes(m: Any) -> Any:
    task = m.task(unique=True, batch=10, concurrency=2, breaker="x")
    return task.unique, task.batch, task.concurrency, task.breaker


def get_app(m: Any) -> Any:
    task = m.task()
    return task._get_app() is m.app, task.app is m.app


def an_app_of_a_class_without_one(m: Any) -> Any:
    m.app.set_current()

    class Own(m.library.Task):
        pass

    return Own._get_app().main


def repr_of_a_task(m: Any) -> Any:
    return repr(m.task()).startswith("<@task: add of proj at 0x")


def attributes_set_after_decorating(m: Any) -> Any:
    task = m.task()
    task.max_retries = 7
    task.my = 1
    return task.max_retries, task.my


def a_queue_set_after_decorating(m: Any) -> Any:
    task = m.task()
    task.queue = "late"
    task.delay(1)
    return m.order("late")


def results_ignored_after_decorating(m: Any) -> Any:
    task = m.task()
    task.ignore_result = True
    task.delay(1)
    return m.one()["headers"]["ignore_result"]


def a_task_is_hashable_and_equal_to_itself(m: Any) -> Any:
    task = m.task()
    return task in {task}, task == task, task != m.task(name="other")


# -- classes ---------------------------------------------------------------------------


def task_set_in_the_app_after_tasks_were_made(m: Any) -> Any:
    """Flask's pattern, with tasks that were decorated first."""
    add = m.task()

    class ContextTask(m.app.Task):
        def __call__(self, *args, **kwargs):
            return "in context", self.run(*args, **kwargs)

    m.app.Task = ContextTask
    return add(1), add.apply((1,)).get(), isinstance(add, ContextTask)


def task_set_in_the_app_counts_in_a_worker(m: Any) -> Any:
    add = m.task()

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
    return m.task()(1)


def task_set_in_the_app_leaves_tasks_with_a_base(m: Any) -> Any:
    class Base(m.library.Task):
        pass

    class Other(m.library.Task):
        pass

    task = m.task(base=Base)
    m.app.Task = Other
    return isinstance(task, Base), isinstance(task, Other)


def task_cls_set_late(m: Any) -> Any:
    class Own(m.library.Task):
        max_retries = 11

    add = m.task()
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

    task = m.task(base=Own)
    return task.name, made


def a_resource_of_a_base_class(m: Any) -> Any:
    class Database(m.library.Task):
        _db = None

        @property
        def db(self):
            if self._db is None:
                self._db = object()
            return self._db

    task = m.task(lambda self: self.db is self.db, base=Database, bind=True)
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

    return m.task(base=Own)(1)


def hooks_given_as_options_are_methods(m: Any) -> Any:
    seen = []

    def on_success(self, retval, task_id, args, kwargs):
        seen.append((self.name, retval))

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        seen.append((self.name, str(exc)))

    add = m.task(on_success=on_success, on_failure=on_failure)
    add.apply((1,))
    add.apply(("x",))
    return seen


def hooks_given_by_annotations(m: Any) -> Any:
    seen = []

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        seen.append((self.name, type(exc).__name__))

    m.app.conf.task_annotations = {"*": {"on_failure": on_failure}}
    add = m.task()
    add.apply(("x",))
    return seen


def annotations_of_one_task(m: Any) -> Any:
    m.app.conf.task_annotations = {"add": {"max_retries": 1, "queue": "annotated", "time_limit": 3}}
    add = m.task()
    m.app.finalize()
    add.delay(1)
    return add.max_retries, m.one("annotated")["headers"]["timelimit"]


def on_bound(m: Any) -> Any:
    seen = []

    class Own(m.library.Task):
        @classmethod
        def on_bound(cls, app):
            seen.append(app is m.app)

    m.task(base=Own).app  # noqa: B018
    return seen[:1]


def a_mixin_without_task(m: Any) -> Any:
    class Mixin:
        def extra(self):
            return getattr(self, "name", None)

    class Own(Mixin, m.library.Task):
        abstract = True

    return m.task(base=Own).extra()


def generic_task_classes(m: Any) -> Any:
    return str(m.library.Task[[int], int]) != ""


# -- copies ----------------------------------------------------------------------------


def a_copy_of_a_task(m: Any) -> Any:
    task = m.task()
    return copy.copy(task).name, copy.deepcopy(task).name, copy.deepcopy({"task": task})["task"](1)


def a_pickled_task(m: Any) -> Any:
    m.app.set_current()
    task = m.task()
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
    class Own(m.library.Celery):
        pass

    Own.__qualname__ = "Own"
    globals()["Own"] = Own
    app = m.at_memory(Own, "named")
    again = pickle.loads(pickle.dumps(app))
    return type(again).__name__, again.main


def a_pickled_result(m: Any) -> Any:
    m.app.set_current()
    result = m.task().delay(1)
    return pickle.loads(pickle.dumps(result)).id == result.id
