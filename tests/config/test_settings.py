"""`app.conf`."""

from __future__ import annotations

import copy
import pickle

import pytest

from celeriac.config import TABLE, Settings, Source
from celeriac.exceptions import ImproperlyConfigured, SettingWarning


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
    ("typo", "right"),
    [
        ("task_defualt_queue", "task_default_queue"),
        ("broker_ulr", "broker_url"),
        ("CELERY_TASK_RESULT_EXPIRE", "CELERY_TASK_RESULT_EXPIRES"),
        ("CELERY_WORKER_HIJACK_ROOT_LOGGER", 'worker_hijack_root_logger\', or namespace="CELERY"'),
    ],
)
def test_a_near_miss_is_kept_and_says_what_the_right_name_is(typo, right):
    with pytest.warns(SettingWarning, match=f"no setting is called '{typo}', and it has no effect.*mean '{right}"):
        settings = Settings({typo: "x"})
    assert settings[typo] == "x"
    assert typo in settings.without_defaults()


def test_a_name_of_an_add_on_is_kept():
    assert Settings({"redbeat_lock_key": "k"}).redbeat_lock_key == "k"


def test_a_name_that_was_never_set_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_thing_at_all"):
        _ = Settings().no_such_thing_at_all


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("worker_lease", "ten"),
        ("task_default_queue", None),
        ("worker_concurrency", True),
        ("task_acks_late", "ja"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_where_it_is_set(name, value):
    with pytest.raises(ImproperlyConfigured, match=name):
        Settings({name: value})


def test_conf_has_the_methods_of_celerys():
    settings = Settings({"task_default_queue": "mail", "shop": 1})
    settings.add_defaults({"result_expires": 5})
    assert settings.finalize() is settings
    assert settings.first("no_such_name", "result_backend", "task_default_queue", "shop") == "mail"
    assert settings.first("no_such_name") is None
    said, defaults = settings.defaults
    assert (said, defaults["task_default_queue"]) == ({"result_expires": 5}, "celery")
    assert settings.value_set_for("CELERY_DEFAULT_QUEUE")
    assert not settings.value_set_for("broker_url")
    assert settings.get_by_parts("task", "default_queue") == "mail"
    assert settings.pop("shop") == 1
    with pytest.raises(KeyError):
        settings.pop("shop")
    settings.clear()
    assert settings.without_defaults() == {"result_expires": 5}


@pytest.mark.parametrize("copied", [Settings.copy, copy.copy], ids=["copy", "copy.copy"])
def test_a_copy_of_settings_can_be_changed_by_itself(copied):
    settings = Settings({"task_default_queue": "mail"})
    settings.read_from(Source({"result_expires": 5}))
    other = copied(settings)
    other.task_default_queue = "other"
    assert (settings.task_default_queue, other.task_default_queue, other.result_expires) == ("mail", "other", 5)


def test_a_dictionary_that_is_a_setting_is_copied_and_pickled_as_one():
    entries = Settings().broker_transport_options
    assert type(copy.deepcopy(entries)) is type(pickle.loads(pickle.dumps(entries))) is type(copy.copy(entries)) is dict
