"""`app.conf`."""

from __future__ import annotations

import pytest

from celeriac.config import TABLE, Settings
from celeriac.exceptions import ImproperlyConfigured


def test_defaults_come_from_the_table():
    settings = Settings()
    assert {name: settings[name] for name in TABLE} == {name: row.default for name, row in TABLE.items()}
    assert settings.without_defaults() == {}


def test_what_is_set_is_set_and_known_to_be():
    settings = Settings({"task_default_queue": "mail"})
    settings.worker_lease = 5
    settings["result_expires"] = 60
    assert (settings.task_default_queue, settings["worker_lease"], settings.result_expires) == ("mail", 5, 60)
    assert settings.without_defaults() == {"task_default_queue": "mail", "worker_lease": 5, "result_expires": 60}


def test_celerys_old_names_mean_the_same():
    assert Settings({"CELERY_DEFAULT_QUEUE": "old"}).task_default_queue == "old"


@pytest.mark.parametrize(
    ("typo", "right"), [("task_defualt_queue", "task_default_queue"), ("broker_ulr", "broker_url")]
)
def test_a_near_miss_is_refused_with_the_right_name(typo, right):
    with pytest.raises(ImproperlyConfigured, match=right):
        Settings({typo: "x"})


def test_a_name_of_an_add_on_is_kept():
    assert Settings({"redbeat_lock_key": "k"}).redbeat_lock_key == "k"


def test_a_name_that_was_never_set_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_thing_at_all"):
        _ = Settings().no_such_thing_at_all


@pytest.mark.parametrize(
    ("name", "value"),
    [("worker_lease", "ten"), ("task_default_queue", None), ("worker_concurrency", True), ("task_acks_late", "yes")],
)
def test_a_value_of_the_wrong_type_is_refused_where_it_is_set(name, value):
    with pytest.raises(ImproperlyConfigured, match=name):
        Settings({name: value})
