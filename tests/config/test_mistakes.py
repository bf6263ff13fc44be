"""What a user reads who has set something that cannot be."""

from __future__ import annotations

from datetime import timedelta

import pytest

from celeriac import Celeriac
from celeriac.config import Settings
from celeriac.exceptions import ImproperlyConfigured


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("worker_concurrency", "4", "worker_concurrency cannot be '4' but a whole number or None. Children, threads"),
        ("worker_concurrency", -1, "worker_concurrency cannot be -1 but at least 0. "),
        ("worker_lease", 0, "worker_lease cannot be 0 but at least 0.1. Silence after which a worker counts as dead"),
        ("task_time_limit", float("nan"), "task_time_limit cannot be nan but at least 0. "),
        ("task_time_limit", "5", "In seconds."),
        ("task_default_priority", 256, "task_default_priority cannot be 256 but at most 255. "),
        ("task_track_started", "yes", "task_track_started cannot be 'yes' but True or False. Write the state STARTED"),
        ("worker_pool_start_method", "forkserver", "but 'fork' or 'spawn'"),
        ("timezone", "Europe/Atlantis", "but the name of a time zone that this machine knows"),
        ("beat_schedule", {"a": {"task": "t"}}, "schedules come later, and nothing would be sent"),
        (
            "broker_url",
            ["redis://a", "redis://b"],
            "broker_url names 2 brokers: going over to another one when one fails is not there yet",
        ),
        ("security_key", "key.pem", "signed messages come later, and whoever asks for them"),
        ("worker_consumer", "a:B", "runs no code of the user's"),
        ("broker_transport_options", {"global_keyprefix": 5}, "global_keyprefix cannot be 5 but a text"),
        (
            "broker_transport_options",
            {"visibility_timeout": "1h"},
            "options.visibility_timeout cannot be '1h' but a ",
        ),
    ],
)
def test_a_value_that_cannot_be_is_refused_where_it_is_set(name, value, says):
    with pytest.raises(ImproperlyConfigured, match=says):
        Settings({name: value})
    settings = Settings()
    with pytest.raises(ImproperlyConfigured, match=says):
        settings[name] = value
    assert settings.without_defaults() == {}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (
            {"task_soft_time_limit": 60, "task_time_limit": 30},
            "task_soft_time_limit = 60 is longer than task_time_limit = 30: a task would be ended before",
        ),
        ({"broker_url": "redis://", "broker_host": "h"}, "broker_url and broker_host both say where the broker is"),
    ],
)
def test_settings_that_contradict_each_other_are_refused_when_they_are_read(values, says):
    app = Celeriac("x", **values)
    for _ in range(2):
        with pytest.raises(ImproperlyConfigured, match=says):
            app.task(name="t")(lambda: None).delay()


def test_what_single_tasks_may_say_otherwise_is_no_contradiction():
    settings = Settings({"task_acks_late": False, "task_reject_on_worker_lost": True})
    settings.check()
    assert settings.task_reject_on_worker_lost is True


def test_contradictions_that_come_later_stop_a_worker():
    settings = Settings()
    assert settings.task_time_limit is None
    settings.task_time_limit = 3
    settings.task_soft_time_limit = 5
    with pytest.raises(ImproperlyConfigured, match="task_soft_time_limit = 5 is longer"):
        settings.check()


def test_values_changed_in_place_are_looked_at_before_a_worker_starts():
    settings = Settings()
    settings.beat_schedule["a"] = {"task": "t"}
    assert Settings().beat_schedule == {}
    with pytest.raises(ImproperlyConfigured, match="schedules come later"):
        settings.check()


def test_old_and_new_names_with_different_values_contradict_each_other():
    same = Settings({"CELERY_TASK_RESULT_EXPIRES": 5, "result_expires": 5})
    assert same.result_expires == 5
    with pytest.raises(ImproperlyConfigured, match="CELERY_TASK_RESULT_EXPIRES = 5 and result_expires = 6 contradict"):
        Settings({"CELERY_TASK_RESULT_EXPIRES": 5, "result_expires": 6})
    # Later is not at once.
    same.update(CELERY_TASK_RESULT_EXPIRES=7)
    assert same.result_expires == 7


def test_old_and_new_names_may_be_mixed():
    settings = Settings({"CELERY_TASK_RESULT_EXPIRES": 5, "task_default_queue": "q"})
    assert (settings.result_expires, settings.task_default_queue) == (5, "q")


@pytest.mark.parametrize("name", ["redbeat_redis_url", "flower_port", "django_celery_beat_tz", "beat_dburi", "shop"])
def test_names_of_add_ons_and_of_ones_own_are_kept(name):
    assert Settings({name: 1})[name] == 1


def test_a_name_of_ones_own_may_be_that_of_a_method():
    settings = Settings({"items": 1, "check": 2})
    assert (settings["items"], settings["check"]) == (1, 2)
    assert ("items", 1) in settings.items()


def test_times_may_be_timedeltas():
    settings = Settings({"result_expires": timedelta(hours=1), "task_time_limit": timedelta(seconds=1.5)})
    assert (settings.result_expires, settings.task_time_limit) == (3600, 1.5)
