"""Every setting of Celery's: it has an effect, is mapped to another one, warns, or is refused; never nothing."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import pytest

import celeriac
from celeriac.config import TABLE, Setting, Settings, Standing
from celeriac.config.admission import means_the_usual
from celeriac.config.table import NESTED, OPTIONS
from celeriac.exceptions import ImproperlyConfigured, SettingWarning
from tests.config.celery_list import CELERYS

NAMES = [setting.name for setting in CELERYS]
SOURCE = Path(celeriac.__file__).parent
READ = "\n".join(
    path.read_text() for path in SOURCE.rglob("*.py") if not path.is_relative_to(SOURCE / "config" / "rows")
)
"""All of the package but the table."""

DEFAULTS_OF_OUR_OWN = {
    "broker_url": "without one it is a SQLite file, and no server",
    "task_acks_late": "unset, a task runs at least once",
    "worker_hijack_root_logger": "unset, the root logger is the app's if the app has used it",
}

OTHERS: dict[str, Any] = {
    "timezone": "Europe/Paris",
    "worker_pool": "threads",
    "worker_pool_start_method": "spawn",
    "redis_backend_use_ssl": True,
    "broker_use_ssl": True,
}
"""Values besides the default, of settings that do not take any of their type."""

MAPPED: dict[str, tuple[Any, str, Any]] = {
    "broker_transport": ("redis", "broker_url", "redis://localhost/"),
    "broker_host": ("h", "broker_url", "amqp://h/"),
    "broker_port": (5, "broker_url", "amqp://localhost:5/"),
    "broker_user": ("u", "broker_url", "amqp://u@localhost/"),
    "broker_password": ("p/p", "broker_url", "amqp://:p%2Fp@localhost/"),
    "broker_vhost": ("v", "broker_url", "amqp://localhost/v"),
    "task_publish_retry": (False, "task_publish_deadline", 0.5),
    "task_publish_retry_policy": (
        {"max_retries": 5, "interval_start": 1, "interval_step": 2, "interval_max": 4},
        "task_publish_deadline",
        1 + 3 + 4 + 4 + 4,
    ),
}
"""A value of a setting that is mapped, the setting it changes, and to what."""


def another(row: Setting) -> Any:
    """A value of the setting's type that is not what happens anyway."""
    if row.name in OTHERS:
        return OTHERS[row.name]
    kinds = row.kind if isinstance(row.kind, tuple) else (row.kind,)
    if bool in kinds:
        return next(value for value in (True, False) if not means_the_usual(row, value))
    if int in kinds or float in kinds:
        return (row.default if isinstance(row.default, int) else 0) + 7
    return next(value for kind, value in VALUES.items() if kind in kinds)


VALUES: dict[type, Any] = {str: "other", dict: {"entry": 1}, list: ["other"], object: "other", bytes: b"other"}


def told(row: Setting, value: Any) -> tuple[list[str], str]:
    """The warnings and the error that setting it brings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            assert Settings({row.name: value})[row.name] == (row.default if value is None else value)
        except ImproperlyConfigured as error:
            return [], str(error)
    return [str(one.message) for one in caught if one.category is SettingWarning], ""


def test_the_list_is_whole():
    assert len(NAMES) == len(set(NAMES)) == 207


@pytest.mark.parametrize("name", NAMES)
def test_none_is_silently_ignored(name):
    row = TABLE[name]
    value = another(row)
    said, error = told(row, value)
    match row.standing:
        case Standing.REFUSED:
            assert name in error
            assert row.note in error
        case Standing.IDLE | Standing.LATER:
            assert not error
            assert said == [f"{name} has no effect {'here' if row.standing is Standing.IDLE else 'yet'}: {row.note}"]
        case Standing.MAPPED:
            value, target, outcome = MAPPED[name]
            assert Settings({name: value})[target] == outcome != TABLE[target].default
        case Standing.HONOURED if name in NESTED:
            assert said == [f"{name}['entry'] has no effect here: no such option is known"]
        case Standing.HONOURED:
            assert (said, error) == ([], "")
            assert re.search(rf"\b{name}\b", READ), f"nothing reads {name}"


@pytest.mark.parametrize("setting", CELERYS, ids=NAMES)
def test_what_it_is_in_celery_by_default_is_no_news(setting):
    default = eval(setting.default.replace("datetime.timedelta(days=1)", "86400"), {"inf": float("inf")})
    row = TABLE[setting.name]
    assert told(row, default) == ([], "")
    assert row.default == default or setting.name in DEFAULTS_OF_OUR_OWN


@pytest.mark.parametrize("setting", CELERYS, ids=NAMES)
def test_its_old_name_means_the_same(setting):
    row = TABLE[setting.name]
    settings = Settings()
    assert settings[setting.old] == settings[setting.name] == row.default
    assert setting.old in settings


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_no_transport_option_is_silently_ignored(name):
    row = OPTIONS[name]
    setting, _, key = name.partition(".")
    value = another(row)
    said, error = told(TABLE[setting], {key: value})
    if row.standing is Standing.HONOURED:
        assert (said, error) == ([], "")
        assert re.search(rf"\b{key}\b", READ), f"nothing reads {name}"
    else:
        assert row.note in error if row.standing is Standing.REFUSED else row.note in said[0]
    assert told(TABLE[setting], {key: row.default}) == ([], "")


def test_a_transport_option_that_nobody_knows_has_no_effect_and_says_so():
    said, error = told(TABLE["broker_transport_options"], {"warp": 9})
    assert said == ["broker_transport_options['warp'] has no effect here: no such option is known"]
    assert not error


def test_warnings_point_to_the_line_that_set_it():
    with pytest.warns(SettingWarning, match="worker_prefetch_multiplier") as caught:
        celeriac.Celeriac("x", worker_prefetch_multiplier=1)
    assert caught[0].filename == __file__
