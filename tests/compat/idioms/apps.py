"""Apps: how they are made, what they tell, shared tasks, results by id, sets of results, exceptions."""

from __future__ import annotations

import warnings
from typing import Any

from tests.compat.idioms.library import describe, differs


def _add(a, b=2):
    return a + b


def changes_of_an_app(m: Any) -> Any:
    app = m.at_memory(m.library.Celery, "proj", changes={"task_default_queue": "mine"})
    return app.conf.task_default_queue


def settings_as_keywords(m: Any) -> Any:
    return m.Celery(task_default_queue="mine").conf.task_default_queue


def on_init_of_a_subclass(m: Any) -> Any:
    seen = []

    class Own(m.library.Celery):
        def on_init(self):
            seen.append(self.main)

    m.at_memory(Own, "proj")
    return seen


def an_init_of_a_subclass(m: Any) -> Any:
    class Own(m.library.Celery):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.mine = 5

    return m.at_memory(Own, "proj").mine


def gen_task_name_of_a_subclass(m: Any) -> Any:
    class Own(m.library.Celery):
        def gen_task_name(self, name, module):
            return f"short.{name}"

    app = m.at_memory(Own, "proj")
    return app.task(_add).name


def positions_of_an_app(m: Any) -> Any:
    app = m.library.Celery("proj", None, None)
    return app.main


def a_loader_of_ones_own(m: Any) -> Any:
    loader = "celery.loaders.app:AppLoader" if m.name == "celery" else "celeriac.loaders.app:AppLoader"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return m.library.Celery("proj", loader).main


def an_app_without_fixups(m: Any) -> Any:
    return m.Celery(fixups=[]).main


def no_current_app(m: Any) -> Any:
    m.app.set_current()
    other = m.Celery("other", set_as_current=False)
    return m.library.current_app.main, other.set_as_current


def the_current_app(m: Any) -> Any:
    m.app.set_current()
    return m.library.current_app.main, m.library.current_app == m.app


def the_name_of_an_app(m: Any) -> Any:
    return m.app.main, m.app.finalized, m.app.autofinalize, m.app.strict_typing


def an_app_in_a_with(m: Any) -> Any:
    with m.Celery("with") as app:
        return app.main


def finalizing(m: Any) -> Any:
    app = m.Celery()
    app.finalize()
    return app.finalized


def finalizing_late(m: Any) -> Any:
    app = m.Celery(autofinalize=False)
    task = app.task(name="x", shared=False)(_add)
    try:
        task.delay(1)
    except RuntimeError as error:
        return str(error)


def now(m: Any) -> Any:
    found = m.app.now()
    return type(found).__name__, found.utcoffset().total_seconds()


def now_in_another_zone(m: Any) -> Any:
    m.app.conf.timezone = "Asia/Tokyo"
    return m.app.now().utcoffset().total_seconds()


def tasks_of_an_app(m: Any) -> Any:
    m.app.task(name="x", shared=False)(_add)
    return "x" in m.app.tasks, m.app.tasks["x"].name, "y" in m.app.tasks


def a_task_that_is_not_there(m: Any) -> Any:
    m.app.tasks["nothing"]


def a_task_twice(m: Any) -> Any:
    one = m.app.task(name="x", shared=False)(_add)
    two = m.app.task(name="x", shared=False)(_add)
    return one == two, one.name == two.name


def a_task_unregistered(m: Any) -> Any:
    m.app.task(name="x", shared=False)(_add)
    m.app.tasks.unregister("x")
    return "x" in m.app.tasks


def a_decorator_with_a_filter(m: Any) -> Any:
    seen = []

    def note(task):
        seen.append(task.name)
        return task

    return m.app.task(name="x", filter=note, shared=False)(_add).name, seen


def a_decorator_that_is_not_lazy(m: Any) -> Any:
    return m.app.task(name="x", lazy=False, shared=False)(_add).name


def a_decorator_with_an_argument_that_is_no_function(m: Any) -> Any:
    m.app.task("name")


def a_decorator_with_too_many_arguments(m: Any) -> Any:
    m.app.task(_add, _add)


def a_shared_task_before_the_app(m: Any) -> Any:
    task = m.library.shared_task(name="shared.x")(_add)
    app = m.Celery("later")
    app.set_current()
    return task.name, task(1), "shared.x" in app.tasks, task.app.main


def a_shared_task_bound(m: Any) -> Any:
    m.app.set_current()

    @m.library.shared_task(bind=True, name="shared.bound")
    def show(self, a):
        return self.name, a

    return show(5), show.apply((5,)).get()


def a_shared_task_with_options(m: Any) -> Any:
    m.app.set_current()
    task = m.library.shared_task(name="shared.y", queue="own", max_retries=7, ignore_results=True)(_add)
    task.delay(1)
    return task.max_retries, m.order("own"), task.ignore_results


def a_shared_task_in_a_worker(m: Any) -> Any:
    m.app.set_current()
    return m.ran(m.library.shared_task(name="shared.z")(_add), 1)


def a_registered_instance(m: Any) -> Any:
    class Own(m.library.Task):
        name = "own"

        def run(self, a):
            return a * 2

    task = m.app.register_task(Own())
    task.delay(4)
    return task(4), m.order(), "own" in m.app.tasks


def a_registered_class(m: Any) -> Any:
    class Own(m.library.Task):
        name = "own"

        def run(self, a):
            return a * 2

    return m.app.register_task(Own)(4)


def a_task_class_with_a_property_of_the_app(m: Any) -> Any:
    class Own(m.library.Task):
        @property
        def where(self):
            return self.app.main

    return m.app.task(name="x", base=Own, shared=False)(_add).where


