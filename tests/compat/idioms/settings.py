"""Settings as projects write them: from the environment, in namespaces, changed in place, misspelt."""

from __future__ import annotations

import copy
import os
from datetime import timedelta
from enum import Enum
from types import SimpleNamespace
from typing import Any

from tests.compat.idioms.library import differs


def _add(m: Any, app: Any = None):
    @(app or m.app).task(name="add")
    def add(a, b=2):
        return a + b

    return add


def numbers_as_texts(m: Any):
    """As an environment without a cast has them."""
    conf = m.app.conf
    conf.update(worker_concurrency="4", task_time_limit="30", result_expires="3600", task_soft_time_limit="2.5")
    names = ("worker_concurrency", "task_time_limit", "result_expires", "task_soft_time_limit")
    return [float(conf[name]) for name in names]


def eager_as_a_text(m: Any):
    m.app.conf.task_always_eager = "True"
    return _add(m).delay(1).get()


@differs("a setting that is the text `False`")
def eager_as_a_text_that_says_no(m: Any):
    """In Celery every text that is not empty means yes."""
    m.app.conf.task_always_eager = "False"
    _add(m).delay(1)
    return len(m.sent())


def eager_as_an_empty_text(m: Any):
    m.app.conf.task_always_eager = ""
    _add(m).delay(1)
    return len(m.sent())


def no_result_backend_as_an_empty_text(m: Any):
    m.app.conf.result_backend = ""
    _add(m).delay(1)
    return not m.app.conf.result_backend, len(m.sent())


@differs("a value of the wrong type")
def a_number_that_is_none(m: Any):
    m.app.conf.worker_concurrency = "many"


def a_queue_of_an_enum(m: Any):
    class Q(str, Enum):  # noqa: UP042 - as it is mostly written
        MAIL = "mail"

    m.app.conf.task_default_queue = Q.MAIL
    _add(m).delay(1)
    return len(m.sent("mail"))


def times_as_timedeltas(m: Any):
    m.app.conf.result_expires = timedelta(hours=1)
    return timedelta(hours=1) in (m.app.conf.result_expires, timedelta(seconds=float(_seconds(m))))


def _seconds(m: Any):
    value = m.app.conf.result_expires
    return value.total_seconds() if isinstance(value, timedelta) else value


def a_misspelt_setting_is_kept_and_changes_nothing(m: Any):
    m.app.conf.task_time_limt = 60
    m.app.conf.update(task_defualt_queue="x", worker_concurency=4)
    _add(m).delay(1)
    return m.app.conf.task_time_limt, m.app.conf.task_time_limit, len(m.sent()), len(m.sent("x"))


def a_misspelt_keyword_of_the_app(m: Any):
    app = m.Celery("other", result_expire=1)
    _add(m, app).delay(1)
    return len(m.sent(app=app))


def names_of_ones_own_in_the_namespace(m: Any):
    settings = SimpleNamespace(
        CELERY_SOFT_TIME_LIMIT=60, CELERY_TASK_QUEUE="x", CELERY_EAGER_PROPAGATES=True, CELERY_TASK_TIME_LIMIT=90
    )
    m.app.config_from_object(settings, namespace="CELERY")
    return m.app.conf.task_time_limit, m.app.conf.task_soft_time_limit, m.app.conf.task_eager_propagates


def new_names_with_the_prefix_and_no_namespace(m: Any):
    m.app.config_from_object(SimpleNamespace(CELERY_WORKER_HIJACK_ROOT_LOGGER=False, CELERY_RESULT_EXPIRES=5))
    return m.app.conf.worker_hijack_root_logger in (True, None)


def an_object_with_a_property_that_raises(m: Any):
    class Settings:
        task_default_queue = "mail"
        CELERY_TASK_DEFAULT_QUEUE = "mail"

        @property
        def SECRET_KEY(self):
            raise RuntimeError("The SECRET_KEY setting must not be empty")

    told = []
    for namespace in (None, "CELERY"):
        app = m.Celery("other")
        app.config_from_object(Settings(), namespace=namespace)
        told.append(app.conf.task_default_queue)
    return told


def own_names_of_an_object(m: Any):
    m.app.config_from_object(SimpleNamespace(task_default_queue="mail", shop="s"))
    return m.app.conf.shop, m.app.conf["shop"], "shop" in m.app.conf, m.app.conf.get("none", 7)


@differs("an old and a new name of one setting")
def old_and_new_names_at_once(m: Any):
    m.app.config_from_object({"CELERY_TASK_RESULT_EXPIRES": 5, "result_expires": 6})
    return m.app.conf.result_expires


def methods_of_conf(m: Any):
    conf = m.app.conf
    conf.shop = 1
    conf.task_default_queue = "mail"
    other, again = conf.copy(), copy.copy(conf)
    other.shop = again.shop = 2
    return (
        conf.first("nope", "task_default_queue", "shop"),
        conf.finalize() is conf,
        isinstance(conf.defaults, list),
        conf.defaults[-1]["task_default_queue"],
        (conf.shop, other.shop, again.shop, other.task_default_queue),
        conf.value_set_for("task_default_queue"),
        conf.value_set_for("task_track_started"),
        conf.get_by_parts("task", "default_queue"),
    )


def a_schedule_set_in_place(m: Any):
    m.app.conf.beat_schedule.update(a={"task": "add", "schedule": 60.0})
    m.app.conf.beat_schedule["b"] = {"task": "add", "schedule": 60.0}
    return sorted(m.app.conf.beat_schedule), m.ran(_add(m), 1)


def a_schedule_and_a_scheduler_assigned(m: Any):
    m.app.conf.beat_schedule = {"a": {"task": "add", "schedule": 60.0}}
    m.app.conf.beat_scheduler = "django_celery_beat.schedulers:DatabaseScheduler"
    return sorted(m.app.conf.beat_schedule), m.ran(_add(m), 1)


def a_schedule_under_its_old_name_with_a_namespace(m: Any):
    m.app.config_from_object({"CELERY_BEAT_SCHEDULE": {"a": {"task": "add", "schedule": 60}}}, namespace="CELERY")
    return sorted(m.app.conf.beat_schedule)


def connecting_for_ever(m: Any):
    m.app.conf.broker_connection_max_retries = None
    return m.app.conf.broker_connection_max_retries, m.ran(_add(m), 1)


def backends_by_names_of_ones_own(m: Any):
    m.app.conf.override_backends = {"mine": "mine:Backend"}
    _add(m).delay(1)
    return len(m.sent())


def how_messages_are_kept(m: Any):
    told = []
    for mode in (None, 1, "transient", "persistent", 2):
        app = m.Celery("other")
        queue = f"q{mode}"
        app.conf.task_default_queue = queue
        if mode is not None:
            app.conf.task_default_delivery_mode = mode
        add = _add(m, app)
        add.delay(1)
        add.apply_async((1,), delivery_mode=1)
        told.append([message["properties"]["delivery_mode"] for message in m.sent(queue, app)])
    return told


def searching_for_tasks_without_django(m: Any):
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)
    m.app.autodiscover_tasks()
    m.app.autodiscover_tasks([])
    return m.ran(_add(m), 1)


def a_module_named_by_the_environment(m: Any):
    os.environ["SHOP_SETTINGS"] = "tests.compat.idioms.settings:OWN"
    m.app.config_from_envvar("SHOP_SETTINGS")
    return m.app.conf.task_default_queue, m.app.conf.result_expires


OWN = SimpleNamespace(task_default_queue="own", result_expires=5)


def settings_taken_from_flask(m: Any):
    """Its configuration as a whole, most of which is not Celery's."""
    m.app.conf.update({"SECRET_KEY": "s", "DEBUG": True, "RESULT_URL": "x", "MAX_CONTENT_LENGTH": None})
    _add(m).delay(1)
    return m.app.conf["DEBUG"], len(m.sent())


def settings_of_all_workers_are_texts_and_sets(m: Any):
    m.app.conf.accept_content = {"json", "application/json"}
    m.app.conf.imports = ["json"]
    m.app.conf.include = "json"
    return m.ran(_add(m), 1)


def a_setting_taken_back(m: Any):
    m.app.conf.task_default_queue = "mail"
    del m.app.conf["task_default_queue"]
    return m.app.conf.task_default_queue


def names_of_conf(m: Any):
    conf = m.app.conf
    return [
        hasattr(conf, "no_such_setting"),
        conf.get("no_such_setting"),
        conf.setdefault("shop", 3) in (3, None),
        conf.shop,
        conf.task_default_exchange or conf.task_default_queue,
    ]


def _way(m: Any, app: Any, queue: str, **options: Any):
    """What a message says of its way."""
    _add(m, app).apply_async((1,), **options)
    properties = m.one(queue, app)["properties"]
    return properties["delivery_info"], properties["priority"]


def the_default_exchange_and_key(m: Any):
    app = m.Celery("other")
    app.conf.update(task_default_exchange="main", task_default_routing_key="the.key")
    return _way(m, app, "celery")


def the_default_exchange_of_a_declared_queue(m: Any):
    app = m.Celery("other")
    app.conf.update(
        task_queues={"mail": {"routing_key": "mail.#"}},
        task_default_exchange="main",
        task_default_exchange_type="topic",
        task_default_queue="mail",
    )
    return _way(m, app, "mail", exchange="main", routing_key="mail.out")[0]


def the_default_priority(m: Any):
    told = []
    for priority in (None, 0, 5, 9):
        app = m.Celery("other")
        app.conf.update(task_default_priority=priority, task_default_queue=f"p{priority}")
        _add(m, app).delay(1)
        found = [each["properties"]["priority"] for each in m.sent(f"p{priority}", app)]
        told.append(found)
    return told


def the_default_serializer_and_compression(m: Any):
    told = []
    for serializer in ("json", "pickle"):
        for compression in (None, "gzip"):
            app = m.Celery("other")
            queue = f"{serializer}{compression}"
            app.conf.update(task_serializer=serializer, task_compression=compression, task_default_queue=queue)
            _add(m, app).delay(1)
            message = m.one(queue, app)
            told.append((message["content-type"], message["headers"].get("compression")))
    return told


def limits_and_results_of_all_tasks(m: Any):
    m.app.conf.update(task_ignore_result=True, task_eager_propagates=True, task_always_eager=True)

    @m.app.task(name="fail")
    def fail():
        raise ValueError("no")

    return fail.delay()