def a_config_module_as_a_class(m: Any) -> Any:
    class Config:
        task_default_queue = "mine"
        task_track_started = True

    m.app.config_from_object(Config)
    return m.app.conf.task_default_queue, m.app.conf.task_track_started


def a_config_as_a_dictionary(m: Any) -> Any:
    m.app.config_from_object({"task_default_queue": "mine"})
    return m.app.conf.task_default_queue


def a_set_of_results(m: Any) -> Any:
    task = m.app.task(name="x", shared=False)(_add)
    with m.worker():
        results = m.result.ResultSet([task.delay(i) for i in range(3)], app=m.app)
        values = results.get(timeout=5, interval=0.01)
        return values, results.ready(), results.successful(), results.completed_count(), len(results)


def a_group_of_results(m: Any) -> Any:
    task = m.app.task(name="x", shared=False)(_add)
    with m.worker():
        results = m.result.GroupResult("g", [task.delay(i) for i in range(3)], app=m.app)
        return results.id, results.join(timeout=5, interval=0.01), results.children == results.results


def results_as_a_tuple(m: Any) -> Any:
    result = m.app.AsyncResult("x")
    return describe(result.as_tuple()), m.result.result_from_tuple(result.as_tuple(), app=m.app).id


def results_are_equal_by_id(m: Any) -> Any:
    a, b = m.app.AsyncResult("x"), m.app.AsyncResult("x")
    return a == b, len({a, b}), a != m.app.AsyncResult("y"), repr(a)


def an_eager_result_by_hand(m: Any) -> Any:
    result = m.result.EagerResult("x", 5, "SUCCESS")
    return result.get(), result.state, result.ready(), result.successful(), result.id


def states(m: Any) -> Any:
    names = ("PENDING", "RECEIVED", "STARTED", "SUCCESS", "FAILURE", "REVOKED", "RETRY", "IGNORED", "REJECTED")
    sets = ("READY_STATES", "UNREADY_STATES", "EXCEPTION_STATES", "PROPAGATE_STATES", "ALL_STATES")
    return [getattr(m.states, name) for name in names], [sorted(getattr(m.states, name)) for name in sets]


def exceptions_and_their_arguments(m: Any) -> Any:
    x = m.exceptions
    made = (
        *(x.Retry("m", ValueError("v"), 5), x.Ignore(), x.Reject("why", requeue=True)),
        *(x.MaxRetriesExceededError("m"), x.NotRegistered("t"), x.TaskRevokedError("revoked")),
    )
    return [(type(each).__name__, str(each)) for each in made], made[0].humanize(), made[2].requeue


def exceptions_and_their_bases(m: Any) -> Any:
    x = m.exceptions
    return (
        *(issubclass(x.Retry, x.TaskPredicate), issubclass(x.NotRegistered, KeyError)),
        *(issubclass(x.MaxRetriesExceededError, x.TaskError), issubclass(x.TaskError, x.CeleryError)),
        *(issubclass(x.ImproperlyConfigured, Exception), issubclass(x.QueueNotFound, KeyError)),
    )


def the_error_of_kombu(m: Any) -> Any:
    """What users catch around `delay`."""
    return m.library.Task.OperationalError.__name__, m.library.Task.MaxRetriesExceededError.__name__


def an_argument_that_cannot_be_written(m: Any) -> Any:
    task = m.app.task(name="x", shared=False)(_add)
    try:
        task.delay(object())
    except Exception as error:
        return type(error).__name__


@differs("| canvas:")
def a_signature(m: Any) -> Any:
    return m.app.task(name="x", shared=False)(_add).s(1).task


@differs("| canvas:")
def a_chain_from_the_package(m: Any) -> Any:
    from importlib import import_module

    return import_module(m.name).chain.__name__


@differs("| beat:")
def a_periodic_task(m: Any) -> Any:
    return m.app.add_periodic_task.__name__


@differs("| signals ")
def a_signal(m: Any) -> Any:
    from importlib import import_module

    return import_module(f"{m.name}.signals").task_prerun is not None


def names_that_are_not_there_can_be_asked_for(m: Any) -> Any:
    return hasattr(m.library, "nonsense"), hasattr(m.app, "nonsense"), getattr(m.app.task(_add), "nonsense", 5)


def a_logger_of_tasks(m: Any) -> Any:
    from importlib import import_module

    return import_module(f"{m.name}.utils.log").get_task_logger("my.module").name


def current_task_outside(m: Any) -> Any:
    return bool(m.library.current_task), m.app.current_task


def parameters_of_methods(m: Any) -> Any:
    import inspect

    task, result = m.app.task(name="x", shared=False)(_add), m.app.AsyncResult("x")
    methods = (
        *(task.apply_async, task.apply, task.retry, task.delay, task.before_start, task.on_success, task.on_failure),
        *(task.on_retry, task.after_return, task.push_request, task.pop_request, result.get, result.wait),
        *(result.forget, result.then, result.maybe_throw, result.collect, result.iterdeps, result.build_graph),
        *(m.app.gen_task_name, m.app.config_from_object, m.app.config_from_envvar, m.app.autodiscover_tasks),
        *(m.app.finalize, m.app.register_task, m.app.add_defaults, m.result.EagerResult.__init__),
    )
    return {method.__name__: [*inspect.signature(method).parameters] for method in methods}


def parameters_of_an_app(m: Any) -> Any:
    import inspect

    return [*inspect.signature(m.library.Celery.__init__).parameters][:20]
